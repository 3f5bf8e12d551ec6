"""The outliers plugin on the example table: the planted price is found, by row, and what is sound stays unaccused."""

from typing import Any

import numpy as np
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.example_table import PLUGINS, analysed, misses

PLUGIN = PLUGINS / "analysis_outliers"


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return analysed("analysis_outliers")


def test_the_example_is_marked_in_full(answer: dict[str, Any]) -> None:
    """Guards every line of the marking scheme about this plugin."""
    assert misses("analysis_outliers", answer["findings"]) == []


def test_the_price_with_its_point_two_places_to_the_right_is_reported(answer: dict[str, Any]) -> None:
    """Guards the gap above a heap: many rows share the next lower price, 508.56, and the gap was once taken for its own unit."""
    (price,) = [f for f in answer["findings"] if f["columns"] == ["unit_price"]]
    assert (price["statistics"]["count"], price["statistics"]["farthest"]) == (1, 25647.0)
    assert price["evidence"][-1]["refs"] == ["db://dv_test#row_index=11019"]
    assert price["statistics"]["p_value"] < 1e-6


@pytest.mark.parametrize("ties", [2, 30, 500, 3000])
def test_a_value_above_a_heap_of_equal_values_is_found(ties: int) -> None:
    """Guards the rounding unit: however many rows share the largest sound value, the gap above it is never its own measure."""
    rng = np.random.default_rng(ties)
    values = np.minimum(np.round(rng.normal(100, 10, 20_000), 1), 140.0)
    values[:ties], values[-1] = 140.0, 14_000.0
    (finding,) = run_plugin(PLUGIN, {"x": values})["findings"]
    assert (finding["subject"], finding["statistics"]["count"]) == ("high", 1)


def test_the_top_of_a_price_list_is_no_outlier() -> None:
    """Guards the ladder: prices that a few hundred articles share have gaps, and a top price beyond one is a price."""
    loud = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(6, 60))
        prices = np.round(rng.lognormal(3, rng.choice([0.3, 0.8, 1.2]), size), 2)
        values = rng.choice(prices, 5000, p=rng.dirichlet(np.ones(size)))
        loud += [(seed, f["title"]) for f in run_plugin(PLUGIN, {"price": values})["findings"]]
    assert loud == []


def test_many_columns_share_one_chance_of_a_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the bound for wide tables: 600 columns of noise are quiet, and are read in a few passes, not in one each."""
    import pyarrow.parquet

    opened: list[Any] = []
    original = pyarrow.parquet.ParquetFile

    def counted(*arguments: Any, **options: Any) -> Any:
        opened.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(pyarrow.parquet, "ParquetFile", counted)
    rng = np.random.default_rng(3)
    answer = run_plugin(PLUGIN, {f"c{k}": rng.standard_t(5, 400) for k in range(600)})
    assert [f["title"] for f in answer["findings"] if f["severity"] != "info"] == []
    assert answer["metrics"]["tests"] == 601
    assert len(opened) <= 5
