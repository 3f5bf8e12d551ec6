"""Stretches of a series that are unlike all others of the same length, or unlike all others at the same point of its cycle."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from conformal_gap import Verdict, judge_events
from conformal_scores import Rows, alike, p_values
from conformal_units import FARTHEST_IN_SERIES, Floats, Unit, unit_of_series
from conformal_windows import distances, events, strong_cycle, with_missing

from harness_core.sdk import Column, Dataset, PluginContext
from harness_core.sdk.statistics.series import Order, measures, numbers, time_columns

FEWEST_STRETCHES = 60
NARROWEST, WIDEST, STRETCHES_WANTED = 4, 12, 150
ONE_PER_TIME = 0.9


@dataclass(frozen=True)
class Stretches:
    """One series: per stretch of ``length`` positions its largest score, where it is, and the conformal p-value; the verdict.

    ``period`` is that of the cycle at whose same point stretches were compared, 0 where it was anywhere.
    """

    column: Column
    unit: Unit
    verdict: Verdict
    told: Sequence[int]
    peaks: Sequence[int]
    ratios: Floats
    conformal: Floats
    length: int
    scores: Floats
    period: int


def is_series(order: Order) -> bool:
    """Whether nearly every row has a time of its own, so that rows follow one another as values of a series do."""
    if order.times is None or order.length < 2:
        return False
    return 1 + int(np.count_nonzero(np.diff(order.times))) >= ONE_PER_TIME * order.length


def shares_times(dataset: Dataset, profile: Sequence[Mapping[str, Any]], asked: str) -> bool:
    """Whether the profile says already that many rows share a time, so that nothing need be sorted to see that there is no series.

    ``asked`` is the column that shall order the rows, or empty for the likeliest one.
    """
    likely = [column for column in time_columns(dataset, profile) if asked in ("", column.name)]
    entry = next((entry for entry in profile if likely and entry.get("name") == likely[0].name), {})
    different, missing = entry.get("distinct_count"), entry.get("null_count")
    return different is not None and missing is not None and different < ONE_PER_TIME * (dataset.row_count - missing)


def odd_stretches(ctx: PluginContext, order: Order, names: Sequence[Column]) -> Iterator[Stretches | dict[str, str]]:
    """Each measure as a series, or why it cannot be looked at."""
    by_name = {column.name: column for column in names}
    level, width = ctx.settings["significance"] / max(1, len(names)), ctx.settings["window"] or automatic_width(order.length)
    for name, values in numbers(ctx.dataset, list(by_name)):
        arranged = order.arranged(values)
        unit = unit_of_series(name, arranged, FARTHEST_IN_SERIES)
        if isinstance(unit, str):
            yield {"name": name, "reason": unit}
        elif order.length < FEWEST_STRETCHES * width:
            yield {"name": name, "reason": f"a series needs {FEWEST_STRETCHES * width:,} values to be searched"}
        else:
            yield _searched(ctx, by_name[name], unit, order, arranged, width, level)


def automatic_width(length: int) -> int:
    """A 150th of the series, from 4 to 12 values."""
    return min(WIDEST, max(NARROWEST, length // STRETCHES_WANTED))


def _searched(ctx: PluginContext, column: Column, unit: Unit, order: Order, values: Floats, width: int, level: float) -> Stretches:
    units = unit.scores(values)
    period = strong_cycle(units, order.times, width)
    scores = distances(units, width, period, ctx.seed)
    scores[with_missing(values, width)] = 0.0
    scores[: width - 1] = 0.0  # before the beginning the first value stands in, and a stretch of one value is odd whatever it is
    peaks, largest = stretch_peaks(scores, width)
    one_fold = np.zeros(len(peaks), dtype=np.uint8)
    ratios, conformal = alike(largest, one_fold), p_values(largest, one_fold)
    apart = events(peaks, largest, width)
    verdict = judge_events(ratios[apart], ctx.settings["min_ratio"])
    ranked = apart[np.argsort(-ratios[apart], kind="stable")]
    told = [int(k) for k in ranked[: verdict.count]] if verdict.p_value <= level else []
    return Stretches(column, unit, verdict, told, [int(peaks[k]) for k in told], ratios, conformal, width, scores, period)


def stretch_peaks(scores: Floats, width: int) -> tuple[Rows, Floats]:
    """Where in each stretch of ``width`` positions the score is largest, and that score."""
    peaks = np.array([start + int(np.argmax(scores[start : start + width])) for start in range(0, len(scores), width)])
    return peaks, scores[peaks]


def chosen_measures(
    ctx: PluginContext, profile: Sequence[Mapping[str, Any]], most: int
) -> tuple[list[Column], list[dict[str, str]]]:
    """The measures that are looked at, and those beyond the limit."""
    found = measures(ctx.dataset, profile)
    return found[:most], [{"name": column.name, "reason": "beyond the limit of columns"} for column in found[most:]]
