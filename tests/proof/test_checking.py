"""The check of everything that is kept: what is sound passes, what is damaged is named."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.runs import RunId
from harness_core.services.checking import Findings
from tests.fakes.ended_homes import EndedHome


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def wrong(found: Findings) -> list[str]:
    return [item.path for item in found.mismatches]


def test_an_untouched_home_is_sound(core: Core) -> None:
    """Every run, dataset version and upload is looked at."""
    for full in (False, True):
        found = core.checking.check(full=full)
        assert (found.sound, found.runs, found.datasets, found.uploads, found.leftovers) == (True, 1, 1, 1, [])


@pytest.mark.parametrize(
    "pattern", ["runs/*/report.json", "runs/*/plugins/analysis_count/output.json", "datasets/*/data.parquet", "blobs/*/*"]
)
def test_one_altered_byte_is_found_by_the_full_check_only(core: Core, pattern: str) -> None:
    """The quick one looks at names and sizes."""
    (path,) = core.settings.home.glob(pattern)
    flip(path)
    assert core.checking.check().sound
    found = wrong(core.checking.check(full=True))
    assert found[0] == path.relative_to(core.settings.home).as_posix()
    assert all((core.settings.home / name).exists() for name in found)


@pytest.mark.parametrize("pattern", ["runs/*/report.json", "datasets/*/data.parquet"])
def test_what_is_missing_or_cut_is_found_at_once(core: Core, pattern: str) -> None:
    """Without hashing anything."""
    (path,) = core.settings.home.glob(pattern)
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:-1])
    name = path.relative_to(core.settings.home).as_posix()
    assert wrong(core.checking.check()) == [name]
    path.unlink()
    assert wrong(core.checking.check()) == [name]


def test_a_record_that_contradicts_the_manifest_is_found(core: Core, run_id: RunId) -> None:
    """By the full check, which replays every run."""
    with closing(sqlite3.connect(core.settings.home / "state.sqlite")) as connection, connection:
        connection.execute("UPDATE run SET finding_count = 99")
    assert core.checking.check().sound
    assert wrong(core.checking.check(full=True)) == ["state.sqlite"]


def test_a_reference_to_nothing_is_found(core: Core) -> None:
    """By the full check of the database."""
    with closing(sqlite3.connect(core.settings.home / "state.sqlite")) as connection, connection:
        connection.execute("DELETE FROM run")
    assert any("not there" in item.reason for item in core.checking.check(full=True).mismatches)


def test_what_no_record_speaks_of_is_left_over_not_wrong(core: Core) -> None:
    """It takes room, and nothing reads it."""
    (core.settings.home / "runs" / "run_gone").mkdir()
    found = core.checking.check(full=True)
    assert (found.sound, found.leftovers) == (True, ["runs/run_gone"])


def test_a_run_under_way_is_no_damage(core: Core, ended_home: EndedHome) -> None:
    """Its files are still being written."""
    from tests.fakes.running import submit

    submit(core, ended_home.table, seed=9)
    assert core.checking.check(full=True).sound
