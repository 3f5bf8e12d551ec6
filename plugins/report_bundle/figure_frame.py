"""What all figures share: the drawing's size, scales from values to places, round ticks, axes, and text that fits.

A drawing is 420 units wide, which is its width in pixels beside the text of an insight. Colours come from classes, never from
attributes.
"""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bundle_html import Markup, el
from bundle_numbers import compact

WIDTH = 420
FONT = 11.0
NARROW = 0.6  # width of a character in parts of the font size, for the wider of the usual fonts
MARK_ROW = 14
PLOT_HEIGHT = 168
STEPS = (1, 2, 5, 10)
SECONDS_PER_DAY = 86_400
EPOCH = datetime(1970, 1, 1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # never the machine's language


@dataclass(frozen=True)
class Scale:
    """A straight line from ``low``..``high`` of the data to ``start``..``end`` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


@dataclass(frozen=True)
class Tick:
    value: float
    label: str


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """A scale that also works where all values are the same."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("a scale needs finite ends")
    if high <= low:
        margin = abs(low) * 0.05 or 0.5
        low, high = low - margin, high + margin
    return Scale(low, high, start, end)


def round_step(span: float, most: int) -> Decimal:
    """The smallest of 1, 2 and 5 times a power of ten that cuts ``span`` into at most ``most`` parts."""
    power = Decimal(10) ** (math.floor(math.log10(span / most)))
    return next(step * power for step in STEPS if span / float(step * power) <= most + 1e-9)


def ticks(low: float, high: float, most: int = 5, *, whole: bool = False) -> list[Tick]:
    """Round values from ``low`` to ``high``, with labels that are as exact as the distance between them; ``whole`` for counts."""
    step = round_step(high - low, most)
    if whole:
        step = max(step, Decimal(1))
    first, last = math.ceil(low / float(step) - 1e-9), math.floor(high / float(step) + 1e-9)
    return [Tick(float(k * step), compact(float(k * step), float(step))) for k in range(first, last + 1)]


def seconds_of(text: str) -> float:
    """An ISO date or time as seconds since 1970; what zone it has is left aside, as on the axis."""
    moment = datetime.fromisoformat(text).replace(tzinfo=None)
    return (moment - EPOCH).total_seconds()


def time_ticks(low: float, high: float, most: int = 5) -> list[Tick]:
    """Years, months, days or hours, whichever gives at most ``most`` ticks between the two times (seconds since 1970)."""
    start, end = EPOCH + timedelta(seconds=low), EPOCH + timedelta(seconds=high)
    months_between = (end.year - start.year) * 12 + end.month - start.month
    if months_between < 3:
        return _clock_ticks(low, high, most)
    every = next((step for step in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200) if months_between / step <= most), 12_000)
    moments = _month_starts(start, end, every)
    return [Tick(_seconds(m), str(m.year) if every % 12 == 0 else f"{MONTHS[m.month - 1]} {m.year}") for m in moments]


def _month_starts(start: datetime, end: datetime, every: int) -> list[datetime]:
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    candidates = [datetime(k // 12, k % 12 + 1, 1) for k in range(first - first % every, last + 1, every) if k >= 12]
    return [moment for moment in candidates if start <= moment <= end]


def _clock_ticks(low: float, high: float, most: int) -> list[Tick]:
    steps = (1, 5, 15, 60, 300, 900, 3600, 10_800, 21_600, SECONDS_PER_DAY, 172_800, 604_800, 1_209_600, 2_419_200)
    step = next(step for step in steps if (high - low) / step <= most or step == steps[-1])
    first, last = math.ceil(low / step), math.floor(high / step)
    return [Tick(float(k * step), _clock_label(EPOCH + timedelta(seconds=k * step), step)) for k in range(first, last + 1)]


def _clock_label(moment: datetime, step: int) -> str:
    if step >= SECONDS_PER_DAY:
        return f"{moment.day} {MONTHS[moment.month - 1]}"
    return f"{moment:%H:%M}" if step >= 60 else f"{moment:%H:%M:%S}"


def _seconds(moment: datetime) -> float:
    return (moment - EPOCH).total_seconds()


def is_time(value: Any) -> bool:
    return isinstance(value, str | date)


def text_width(text: str, font: float = FONT) -> float:
    """About how wide ``text`` is drawn; wide East Asian characters count double."""
    return sum(font * (1.0 if unicodedata.east_asian_width(char) in "WF" else NARROW) for char in text)


def fitted(text: str, width: float, font: float = FONT) -> str:
    """``text``, shortened with … where it is wider than ``width``."""
    if text_width(text, font) <= width + 0.01:
        return text
    kept = text
    while kept and text_width(kept + "…", font) > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def label(text: str, x: float, y: float, class_: str = "lbl", anchor: str | None = None, *, full: str | None = None) -> Markup:
    """A text; where it was shortened, ``full`` is what a pointer shows."""
    return el(
        "text",
        text,
        el("title", full) if full is not None and full != text else None,
        class_=class_,
        x=_r(x),
        y=_r(y),
        text_anchor=anchor,
    )


def svg(height: float, *parts: Any, name: str) -> Markup:
    """The drawing itself; ``name`` is what a screen reader says in its place."""
    return el("svg", *parts, viewBox=f"0 0 {WIDTH} {_r(height)}", role="img", aria_label=name, class_="fig")


def x_axis(place: Scale, marks: Sequence[Tick], y: float, title: str) -> list[Markup]:
    """The line, its ticks, and the axis title at the right end below them."""
    parts = [el("line", class_="axis", x1=_r(place.start), x2=_r(place.end), y1=_r(y), y2=_r(y))]
    for mark in marks:
        x = place(mark.value)
        parts.append(el("line", class_="axis", x1=x, x2=x, y1=_r(y), y2=_r(y + 4)))
        parts.append(label(mark.label, x, y + 16, "lbl", _anchor_at(x, mark.label)))
    if title:
        parts.append(label(fitted(title, WIDTH - 20), place.end, y + 31, "ttl", "end", full=title))
    return parts


def y_axis(place: Scale, marks: Sequence[Tick], left: float, right: float, title: str) -> list[Markup]:
    """Grid lines with their values at the left, and the axis title above them."""
    parts: list[Markup] = []
    for mark in marks:
        y = place(mark.value)
        parts.append(el("line", class_="grid", x1=_r(left), x2=_r(right), y1=y, y2=y))
        parts.append(label(mark.label, left - 6, y + 4, "lbl", "end"))
    if title:
        parts.append(label(fitted(title, WIDTH - 8), 0, 11, "ttl", full=title))
    return parts


def top_margin(figure: Mapping[str, Any]) -> int:
    """Room for the title of the y-axis, and below it for the words of up to three marks."""
    return 22 + MARK_ROW * min(3, len(figure.get("marks") or ()))


def vertical_marks(marks: Sequence[tuple[float, str]], place: Scale, top: float, bottom: float) -> list[Markup]:
    """Dashed lines at values of the x-axis, each with its words beside its upper end, which stands out of the plot."""
    parts: list[Markup] = []
    inside = [(value, words) for value, words in marks if place.low <= value <= place.high]
    for index, (value, words) in enumerate(inside):
        x, y = place(value), top - 4 - MARK_ROW * (index % 3)
        on_the_right = x < (place.start + place.end) / 2
        room = (place.end - x if on_the_right else x - place.start) - 6
        parts.append(el("line", class_="mark", x1=x, x2=x, y1=_r(y - 9), y2=_r(bottom)))
        parts.append(
            label(fitted(words, room), x + (5 if on_the_right else -5), y, "mrk", None if on_the_right else "end", full=words)
        )
    return parts


def left_margin(marks: Sequence[Tick]) -> float:
    return max([24.0, *(text_width(mark.label) + 10 for mark in marks)])


def numbers(values: Sequence[Any]) -> list[float]:
    """Those of ``values`` that are finite numbers."""
    return [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)]


def finite(value: Any) -> float:
    """``value`` as a finite number; raises ValueError."""
    found = numbers([value])
    if not found:
        raise ValueError(f"{value!r} is no finite number")
    return found[0]


def _anchor_at(x: float, text: str) -> str:
    half = text_width(text) / 2
    return "end" if x + half > WIDTH else "start" if x - half < 0 else "middle"


def _r(value: float) -> float | int:
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded
