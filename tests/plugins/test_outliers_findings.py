"""The outliers plugin on planted errors: it finds these rows and no others, says so in numbers that stock DuckDB gives again."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.dataset import data_view
from harness_core.sdk.testing import run_plugin
from tests.plugins.stated_numbers import assert_numbers_have_evidence

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_outliers"
Table = dict[str, Any]

ROSNER = (
    -0.25, 0.68, 0.94, 1.15, 1.20, 1.26, 1.26, 1.34, 1.38, 1.43, 1.49, 1.49, 1.55, 1.56, 1.58, 1.65, 1.69, 1.70, 1.76, 1.77, 1.81,
    1.91, 1.94, 1.96, 1.99, 2.06, 2.09, 2.10, 2.14, 2.15, 2.23, 2.24, 2.26, 2.35, 2.37, 2.40, 2.47, 2.54, 2.62, 2.64, 2.90, 2.92,
    2.92, 2.93, 3.21, 3.26, 3.30, 3.59, 3.68, 4.30, 4.64, 5.34, 5.42, 6.01,
)  # fmt: skip


def outliers(table: Any, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGIN, table, **more)


def rows_of(finding: dict[str, Any]) -> set[int]:
    return {int(ref.rpartition("=")[2]) for item in finding["evidence"] if item["type"] == "rows" for ref in item["refs"]}


def claims(answer: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {(f["kind"], tuple(f["columns"]), f["subject"], f["statistics"]["count"]) for f in answer["findings"]}


def planted(seed: int = 5, n: int = 4000) -> Table:
    """An amount with three slipped decimal points, a skewed price with one absurd value, and two columns that go together."""
    rng = np.random.default_rng(seed)
    amount, price = np.round(rng.normal(50, 5, n), 2), np.round(rng.lognormal(3, 1, n), 2)
    weight = rng.normal(70, 10, n)
    height = 100 + weight + rng.normal(0, 2, n)
    amount[[7, 70, 700]] = [512.0, 4780.0, 495.5]
    price[11] = 4e7
    height[99] = 100 + 70 + 25
    weight[99] = 70 - 25
    return {"amount": amount, "price": price, "weight": weight, "height": height}


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return outliers(planted())


def test_planted_values_are_found_and_nothing_else(answer: dict[str, Any]) -> None:
    """Guards the tail test: exactly the planted rows, by column and direction."""
    found = {(tuple(f["columns"]), f["subject"]): rows_of(f) for f in answer["findings"]}
    assert found == {(("amount",), "high"): {7, 70, 700}, (("price",), "high"): {11}, (("weight", "height"), "joint"): {99}}


def test_a_slipped_decimal_point_is_said(answer: dict[str, Any]) -> None:
    """Guards the decimal shift: the sentence, its factors and the warning."""
    amount = next(f for f in answer["findings"] if f["columns"] == ["amount"])
    assert "All 3 fall back into that range when divided by 10 or 100" in amount["statement"]
    assert amount["statistics"]["decimal_shifts"] == [10, 100]
    assert amount["severity"] == "warning"


def test_every_number_of_the_statement_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives each evidence result again, and the statement quotes it and nothing else."""
    assert assert_numbers_have_evidence(answer) >= 10
    pa.parquet.write_table(pa.table(planted()), tmp_path / "data.parquet")
    connection = duckdb.connect()
    connection.execute(data_view(tmp_path / "data.parquet", list(planted())))
    for finding in answer["findings"]:
        for item in finding["evidence"]:
            if item["type"] == "query":
                again = connection.sql(item["sql"]).fetchall()
                assert [list(row) for row in again] == [pytest.approx(row, rel=1e-9) for row in item["result"]]
    price = next(f for f in answer["findings"] if f["columns"] == ["price"])
    assert "1 of the 4,000 values" in price["statement"]
    assert "40,000,000" in price["statement"]


def test_the_joint_finding_names_the_columns_that_make_the_row_odd(answer: dict[str, Any]) -> None:
    """Guards the joint distance and its SQL: a heavy short person, and a count that the query gives again."""
    joint = next(f for f in answer["findings"] if f["kind"] == "anomaly")
    assert joint["columns"] == ["weight", "height"]
    assert joint["evidence"][0]["result"] == [[1, 4000]]


def test_values_too_low_are_found_on_the_logarithm() -> None:
    """Guards the low side: a hundredth of the usual value in a positive, skewed column."""
    rng = np.random.default_rng(2)
    values = rng.lognormal(5, 0.4, 3000)
    values[42] = 0.001
    (finding,) = outliers({"turnover": values})["findings"]
    assert finding["subject"] == "low"
    assert rows_of(finding) == {42}
    assert finding["statistics"]["scale"] == "log"


def test_rosners_published_outliers_are_the_three() -> None:
    """Guards Rosner's test in its place: NIST's example gives exactly three, for information only."""
    (finding,) = outliers({"x": np.array(ROSNER)})["findings"]
    assert (finding["statistics"]["count"], finding["severity"]) == (3, "info")
    assert rows_of(finding) == {51, 52, 53}
    assert finding["statistics"]["p_value_if_normal"] == pytest.approx(0.0429, abs=5e-3)
    assert finding["statistics"]["p_value"] > 0.5  # fifty values do not show that they are normal
    assert "if the other values are normal" in finding["confidence_note"]


def test_what_a_normal_column_cannot_have_is_told_for_sure() -> None:
    """Guards Rosner's test in larger columns: three far values beside normal ones, and none where the tails are heavy or it is near."""
    rng = np.random.default_rng(7)
    values = rng.normal(100, 15, 800)
    values[[5, 300, 700]] += 15 * 8
    (finding,) = outliers({"x": values})["findings"]
    assert (finding["statistics"]["count"], finding["severity"]) == (3, "notice")
    assert rows_of(finding) == {5, 300, 700}
    assert finding["statistics"]["p_value"] < 1e-5
    near = np.append(rng.normal(size=799), 4.9)
    heavy = [rng.standard_t(5, 800) for _ in range(40)]
    assert outliers({"near": near, **{f"t{k}": column for k, column in enumerate(heavy)}})["reason_code"] == "no_outliers"


def test_rosners_choice_is_no_proof_where_tails_may_be_heavy() -> None:
    """Guards the p-value of small columns: of sixty with heavy tails Rosner's test, which takes them for normal, is sure of many."""
    rng = np.random.default_rng(21)
    table = {f"t{k}": rng.standard_t(3, 80) for k in range(60)}
    told = [f["statistics"] for f in outliers(table, settings={"esd_significance": 0.1})["findings"]]
    assert sum(item["p_value_if_normal"] <= 0.001 for item in told) >= 5
    assert min(item["p_value"] for item in told) > 0.005


def test_heavy_tails_are_no_list_of_outliers() -> None:
    """Guards the tail awareness: a column where the boxplot would name hundreds of values yields none."""
    values = np.random.default_rng(8).standard_t(3, 20_000)
    result = outliers({"x": values})
    assert result["reason_code"] == "no_outliers"
    assert sum(result["metrics"]["columns"][0]["beyond_fences"]) > 500


def test_only_measures_are_examined() -> None:
    """Guards the roles: an identifier with one huge value is not a finding, and the reason is listed."""
    ids = np.arange(1000)
    ids[5] = 10**12
    profile = {"profile_basic": {"status": "ok", "metrics": {"columns": [{"name": "id", "role": "identifier"}]}}}
    result = outliers({"id": ids}, upstream=profile)
    assert (result["status"], result["reason_code"]) == ("na", "no_measures")
    both = outliers({"id": ids, "x": np.random.default_rng(1).normal(size=1000)}, upstream=profile)
    assert both["metrics"]["skipped"] == [{"name": "id", "reason": "it is not a measure but its role is identifier"}]


def test_columns_without_a_spread_are_named_as_not_examined() -> None:
    """Guards the degenerate columns: constants, mostly one value, infinities, nulls."""
    values = [None, float("inf"), float("nan")] + [0.0] * 90 + [float(k) for k in range(7)]
    result = outliers({"mostly_zero": values, "constant": [3] * 100})
    assert result["reason_code"] == "nothing_to_examine"
    assert [item["name"] for item in result["metrics"]["skipped"]] == ["mostly_zero", "constant"]


def test_the_order_of_rows_changes_nothing_but_the_rows_cited() -> None:
    """Guards determinism under permutation: the same claims with the same numbers, about the moved rows."""
    table, order = planted(), np.random.default_rng(0).permutation(4000)
    one, other = outliers(table), outliers({name: values[order] for name, values in table.items()})
    assert claims(one) == claims(other)
    for first, second in zip(one["findings"], other["findings"], strict=True):
        assert first["statistics"] == second["statistics"]
        assert rows_of(first) == {int(order[row]) for row in rows_of(second)}


def test_names_units_and_constant_columns_change_nothing() -> None:
    """Guards invariance: other names, values times a thousand and an added constant column give the same rows."""
    table = planted()
    renamed = {f'{name} "x"; --': values * 1000 for name, values in table.items()} | {"constant": np.ones(4000)}
    one, other = outliers(table), outliers(renamed)
    assert [rows_of(f) for f in one["findings"]] == [rows_of(f) for f in other["findings"]]
    effects = [[f["statistics"]["effect"]["value"] for f in result["findings"]] for result in (one, other)]
    assert effects[0] == pytest.approx(effects[1], rel=1e-6)


def test_decimals_and_integers_are_read_as_numbers() -> None:
    """Guards the storage types: a DECIMAL and a BIGINT column with one absurd value each."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(200, 2000)
    counts[3] = 90_000
    money = pa.array([f"{value:.2f}" for value in rng.normal(100, 3, 2000)]).cast(pa.decimal128(12, 2)).to_pylist()
    money[17] = 99_999
    found = outliers(pa.table({"counts": counts, "money": pa.array(money, pa.decimal128(12, 2))}))["findings"]
    assert [(f["columns"], rows_of(f)) for f in found] == [(["counts"], {3}), (["money"], {17})]


def test_a_wide_table_cites_its_model_as_an_artifact() -> None:
    """Guards the joint finding beyond the columns that fit a query: the count can be checked in the artifact."""
    rng = np.random.default_rng(6)
    base = rng.normal(size=2000)
    table = {f"c{k}": base + rng.normal(0, 0.2, 2000) for k in range(14)}
    table["c3"][55], table["c4"][55] = 2.5, -2.5
    (finding,) = outliers(table)["findings"]
    assert finding["evidence"][0]["path"] == "artifacts/joint_distances.json"
    assert {"c3", "c4"} <= set(finding["columns"])
