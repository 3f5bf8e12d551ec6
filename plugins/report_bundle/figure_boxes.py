"""Boxes that lie: per group the range, the middle half and the median, one beneath the other on one scale."""

from collections.abc import Mapping
from typing import Any

from bundle_html import Markup, el, visible
from bundle_numbers import number
from figure_frame import FONT, WIDTH, Scale, finite, fitted, label, scale, svg, text_width, ticks, x_axis

MAX_GROUPS = 20
ROW, THICKNESS, TOP = 26, 14, 18
MAX_LABEL = 110.0
PARTS = ("low", "q1", "median", "q3", "high")


def draw(figure: Mapping[str, Any], name: str) -> Markup:
    groups = _groups(figure)
    left = min(MAX_LABEL, max(text_width(visible(text)) for text, _, _ in groups)) + 8
    right = WIDTH - max(30.0, *(text_width(_size(n)) + 10 for _, _, n in groups))
    place = scale(min(box["low"] for _, box, _ in groups), max(box["high"] for _, box, _ in groups), left + 4, right)
    bottom = TOP + ROW * len(groups) + 2
    marks = ticks(place.low, place.high, 7)
    grid = [el("line", class_="grid", x1=place(mark.value), x2=place(mark.value), y1=TOP, y2=bottom) for mark in marks]
    rows = [_row(index, group, left, place) for index, group in enumerate(groups)]
    heads = [label(fitted(str(figure.get("x_label") or ""), left + 60), 0, 11, "ttl"), label("rows", WIDTH, 11, "mut", "end")]
    return svg(bottom + 36, heads, grid, rows, x_axis(place, marks, bottom, str(figure.get("y_label") or "")), name=name)


def table(figure: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    heads = [str(figure.get("x_label") or "group"), "low", "lower quartile", "median", "upper quartile", "high", "rows"]
    return heads, [[text, *(box[part] for part in PARTS), n] for text, box, n in _groups(figure)]


def _row(index: int, group: tuple[str, dict[str, float], Any], left: float, place: Scale) -> list[Markup]:
    text, box, n = group
    y = TOP + ROW * index + 6
    middle = y + THICKNESS / 2
    at = {part: place(value) for part, value in box.items()}
    ends = [el("line", class_="wsk", x1=at[end], x2=at[end], y1=middle - 4, y2=middle + 4) for end in ("low", "high")]
    return [
        label(fitted(visible(text), left - 8, FONT), left - 8, middle + 4, "lbl", "end", full=text),
        el("line", class_="wsk", x1=at["low"], x2=at["high"], y1=middle, y2=middle),
        *ends,
        el("rect", class_="box", x=at["q1"], y=y, width=round(max(at["q3"] - at["q1"], 1), 2), height=THICKNESS),
        el("line", class_="med", x1=at["median"], x2=at["median"], y1=y - 1, y2=y + THICKNESS + 1),
        label(_size(n), WIDTH, middle + 4, "val", "end"),
    ]


def _size(n: Any) -> str:
    return number(n) if n is not None else ""


def _groups(figure: Mapping[str, Any]) -> list[tuple[str, dict[str, float], Any]]:
    found = []
    for raw in figure["groups"][:MAX_GROUPS]:
        box = {part: finite(raw[part]) for part in PARTS}
        if sorted(box.values()) != list(box.values()):
            raise ValueError("the five numbers of a box ascend")
        found.append((str(raw["label"]), box, raw.get("n")))
    if not found:
        raise ValueError("boxes need groups")
    return found
