"""Drift: planted differences between parts and between tables are found at their size, noise of many kinds stays quiet."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from harness_core.sdk.canonical import jsonable
from harness_core.sdk.dataset import data_view
from harness_core.sdk.statistics.distances import Merged, jensen_shannon, population_stability
from harness_core.sdk.statistics.ordered import Ordered
from harness_core.sdk.testing import run_plugin, write_dataset
from tests.plugins.null_tables import null_table
from tests.plugins.stated_numbers import assert_numbers_have_evidence
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"


def drift(table: pa.Table, others: dict[str, pa.Table] | None = None, seed: int = 1, **settings: Any) -> dict[str, Any]:
    profile = run_plugin(PLUGINS / "profile_basic", table)
    upstream = {"profile_basic": profile}
    return run_plugin(PLUGINS / "analysis_drift", table, upstream=upstream, datasets=others, settings=settings, seed=seed)


def days(n: int, span: int = 300, start: str = "2023-01-01") -> np.ndarray:
    return np.datetime64(start) + (np.arange(n) * span // n).astype("timedelta64[D]")


def told(answer: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(finding["columns"][0], finding["subject"].partition(" / ")[0]): finding for finding in answer["findings"]}


def planted(n: int, seed: int = 3) -> pa.Table:
    """The later half: a shift of half a deviation, twice the spread, another mix, a new value, and a fifth of the values missing."""
    rng = np.random.default_rng(seed)
    late = np.arange(n) >= n // 2
    mix = np.where(late, rng.choice(["x", "y"], n, p=[0.7, 0.3]), rng.choice(["x", "y"], n, p=[0.4, 0.6]))
    shop = np.where(late & (rng.random(n) < 0.015), "harbour", rng.choice(["a", "b", "c"], n))
    holes = pa.array(rng.normal(0, 1, n), mask=rng.random(n) < np.where(late, 0.25, 0.05))
    return pa.table({
        "day": days(n), "level": rng.normal(0, 1, n) + 0.5 * late, "spread": rng.normal(0, 1, n) * np.where(late, 2, 1), "mix": mix,
        "shop": shop, "holes": holes, "quiet": rng.lognormal(0, 1, n), "plain": rng.choice(["p", "q", "r"], n),
    })  # fmt: skip


@pytest.mark.parametrize("n", [4_000, 20_000])
def test_planted_drift_of_every_form_is_found_and_nothing_else(n: int, tmp_path: Path) -> None:
    """Guards recall and precision, and that every number in a sentence comes from a query that stock DuckDB answers alike."""
    table = planted(n)
    answer = drift(table)
    found = told(answer)
    assert set(found) == {("level", "numbers"), ("spread", "numbers"), ("mix", "mix"), ("shop", "new"), ("holes", "nulls")}
    assert found["level", "numbers"]["statistics"]["effect"]["value"] == pytest.approx(0.2, abs=0.08)
    assert all(finding["columns"][1] == "day" for finding in found.values())
    assert "harbour" in found["shop", "new"]["statement"]
    assert all(finding["statistics"]["p_value"] <= 0.01 for finding in found.values())
    assert run_again(answer, table, tmp_path) == 5


def test_noise_of_many_shapes_is_quiet_and_its_p_values_are_uniform() -> None:
    """Guards calibration: without any floor on the effect, p-values under no drift are not smaller than they should be."""
    p_values = []
    for seed in range(14):
        answer = drift(null_table(seed), seed=seed + 1)
        assert answer["status"] == "na", answer["findings"]
        for comparison in answer["metrics"].get("comparisons", []):
            p_values += [entry["p_value"] for entry in comparison["columns"] if entry["p_value"] is not None]
    assert len(p_values) > 55
    for level in (0.01, 0.05, 0.2, 0.5):
        share = float(np.mean(np.asarray(p_values) <= level))
        assert share <= level + 3 * np.sqrt(level * (1 - level) / len(p_values))
    assert float(np.mean(np.asarray(p_values) <= 0.5)) > 0.35


@pytest.mark.parametrize("memory", [0.7, 0.95])
def test_neighbours_that_resemble_one_another_are_not_drift(memory: float) -> None:
    """Guards against series with memory, whose halves differ by chance: by numbers and by labels that come in runs."""
    hits = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        noise, series = rng.normal(0, 1, 3000), np.empty(3000)
        series[0] = noise[0]
        for k in range(1, 3000):
            series[k] = memory * series[k - 1] + noise[k]
        stays = rng.random(3000) < memory
        labels = rng.choice(["a", "b", "c"], 3000)
        for k in range(1, 3000):
            labels[k] = labels[k - 1] if stays[k] else labels[k]
        hits += drift(pa.table({"day": days(3000), "wanders": series, "runs": labels}))["status"] == "ok"
    assert hits <= 1


def test_a_season_is_no_drift_where_the_span_shows_it() -> None:
    """Guards the comparison of like with like: eighteen months, and three years, with a yearly cycle and nothing else."""
    rng = np.random.default_rng(1)
    for span in (548, 1095):
        n = span * 8
        wave = np.sin(2 * np.pi * np.arange(n) / 8 / 365.25)
        answer = drift(pa.table({"day": days(n, span), "wave": wave + rng.normal(0, 1, n)}))
        assert answer["status"] == "na", answer["findings"]


def test_batches_are_found_by_name_and_by_standing_in_one_piece() -> None:
    """Guards the choice of parts: a file column that is in pieces divides the table, one that is shuffled does not."""
    rng = np.random.default_rng(2)
    n = 3000
    files = np.repeat(["jan.csv", "feb.csv", "mar.csv"], n // 3)
    value = rng.normal(0, 1, n) + 0.8 * (files == "mar.csv")
    answer = drift(pa.table({"source_file": files, "value": value}))
    finding = told(answer)["value", "numbers"]
    assert finding["columns"] == ["value", "source_file"]
    assert answer["metrics"]["comparisons"][0]["later"].startswith('where "source_file" is')
    order = rng.permutation(n)
    shuffled = drift(pa.table({"source_file": files[order], "value": rng.normal(0, 1, n)}))
    assert shuffled["metrics"].get("comparisons", [{"axis": None}])[0]["axis"] is None


def test_parts_can_be_named(tmp_path: Path) -> None:
    """Guards the settings, and the sentences for a column, a value, a time that is not there."""
    table = planted(2000).append_column("region", pa.array(["n", "s"] * 1000))
    assert drift(table, part_column="region", split="s")["status"] == "na"
    first = drift(table, part_column="day", split="2023-04-01")["metrics"]["comparisons"][0]
    assert (first["earlier"], first["later"]) == ("before 2023-04-01", "from 2023-04-01 on")
    for settings, code in (
        ({"part_column": "nowhere"}, "no_part_column"),
        ({"part_column": "region", "split": "x"}, "no_such_part"),
        ({"part_column": "day", "split": "soon"}, "no_such_part"),
        ({"part_column": "level"}, "no_parts"),
    ):
        assert drift(table, **settings)["reason_code"] == code


def test_tables_of_one_format_are_compared_with_their_columns(tmp_path: Path) -> None:
    """Guards drift between dataset versions: columns gone, new, retyped, a shift; evidence over a view per role."""
    rng = np.random.default_rng(4)
    one = pa.table(
        {"a": rng.normal(0, 1, 2000), "b": rng.choice(["x", "y"], 2000), "c": rng.integers(0, 500, 2000), "d": rng.random(2000)}
    )
    two = pa.table({
        "a": rng.normal(0.6, 1, 1500), "b": rng.choice(["x", "y"], 1500), "c": pa.array(rng.integers(0, 500, 1500)).cast(pa.string()),
        "e": rng.random(1500), "d": rng.random(1500),
    })  # fmt: skip
    answer = drift(one, {"next": two, "stranger": pa.table({"q": [1, 2], "r": [3, 4]})})
    schema, shift = answer["findings"]
    assert schema["statistics"] == {"come": ["e"], "gone": [], "retyped": ["c"]}
    assert schema["severity"] == "warning"
    assert shift["columns"] == ["a"]
    assert [item["later"] for item in answer["metrics"]["comparisons"]] == ['in "next"', "from row 1,000 on"]
    connection = duckdb.connect()
    for role, table in (("data", one), ("next", two)):
        pyarrow.parquet.write_table(table, tmp_path / f"{role}.parquet")
        statement = data_view(tmp_path / f"{role}.parquet", table.column_names)
        connection.execute(statement.replace("VIEW data AS", f'VIEW "{role}" AS', 1))
    assert assert_numbers_have_evidence(answer) >= 4
    for finding in answer["findings"]:
        for item in finding["evidence"]:
            assert jsonable([list(row) for row in connection.sql(item["sql"]).fetchall()]) == item["result"]


def version(folder: Path, table: pa.Table, sha256: str) -> Path:
    """A dataset version that was read from the file with this SHA-256."""
    write_dataset(folder, table)
    facts = json.loads((folder / "schema.json").read_text())
    (folder / "schema.json").write_text(json.dumps({**facts, "input_sha256": sha256}))
    return folder


def test_each_table_is_compared_with_its_own_earlier_version(tmp_path: Path) -> None:
    """Guards which table belongs to which: by columns, then by place; earlier ones come first, and never stand for the new file."""
    rng = np.random.default_rng(6)

    def table(names: str, shift: float = 0.0) -> pa.Table:
        return pa.table({name: rng.normal(shift, 1, 1000) for name in names})

    old, others = "0" * 64, {"lines": table("pqr"), "again": table("abc", 0.1)}
    others |= {name: version(tmp_path / name, made, old) for name, made in (
        ("old_lines", table("pqr", 1)), ("old", table("abc", 1)), ("old_again", table("abc", 3)))}  # fmt: skip
    answer = drift(table("abc"), others, earlier_inputs=[{"sha256": old, "filename": "old.xlsx"}])
    pairs = [(item["earlier"], item["later"]) for item in answer["metrics"]["comparisons"]]
    assert pairs == [
        ('in the earlier file "old.xlsx"', "in this file"),
        ('in "old_lines" of the earlier file "old.xlsx"', 'in "lines" of this file'),
        ('in "old_again" of the earlier file "old.xlsx"', 'in "again" of this file'),
        ("in the first table", 'in "again"'),
        ("in the first 500 rows", "from row 500 on"),
    ]
    assert {item["subject"].partition(" / ")[2] for item in answer["findings"]} == {
        "earlier file", "earlier file, table lines", "earlier file, table again",
    }  # fmt: skip
    assert assert_numbers_have_evidence(answer) > 0


def test_an_earlier_file_of_another_kind_is_said_not_to_be_compared(tmp_path: Path) -> None:
    """Guards against silence: who asked for a comparison learns that there was none."""
    other = version(tmp_path / "old", pa.table({"q": [1, 2], "r": [3, 4]}), "1" * 64)
    answer = drift(null_table(1), {"old": other}, earlier_inputs=[{"sha256": "1" * 64}])
    assert answer["status"] == "na"
    assert "The earlier file shares too few columns with this one" in answer["summary"]


def test_units_names_and_rows_that_change_places_within_a_day_change_nothing() -> None:
    """Guards metamorphic properties: other units and names, and the order of rows with the same time."""
    table = planted(4000)
    plain = drift(table)
    scaled = table.set_column(1, "level", pa.array(table["level"].to_numpy() * 1024))
    renamed = table.rename_columns([f"{name} of it" for name in table.column_names])

    def values(answer: dict[str, Any]) -> list[tuple[float, float]]:
        return [(item["statistics"]["effect"]["value"], item["statistics"]["p_value"]) for item in answer["findings"]]

    assert values(drift(scaled)) == values(plain) == values(drift(renamed))
    assert json.dumps(drift(table)["findings"]) == json.dumps(plain["findings"])


@pytest.mark.parametrize(
    "columns",
    [
        {"x": []}, {"x": [1.0]}, {"x": [None] * 200}, {"x": [3.0] * 200}, {"x": [float("inf"), -1e308, 1e308, None] * 60},
        {"x": list(range(200)), "row_index": [1, 2] * 100}, {"x": ["a", None] * 100, "batch": ["one"] * 200},
        {"day": [None] * 200, "x": list(np.arange(200.0) % 7)}, {"batch": ["a"] * 10 + ["b"] * 190, "x": [0.5, 1.5] * 100},
    ],
)  # fmt: skip
def test_degenerate_tables_are_no_error(columns: dict[str, list[Any]]) -> None:
    """Guards empty, single, missing, constant, huge and infinite input."""
    kinds = {"day": pa.timestamp("us"), "x": pa.float64() if not any(isinstance(v, str) for v in columns.get("x", [])) else None}
    table = pa.table({name: pa.array(values, type=kinds.get(name)) for name, values in columns.items()})
    assert drift(table)["status"] == "na"


def test_what_is_beyond_the_limit_of_columns_is_said() -> None:
    """Guards wide tables: the bound is stated, and the metrics name what was left out."""
    rng = np.random.default_rng(5)
    table = pa.table({f"c{k}": rng.normal(0, 1, 400) for k in range(60)})
    comparison = drift(table, max_columns=20)["metrics"]["comparisons"][0]
    assert [item["name"] for item in comparison["left_out"]] == [f"c{k}" for k in range(20, 60)]
    assert len(comparison["columns"]) == 20


def test_distances_by_hand() -> None:
    """Guards the formulas on samples small enough to work out."""
    merged = Merged.of(Ordered(np.array([1.0, 2.0, 2.0, 3.0])), Ordered(np.array([2.0, 4.0])))
    assert merged.kolmogorov() == (0.5, 3.0)
    assert merged.wasserstein() == pytest.approx(1.0)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 3.0])) == 1.0
    assert jensen_shannon(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == 0.0
    p, q = np.array([60.5, 40.5]) / 101, np.array([50.5, 50.5]) / 101
    assert population_stability(np.array([60.0, 40.0]), np.array([50.0, 50.0])) == pytest.approx(((q - p) * np.log(q / p)).sum())


def year_part(first: str, count: int, shift: float) -> pa.Table:
    rng = np.random.default_rng(17)
    at = np.datetime64(first) + np.arange(count) * np.timedelta64(1, "h")
    return pa.table({"at": pa.array(at.astype("datetime64[us]")), "sold": rng.normal(shift, 1, count)})


def test_versions_of_other_months_are_said_to_differ_by_season(tmp_path: Path) -> None:
    """Guards like with like: a spring beside a winter may differ by that alone; two springs may not."""
    old = {"old": version(tmp_path / "winter", year_part("2025-01-01", 1500, 0), "2" * 64)}
    answer = drift(year_part("2025-04-01", 1500, 0.8), old, earlier_inputs=[{"sha256": "2" * 64, "filename": "q1.csv"}])
    finding = next(item for item in answer["findings"] if item["columns"] == ["sold"] and "earlier file" in item["subject"])
    assert "other months of the year" in finding["statement"]
    assert "from 2025-01-01 to 2025-03-04" in finding["statement"]
    assert assert_numbers_have_evidence(answer) > 0
    old = {"old": version(tmp_path / "spring", year_part("2024-04-01", 1500, 0), "3" * 64)}
    same = drift(year_part("2025-04-01", 1500, 0.8), old, earlier_inputs=[{"sha256": "3" * 64, "filename": "q2.csv"}])
    assert all("months" not in item["statement"] for item in same["findings"])


def test_small_files_are_compared_with_their_earlier_version(tmp_path: Path) -> None:
    """Guards --against below eighty rows: columns always, values from thirty rows on each side on, and what was not done is said."""
    names = {"a": 0.0, "b": 2.5}
    rng = np.random.default_rng(8)
    old, new = (pa.table({name: rng.normal(shift * later, 1, 40) for name, shift in names.items()}) for later in (0, 1))
    earlier = {"old": version(tmp_path / "old", old.append_column("gone", pa.array([1] * 40)), "4" * 64)}
    answer = drift(new, earlier, earlier_inputs=[{"sha256": "4" * 64}])
    assert [item["columns"] for item in answer["findings"]] == [["gone"], ["b"]]
    few = drift(new.slice(0, 12), earlier, earlier_inputs=[{"sha256": "4" * 64}])
    assert "fewer than 30 rows" in few["summary"]
