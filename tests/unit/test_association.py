"""Association in tables of counts, and sums: agreement with SciPy, invariance, and the limits of the scale."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness_core.sdk.statistics.effects import (
    chi_square,
    corrected_root,
    correlation_p,
    correlation_ratio,
    cramers_v,
    fisher_interval,
    informational_correlation,
    merge_ordered,
    score_correlation,
    smooth_p,
    without_empty,
)
from harness_core.sdk.statistics.summation import reproducible_sum

tables = st.lists(st.lists(st.integers(1, 60), min_size=4, max_size=4), min_size=3, max_size=6).map(
    lambda rows: np.array(rows, dtype=np.int64)
)
floats = st.lists(st.floats(-1e200, 1e200), max_size=200)


def rows_of(table):
    """The rows that the table counts: (class of the first column, class of the second)."""
    first, second = np.indices(table.shape)
    return np.repeat(first.ravel(), table.ravel()), np.repeat(second.ravel(), table.ravel())


@settings(max_examples=60)
@given(tables)
def test_the_tests_agree_with_scipy(table):
    """Chi-squared and V, Spearman's coefficient with ties, and Kruskal and Wallis's H are those of an independent source."""
    first, second = rows_of(table)
    statistic, freedom = chi_square(table)
    expected = stats.chi2_contingency(table, correction=False)
    assert (statistic, freedom) == (pytest.approx(expected.statistic, abs=1e-9), expected.dof)
    assert cramers_v(table) == pytest.approx(stats.contingency.association(table, method="cramer"), abs=1e-9)
    spearman = stats.spearmanr(first, second)
    assert score_correlation(table) == pytest.approx(spearman.statistic, abs=1e-9)
    assert correlation_p(score_correlation(table), len(first)) == pytest.approx(spearman.pvalue, rel=1e-6, abs=1e-12)
    h = stats.kruskal(*(second[first == k] for k in range(len(table)))).statistic
    assert (len(first) - 1) * correlation_ratio(table) == pytest.approx(h, rel=1e-9, abs=1e-9)


@settings(max_examples=60)
@given(tables)
def test_both_sides_count_the_same(table):
    """Turning the table over changes no strength and no p-value; reversing an order turns the sign and nothing else."""
    assert informational_correlation(table) == pytest.approx(informational_correlation(table.T), abs=1e-12)
    assert smooth_p(table) == pytest.approx(smooth_p(table.T), abs=1e-12)
    assert score_correlation(table[::-1]) == pytest.approx(-score_correlation(table), abs=1e-12)
    assert smooth_p(table[::-1]) == pytest.approx(smooth_p(table), abs=1e-9)


def test_the_scale_runs_from_nought_to_one():
    """Independence is 0, a one-to-one table 1, one side deciding the other 1; the interval never leaves 0..1."""
    even = np.full((5, 5), 40, dtype=np.int64)
    assert informational_correlation(even)[0] == 0.0
    assert informational_correlation(np.diag([400, 300, 200]))[0] == pytest.approx(1.0, abs=5e-3)
    decides = np.array([[3000, 0], [2000, 0], [0, 2500], [0, 1500]])
    value, low, high = informational_correlation(decides)
    assert value == pytest.approx(1.0, abs=2e-3)
    assert 0 <= low <= value <= high <= 1


def test_the_interval_covers_about_as_often_as_it_says():
    """Over 300 samples from one law of known strength, the 95 % interval holds the true value in nine cases of ten or more."""
    rng = np.random.default_rng(3)
    law = np.array([[0.2, 0.05, 0.05], [0.05, 0.2, 0.05], [0.05, 0.05, 0.3]])
    truth = informational_correlation((law * 10**9).astype(np.int64))[0]
    held = 0
    for _ in range(300):
        _, low, high = informational_correlation(rng.multinomial(2000, law.ravel()).reshape(3, 3))
        held += low <= truth <= high
    assert held >= 270


def test_merging_keeps_every_row_and_the_order():
    """Merged classes hold the same rows, in order, at most as many classes as asked; empty ones go."""
    counts = np.arange(1, 25).reshape(12, 2)
    merged = merge_ordered(counts, 0, 4)
    assert merged.shape[0] <= 4
    assert merged.sum(axis=0).tolist() == counts.sum(axis=0).tolist()
    assert merge_ordered(counts, 1, 5) is counts
    assert without_empty(np.array([[1, 0, 2], [0, 0, 0]])).tolist() == [[1, 2]]


def test_what_is_too_small_has_no_certainty():
    """Four rows have no interval; a perfect correlation has one that ends at 1; chance alone explains nothing."""
    assert fisher_interval(0.9, 4) == (-1.0, 1.0)
    low, high = fisher_interval(1.0, 100)
    assert 0.99 < low < high <= 1
    assert corrected_root(0.05, 10, 100) == 0.0
    assert corrected_root(1.0, 3, 4) == 0.0
    assert correlation_p(1.0, 10) == 0.0
    assert correlation_p(1.0, 3) == 1.0


@given(floats, st.randoms(use_true_random=False))
def test_a_sum_does_not_depend_on_the_order(values, random):
    """To the bit, in any order, and as near to the exact sum as its docstring says."""
    shuffled = list(values)
    random.shuffle(shuffled)
    total = reproducible_sum(np.array(values, dtype=np.float64))
    assert total == reproducible_sum(np.array(shuffled, dtype=np.float64))
    bound = max((abs(value) for value in values), default=0.0) * max(len(values), 1) ** 3 * 2.0**-140
    assert total == pytest.approx(math.fsum(values), rel=3e-16, abs=bound)


def test_a_long_sum_is_the_correctly_rounded_one():
    """A million terms over eight powers of ten: the same double as exact summation gives."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=1_000_000) * np.exp(rng.normal(size=1_000_000) * 4)
    assert reproducible_sum(values) == math.fsum(values)
