"""Rows as classes: counted many tables at a time, kept or read again, from text that the file stores in either way."""

import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy.signal import lfilter

from harness_core.sdk.dataset import Dataset
from harness_core.sdk.statistics import coded, ordered
from harness_core.sdk.statistics.axes import Axis, categories, cut
from harness_core.sdk.statistics.coded import Repeated, cells, covering, joint, margin, tables
from harness_core.sdk.statistics.counted import combinations_sql, is_worth_counting, quantiles_of_counts_sql, quantiles_sql
from harness_core.sdk.statistics.filters import autoregression
from harness_core.sdk.testing import write_dataset

ROWS = 6000


def table(seed: int = 3) -> pa.Table:
    """Text of few values, text of so many that a writer gives up its dictionary half-way, and numbers; all with gaps."""
    rng = np.random.default_rng(seed)
    few = np.array(["North", "South", "O'Hara", "Æ"])[rng.integers(0, 4, ROWS)]
    many = np.where(np.arange(ROWS) < ROWS // 2, few, np.array([f"{k:020d}" for k in range(ROWS)]))
    return pa.table({
        "few": pa.array(few, mask=rng.random(ROWS) < 0.1),
        "many": pa.array(many, mask=rng.random(ROWS) < 0.1),
        "amount": pa.array(np.round(rng.lognormal(3, 1, ROWS), 0), mask=rng.random(ROWS) < 0.05),
        "score": rng.normal(size=ROWS),
    })  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Dataset]:
    write_dataset(tmp_path / "data", table())
    found = Dataset(tmp_path / "data", tmp_path / "scratch", 256)
    source = table()  # noqa: F841 - DuckDB reads it by its name, and gives up a dictionary where values hardly repeat
    duckdb.sql(f"COPY (FROM source) TO '{found.path}' (FORMAT parquet, PARQUET_VERSION V2, ROW_GROUP_SIZE 2048)")
    yield found
    found.close()


def test_text_comes_as_dictionaries_where_the_file_has_them(dataset: Dataset) -> None:
    """Guards the choice per row group: a column that is a dictionary in some of them only is read without a failure, all rows in
    their order; without the choice every batch has plain text."""
    batches = list(dataset.iter_batches(["few", "many"], dictionaries=True))
    kinds = [[pa.types.is_dictionary(column.type) for column in batch.columns] for batch in batches]
    assert all(kind[0] for kind in kinds)
    assert {kind[1] for kind in kinds} == {True, False}
    for name in ("few", "many"):
        assert [value for batch in batches for value in batch.column(name).to_pylist()] == table().column(name).to_pylist()
    assert not any(pa.types.is_dictionary(column.type) for batch in dataset.iter_batches(["few"]) for column in batch.columns)
    assert next(batch.num_columns for batch in dataset.iter_batches(dictionaries=True)) == 4


def test_an_empty_table_has_no_batches(tmp_path: Path) -> None:
    """Guards files without a row group."""
    write_dataset(tmp_path / "data", pa.table({"a": pa.array([], pa.string())}))
    found = Dataset(tmp_path / "data", tmp_path / "scratch", 64)
    assert sum(batch.num_rows for batch in found.iter_batches(["a"], dictionaries=True)) == 0


def test_classes_are_the_same_however_a_column_is_stored(dataset: Dataset) -> None:
    """Guards the short cut over dictionaries: each row's class as it follows from its value, one beyond the last where missing."""
    for name in ("few", "many"):
        axis = categories(dataset, dataset.column(name), 3, 5)
        assert axis is not None
        wanted = [
            axis.size if value is None else (axis.values.index(value) if value in axis.values else len(axis.values))
            for value in table().column(name).to_pylist()
        ]
        for dictionaries in (True, False):
            batches = dataset.iter_batches([name], 700, dictionaries=dictionaries)
            assert np.concatenate([axis.codes(batch.column(0)) for batch in batches]).tolist() == wanted


@pytest.mark.parametrize("name", ["amount", "score"])
@pytest.mark.parametrize("bins", [7, 256])
def test_classes_of_numbers_are_cut_where_duckdb_cuts_them(dataset: Dataset, name: str, bins: int, monkeypatch: Any) -> None:
    """Guards the quantiles: counted or sorted, they are those of DuckDB's quantile_disc; values looked up once per batch fall
    into the same classes as values searched one by one."""
    monkeypatch.setattr(ordered, "WORTH_COUNTING", 100)
    entry: dict[str, Any] = {"name": name, "distinct_count": len(table().column(name).drop_null().unique())}
    axis = cut(dataset, dataset.column(name), bins, entry)
    assert axis is not None
    shares = [k / bins for k in range(1, bins)]
    ((cuts, highest),) = dataset.sql(f"SELECT quantile_disc({name}, {shares}), max({name}) FROM data").fetchall()
    if not axis.discrete:
        assert axis.edges == tuple(sorted({edge for edge in cuts if edge < highest}))
    values = table().column(name).to_pylist()
    wanted = [axis.size if value is None else int(np.searchsorted(axis.edges, value)) for value in values]
    for known in (entry["distinct_count"], 0):
        told = Axis(axis.name, axis.kind, axis.edges, discrete=axis.discrete, highest=axis.highest, distinct=known)
        assert np.concatenate([told.codes(batch.column(0)) for batch in dataset.iter_batches([name])]).tolist() == wanted


def test_days_are_cut_in_the_same_places_counted_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the other way to the classes of times: with and without the profile's number of different days."""
    monkeypatch.setattr(ordered, "WORTH_COUNTING", 100)
    days = np.datetime64("2024-01-01") + np.random.default_rng(1).integers(0, 90, 4000)
    write_dataset(tmp_path / "data", pa.table({"day": days}))
    found = Dataset(tmp_path / "data", tmp_path / "scratch", 64)
    column = found.column("day")
    axes = [cut(found, column, 12, {"distinct_count": known}) for known in (90, 4000)]
    assert axes[0] is not None
    assert axes[1] is not None
    assert axes[0].edges == axes[1].edges
    found.close()


@pytest.mark.parametrize("most_cells", [1, 40, 700, 1 << 16])
def test_every_pair_is_counted_whatever_it_is_counted_with(most_cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the tables of several columns: their margins are the tables of the pairs, in the order asked for, and no group is
    larger than allowed unless it is a single pair."""
    monkeypatch.setattr(coded, "MOST_CELLS", most_cells)
    rng = np.random.default_rng(1)
    sizes = [2, 3, 5, 7, 300, 4]
    codes = [rng.integers(0, size, 500).astype(np.min_scalar_type(size)) for size in sizes]
    wanted = [*combinations(range(5), 2), (5, 0)]
    seen: list[int] = []
    found = tables([[code[:200] for code in codes], [code[200:] for code in codes]], sizes, wanted, seen.append)
    assert seen == [200, 500]
    for a, b in wanted:
        expected = np.zeros((sizes[a], sizes[b]), dtype=np.int64)
        np.add.at(expected, (codes[a], codes[b]), 1)
        assert np.array_equal(found[a, b], expected)
    for members in covering(wanted, sizes, most_cells):
        assert len(members) == 2 or cells(members, sizes) <= most_cells


def test_pairs_share_their_counting() -> None:
    """Guards the gain: all pairs of eight columns with five classes each are held by fewer tables than a third of the pairs."""
    pairs = list(combinations(range(8), 2))
    groups = covering(pairs, [5] * 8, 1 << 12)
    assert len(groups) * 3 < len(pairs)
    assert all(any(set(pair) <= set(members) for members in groups) for pair in pairs)


def test_margins_keep_what_lies_behind_them() -> None:
    """Guards sums with a further axis: the two columns come first, in the order asked for."""
    cube = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert np.array_equal(margin((9, 4), [((4, 7, 9), cube)]), cube.sum(axis=1).transpose(1, 0, 2))
    assert joint([np.array([1, 0], dtype=np.uint8), np.array([2, 3], dtype=np.uint8)], (0, 1), [2, 400]).tolist() == [402, 3]


@pytest.mark.parametrize(("size_bytes", "times"), [(10, 1), (coded.KEPT_BYTES + 1, 3)])
def test_what_fits_is_read_once(size_bytes: int, times: int) -> None:
    """Guards memory: little is kept, much is read again each time; a reading that was broken off is not taken for the whole."""
    reads: list[int] = []

    def read() -> Iterator[int]:
        reads.append(1)
        yield from range(3)

    repeated = Repeated(read, size_bytes)
    assert next(iter(repeated)) == 0
    assert [list(repeated), list(repeated), list(repeated)] == [[0, 1, 2]] * 3
    assert len(reads) == times + 1


def test_quantiles_of_counts_are_those_of_the_rows(dataset: Dataset) -> None:
    """Guards the shorter way of a query: groups, rows and five quantiles are equal to the bit."""
    axes = [Axis("few", "category", distinct=4), Axis("amount", "number", distinct=70)]
    source, count = combinations_sql(axes)
    rows = dataset.sql(quantiles_sql("SELECT few AS g, amount AS v FROM data", ("max(v)",)) + " ORDER BY g").fetchall()
    merged = f"SELECT few AS g, amount AS v, {count} AS c FROM {source}"
    assert dataset.sql(quantiles_of_counts_sql(merged, ("max(v)",)) + " ORDER BY g").fetchall() == rows
    assert len(rows) == 4
    assert is_worth_counting(dataset, axes)
    assert not is_worth_counting(dataset, [*axes, Axis("score", "number", distinct=2)])
    assert not is_worth_counting(dataset, [Axis("few", "category")])
    assert combinations_sql([Axis('Times"', "number"), Axis("times", "number")])[1] == '"times_"'


def test_series_with_memory_are_those_of_scipy() -> None:
    """Guards the recursion: to the bit what SciPy's filter gives, for one series and for many."""
    rng = np.random.default_rng(5)
    for weights in ([], [0.5], [0.4, 0.2], [0.3, -0.2, 0.1]):
        feedback = np.concatenate([[1.0], -np.asarray(weights)])
        for shocks in (rng.normal(size=150), rng.normal(size=(7, 90))):
            assert np.array_equal(autoregression(shocks, weights), lfilter([1.0], feedback, shocks, axis=-1))
    assert math.isclose(float(autoregression(np.array([1.0, 0.0]), [0.25])[1]), 0.25)
