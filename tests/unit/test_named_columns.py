"""In a wide table a query is given a view of the columns that it names, and answers the same as over all of them."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow
import pytest

from harness_core.sdk.dataset import WIDE_COLUMNS, Dataset
from harness_core.sdk.named_columns import named_columns
from harness_core.sdk.testing import write_dataset

ROWS = 50
NAMES = [*(f"c{index}" for index in range(WIDE_COLUMNS)), 'He said "no"', "Größe", "two words", "data", "d"]
ALL = ("SELECT * FROM data", "FROM data", "DESCRIBE data", "SUMMARIZE data", "SELECT COLUMNS('c1.*') FROM data")
QUERIES = (
    *ALL,
    'SELECT sum("c7"), count(*) FROM data WHERE "c3" > 2',
    "SELECT C7, min(c8) AS c9 FROM data GROUP BY ALL ORDER BY ALL",
    'SELECT "He said ""no""", "größe", "two words" FROM data ORDER BY row_index',
    "SELECT c1 AS c2, c2 + 1 AS more FROM data ORDER BY row_index",
    "SELECT *, row_number() OVER (ORDER BY v) AS place FROM (SELECT c4 % 5 AS v, count(*) FROM data GROUP BY 1) ORDER BY v",
    "SELECT d.c5 FROM data AS d WHERE EXISTS (SELECT 1 FROM data AS e WHERE e.c6 = d.c5 + 1) ORDER BY ALL",
    "SELECT hash(t) FROM data AS t ORDER BY row_index",
    "SELECT t.* FROM data AS t ORDER BY row_index LIMIT 3",
    "SELECT count(*) FROM data AS t(first_one, second_one) WHERE first_one > 4",
    "SELECT count(*) FROM data NATURAL JOIN (SELECT c1, c2 FROM data)",
    "SELECT count(*), sum(c3) FROM data JOIN (SELECT row_index, c5 FROM data) AS other USING (row_index, c5)",
    "WITH x AS (SELECT c1, c2 FROM data) SELECT sum(c1 * c2) FROM x",
    "with\n x AS (SELECT * FROM data) SELECT sum(c1) FROM x",
    "WITH data AS (SELECT 5 AS c1) SELECT c1 FROM data",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(c1) FROM data JOIN n ON i = row_index",
    "SELECT c1 FROM data UNION ALL SELECT c2 FROM data ORDER BY 1",
    "SELECT c1 FROM data UNION BY NAME (SELECT * EXCLUDE (c1) FROM data) ORDER BY ALL LIMIT 3",
    "SELECT (SELECT hash(t)) FROM data AS t ORDER BY t.row_index",
    "SELECT other.* FROM data AS t, LATERAL (SELECT t.*) AS other ORDER BY t.row_index LIMIT 3",
    "SELECT data FROM data ORDER BY row_index",
    "SELECT max(d) FROM data",
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """A table of more than two hundred columns, some with unusual names."""
    folder = tmp_path_factory.mktemp("wide")
    table = {name: [(row * (place + 3)) % 17 for row in range(ROWS)] for place, name in enumerate(NAMES)}
    dataset = Dataset(write_dataset(folder / "in", pyarrow.table(table), row_group=20), folder)
    yield dataset
    dataset.close()


@pytest.mark.parametrize("query", QUERIES)
def test_the_answer_is_that_over_all_columns(dataset: Dataset, query: str) -> None:
    """Stars, whole rows, aliases that hide a column, joins and tables of the query's own: nothing answers otherwise."""
    full, found = dataset.connection.sql(query), dataset.sql(query)
    assert found.columns == full.columns
    assert found.fetchall() == full.fetchall()


def test_a_query_is_given_the_columns_it_names(dataset: Dataset) -> None:
    """Quoted or not, in any letters, in a subquery too; a star over something else asks for no more."""
    query = 'SELECT * FROM (SELECT "c7", max(C8) FROM data WHERE "two words" > 1 GROUP BY ALL)'
    assert named_columns(dataset.connection, query, NAMES) == ["c7", "c8", "two words", "data"]
    assert named_columns(dataset.connection, "SELECT count(*) FROM data", NAMES[:-2]) == []
    for whole in ALL:
        assert named_columns(dataset.connection, whole, NAMES) is None


def test_a_wide_table_is_opened_once_and_bound_in_part(dataset: Dataset) -> None:
    """DuckDB is asked for the columns in the query, one of which is called as the view, and keeps what it knows of the file."""
    asked = dataset.sql('SELECT sum("c7") FROM data').relation.sql_query()
    assert f"""(SELECT "c7", "data", file_row_number AS row_index FROM read_parquet('{dataset.path}'))""" in asked
    assert dataset.sql("SELECT current_setting('parquet_metadata_cache')").scalar() is True


def test_all_columns_are_bound_for_none_but_who_needs_them(dataset: Dataset, tmp_path: Path) -> None:
    """As long as queries name their columns there is no view of all; whoever asks for it finds it, by its schema as well."""
    fresh = Dataset(dataset.path.parent, tmp_path)
    views = "SELECT count(*) FROM duckdb_views() WHERE view_name = 'data'"
    assert (
        fresh.sql("SELECT max(c1), max(row_index) FROM data").fetchall()
        == dataset.sql("SELECT max(c1), max(row_index) FROM data").fetchall()
    )
    assert fresh.rows([3], ["c1"]) == dataset.rows([3], ["c1"])
    assert (
        fresh.database.execute(f"SELECT max(c7) FROM ({fresh.part(['c7'])})").fetchall()
        == fresh.sql("SELECT max(c7) FROM data").fetchall()
    )
    assert fresh.database.execute(views).fetchall() == [(0,)]
    assert fresh.sql("WITH q AS (SELECT c1 FROM main.data) SELECT count(*) FROM q").scalar() == ROWS
    assert fresh.database.execute(views).fetchall() == [(1,)]
    fresh.close()
    assert fresh.connection.sql("SELECT count(*) FROM data").fetchall() == [(ROWS,)]
    fresh.close()


def test_a_query_with_parameters_and_a_wrong_one(dataset: Dataset) -> None:
    """Values are handed on; what cannot be parsed or bound fails with DuckDB's own words."""
    assert dataset.sql("SELECT count(*) FROM data WHERE c1 >= $1", [0]).scalar() == ROWS
    with pytest.raises(duckdb.ParserException):
        dataset.sql("SELECT count(* FROM data")
    with pytest.raises(duckdb.BinderException, match="no_such_column"):
        dataset.sql("SELECT no_such_column FROM data").fetchall()


def test_rows_by_number(dataset: Dataset) -> None:
    """Whole rows and single columns of them are the same as ever."""
    assert dataset.rows([3], ["c1", "two words"]) == [{"c1": 12, "two words": dataset.rows([3])[0]["two words"]}]


def test_a_table_with_its_own_row_index(tmp_path: Path) -> None:
    """The source's own column of that name stays apart from the number of the row, however wide the table is."""
    table = {"row_index": [7] * ROWS} | {f"c{index}": range(ROWS) for index in range(WIDE_COLUMNS)}
    dataset = Dataset(write_dataset(tmp_path / "in", pyarrow.table(table)), tmp_path)
    assert dataset.sql("SELECT max(row_index), max(row_index_source) FROM data").fetchall() == [(ROWS - 1, 7)]
    part = dataset.part(["c3", "row_index"])
    assert dataset.database.execute(f"SELECT * FROM ({part}) ORDER BY row_index LIMIT 2").fetchall() == [(0, 7, 0), (1, 7, 1)]
    dataset.close()


def test_a_held_table_is_asked_as_it_is(dataset: Dataset, tmp_path: Path) -> None:
    """After ``hold`` the answers come from memory: the file may be gone."""
    folder = write_dataset(tmp_path / "in", pyarrow.table({name: [1, 2] for name in NAMES}))
    held = Dataset(folder, tmp_path)
    held.hold()
    (folder / "data.parquet").unlink()
    assert held.sql("SELECT sum(c1) FROM data").scalar() == 3
    held.close()
