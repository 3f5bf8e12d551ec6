"""The order by time is that of a stable sort, whatever the times are like."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness_core.sdk.statistics.ordering import UNITS, stable_order

RNG = np.random.default_rng(3)
AGES = np.iinfo(np.int64)


@pytest.mark.parametrize("unit", [*UNITS, 1])
@pytest.mark.parametrize("low", [0, -40_000, 1_000_000])
def test_it_is_a_stable_sort(unit: int, low: int) -> None:
    """Whole days, minutes, seconds, thousandths or none; before and after 1970; many at the same time."""
    times = RNG.integers(low, low + 300, 2_000) * unit + (RNG.integers(0, 2, 2_000) if unit == 1 else 0)
    assert np.array_equal(stable_order(times), np.argsort(times, kind="stable"))


@pytest.mark.parametrize(
    "times",
    [
        np.array([AGES.max, AGES.min, 0, AGES.max, -1, AGES.min], dtype=np.int64),
        np.array([5], dtype=np.int64),
        np.empty(0, dtype=np.int64),
        RNG.integers(0, 1 << 50, 20_000),
        np.repeat(np.int64(-7), 9),
        np.concatenate((np.zeros(1_500, dtype=np.int64), np.array([3, 1, 2]))),
    ],
    ids=["all of time", "one", "none", "too far apart for one number", "all the same", "uneven late"],
)
def test_times_that_do_not_fit_are_sorted_all_the_same(times: NDArray[np.int64]) -> None:
    """Nothing overflows, and nothing is assumed of the times that come late; the input is left as it is."""
    before = times.copy()
    assert np.array_equal(stable_order(times), np.argsort(times, kind="stable"))
    assert np.array_equal(times, before)
