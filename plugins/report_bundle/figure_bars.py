"""Bars that lie, so that labels can be read: one value per label, the important ones highlighted."""

from collections.abc import Mapping
from typing import Any

from bundle_html import Markup, el, visible
from bundle_numbers import number
from figure_frame import FONT, WIDTH, finite, fitted, label, scale, svg, text_width

MAX_BARS = 30
ROW, THICKNESS = 20, 13
MAX_LABEL = 150.0


def draw(figure: Mapping[str, Any], name: str) -> Markup:
    bars = _bars(figure)
    title = str(figure.get("y_label") or "")
    top = 20 if title else 4
    left = min(MAX_LABEL, max(text_width(visible(text)) for text, _, _ in bars)) + 8
    right = WIDTH - max(text_width(number(value)) for _, value, _ in bars) - 8
    values = [value for _, value, _ in bars]
    place = scale(min(0.0, *values), max(0.0, *values) or (0.0 if min(values) < 0 else 1.0), left, right)
    rows = [_row(index, bar, left, top, place) for index, bar in enumerate(bars)]
    zero = place(0)
    height = top + ROW * len(bars)
    axis = el("line", class_="axis", x1=zero, x2=zero, y1=top - 2, y2=height)
    head = label(fitted(title, WIDTH - left), left, 11, "ttl", full=title) if title else None
    return svg(height + 4, head, rows, axis, name=name)


def table(figure: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    heads = [str(figure.get("x_label") or "label"), str(figure.get("y_label") or "value")]
    return heads, [[text, value] for text, value, _ in _bars(figure)]


def _row(index: int, bar: tuple[str, float, bool], left: float, top: float, place: Any) -> list[Markup]:
    text, value, highlight = bar
    y = top + ROW * index
    start, end = sorted((place(0), place(value)))
    shown = fitted(visible(text), left - 8, FONT)
    return [
        label(shown, left - 8, y + 13, "lbl", "end", full=text),
        el(
            "rect",
            class_="bar hi" if highlight else "bar",
            x=start,
            y=y + 3,
            width=round(max(end - start, 0.75), 2),
            height=THICKNESS,
        ),
        label(number(value), round(end + 5, 2), y + 13, "val"),
    ]


def _bars(figure: Mapping[str, Any]) -> list[tuple[str, float, bool]]:
    found = [(str(bar["label"]), finite(bar["value"]), bool(bar.get("highlight"))) for bar in figure["bars"][:MAX_BARS]]
    if not found:
        raise ValueError("a bar chart needs bars")
    return found
