"""A histogram: how many values fall into each interval; where their widths differ, areas and not heights show the counts.

Intervals far away from all others, or far wider, are drawn beyond a break of the axis with their counts, so that the rest can be
seen.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bundle_html import Markup, el
from bundle_numbers import compact, number
from figure_frame import (
    PLOT_HEIGHT,
    WIDTH,
    Scale,
    finite,
    fitted,
    label,
    left_margin,
    round_step,
    scale,
    svg,
    text_width,
    ticks,
    top_margin,
    vertical_marks,
    x_axis,
    y_axis,
)

MAX_BINS = 60
FAR = 3  # intervals farther away than this many usual widths, or wider, stand beyond a break
MAX_BEYOND = 3
SLOT = 58.0


class Bin(NamedTuple):
    low: float
    high: float
    size: float


def draw(figure: Mapping[str, Any], name: str) -> Markup:
    before, bins, after = _split(_bins(figure))
    even = _even(bins)
    heights = [item.size if even else item.size / (item.high - item.low) for item in bins]
    top = top_margin(figure)
    bottom = top + PLOT_HEIGHT
    values = scale(0, max(heights) or 1, bottom, top)
    levels = ticks(values.low, values.high, 4, whole=even)
    left = left_margin(levels)
    place = scale(bins[0].low, bins[-1].high, left + SLOT * len(before), WIDTH - 8 - SLOT * len(after))
    bars = [_bar(item, place, values(height), bottom) for item, height in zip(bins, heights, strict=True) if item.size]
    title = str(figure.get("y_label") or "count") + ("" if even else ", per unit of width")
    marks = [(finite(mark["x"]), str(mark.get("label", ""))) for mark in figure.get("marks") or ()]
    return svg(
        bottom + 36,
        y_axis(values, levels, left, WIDTH - 8, title),
        bars,
        [_beyond(item, left + SLOT * index, bottom, 1) for index, item in enumerate(before)],
        [_beyond(item, place.end + SLOT * index, bottom, 0) for index, item in enumerate(after)],
        x_axis(place, ticks(place.low, place.high, 6 - len(before) - len(after)), bottom, str(figure.get("x_label") or "")),
        vertical_marks([(_within(value, place, before, after), words) for value, words in marks], place, top, bottom),
        name=name,
    )


def table(figure: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["from", "to", "count"], [list(row) for row in _bins(figure)]


def _bins(figure: Mapping[str, Any]) -> list[Bin]:
    found = sorted(Bin(finite(low), finite(high), finite(count)) for low, high, count in figure["bins"][:MAX_BINS])
    if not found:
        raise ValueError("a histogram needs bins")
    usual = sorted(item.high - item.low for item in found)[len(found) // 2] or 1.0
    return [item if item.high > item.low else Bin(item.low - usual / 2, item.high + usual / 2, item.size) for item in found]


def _split(bins: Sequence[Bin]) -> tuple[list[Bin], list[Bin], list[Bin]]:
    """The intervals before a break, the main part, and those behind a break; all are main where there is no clear main part."""
    usual = sorted(item.high - item.low for item in bins)[len(bins) // 2]
    first, last = 0, len(bins)
    while last - first > 1 and (_wide(bins[last - 1], usual) or bins[last - 1].low - bins[last - 2].high > FAR * usual):
        last -= 1
    while last - first > 1 and (_wide(bins[first], usual) or bins[first + 1].low - bins[first].high > FAR * usual):
        first += 1
    if last - first < 5 or first > MAX_BEYOND or len(bins) - last > MAX_BEYOND:
        return [], list(bins), []
    return list(bins[:first]), list(bins[first:last]), list(bins[last:])


def _wide(item: Bin, usual: float) -> bool:
    return item.high - item.low > FAR * usual


def _even(bins: Sequence[Bin]) -> bool:
    widths = [item.high - item.low for item in bins]
    return max(widths) <= min(widths) * 1.01


def _within(value: float, place: Scale, before: Sequence[Bin], after: Sequence[Bin]) -> float:
    """Where a mark is drawn: at the break, when it lies beyond it."""
    return max(place.low, value) if before and value < place.low else min(place.high, value) if after else value


def _words(item: Bin) -> str:
    return f"{number(item.low)} to {number(item.high)}: {number(item.size)}"


def _bar(item: Bin, place: Scale, y: float, bottom: float) -> Markup:
    x0, x1 = place(item.low), place(item.high)
    gap = 0.8 if x1 - x0 > 4 else 0
    width, height = round(max(x1 - x0 - gap, 0.5), 2), round(max(bottom - y, 0.75), 2)
    return el("rect", el("title", _words(item)), class_="bar", x=x0, y=round(bottom - height, 2), width=width, height=height)


def _beyond(item: Bin, x: float, bottom: float, side: int) -> list[Markup]:
    """A small highlighted bar with its count above and its range below, and the axis broken towards the main part."""
    left, middle = x + (4 if side else 18), x + SLOT / 2 + (-6 if side else 6)
    cut = x + (SLOT - 5 if side else 5)
    strokes = " ".join(f"M{cut + shift:g} {bottom + 4:g}l4 -8" for shift in (-4, 0))
    return [
        el("rect", el("title", _words(item)), class_="bar hi", x=round(middle - 11, 2), y=bottom - 6, width=22, height=6),
        label(number(item.size), middle, bottom - 10, "val", "middle"),
        el("line", class_="axis", x1=round(left, 2), x2=round(left + 36, 2), y1=bottom, y2=bottom),
        el("path", class_="axis", d=strokes),
        label(fitted(_range(item, side), SLOT), middle, bottom + 16, "lbl", "middle", full=_words(item)),
    ]


def _range(item: Bin, side: int) -> str:
    """The interval in few characters; where they are too many, its far end."""
    step = float(round_step(max(abs(item.low), abs(item.high)), 50))
    ends = [compact(end, step) for end in (item.low, item.high)]
    both = "–".join(dict.fromkeys(ends))
    return both if text_width(both) <= SLOT else ends[0 if side else 1]
