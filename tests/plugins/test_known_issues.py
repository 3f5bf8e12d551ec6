"""The known issues plugin: planted ones are confirmed with their rows, absent ones are said to be absent, nothing is guessed."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.stock_duckdb import run_again

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_known_issues"
TABLE = pa.table(
    {
        "id": [1, 2, 2, 4, 5, 6], "qty": [1, -5, 3, -2, 5, 6], "copy": ["1", "-5", "3", "-2", "5", "6"],
        "zip": ["01067", "x", None, "20095", "1067", "99"], "city": ["D", "H", "H", "H", "D", "D"],
        "land": ["SN", "HH", "HH", "NI", "SN", None], "unit": ["kg"] * 6, 'odd "name"': [1, 1, 1, 1, 1, None],
    }
)  # fmt: skip


def look(*issues: dict[str, Any], table: Any = TABLE, **settings: Any) -> dict[str, Any]:
    named = [{"id": f"i{place}", **issue} for place, issue in enumerate(issues)]
    return run_plugin(PLUGIN, table, settings={"known_issues": named, "erp": "SAP", **settings})


def verdicts(answer: dict[str, Any]) -> list[str]:
    return [entry["verdict"] for entry in answer["metrics"]["issues"]]


def rows_of(finding: dict[str, Any]) -> list[int]:
    return [int(ref.rpartition("=")[2]) for item in finding["evidence"] if item["type"] == "rows" for ref in item["refs"]]


PLANTED = [
    ({"kind": "sentinel", "columns": ["qty"], "condition": "qty < 0"}, 2, [1, 3]),
    ({"kind": "sentinel", "columns": ["qty"], "condition": "qty < 0 -- returns"}, 2, [1, 3]),
    ({"kind": "format_violation", "columns": ["zip"], "pattern": "^[0-9]{1,4}$"}, 2, [4, 5]),
    ({"kind": "format_violation", "columns": ["zip"], "pattern": "^[0-9]{1,4}$", "condition": "qty > 5"}, 1, [5]),
    ({"kind": "missingness", "columns": ["zip", "land"]}, 2, [2, 5]),
    ({"kind": "key", "columns": ["id"]}, 2, [1, 2]),
    ({"kind": "duplicate_rows", "columns": ["id", "city", "land"]}, 1, [2]),
    ({"kind": "functional_dependency", "columns": ["city", "land"]}, 2, []),
    ({"kind": "missingness", "columns": ['odd "name"']}, 1, [5]),
]


@pytest.mark.parametrize(("issue", "affected", "rows"), PLANTED, ids=lambda value: str(value)[:60])
def test_a_planted_issue_is_confirmed_with_its_rows(issue: dict[str, Any], affected: int, rows: list[int], tmp_path: Path) -> None:
    """Exactly the rows that show it, counted by a query that stock DuckDB answers alike."""
    answer = look(issue)
    (finding,) = answer["findings"]
    assert verdicts(answer) == ["confirmed"]
    assert (finding["statistics"]["affected_rows"], rows_of(finding)) == (affected, rows)
    assert f"is in {affected} of 6 rows" in finding["statement"]
    assert (finding["severity"], finding["subject"]) == ("notice", "i0")
    assert run_again(answer, TABLE, tmp_path) == 1


@pytest.mark.parametrize(
    "issue", [{"kind": "constant", "columns": ["unit"]}, {"kind": "duplicate_columns", "columns": ["qty", "copy"]}]
)
def test_what_is_true_of_whole_columns_is_confirmed(issue: dict[str, Any], tmp_path: Path) -> None:
    """A column that never changes, columns that are the same."""
    answer = look(issue)
    assert verdicts(answer) == ["confirmed"]
    assert run_again(answer, TABLE, tmp_path) == 1


def test_what_is_not_there_is_said() -> None:
    """Not seen is a fact with a count too, of severity info, so that it is no insight; its id is that of the confirmed one."""
    answer = look(
        {"kind": "sentinel", "columns": ["qty"], "condition": "qty > 100", "severity": "critical", "recommendation": "Mend it."},
        {"kind": "constant", "columns": ["city"]},
    )
    assert verdicts(answer) == ["not_confirmed", "not_confirmed"]
    first = answer["findings"][0]
    assert (first["severity"], first["recommendation"], first["statistics"]["confirmed"]) == ("info", None, False)
    assert "none of 6 rows" in first["statement"]
    assert answer["summary"] == "Of 2 known issues of SAP, 2 not seen here."


@pytest.mark.parametrize(
    ("issue", "verdict", "words"),
    [
        ({"kind": "missingness", "columns": ["none"]}, "not_applicable", "no column"),
        ({"kind": "outlier", "condition": "nothing > 1"}, "not_applicable", "does not fit"),
        ({"kind": "outlier", "condition": "qty >"}, "not_checkable", "cannot be evaluated"),
        ({"kind": "outlier", "condition": "true)) FROM data; DROP VIEW data; SELECT ((1"}, "not_checkable", ""),
        ({"kind": "outlier", "condition": "random() > 0.5"}, "not_checkable", '"random"'),
        ({"kind": "outlier", "condition": "qty > 0 AND current_date > DATE '2020-01-01'"}, "not_checkable", "current_date"),
        ({"kind": "outlier", "condition": "EXISTS (SELECT * FROM read_csv('/etc/passwd'))"}, "not_checkable", ""),
        ({"kind": "outlier", "columns": ["qty"]}, "not_checkable", "needs a condition"),
    ],
)
def test_what_cannot_be_looked_for_is_no_finding(issue: dict[str, Any], verdict: str, words: str) -> None:
    """The reason is told; the other issues are looked for all the same."""
    answer = look(issue, {"kind": "constant", "columns": ["unit"]})
    assert verdicts(answer) == [verdict, "confirmed"]
    assert words in answer["metrics"]["issues"][0]["reason"]
    assert len(answer["findings"]) == 1


def test_a_word_in_quotes_or_a_column_is_no_function() -> None:
    """A column called now, and a text that says random, are plain data."""
    table = {"now": [1, 2], "t": ["random", "x"]}
    assert verdicts(look({"kind": "outlier", "condition": "now > 1 OR t = 'random()'"}, table=table)) == ["confirmed"]


@pytest.mark.parametrize("table", [{"qty": pa.array([], pa.int64())}, {"qty": pa.array([None, None], pa.int64())}])
def test_degenerate_tables(table: Any) -> None:
    """Nothing is confirmed where there is nothing to see."""
    answer = look({"kind": "sentinel", "condition": "qty < 0"}, {"kind": "key", "columns": ["qty"]}, table=table)
    assert verdicts(answer) == ["not_confirmed", "not_confirmed"]


def test_without_issues_it_says_why_it_is_silent() -> None:
    """Nothing known, and nothing that fits, are different reasons."""
    assert look()["reason_code"] == "no_known_issues"
    assert look({"kind": "missingness", "columns": ["none"]})["reason_code"] == "no_issue_applies"


def test_few_rows_are_cited_and_all_are_counted() -> None:
    """At ten million rows a finding stays small."""
    table = {"qty": list(range(-500, 0))}
    (finding,) = look({"kind": "sentinel", "condition": "qty < 0"}, table=table, shown_rows=3)["findings"]
    assert (rows_of(finding), finding["statistics"]["affected_rows"]) == ([0, 1, 2], 500)
