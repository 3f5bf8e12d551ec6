"""The figures of a run's exported report, for our own pages: the same drawings, with nothing in them but shapes and words.

The report was written by a guest. What is taken from it is named here, element by element; everything else is left out.
"""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from markupsafe import Markup, escape

FINDING_ID = re.compile(r"f_[0-9a-f]{16}\Z")
CLASSES = re.compile(r"[A-Za-z0-9 _-]{1,60}\Z")
ELEMENTS = frozenset(
    (
        "figure", "figcaption", "strong", "p", "svg", "g", "rect", "line", "path", "text", "title", "circle", "polyline", "polygon",
        "details", "summary", "div", "table", "caption", "thead", "tbody", "tr", "th", "td",
    )
)  # fmt: skip
ATTRIBUTES = {
    "class": "class", "x": "x", "y": "y", "x1": "x1", "x2": "x2", "y1": "y1", "y2": "y2", "cx": "cx", "cy": "cy", "r": "r",
    "width": "width", "height": "height", "d": "d", "points": "points", "viewbox": "viewBox", "text-anchor": "text-anchor",
    "role": "role", "aria-label": "aria-label", "scope": "scope", "tabindex": "tabindex",
}  # fmt: skip
EMPTY = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "wbr"})
MOST_FIGURES = 500


class _Collector(HTMLParser):
    """Follows the elements; within a figure, writes what is known and skips the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: dict[str, Markup] = {}
        self._ids: list[str | None] = []
        self._parts: list[str] = []
        self._written: list[str] = []
        self._about: str | None = None
        self._skipping = 0

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
        if self._about is not None and not self._skipping and tag in ELEMENTS:
            self._parts.append(f"<{tag}{_known(attrs)}></{tag}>")

    def _begin(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping or tag not in ELEMENTS:
            self._skipping += tag not in EMPTY
            return
        self._written.append(tag)
        self._parts.append(f"<{tag}{_known(attrs)}>")

    def handle_endtag(self, tag: str) -> None:
        if self._about is None:
            if self._ids and tag not in EMPTY:
                self._ids.pop()
        elif self._skipping:
            self._skipping -= tag not in EMPTY
        elif self._written:
            self._parts.append(f"</{self._written.pop()}>")
            if not self._written:
                self.figures.setdefault(self._about, Markup("".join(self._parts)))  # noqa: S704 - made of what is listed above
                self._about, self._parts = None, []
                self._ids.pop()

    def handle_data(self, data: str) -> None:
        if self._about is not None and not self._skipping:
            self._parts.append(str(escape(data)))


def _known(attrs: list[tuple[str, str | None]]) -> str:
    kept = []
    for name, value in attrs:
        written = ATTRIBUTES.get(name)
        if written is None or (name == "class" and not CLASSES.match(value or "")):
            continue
        kept.append(f' {written}="{escape(value or "")}"')
    return "".join(kept)


def figures_of(page: str) -> Mapping[str, Markup]:
    """The first figure about each finding of a report page, by the finding's id."""
    collector = _Collector()
    collector.feed(page)
    collector.close()
    return collector.figures
