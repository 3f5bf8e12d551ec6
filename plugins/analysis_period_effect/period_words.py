"""A window in words: what is different inside, in how many cycles, and what else is different in the same days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from period_calendar import Calendar, Cycle, Places, window_sql, window_words
from period_quantities import Daily, Quantity, facts_sql
from period_windows import Window

from harness_core.sdk import Column, Finding, query_evidence
from harness_core.sdk.statistics.events import span, unit_of
from harness_core.sdk.statistics.wording import number, rounded

Floats = NDArray[np.float64]
TOLERANCE = 1e-9
DRAWN = 10


@dataclass(frozen=True)
class Effect:
    """A quantity in its window: the medians of rows (for the volume: of days) inside and outside, and how many of each."""

    quantity: Quantity
    cycle: Cycle
    window: Window
    inside: float
    outside: float
    inside_count: int
    outside_count: int
    profile: Sequence[tuple[int, float]]

    @property
    def change(self) -> float:
        """The change inside, as a share of what is usual; infinite where that is nought."""
        if self.outside == 0:
            return float("inf") if self.inside else 0.0
        return (self.inside - self.outside) / abs(self.outside)

    @property
    def rises(self) -> bool:
        return self.window.found.effect.value > 0


def measured(quantity: Quantity, cycle: Cycle, window: Window, found: Places, data: Daily) -> Effect:
    """Medians inside and outside over all days of the calendar."""
    chosen = (found.place >= window.low) & (found.place <= window.high) & (found.place != 0)
    if quantity.is_volume:
        values, inside = data.medians, chosen
    else:
        values, inside = data.values, chosen[data.day]
    first, second = _median(values[inside]), _median(values[~inside])
    near = [place for place in np.unique(found.place).tolist() if abs(place) <= DRAWN]
    profile = [(place, _median(data.medians[(found.place == place) & np.isfinite(data.medians)])) for place in near]
    drawn = [(place, value) for place, value in profile if np.isfinite(value)]
    return Effect(quantity, cycle, window, first, second, int(inside.sum()), int((~inside).sum()), drawn)


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def amount(quantity: Quantity, value: float) -> str:
    return span(value) if quantity.is_duration else number(float(f"{value:.6g}"))


def agreement(effect: Effect) -> dict[str, Any]:
    """What no query gives: how far out the days of the window are in each cycle, and in how many they stand out the same way."""
    found = effect.window.found
    deltas = [rounded(float(delta), 9) for delta in found.deltas]
    return {"cycle": effect.cycle.name, "cycles": found.blocks, "agreeing": effect.window.agreeing, "deltas": deltas}


def finding(time: Column, calendar: Calendar, effects: Sequence[Effect], agreed: Mapping[str, Any]) -> Finding:
    """``effects`` share the window of the first, which is told in full; ``agreed`` is the evidence of its :func:`agreement`."""
    main, others = effects[0], effects[1:]
    where = window_words(calendar, main.cycle, main.window.low, main.window.high)
    beside = "".join(_beside(other) for other in others)
    columns = list(dict.fromkeys([time.name, *(name for effect in effects for name in effect.quantity.columns)]))
    worse = main.rises and (main.quantity.is_duration or main.quantity.is_volume)
    effect = main.window.found.effect
    return Finding(
        kind="period_effect",
        title=f"{_name(main.quantity)} {'rises' if main.rises else 'falls'} in {where}",
        statement=f"In {where}, {_sentence(main)}. {_how_often(main)}{beside}",
        columns=columns,
        severity="warning" if worse and abs(main.change) >= 1 else "notice",
        confidence_note="Compared within each cycle, freed of its slope and of the days of the week; the window was searched for.",
        statistics={
            "test": "Student's t over cycles", "p_value": rounded(main.window.p_value, 4),
            "n": main.inside_count + main.outside_count,
            "effect": {
                "name": effect.name, "value": rounded(effect.value), "low": rounded(effect.low), "high": rounded(effect.high),
            },
            "inside": rounded(main.inside), "outside": rounded(main.outside), "change": rounded(_finite(main.change)),
            "cycle": main.cycle.name, "window": [main.window.low, main.window.high], "cycles": main.window.found.blocks,
            "agreeing": main.window.agreeing, "share": rounded(main.inside_count / (main.inside_count + main.outside_count)),
        },
        recommendation=_advice(main, where),
        evidence=[*(_query(time, calendar, effect_) for effect_ in effects), agreed],
        subject=f"{main.cycle.name}:{main.window.low}..{main.window.high}",
        figure=_figure(main),
    )  # fmt: skip


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _name(quantity: Quantity) -> str:
    return quantity.name[0].upper() + quantity.name[1:]


def _sentence(effect: Effect) -> str:
    inside, outside = amount(effect.quantity, effect.inside), amount(effect.quantity, effect.outside)
    if effect.quantity.is_volume:
        return f"half of the days have at least {inside} rows, against {outside} on other days"
    return f"half of the values of {effect.quantity.name} are at least {inside}, against {outside} on other days"


def _how_often(effect: Effect) -> str:
    window, name = effect.window, effect.cycle.name
    return f"The days stand out so in {window.agreeing:,} of {window.found.blocks:,} {name}s."


def _beside(effect: Effect) -> str:
    return f" In the same days {_sentence(effect)}."


def _advice(effect: Effect, where: str) -> str:
    if effect.quantity.is_volume:
        return f"Plan capacity for {where}, or move to other days what need not happen then."
    if effect.quantity.is_duration and effect.rises:
        return f"See what competes with this work in {where}, and what of it can be moved to other days."
    return f"Compare like with like: leave {where} out, or judge it by itself."


def _query(time: Column, calendar: Calendar, effect: Effect) -> dict[str, Any]:
    head = f"{facts_sql(time, effect.quantity)}, {window_sql(calendar, effect.cycle, effect.window.low, effect.window.high)}"
    if effect.quantity.is_volume:
        counted = "SELECT d, any_value(inside) AS inside, count(v) AS v FROM marked LEFT JOIN facts USING (d) GROUP BY d"
        body = f", rows_a_day AS ({counted})"
        source = "rows_a_day"
    else:
        body, source = "", "marked JOIN facts USING (d)"
    sql = (
        f"{head}{body} SELECT count(*) FILTER (WHERE inside) AS inside_count, count(*) FILTER (WHERE NOT inside) AS outside_count, "
        f"median(v) FILTER (WHERE inside) AS inside_median, median(v) FILTER (WHERE NOT inside) AS outside_median FROM {source}"
    )
    return query_evidence(sql, [[effect.inside_count, effect.outside_count, effect.inside, effect.outside]], TOLERANCE)


def _figure(effect: Effect) -> Mapping[str, Any]:
    unit, length = unit_of(effect.outside) if effect.quantity.is_duration else ("", 1)
    bars = [
        {
            "label": f"{place:+d}",
            "value": float(f"{value / length:.6g}"),
            "highlight": effect.window.low <= place <= effect.window.high,
        }
        for place, value in effect.profile
    ]
    label = effect.quantity.name.replace('"', "")
    inside, outside = amount(effect.quantity, effect.inside), amount(effect.quantity, effect.outside)
    return {
        "type": "bars",
        "title": f"{label} around the end of the {effect.cycle.name}",
        "x_label": f"days before (-) and after (+) the end of the {effect.cycle.name}",
        "y_label": f"median, {unit}" if unit else "median",
        "summary": f"{label}: {inside} inside the window, {outside} outside.",
        "bars": bars,
    }
