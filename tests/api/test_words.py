"""Numbers, spans and states in the words of the pages."""

import pytest

from harness_api.pages import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.0312, "31 ms"), (1.04, "1.0 s"), (59.94, "59.9 s"), (60, "1 min"), (61.6, "1 min 2 s"), (3600, "1 h"),
     (7290, "2 h 1 min"), (90_000, "25 h")],
)  # fmt: skip
def test_spans(seconds: float | None, text: str) -> None:
    """At most two units, and none that is zero."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0, "0 bytes"), (999, "999 bytes"), (2_245_823, "2.25 MB"), (64 * 1024**3, "68.7 GB")]
)
def test_sizes(value: int | None, text: str) -> None:
    """Three digits and a unit."""
    assert words.size(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s ago"), (119, "1 min ago"), (7200, "2 h ago"), (200_000, "2 days ago")])
def test_how_long_ago(seconds: float, text: str) -> None:
    """One unit is enough."""
    assert words.ago(1000.0, 1000.0 + seconds) == text


def test_events_in_words_escape_what_others_wrote() -> None:
    """What a plugin says of its progress is text, whatever it looks like."""
    said = words.event_words("execution.progress", "analysis_x", {"what": "<b>bold</b>", "done": 1, "total": 4})
    assert said == "<code>analysis_x</code> &lt;b&gt;bold&lt;/b&gt;, 25 %"


def test_every_state_has_a_sign_and_a_tone() -> None:
    """No state is told by colour alone, and none is forgotten."""
    from harness_core.domain.runs import ExecutionStatus, RunStatus

    states = {str(item) for item in (*RunStatus, *ExecutionStatus)}
    assert states <= words.GLYPHS.keys() & words.TONES.keys()


def test_cells_of_a_row_are_escaped_and_what_is_missing_is_marked() -> None:
    """Made without a template: markup in data stays text, numbers stand apart, and a row that is too short has gaps."""
    shown = words.cells(["<b>&", None, "7"], [False, False, True, True])
    gap = '<span class="missing" title="missing">∅</span>'
    assert shown == f'<td>&lt;b&gt;&amp;</td><td>{gap}</td><td class="value">7</td><td class="value">{gap}</td>'
