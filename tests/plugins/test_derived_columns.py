"""The order of rows and the pieces of work, kept once: what builds on them says the same, to the byte, with and without."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.dataset import Dataset
from harness_core.sdk.derived import write_columns
from harness_core.sdk.statistics.events import Roles
from harness_core.sdk.statistics.series import rows_in_time, time_places
from harness_core.sdk.statistics.work import read_work, work_columns
from harness_core.sdk.testing import run_plugin, write_dataset
from tests.plugins.event_logs import job_log, process_log

PLUGINS = Path(__file__).parents[2] / "plugins"
ROWS = 1_500
BY_WORK = ("analysis_queue_delay", "analysis_queue_model")
BESIDE = ("written", "datasets", "scratch", "frames")


def shuffled(times: Any) -> pa.Table:
    """Rows in no order of time, some without a time, with a measure that rises and one group that is dense for a while."""
    rng = np.random.default_rng(5)
    order = rng.permutation(ROWS)
    rising = np.arange(ROWS) / 250 + rng.normal(size=ROWS)
    group = np.where((np.arange(ROWS) > 500) & (np.arange(ROWS) < 600), "dense", rng.choice(["a", "b", "c"], ROWS))
    stamps = [None if k % 97 == 0 else times(int(k)) for k in order]
    return pa.table({"at": stamps, "amount": rising[order], "group": group[order]})


def moment(k: int) -> datetime:
    return datetime(2023, 1, 2) + timedelta(hours=3 * k, microseconds=k)


def month(k: int) -> str:
    return f"{1990 + k // 120}-{1 + (k // 10) % 12:02d}"


def dataset(folder: Path, table: pa.Table, *derived: Path) -> Dataset:
    return Dataset(write_dataset(folder / "in", table), folder / "scratch", derived=derived)


def plain(answer: dict[str, Any]) -> bytes:
    return canonical_bytes({key: value for key, value in answer.items() if key not in BESIDE})


def profiles(table: pa.Table, from_rows: int) -> dict[str, Any]:
    settings = {"derive_from_rows": from_rows}
    upstream = {"profile_basic": run_plugin(PLUGINS / "profile_basic", table, settings=settings)}
    return upstream | {"profile_eventlog": run_plugin(PLUGINS / "profile_eventlog", table, upstream=upstream, settings=settings)}


@pytest.mark.parametrize("times", [moment, month])
def test_an_order_that_was_kept_is_the_order_that_is_found(times: Any, tmp_path: Path) -> None:
    """Times, rows and their types; nothing is read of the source but a time that is one already."""
    table = shuffled(times)
    fresh = dataset(tmp_path, table)
    column = fresh.column("at")
    write_columns(tmp_path / "kept.parquet", time_places(fresh, column), ROWS)
    kept = dataset(tmp_path, table, tmp_path / "kept.parquet")
    found, again = rows_in_time(fresh, column), rows_in_time(kept, column)
    assert found.times is not None
    assert found.rows is not None
    assert np.array_equal(found.times, again.times)  # type: ignore[arg-type]
    assert np.array_equal(found.rows, again.rows)  # type: ignore[arg-type]
    assert (found.times.dtype, found.rows.dtype, found.length) == (again.times.dtype, again.rows.dtype, again.length)  # type: ignore[union-attr]
    assert kept.rows_read == (ROWS if times is moment else 0)


def test_rows_that_are_sorted_need_no_column(tmp_path: Path) -> None:
    """Their order is found as fast as it would be read, gaps or not."""
    table = pa.table({"at": [None if k == 7 else moment(k) for k in range(50)]})
    fresh = dataset(tmp_path, table)
    assert time_places(fresh, fresh.column("at")) == {}


@pytest.mark.parametrize("log", [job_log(jobs=1_000), process_log(cases=200)], ids=["jobs", "cases"])
def test_work_that_was_kept_is_the_work_that_is_found(log: pa.Table, tmp_path: Path) -> None:
    """Each piece with its times and its row; other roles are other work and are not taken for it."""
    names = log.column_names
    times = [name for name in names if pa.types.is_timestamp(log.schema.field(name).type)]
    roles = Roles(started=times[0], ended=times[-1], case=None if len(times) > 1 else names[0])
    fresh = dataset(tmp_path, log)
    write_columns(tmp_path / "kept.parquet", work_columns(fresh, roles), log.num_rows)
    kept = dataset(tmp_path, log, tmp_path / "kept.parquet")
    found, again = read_work(fresh, roles), read_work(kept, roles)
    for part in ("queued", "start", "end", "rows", "resource", "activity"):
        assert np.array_equal(getattr(found, part), getattr(again, part)), part
    assert found.left_out == again.left_out
    assert kept.rows_read == 0
    read_work(kept, Roles(started=times[0], ended=times[0]))
    assert kept.rows_read > 0


@pytest.mark.parametrize(
    ("times", "plugins"),
    [(moment, ["analysis_scan_statistics", "analysis_control_charts"]), (month, ["analysis_trend_seasonality"])],
)
def test_analyses_of_a_course_say_the_same(times: Any, plugins: list[str]) -> None:
    """Analyses that put rows in order of time: the other ones do it by the same function."""
    table = shuffled(times)
    without, with_columns = profiles(table, ROWS + 1), profiles(table, 0)
    assert (list(without["profile_basic"]["written"]), list(with_columns["profile_basic"]["written"])) == (
        [],
        ["derived/data.parquet"],
    )
    assert plain(without["profile_basic"]) == plain(with_columns["profile_basic"])
    for plugin in plugins:
        answers = [run_plugin(PLUGINS / plugin, table, upstream=upstream) for upstream in (without, with_columns)]
        assert plain(answers[0]) == plain(answers[1]), plugin


def test_analyses_of_work_say_the_same() -> None:
    """Every analysis of queues."""
    log = job_log(jobs=1_500)
    without, with_columns = profiles(log, log.num_rows + 1), profiles(log, 0)
    assert list(with_columns["profile_eventlog"]["written"]) == ["derived/data.parquet"]
    assert plain(without["profile_eventlog"]) == plain(with_columns["profile_eventlog"])
    for plugin in BY_WORK:
        answers = [run_plugin(PLUGINS / plugin, log, upstream=upstream) for upstream in (without, with_columns)]
        assert plain(answers[0]) == plain(answers[1]), plugin


def test_the_same_table_gives_the_same_file() -> None:
    """Derived columns are the same bytes every time."""
    table = shuffled(moment)
    one, other = (profiles(table, 0)["profile_basic"] for _ in range(2))
    name = "artifacts/derived/data.parquet"
    assert (Path(one["scratch"]) / name).read_bytes() == (Path(other["scratch"]) / name).read_bytes()


def test_files_of_several_plugins_are_one_view(tmp_path: Path) -> None:
    """Columns of two files stand beside one another, row by row; of two with one name the first is taken; others are refused."""
    table = pa.table({"x": [1, 2, 3]})
    write_columns(tmp_path / "one.parquet", {"a": np.array([1, 2, 3]), "b": np.array([4, 5, 6])}, 3)
    write_columns(tmp_path / "two.parquet", {"b": np.array([7, 8, 9]), "c": np.array([10, 11, 12])}, 3)
    both = dataset(tmp_path, table, tmp_path / "one.parquet", tmp_path / "two.parquet")
    assert both.sql("SELECT * FROM derived ORDER BY row_index").fetchall() == [(0, 1, 4, 10), (1, 2, 5, 11), (2, 3, 6, 12)]
    write_columns(tmp_path / "other.parquet", {"a": np.array([1])}, 1)
    with pytest.raises(ValueError, match="has 1 rows; the dataset version has 3"):
        dataset(tmp_path, table, tmp_path / "other.parquet").derived.numpy("a")
