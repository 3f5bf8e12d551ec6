"""Takes the figures out of a report page that another guest wrote: what stands in them, as plain values for whoever shows them.

A page can be written so that reading it takes for ever; here that costs nobody anything.
"""

import re
from html.parser import HTMLParser

from harness_core.sdk.context import PluginContext
from harness_core.sdk.contract import PluginResult

FINDING_ID = re.compile(r"f_[0-9a-f]{16}\Z")
EMPTY = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "wbr"})
MOST_FIGURES = 500
Token = str | int | list[str | dict[str, str]]
"""A text, the start of an element (its name and attributes), or :data:`END` of the innermost one."""
END = 0


def run(ctx: PluginContext) -> PluginResult:
    """``metrics.figures``: the first figure about each finding of the page, by the finding's id, as tokens."""
    collector = Collector()
    collector.feed(ctx.inputs[0].path.read_bytes().decode("utf-8", "replace"))
    collector.close()
    return PluginResult.ok("read", metrics={"figures": collector.figures})


class Collector(HTMLParser):
    """Follows the elements; within a figure, notes all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: dict[str, list[Token]] = {}
        self._ids: list[str | None] = []
        self._tokens: list[Token] = []
        self._open = 0
        self._about: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._about is not None:
            self._begin(tag, attrs)
            return
        if tag in EMPTY:
            return
        found = dict(attrs).get("id") or ""
        self._ids.append(found if FINDING_ID.match(found) else None)
        if tag == "figure" and len(self.figures) < MOST_FIGURES:
            self._about = next((name for name in reversed(self._ids) if name), None)
            if self._about is not None:
                self._begin(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._about is not None:
            self._tokens += [_start(tag, attrs), END]

    def handle_endtag(self, tag: str) -> None:
        if tag in EMPTY:
            return
        if self._about is None:
            if self._ids:
                self._ids.pop()
            return
        self._tokens.append(END)
        self._open -= 1
        if not self._open:
            self.figures.setdefault(self._about, self._tokens)
            self._about, self._tokens = None, []
            self._ids.pop()

    def handle_data(self, data: str) -> None:
        if self._about is not None:
            self._tokens.append(data)

    def _begin(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tokens.append(_start(tag, attrs))
        if tag in EMPTY:
            self._tokens.append(END)
        else:
            self._open += 1


def _start(tag: str, attrs: list[tuple[str, str | None]]) -> list[str | dict[str, str]]:
    return [tag, {name: value or "" for name, value in attrs}]
