"""The order of rows: by time, found by sorting numbers that hold both, and columns that only say where a row stands."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

UNITS = (86_400_000_000, 60_000_000, 1_000_000, 1_000)
FIRST_LOOK = 1_000
BITS = 63
YEARS = (1500, 2200)
TIME_WORDS = frozenset({"time", "date", "year", "quarter", "month", "week", "day", "hour", "minute", "second", "period"})
SURE_OF_EVENNESS = 12  # below that many different values an even spacing may be chance


def stable_order(times: Integers) -> Integers:
    """The positions of ``times`` (microseconds) in ascending order, those of the same time as they stand.

    Where a time, counted in the largest unit that all are whole numbers of, and a position fit into one number side by side, such
    numbers are sorted: they are all different, so any sort is a stable one. Where not, it is an indirect sort.
    """
    if not len(times):
        return np.empty(0, dtype=np.int64)
    low, high, position_bits = int(times.min()), int(times.max()), len(times).bit_length()
    unit = largest_unit(times)
    if (high // unit - low // unit).bit_length() + position_bits > BITS:
        return np.argsort(times, kind="stable")
    keys = times // unit if unit > 1 else times.copy()
    keys -= low // unit
    keys <<= position_bits
    keys |= np.arange(len(times))
    keys.sort()
    keys &= (1 << position_bits) - 1
    return keys


def largest_unit(times: Integers) -> int:
    """The largest of days, minutes, seconds and milliseconds of which all ``times`` are whole numbers, in microseconds; else 1."""
    return next((unit for unit in UNITS if _all_whole(times, unit)), 1)


def _all_whole(times: Integers, unit: int) -> bool:
    return not (times[:FIRST_LOOK] % unit).any() and not (times % unit).any()


def counts_the_rows(entry: Mapping[str, Any]) -> bool:
    """Whether a profiled column of different numbers rises or falls from row to row in even steps, as its quantiles show: a row
    number, one year after the other. It says where a row stands, and what goes along with it is a course, not a dependence."""
    count, low, high, quantiles = (entry.get(key) for key in ("count", "min", "max", "quantiles"))
    if not (entry.get("is_sorted") and entry.get("is_unique") and isinstance(quantiles, Mapping)):
        return False
    if not (
        isinstance(count, int) and count >= SURE_OF_EVENNESS and isinstance(low, int | float) and isinstance(high, int | float)
    ):
        return False
    step = (high - low) / (count - 1)
    return all(abs(value - (low + float(share) * (high - low))) <= step for share, value in quantiles.items())


def counts_time(entry: Mapping[str, Any]) -> bool:
    """Whether what counts the rows are years (whole or with parts), or is called a time: then neighbours are neighbours in time."""
    if not counts_the_rows(entry):
        return False
    words = set("".join(letter if letter.isalpha() else " " for letter in str(entry.get("name")).lower()).split())
    return bool(words & TIME_WORDS) or (YEARS[0] <= entry["min"] and entry["max"] <= YEARS[1] and entry["max"] - entry["min"] >= 1)
