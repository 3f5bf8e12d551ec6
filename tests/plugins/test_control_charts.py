"""The control charts on planted special causes, and on measures in control: with memory, heavy tails, cycles."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.series_tables import PLUGINS, analysed, assert_evidence_holds, days, walk

NAME = "analysis_control_charts"

IN_CONTROL: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "normal": lambda rng, n: rng.normal(50, 3, n),
    "student t4": lambda rng, n: rng.standard_t(4, n),
    "memory 0.3": lambda rng, n: walk(rng, n, 0.3),
    "memory 0.6": lambda rng, n: walk(rng, n, 0.6),
    "uniform": lambda rng, n: rng.random(n),
    "cycle": lambda rng, n: 5 * np.sin(np.arange(n) * 2 * np.pi / 12) + rng.normal(size=n),
}


def planted() -> dict[str, Any]:
    """A value far out, a stretch whose mean is shifted by one and a half deviations, and a measure that is in control."""
    rng = np.random.default_rng(11)
    single, mean = rng.normal(10, 1, 500), rng.normal(0, 1, 500)
    single[321] += 9
    mean[200:230] += 1.8
    return {"at": days(500), "single": single, "mean": mean, "calm": rng.normal(5, 2, 500)}


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return analysed(NAME, planted())


def test_special_causes_are_found_where_they_are(answer: dict[str, Any]) -> None:
    """Guards the rules: the single value by its row, the shifted mean by EWMA or CUSUM within its stretch, and the calm one not."""
    found = {f["columns"][0]: f["statistics"] for f in answer["findings"]}
    assert set(found) == {"single", "mean"}
    assert found["single"]["row_index"] == 321
    assert found["single"]["rule"] == "single point"
    assert 200 <= found["mean"]["row_index"] <= 235
    assert found["mean"]["rule"] in {"EWMA", "CUSUM", "run on one side"}


def test_numbers_come_from_a_query_and_the_artifact(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives the value, and the artifact the expectation, the point and its limit."""
    assert_evidence_holds(answer, planted(), tmp_path)
    single = next(f for f in answer["findings"] if f["columns"][0] == "single")
    document = json.loads((Path(answer["scratch"]) / single["evidence"][2]["path"]).read_text(encoding="utf-8"))
    row = dict(zip(document["fields"], document["points"][321], strict=True))
    assert row["value"] == pytest.approx(single["statistics"]["value"])
    assert row["expected"] == pytest.approx(single["statistics"]["expected"])
    assert row["single point"] > document["limits"]["single point"]


@pytest.mark.parametrize("rows", [60, 250, 1500])
def test_measures_in_control_are_quiet(rows: int) -> None:
    """Guards the limits of the whole chart: about one chart in twenty signals, whatever the length, the memory and the tails."""
    rng = np.random.default_rng(rows)
    charts = signalled = 0
    for _ in range(8 if rows < 1000 else 4):
        answer = analysed(NAME, {name: draw(rng, rows) for name, draw in IN_CONTROL.items()})
        charts += answer["metrics"]["tests"]
        signalled += len(answer["findings"])
    assert charts >= 20
    assert signalled <= 0.15 * charts


def test_the_classical_limits_would_alarm() -> None:
    """Guards the correction for memory: the same series drawn without it leaves three deviations of its differences many times."""
    values = walk(np.random.default_rng(4), 600, 0.8)
    spread = float(np.mean(np.abs(np.diff(values)))) / 1.128
    assert int((np.abs(values - values.mean()) > 3 * spread).sum()) >= 5
    (chart,) = analysed(NAME, {"v": values})["metrics"]["charts"]
    assert chart["memory"] == pytest.approx(0.8, abs=0.12)
    assert chart["stretches"] == 0


def test_many_rows_are_charted_in_subgroups() -> None:
    """Guards rational subgroups: a day whose mean is off by half a deviation of the rows shows among thirty thousand rows."""
    rng = np.random.default_rng(8)
    day = np.repeat(np.arange(150), 200)
    values = pa.array(rng.normal(20, 4, 30_000) + (day == 90) * 2.0, mask=np.arange(30_000) % 5 == 0)
    stamps = np.datetime64("2024-01-01") + day.astype("timedelta64[D]")
    (finding,) = analysed(NAME, {"at": stamps, "v": values})["findings"]
    assert finding["statistics"]["row_index"] == 90 * 200
    assert finding["statistics"]["n"] == 150
    assert finding["evidence"][0]["result"][0] == [160, pytest.approx(finding["statistics"]["value"], rel=1e-6)]


def test_one_absurd_row_is_no_signal_of_a_mean() -> None:
    """Guards the bounds: a price a hundred times too high among two hundred rows of its day is an outlier, told elsewhere."""
    values = np.random.default_rng(9).lognormal(3, 0.5, 30_000)
    values[12_345] = 9_999.0
    stamps = np.datetime64("2024-01-01") + np.repeat(np.arange(150), 200).astype("timedelta64[D]")
    assert analysed(NAME, {"at": stamps, "v": values})["reason_code"] == "in_control"


def test_skewed_measures_are_remembered_no_longer_than_they_are() -> None:
    """Guards the memory against skew: a measure whose mean is far from its median does not foresee itself, nor do its peaks."""
    rng = np.random.default_rng(12)
    charts = analysed(NAME, {f"c{k}": rng.lognormal(4, 1, 1500) for k in range(8)})["metrics"]["charts"]
    assert len(charts) == 8
    assert all(abs(chart["memory"]) < 0.1 for chart in charts)


def test_a_value_far_out_is_loud_whatever_the_order() -> None:
    """Guards the floor: at eight deviations a single value deserves a look, at five and a half it is left to the outliers."""
    values = np.random.default_rng(1).normal(size=800)
    for size, severity in ((5.6, "info"), (8.0, "notice")):
        (finding,) = analysed(NAME, {"v": np.where(np.arange(800) == 400, size, values)})["findings"]
        assert (finding["statistics"]["rule"], finding["severity"]) == ("single point", severity)


def test_units_change_nothing_but_the_values() -> None:
    """Guards invariance: a thousandfold measure has the same rows, rule and distance."""
    table = planted()
    one = analysed(NAME, {"v": table["single"]})["findings"][0]["statistics"]
    other = analysed(NAME, {"w": table["single"] * 1000 - 5})["findings"][0]["statistics"]
    assert (one["rows"], one["rule"]) == (other["rows"], other["rule"])
    assert one["effect"]["value"] == pytest.approx(other["effect"]["value"], rel=1e-4)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"v": []}, "nothing_to_chart"),
        ({"v": [1.0]}, "nothing_to_chart"),
        ({"v": [None] * 60}, "nothing_to_chart"),
        ({"v": [2.0] * 60}, "nothing_to_chart"),
        ({"v": [float("inf"), float("nan")] * 40}, "nothing_to_chart"),
        ({"k": sorted("abc" * 40), "v": list(np.arange(120.0) % 7)}, "rows_are_grouped"),
    ],
)
def test_degenerate_tables_say_why_not(table: dict[str, Any], reason: str) -> None:
    """Guards the tables that cannot be charted: each has its reason, and none an error."""
    assert analysed(NAME, table)["reason_code"] == reason


def test_huge_values_are_charted_without_overflow() -> None:
    """Guards large magnitudes: values near the largest doubles give a chart, or a reason, and no error."""
    answer = run_plugin(PLUGINS / NAME, {"v": list(np.random.default_rng(1).normal(size=80) * 1e150)})
    assert answer["status"] in {"ok", "na"}
    assert answer["metrics"]["charts"][0]["points"] == 80


def stuck(at: int, length: int) -> dict[str, Any]:
    """A measure with a daily wave that repeats its value in ``length`` rows from ``at`` on, and one that never does."""
    rng = np.random.default_rng(8)
    wave = 20 + 3 * np.sin(np.arange(2000) * 2 * np.pi / 24)
    level, calm = (np.round(wave + rng.normal(0, 1, 2000), 1) for _ in range(2))
    level[at : at + length] = level[at]
    return {"at": days(2000), "level": level, "calm": calm}


def still(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in answer["findings"] if finding["subject"] == "still"]


@pytest.mark.parametrize("length", [15, 120])
def test_a_sensor_that_stands_still_is_found(length: int, tmp_path: Path) -> None:
    """Guards the longest run: told with its place, its value and its length, as stock DuckDB finds them."""
    table = stuck(700, length)
    (finding,) = still(analysed(NAME, table))
    assert finding["columns"] == ["level", "at"]
    assert finding["severity"] == "warning"
    assert finding["statistics"]["row_index"] in (699, 700)
    assert f"in {finding['statistics']['count']:,} rows one after the other" in finding["statement"]
    assert length <= finding["statistics"]["count"] <= length + 2
    assert_evidence_holds(analysed(NAME, table), table, tmp_path)


def test_values_that_often_repeat_do_not_stand_still() -> None:
    """Guards against rest taken for a fault: nights at nought, whole numbers, slow steps, and values drawn at random."""
    rng = np.random.default_rng(3)
    hours = np.arange(2000)
    table = {
        "at": days(2000),
        "sun": np.round(np.maximum(0, np.sin(hours * 2 * np.pi / 24)) * rng.uniform(5, 9, 2000), 2),
        "count": rng.poisson(1.5, 2000),
        "battery": np.round(4.2 - hours / 4000, 2),
        "noise": np.round(rng.normal(size=2000), 2),
    }
    assert still(analysed(NAME, table)) == []
