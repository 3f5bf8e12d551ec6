"""Stretches of a series that are unlike all others: windows of consecutive values, compared across alternating parts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from conformal_gap import Verdict, judge
from conformal_scores import Folds, Words, alike, choose, p_values
from conformal_units import FARTHEST_IN_SERIES, Floats, Unit, decorrelation, unit_of

from harness_core.sdk import Column, Dataset, PluginContext
from harness_core.sdk.statistics.series import Order, measures, numbers, time_columns

FEWEST_STRETCHES = 60
WINDOWS_PER_PART = 8
NARROWEST, WIDEST = 4, 24
TOGETHER = 16_384
ONE_PER_TIME = 0.9


@dataclass(frozen=True)
class Stretches:
    """One series: per stretch of ``length`` positions its largest score, where it is, and the conformal p-value; the verdict."""

    column: Column
    unit: Unit
    verdict: Verdict
    told: Sequence[int]
    peaks: Sequence[int]
    ratios: Floats
    conformal: Floats
    length: int
    scores: Floats


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


def windows(scores: Floats, width: int) -> Floats:
    """One row per position: its value and those before it, the nearest first; before the beginning the first value stands in."""
    padded = np.concatenate([np.full(width - 1, scores[0]), scores])
    return np.lib.stride_tricks.sliding_window_view(padded, width)


def window_scores(scores: Floats, width: int, seed: int) -> tuple[Floats, Folds]:
    """Per position how unlike all others its window is, and its part: parts of eight windows alternate between two folds."""
    view = windows(scores, width)
    part = (np.arange(len(scores)) // (WINDOWS_PER_PART * width) % 2).astype(np.uint8)

    def chunks() -> Iterator[Floats]:
        for start in range(0, len(view), TOGETHER):
            yield np.ascontiguousarray(view[start : start + TOGETHER])

    def folds(first: int, words: Words) -> Folds:
        return part[first : first + len(words)]

    references = choose(chunks, decorrelation(chunks(), width), folds, seed)
    starts = range(0, len(view), TOGETHER)
    found = [references.scores(chunk, part[start : start + len(chunk)]) for start, chunk in zip(starts, chunks(), strict=True)]
    return np.concatenate(found), part


def odd_stretches(ctx: PluginContext, order: Order, names: Sequence[Column]) -> Iterator[Stretches | dict[str, str]]:
    """Each measure as a series, or why it cannot be looked at."""
    by_name = {column.name: column for column in names}
    level, width = ctx.settings["significance"] / max(1, len(names)), ctx.settings["window"] or automatic_width(order.length)
    for name, values in numbers(ctx.dataset, list(by_name)):
        arranged = order.arranged(values)
        unit = unit_of(name, arranged, FARTHEST_IN_SERIES)
        if isinstance(unit, str):
            yield {"name": name, "reason": unit}
        elif order.length < FEWEST_STRETCHES * width:
            yield {"name": name, "reason": f"a series needs {FEWEST_STRETCHES * width:,} values to be searched"}
        else:
            yield _searched(ctx, by_name[name], unit, arranged, width, level)


def automatic_width(length: int) -> int:
    """A two-hundredth of the series, from 4 to 24 values."""
    return min(WIDEST, max(NARROWEST, length // 200))


def _searched(ctx: PluginContext, column: Column, unit: Unit, values: Floats, width: int, level: float) -> Stretches:
    scores, part = window_scores(unit.scores(values), width, ctx.seed)
    starts = np.arange(0, len(scores), width)
    peaks = [int(start + np.argmax(scores[start : start + width])) for start in starts]
    fold = part[starts]
    largest = scores[np.asarray(peaks)]
    ratios, conformal = alike(largest, fold), p_values(largest, fold)
    verdict = judge(ratios, ctx.settings["max_share"], ctx.settings["min_ratio"])
    told = [int(k) for k in np.argsort(-ratios, kind="stable")[: verdict.count]] if verdict.p_value <= level else []
    return Stretches(column, unit, verdict, told, [peaks[k] for k in told], ratios, conformal, width, scores)


def chosen_measures(
    ctx: PluginContext, profile: Sequence[Mapping[str, Any]], most: int
) -> tuple[list[Column], list[dict[str, str]]]:
    """The measures that are looked at, and those beyond the limit."""
    found = measures(ctx.dataset, profile)
    return found[:most], [{"name": column.name, "reason": "beyond the limit of columns"} for column in found[most:]]
