"""Figures from a run's report page: the drawing is kept, everything that could act is left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from harness_api.figures import figures_of
from harness_core.bootstrap import Core
from harness_core.ports.launcher import GuestOutcome, GuestRequest, Launcher
from harness_core.sdk.tools.read_figures import Collector
from harness_core.services import picturing
from harness_core.services.picturing import read_figures

ID, OTHER = "f_0123456789abcdef", "f_fedcba9876543210"


class Watched:
    """The core's launcher, and how each of its guests ended."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self.endings: list[str] = []

    def run(self, request: GuestRequest, **watching: Any) -> GuestOutcome:
        outcome = self._launcher.run(request, **watching)
        self.endings.append(outcome.ending)
        return outcome


def shown(page: str) -> Mapping[str, Markup]:
    """What our pages show of it."""
    collector = Collector()
    collector.feed(page)
    collector.close()
    return figures_of(collector.figures)


def test_a_figure_belongs_to_the_finding_around_it() -> None:
    """The innermost element that is named after a finding; what is about none is passed over."""
    page = (
        f'<section id="insights"><article id="{ID}"><h3 id="{ID}-h">x</h3><figure><svg viewBox="0 0 1 1"></svg></figure></article>'
        f'<details id="{OTHER}"><br><img src="x"><figure><p>second</p></figure></details></section>'
        '<section id="columns"><figure><p>none</p></figure></section>'
    )
    assert shown(page) == {
        ID: '<figure><svg viewBox="0 0 1 1"></svg></figure>',
        OTHER: "<figure><p>second</p></figure>",
    }


def test_what_could_act_is_left_out() -> None:
    """Scripts, handlers, styles, links and embedded pages; words stay words."""
    page = (
        f'<div id="{ID}"><figure onclick="a()"><script>alert(1)</script><style>*{{}}</style><svg style="x" onload="b()" class="fig">'
        '<a href="javascript:c()"><rect class="bar" x="1" fill="url(http://x)"/></a><image href="http://x"/>'
        '<foreignObject><iframe src="http://x"></iframe></foreignObject><use href="#x"/><text>1 &lt; 2</text></svg>'
        '<p class="a&quot;b">&lt;img src=x&gt;</p></figure></div>'
    )
    assert shown(page)[ID] == ('<figure><svg class="fig"><text>1 &lt; 2</text></svg><p>&lt;img src=x&gt;</p></figure>')


def test_a_page_that_breaks_off_gives_what_was_whole() -> None:
    """Whatever a guest wrote, nothing half is shown."""
    assert shown(f'<div id="{ID}"><figure><p>one</p></figure></div><div id="{OTHER}"><figure><p>two') == {
        ID: "<figure><p>one</p></figure>"
    }
    assert shown("</figure></div><<<") == {}


def test_an_answer_is_not_believed() -> None:
    """The guest that read the page may have been taken over by it: names, elements and attributes are looked at again."""
    tokens = [["figure", {"class": 'a"b', "onclick": "x"}], ["script", {}], "alert(1)", 0, ["p", {"role": "<"}], "<b>", 0, 0, 0, 0]
    assert figures_of({ID: tokens, "f_x": tokens, OTHER: "figure"}) == {
        ID: '<figure><p role="&lt;">&lt;b&gt;</p></figure>', OTHER: "figure",
    }  # fmt: skip
    assert figures_of({ID: [7, None, ["p"], ["figure", {}], ["svg", 3], "never"]}) == {ID: "<figure></figure>"}


def test_a_page_is_read_behind_the_wall_and_within_a_time(core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty thousand characters that a parser goes over again and again are a guest's trouble, which is ended; an honest page has its figures."""
    monkeypatch.setattr(picturing, "TIMEOUT_S", 2.0)
    honest, hostile = tmp_path / "honest.html", tmp_path / "hostile.html"
    honest.write_text(f'<div id="{ID}"><figure><p>one</p></figure></div>')
    hostile.write_text("<a b" * 20_000)
    watched = Watched(core.guests)
    assert figures_of(read_figures(watched, core.store, core.names, honest)) == {ID: "<figure><p>one</p></figure>"}
    assert read_figures(watched, core.store, core.names, hostile) == {}
    assert watched.endings == ["answered", "timeout"]
    assert list((core.settings.home / "scratch").iterdir()) == []
