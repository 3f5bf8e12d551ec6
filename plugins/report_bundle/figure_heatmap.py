"""A heat map: how many rows fall into each cell of two columns, between edges of numbers or by category."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from bundle_html import Markup, el, visible
from bundle_numbers import number
from figure_frame import FONT, WIDTH, Scale, finite, fitted, label, left_margin, scale, svg, text_width, ticks, x_axis

MAX_SIDE = 40
LEVELS = 6
TOP = 22
MAX_LABEL = 110.0


def draw(figure: Mapping[str, Any], name: str) -> Markup:
    counts = _counts(figure)
    rows, columns = len(counts), len(counts[0])
    by_edges = bool(figure.get("y_edges"))
    height = 168.0 if by_edges else float(min(320, max(60, rows * 22)))
    left = _left(figure, rows)
    across, down = scale(0, columns, left, WIDTH - 8), scale(0, rows, TOP, TOP + height)
    if by_edges:
        down = scale(0, rows, TOP + height, TOP)
    bottom = TOP + height
    return svg(
        bottom + 58,
        label(fitted(str(figure.get("y_label") or ""), WIDTH - 8), 0, 11, "ttl"),
        _cells(counts, across, down),
        _down_labels(figure, down, left, rows),
        _across_labels(figure, across, bottom, columns),
        _legend(max(max(row) for row in counts), bottom + 42),
        name=name,
    )


def table(figure: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    counts = _counts(figure)
    across, down = _names(figure, "x", len(counts[0])), _names(figure, "y", len(counts))
    return ["", *across], [[name, *row] for name, row in zip(down, counts, strict=True)]


def _counts(figure: Mapping[str, Any]) -> list[list[float]]:
    counts = [[finite(cell or 0) for cell in row[:MAX_SIDE]] for row in figure["counts"][:MAX_SIDE]]
    if not counts or not counts[0] or any(len(row) != len(counts[0]) for row in counts):
        raise ValueError("a heat map needs rows of equal length")
    return counts


def _cells(counts: Sequence[Sequence[float]], across: Scale, down: Scale) -> list[Markup]:
    """One path per level of shade: a cell is then a few characters, not an element."""
    largest = max(max(row) for row in counts) or 1
    paths: dict[int, list[str]] = defaultdict(list)
    for j, row in enumerate(counts):
        y0, y1 = sorted((down(j), down(j + 1)))
        for i, count in enumerate(row):
            if count > 0:
                level = max(1, math.ceil(math.sqrt(count / largest) * LEVELS - 1e-9))
                width = across(i + 1) - across(i) - 0.6
                paths[level].append(f"M{across(i):g} {y0:g}h{width:.4g}v{y1 - y0 - 0.6:.4g}h-{width:.4g}z")
    return [el("path", class_=f"h{level}", d="".join(paths[level])) for level in sorted(paths)]


def _left(figure: Mapping[str, Any], rows: int) -> float:
    if figure.get("y_edges"):
        edges = [finite(edge) for edge in figure["y_edges"]]
        span = scale(edges[0], edges[-1], 0, 1)
        return left_margin(ticks(span.low, span.high, 4))
    return min(MAX_LABEL, max(text_width(visible(name)) for name in _names(figure, "y", rows))) + 8


def _down_labels(figure: Mapping[str, Any], down: Scale, left: float, rows: int) -> list[Markup]:
    if figure.get("y_edges"):
        edges = [finite(edge) for edge in figure["y_edges"]]
        place = scale(edges[0], edges[-1], down.start, down.end)
        return [label(mark.label, left - 6, place(mark.value) + 4, "lbl", "end") for mark in ticks(place.low, place.high, 4)]
    every = max(1, math.ceil(rows * 12 / abs(down.end - down.start)))
    names = _names(figure, "y", rows)
    return [
        label(fitted(visible(name), left - 8, FONT), left - 6, down(j + 0.5) + 4, "lbl", "end", full=name)
        for j, name in enumerate(names)
        if j % every == 0
    ]


def _across_labels(figure: Mapping[str, Any], across: Scale, bottom: float, columns: int) -> list[Markup]:
    title = str(figure.get("x_label") or "")
    if figure.get("x_edges"):
        edges = [finite(edge) for edge in figure["x_edges"]]
        place = scale(edges[0], edges[-1], across.start, across.end)
        return x_axis(place, ticks(place.low, place.high, 6), bottom, title)
    names = _names(figure, "x", columns)
    room = (across.end - across.start) / columns
    every = max(1, math.ceil(26 / room))
    parts = [
        label(fitted(visible(name), room * every - 4), across(i + 0.5), bottom + 14, "lbl", "middle", full=name)
        for i, name in enumerate(names)
        if i % every == 0
    ]
    return [*parts, label(fitted(title, WIDTH - 20), across.end, bottom + 31, "ttl", "end", full=title)]


def _legend(largest: float, y: float) -> list[Markup]:
    boxes = [
        el("rect", class_=f"h{level}", x=WIDTH - 8 - (LEVELS - level + 1) * 14, y=y + 1, width=13.4, height=9)
        for level in range(1, LEVELS + 1)
    ]
    return [label(f"darker is more, up to {number(largest)}", WIDTH - 14 - LEVELS * 14, y + 10, "mut", "end"), *boxes]


def _names(figure: Mapping[str, Any], axis: str, count: int) -> list[str]:
    names = figure.get(f"{axis}_labels")
    if names:
        return [str(name) for name in names[:count]]
    edges = figure.get(f"{axis}_edges") or list(range(count + 1))
    return [f"{number(low)} – {number(high)}" for low, high in pairwise(edges[: count + 1])]
