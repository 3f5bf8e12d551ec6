"""The figures of a run's exported report, for our own pages: the same drawings, with nothing in them but shapes and words.

The report was written by a guest, and read by another. What is taken from it is named here, element by element; everything else is
left out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

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


def figures_of(answer: Mapping[str, Any]) -> Mapping[str, Markup]:
    """What a guest read (see ``harness_core.sdk.tools.read_figures``) as markup, by the finding's id."""
    found = {name: _written(tokens) for name, tokens in answer.items() if FINDING_ID.match(name) and isinstance(tokens, Sequence)}
    return {name: Markup(text) for name, text in found.items() if text}  # noqa: S704 - made of what is listed above


def _written(tokens: Sequence[Any]) -> str:
    """Known elements with their known attributes, and texts; an element that is not known is left out with all that is in it."""
    parts: list[str] = []
    opened: list[str] = []
    skipping = 0
    for token in tokens:
        if isinstance(token, str):
            parts += [] if skipping else [str(escape(token))]
        elif isinstance(token, list) and len(token) == 2:
            tag, attributes = token
            if skipping or tag not in ELEMENTS or not isinstance(attributes, Mapping):
                skipping += 1
            else:
                opened.append(tag)
                parts.append(f"<{tag}{_known(attributes)}>")
        elif skipping:
            skipping -= 1
        elif opened:
            parts.append(f"</{opened.pop()}>")
    return "".join([*parts, *(f"</{tag}>" for tag in reversed(opened))])


def _known(attributes: Mapping[str, Any]) -> str:
    kept = []
    for name, value in attributes.items():
        written = ATTRIBUTES.get(name)
        if written is None or not isinstance(value, str) or (name == "class" and not CLASSES.match(value)):
            continue
        kept.append(f' {written}="{escape(value)}"')
    return "".join(kept)
