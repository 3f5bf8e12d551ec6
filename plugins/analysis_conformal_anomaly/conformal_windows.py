"""Windows of consecutive values, each with the distance to the nearest one of another time: the discords of a series stand out.

Discords are those of E. Keogh, J. Lin and A. Fu, HOT SAX, ICDM (2005) 226-233. Where a strong cycle is found, as that of a day, a
window is compared with those at the same point of other cycles only: a morning without its rush is odd, though many nights are as
quiet. A cycle that is not there costs power, never a false alarm. Values are rounded to whole numbers of a 256th of a unit, so that
squared distances are exact sums in any order.
"""

import numpy as np
from conformal_scores import Rows, hashed
from numpy.typing import NDArray

from harness_core.sdk.statistics.seasonality import find_cycle
from harness_core.sdk.statistics.series import DAY

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

APART = 4  # widths between windows that are compared
COMPARISONS, FEWEST_REFERENCES, FEWEST_CYCLES = 200_000_000, 256, 3
TOGETHER = 256
QUANTUM = 256.0
CYCLE_VALUES = 20_000
STRONG, SURE, REGULAR = 0.5, 0.01, 0.99
FARTHEST, NOUGHT = np.iinfo(np.int64).max, np.zeros(1, dtype=np.int64)


def windows(scores: Floats, width: int) -> Floats:
    """One row per position: the values up to it; before the beginning the first value stands in."""
    padded = np.concatenate([np.full(width - 1, scores[0]), scores])
    return np.lib.stride_tricks.sliding_window_view(padded, width)


def distances(scores: Floats, width: int, period: int, seed: int) -> Floats:
    """Per position how far, in units per value, its window is from the nearest other one; ``period`` is 0 without a cycle."""
    whole = np.rint(scores * QUANTUM)
    squared = in_phase(whole, width, period) if period else anywhere(whole, width, seed)
    return np.asarray(np.sqrt(squared / width) / QUANTUM)


def anywhere(whole: Floats, width: int, seed: int) -> Floats:
    """Squared distances to the nearest window that ends at least four widths away.

    All are compared with all in series of up to 14,000 values; in longer ones with as many, chosen by hash, as two hundred million
    comparisons allow, and at least 256.
    """
    view = windows(whole, width)
    chosen = _references(len(view), seed)
    references = np.ascontiguousarray(view[chosen].T)
    sizes, apart = (references**2).sum(axis=0), APART * width
    references *= -2.0
    found = np.empty(len(view))
    for start in range(0, len(view), TOGETHER):
        block = np.ascontiguousarray(view[start : start + TOGETHER])
        squared = block @ references
        squared += sizes
        first, last = np.searchsorted(chosen, [start - apart + 1, start + len(block) + apart - 1])
        near = np.abs(chosen[first:last] - np.arange(start, start + len(block))[:, None]) < apart
        squared[:, first:last][near] = np.inf
        found[start : start + len(block)] = squared.min(axis=1) + (block**2).sum(axis=1)
    return found


def _references(count: int, seed: int) -> Rows:
    """The windows that all are compared with, ascending."""
    wanted = max(FEWEST_REFERENCES, COMPARISONS // max(1, count))
    if wanted >= count:
        return np.arange(count)
    words = hashed(np.arange(count, dtype=np.float64)[:, None], seed)
    return np.sort(np.argpartition(words, wanted)[:wanted])


def in_phase(whole: Floats, width: int, period: int) -> Floats:
    """Squared distances to the nearest window at the same point, give or take a width, of another cycle.

    All cycles are looked at in series of up to a million values or so; in longer ones the next ones, at least three on each side.
    """
    padded = np.concatenate([np.full(width - 1, whole[0]), whole]).astype(np.int64)
    count, shifts = len(whole), range(-width, width + 1)
    cycles = max(FEWEST_CYCLES, COMPARISONS // (count * len(shifts)))
    found = np.full(count, FARTHEST)
    for lag in (cycle * period + shift for cycle in range(1, min(cycles, count // period) + 1) for shift in shifts):
        if lag < count:
            sums = np.concatenate([NOUGHT, np.cumsum((padded[lag:] - padded[:-lag]) ** 2)])
            squared = sums[width:] - sums[:-width]
            np.minimum(found[: count - lag], squared, out=found[: count - lag])
            np.minimum(found[lag:], squared, out=found[lag:])
    return found.astype(np.float64)


def with_missing(values: Floats, width: int) -> NDArray[np.bool_]:
    """Windows of which a value is missing: what is not known is not odd."""
    missing = np.cumsum(np.concatenate([np.zeros(width), np.isnan(values)]))
    return np.asarray(missing[width:] > missing[:-width])


def strong_cycle(scores: Floats, times: Integers | None, width: int) -> int:
    """The period, in values, of a cycle that makes up half of what is not trend, in values that follow at equal steps; else 0."""
    if times is None or len(times) < 3:
        return 0
    steps = np.diff(times)
    step = int(np.median(steps))
    if step <= 0 or float((steps == step).mean()) < REGULAR:
        return 0
    calendar = [span // step for span in (DAY // 24, DAY, 7 * DAY) if span % step == 0]
    cycle = find_cycle(scores[:CYCLE_VALUES], SURE, calendar)
    if cycle is None or cycle.p_value > SURE or cycle.strength < STRONG or cycle.period < (APART + 1) * width:
        return 0
    return cycle.period


def events(peaks: Rows, largest: Floats, width: int) -> Rows:
    """Of neighbouring stretches whose peaks are less than a width apart, the one with the larger score: one for each event."""
    kept = np.ones(len(peaks), dtype=bool)
    close = np.flatnonzero(np.diff(peaks) < width)
    rises = largest[close + 1] > largest[close]
    kept[close[rises]] = False
    kept[close[~rises] + 1] = False
    return np.flatnonzero(kept)
