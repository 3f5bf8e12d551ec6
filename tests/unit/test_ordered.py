"""Numbers in order: counted by the engine or sorted here, they are the same numbers, whatever stands in the column."""

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.dataset import Dataset
from harness_core.sdk.statistics.distances import Merged
from harness_core.sdk.statistics.ordered import WORTH_COUNTING, Ordered, in_order
from harness_core.sdk.statistics.robust import quantile_grid
from harness_core.sdk.testing import write_dataset

COLUMNS = {
    "price": pa.array([1.25, -0.0, 0.0, None, float("nan"), float("inf"), -3.5, 1e-300, 0.1 + 0.2, 0.3]),
    "large": pa.array([2**53, 2**53 + 1, None, -(2**62), 7, 7, 8, 9, 10, 11]),
    "decimal": pa.array(["1.10", "2.20", None, "-0.01", "123456789.55", "0.00", "1.10", "1.10", "3.30", "4.40"]).cast(
        pa.decimal128(18, 2)
    ),
    "small": pa.array([1, 2, 3, None, 5, 6, 7, 8, 9, 10], pa.int8()),
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Ten values of each kind over and over, in an order that only a seed knows."""
    folder = tmp_path_factory.mktemp("ordered")
    places = pa.array(np.random.default_rng(1).integers(0, 10, WORTH_COUNTING))
    table = pa.table({name: values.take(places) for name, values in COLUMNS.items()})
    return Dataset(write_dataset(folder / "data", table), folder / "scratch")


@pytest.mark.parametrize("name", COLUMNS)
def test_counting_and_sorting_give_the_same_numbers(dataset: Dataset, name: str) -> None:
    """Guards that a profile changes how long it takes and nothing else: to the bit, the sign of nought included."""
    column = dataset.column(name)
    ((_, counted),) = in_order(dataset, [column], [{"name": name, "distinct_count": 9}])
    ((_, sorted_here),) = in_order(dataset, [column])
    assert counted.counts is not None
    assert sorted_here.counts is None
    assert counted.whole.tobytes() == sorted_here.whole.tobytes()
    assert counted.n == sorted_here.n
    for one, other in zip(counted.runs, sorted_here.runs, strict=True):
        assert one.tobytes() == other.tobytes()


def test_columns_come_in_the_order_asked_for(dataset: Dataset) -> None:
    """Guards the two ways side by side: each column gets its own numbers."""
    profile = [{"name": name, "distinct_count": 9} for name in ("large", "small")]
    found = {column.name: ordered for column, ordered in in_order(dataset, dataset.numeric_columns, profile)}
    assert list(found) == list(COLUMNS)
    assert [found[name].counts is not None for name in COLUMNS] == [False, True, False, True]
    assert found["small"].values.tolist() == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert found["decimal"].whole[-1] == 123456789.55


def test_questions_have_one_answer_in_either_form() -> None:
    """Guards places, grids, shares and logarithms of counted values against those of all values side by side."""
    rng = np.random.default_rng(2)
    values = np.sort(rng.integers(-5, 60, 5000) / 4)
    runs = np.unique(values, return_counts=True)
    counted, whole = Ordered(runs[0], runs[1]), Ordered(values)
    places = rng.integers(0, 5000, 200)
    assert counted.at(places).tolist() == whole.at(places).tolist() == values[places].tolist()
    assert counted.grid(1000).tolist() == whole.grid(1000).tolist() == quantile_grid(values, 1000).tolist()
    edges = np.array([-9.0, -1.25, 0.1, 3.0, 99.0])
    assert counted.up_to(edges).tolist() == whole.up_to(edges).tolist() == [int((values <= edge).sum()) for edge in edges]
    assert counted.logged().whole.tolist() == whole.logged().whole.tolist() == np.log(values[values > 0]).tolist()


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [2.0], [3.0, 3.0, -1.0]])
def test_nothing_and_little_in_order(values: list[float]) -> None:
    """Guards empty and constant columns in both forms."""
    given = np.array(values, dtype=np.float64)
    one = Ordered.of(given)
    other = Ordered.of_counts(*np.unique(given, return_counts=True))
    kept = sorted(value for value in values if np.isfinite(value))
    assert one.whole.tolist() == other.whole.tolist() == kept
    assert one.n == other.n == len(kept)


def test_two_samples_are_as_far_apart_in_either_form() -> None:
    """Guards the distances of counted samples against those of all values."""
    rng = np.random.default_rng(3)
    samples = [np.sort(np.round(rng.normal(shift, 1, 4000), 1)) for shift in (0.0, 0.4)]
    whole = Merged.of(*(Ordered(values) for values in samples))
    counted = Merged.of(*(Ordered.of_counts(*np.unique(values, return_counts=True)) for values in samples))
    assert counted.kolmogorov() == whole.kolmogorov()
    assert counted.wasserstein() == whole.wasserstein()
    assert counted.pooled.n == 8000
