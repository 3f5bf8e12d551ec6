"""A table of six hundred columns is checked with a number of queries that grows with the columns, and the answer can be told."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin

PLUGINS = Path(__file__).parents[2] / "plugins"
ROWS, COLUMNS = 2_000, 600
QUERIES = 200


def check(table):
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile})
    assert answer["status"] != "error", answer["error"]
    return answer


def draws(seed=1):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def repeated():
    """Two hundred columns of each of three contents, a few cells changed in some of them, and the last fifty rows a second time."""
    draw = draws()
    contents = [np.round(draw.normal(size=ROWS), 2), draw.integers(0, 1000, ROWS), draw.choice([f"w{i}" for i in range(90)], ROWS)]
    columns = {}
    for place in range(COLUMNS):
        values = contents[place % 3].copy()
        if place % 3 == 1 and place > 300:
            values[place] += 1
        values[-50:] = values[:50]
        columns[f"a_column_of_a_wide_table_{place}"] = values
    return check(pa.table(columns))


def sets(answer):
    """The findings of equal columns, by the first column of each set."""
    return {finding["columns"][0][-1]: finding for finding in answer["findings"] if finding["kind"] == "duplicate_columns"}


def test_equal_columns_are_compared_as_classes(repeated):
    """Two hundred equal columns are one finding that names the first ones; the queries are far fewer than the pairs."""
    assert repeated["debug"]["queries"] <= QUERIES
    found = sets(repeated)
    assert {first: len(finding["columns"]) for first, finding in found.items()} == {"0": 200, "1": 200, "2": 200}
    assert found["0"]["title"].endswith('_57" and 180 others are the same column')
    assert [count for item in found["0"]["evidence"] for count in item["result"][0][1:]] == [0] * 199


def test_columns_that_differ_in_a_cell_are_told_apart(repeated):
    """The cells that differ are counted column by column, and only the first columns are named."""
    found = sets(repeated)["1"]
    assert found["severity"] == "warning"
    assert found["statistics"]["differing_rows"] == 100
    assert found["statement"].count("differs in 1 row") == 20
    assert found["statement"].endswith("80 others differ too.")


def test_rows_that_repeat_are_counted_without_naming_all_columns(repeated):
    """Fifty rows stand there twice; the query that says so is short enough to be shown."""
    (found,) = [finding for finding in repeated["findings"] if finding["kind"] == "duplicate_rows"]
    (query, rows) = found["evidence"]
    assert query["result"] == [[50, 50, 2, 50, ROWS]]
    assert len(query["sql"]) < 1_000
    assert rows["refs"][0].endswith(f"row_index={ROWS - 50}")


def test_rare_flags_are_not_the_same_column():
    """Flags that are hardly ever set agree in nearly all rows, and in all that are looked at first, and are no copies."""
    rows = 40_000
    table = {f"flag_{place}": np.isin(np.arange(rows), draws(place).integers(0, rows, 4)).astype(int) for place in range(40)}
    table["again"] = table["flag_7"]
    answer = check(pa.table(table))
    assert [finding["columns"] for finding in answer["findings"] if finding["kind"] == "duplicate_columns"] == [["flag_7", "again"]]


def test_what_a_wide_table_leaves_out_is_said():
    """Columns beyond the bounds of a search are counted in the metrics and in the summary."""
    draw = draws()
    numbers = {f"n{place}": np.round(draw.normal(size=ROWS), 3) for place in range(COLUMNS // 2)}
    codes = {f"k{place}": draw.integers(0, 12, ROWS) for place in range(COLUMNS // 2)}
    answer = check(pa.table(numbers | codes))
    assert answer["debug"]["queries"] <= QUERIES
    assert answer["metrics"]["left_out"] == {"identity_columns": COLUMNS - 30, "deciding_columns": COLUMNS // 2 - 40}
    assert "570 numeric columns took no part in arithmetic rules, 260 columns were not tried as deciding ones" in answer["summary"]
