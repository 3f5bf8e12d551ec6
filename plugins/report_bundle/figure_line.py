"""A line over numbers or over time, with marks where something changed and bands where something held."""

from collections.abc import Mapping, Sequence
from typing import Any

from bundle_html import Markup, el
from figure_frame import (
    PLOT_HEIGHT,
    WIDTH,
    Scale,
    finite,
    fitted,
    is_time,
    label,
    left_margin,
    numbers,
    scale,
    seconds_of,
    svg,
    ticks,
    time_ticks,
    top_margin,
    vertical_marks,
    x_axis,
    y_axis,
)

MAX_POINTS = 400
DOTS_UP_TO = 40


def draw(figure: Mapping[str, Any], name: str) -> Markup:
    points = _points(figure)
    temporal = _temporal(figure)
    low, high = min(y for _, y in points), max(y for _, y in points)
    margin = (high - low) * 0.06
    if low >= 0 and low < (high - low) * 0.6:
        low, margin_low = 0.0, 0.0
    else:
        margin_low = margin
    top = top_margin(figure)
    bottom = top + PLOT_HEIGHT
    values = scale(low - margin_low, high + margin, bottom, top)
    levels = ticks(values.low, values.high, 4)
    left = left_margin(levels)
    place = scale(min(x for x, _ in points), max(x for x, _ in points), left, WIDTH - 8)
    along = time_ticks(place.low, place.high, 5) if temporal else ticks(place.low, place.high, 6)
    marks = [(_x(mark["x"]), str(mark.get("label", ""))) for mark in figure.get("marks") or ()]
    return svg(
        bottom + 36,
        _bands(figure.get("bands") or (), place, top),
        y_axis(values, levels, left, WIDTH - 8, str(figure.get("y_label") or "")),
        el("polyline", class_="line", points=" ".join(f"{place(x):g},{values(y):g}" for x, y in points)),
        [el("circle", class_="dot", cx=place(x), cy=values(y), r=2) for x, y in points] if len(points) <= DOTS_UP_TO else None,
        x_axis(place, along, bottom, str(figure.get("x_label") or "")),
        vertical_marks(marks, place, top, bottom),
        name=name,
    )


def table(figure: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    heads = [str(figure.get("x_label") or "x"), str(figure.get("y_label") or "y")]
    return heads, [[x, y] for x, y in figure["points"][:MAX_POINTS]]


def _points(figure: Mapping[str, Any]) -> list[tuple[float, float]]:
    found = [(_x(x), finite(y)) for x, y in figure["points"][:MAX_POINTS] if numbers([y]) and x is not None]
    if not found:
        raise ValueError("a line needs points")
    return sorted(found)


def _temporal(figure: Mapping[str, Any]) -> bool:
    return any(is_time(x) for x, _ in figure["points"])


def _x(value: Any) -> float:
    return seconds_of(value) if isinstance(value, str) else finite(value)


def _bands(bands: Sequence[Mapping[str, Any]], place: Scale, top: float) -> list[Markup]:
    parts: list[Markup] = []
    for band in bands[:20]:
        ends = sorted(min(max(_x(band[key]), place.low), place.high) for key in ("from", "to"))
        start, end = place(ends[0]), place(ends[1])
        parts.append(el("rect", class_="band", x=start, y=top, width=round(max(end - start, 1), 2), height=PLOT_HEIGHT))
        words = str(band.get("label", ""))
        parts.append(label(fitted(words, max(end - start - 8, 0)), start + 4, top + PLOT_HEIGHT - 6, "mrk", full=words))
    return parts
