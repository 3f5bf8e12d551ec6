"""Group differences on noise, and the rank statistics behind them against SciPy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness_core.sdk.statistics.ranks import deviations, dominance, fligner_killeen, kruskal_wallis
from harness_core.sdk.testing import run_plugin
from tests.plugins.null_tables import null_table

PLUGINS = Path(__file__).parents[2] / "plugins"


def test_tables_of_noise_are_quiet_and_their_p_values_uniform() -> None:
    """Guards false alarms: of 30 tables of many shapes at most one speaks, and five in a hundred p-values lie below 0.05."""
    loud, p_values = [], []
    for seed in range(500, 530):
        table = null_table(seed)
        profile = run_plugin(PLUGINS / "profile_basic", table)
        answer = run_plugin(PLUGINS / "analysis_group_differences", table, upstream={"profile_basic": profile})
        loud += [seed for _ in answer["findings"]]
        p_values += [pair["p_value"] for pair in answer["metrics"].get("pairs", [])]
    assert len(set(loud)) <= 1, loud
    assert len(p_values) > 200
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.09


def test_slices_of_noise_are_quiet() -> None:
    """Guards the search over thousands of combinations: two real effects of single columns make no slice."""
    rng = np.random.default_rng(6)
    table: dict[str, Any] = {f"g{k}": np.array([f"v{c:02}" for c in range(20)])[rng.integers(0, 20, 40_000)] for k in range(3)}
    x = rng.gamma(2, 1, 40_000) + 3.0 * (table["g0"] == "v01") + 3.0 * (table["g1"] == "v02")
    answer = run_plugin(PLUGINS / "analysis_group_differences", table | {"x": x})
    assert answer["metrics"]["cells"] == 1200
    assert {finding["kind"] for finding in answer["findings"]} == {"group_difference"}


def tabled(seed: int, groups: int, values: int, n: int) -> tuple[Any, list[Any]]:
    """Counts per group and class, and the same as one sample per group."""
    rng = np.random.default_rng(seed)
    group, value = rng.integers(0, groups, n), rng.integers(0, values, n)
    value = np.minimum(value + group, values - 1)
    table = np.zeros((groups, values), dtype=np.int64)
    np.add.at(table, (group, value), 1)
    return table, [value[group == k] for k in range(groups)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rank_statistics_agree_with_scipy(seed: int) -> None:
    """Guards Kruskal-Wallis, Fligner-Killeen and Cliff's delta on counts, ties included, to twelve digits."""
    table, samples = tabled(seed, 3, 25, 501)
    assert kruskal_wallis(table)[0] == pytest.approx(stats.kruskal(*samples).pvalue, rel=1e-9)
    odd = [sample if len(sample) % 2 else sample[1:] for sample in samples]
    table = np.array([np.bincount(sample, minlength=25) for sample in odd])
    spread = deviations(table, np.arange(25.0))
    assert fligner_killeen(table, spread)[0] == pytest.approx(stats.fligner(*odd).pvalue, rel=1e-9)
    wins = stats.mannwhitneyu(odd[0], odd[1]).statistic
    assert dominance(table[0], table[1]).value == pytest.approx(2 * wins / (len(odd[0]) * len(odd[1])) - 1, rel=1e-12)


def test_the_interval_of_dominance_holds_its_level() -> None:
    """Guards the interval: of 400 pairs of samples with a known delta about 95 % contain it; at full separation it has a width."""
    rng = np.random.default_rng(9)
    truth, hits = 2 * stats.norm.cdf(0.8 / np.sqrt(2)) - 1, 0
    for _ in range(400):
        joined = np.concatenate((rng.normal(0.8, 1, 40), rng.normal(0, 1, 60)))
        places = np.argsort(np.argsort(joined))
        first, second = (np.bincount(part, minlength=100) for part in (places[:40], places[40:]))
        effect = dominance(first, second)
        hits += effect.low <= truth <= effect.high
    assert 370 <= hits <= 397
    apart = dominance(np.array([0, 30]), np.array([30, 0]))
    assert apart.value == 1
    assert 0.5 < apart.low < 0.99
