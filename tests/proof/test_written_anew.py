"""Data of a dataset version that were gone or damaged, and were written again by another version of the Parquet writer."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness_core import bootstrap
from harness_core.bootstrap import Core, open_core, open_pack_tools
from harness_core.domain.errors import Tampered
from harness_core.domain.runs import RunId
from harness_core.sdk.canonical import sha256_hex
from harness_core.settings import read_settings
from tests.fakes.ended_homes import EndedHome
from tests.fakes.plugins import INGEST, make_plugin, small_catalog
from tests.fakes.running import run_to_end

WRITING = "    ctx.write_dataset("
OTHER_BYTES = INGEST.replace(WRITING, f"    table = table.replace_schema_metadata({{'writer': 'another'}})\n{WRITING}")
Later = Callable[[str], Core]


@pytest.fixture
def later(core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Later]:
    """Opens the same home with a reader that gives other bytes for the same values, and that version of pyarrow."""
    opened: list[Core] = []

    def open_later(pyarrow: str) -> Core:
        core.close()
        engine = {**bootstrap.engine_facts(), "pyarrow": pyarrow}
        monkeypatch.setattr(bootstrap, "engine_facts", lambda: engine)
        catalog = small_catalog(tmp_path / "plugins")
        make_plugin(tmp_path / "plugins", "ingest_small", "ingest", OTHER_BYTES)
        opened.append(open_core(read_settings({}, home=core.settings.home), queue_url="memory://", catalog=catalog))
        return opened[-1]

    yield open_later
    for item in opened:
        item.close()


@pytest.fixture
def data(core: Core) -> Path:
    (path,) = core.settings.home.glob("datasets/*/data.parquet")
    return path


def lose(data: Path, how: str) -> None:
    data.chmod(0o644)
    if how == "gone":
        shutil.rmtree(data.parent)
    elif how == "damaged":
        data.write_bytes(data.read_bytes()[:-9])


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_the_record_follows_the_bytes(later: Later, ended_home: EndedHome, data: Path, run_id: RunId, how: str) -> None:
    """Both runs replay and verify: the earlier one says that its data are in other bytes now."""
    before = data.read_bytes()
    lose(data, how)
    core = later("99.0.0")
    run = run_to_end(core, ended_home.table)
    assert (run.status, data.read_bytes() != before) == ("COMPLETED", True)
    version = core.library.dataset_version(data.parent.name)
    assert (version.data_sha256, version.data_bytes) == (sha256_hex(data.read_bytes()), data.stat().st_size)
    assert core.replaying.replay(run.run_id).written_anew == []
    assert core.replaying.replay(run_id).written_anew == [data.parent.name]
    found = core.verifying.verify_run(core.replaying, run_id)
    assert (found.verified, found.not_checkable) == (True, [])
    assert data.parent.name in found.notes[0]
    assert core.checking.check(full=True).sound


def test_data_that_are_whole_stay(later: Later, ended_home: EndedHome, data: Path, run_id: RunId) -> None:
    """Whoever reads the file again: the bytes and their record are those of the first time."""
    before = data.read_bytes()
    core = later("99.0.0")
    run = run_to_end(core, ended_home.table)
    assert [str(item.status) for item in core.runs.executions(run.run_id) if item.plugin_id == "ingest_small"] == ["OK"]
    assert data.read_bytes() == before
    for name in (run_id, run.run_id):
        assert core.replaying.replay(name).written_anew == []


def test_other_bytes_without_another_writer_are_no_excuse(later: Later, ended_home: EndedHome, data: Path, run_id: RunId) -> None:
    """The same versions of the writers give the same bytes, so the earlier run is not what was recorded."""
    lose(data, "gone")
    core = later(bootstrap.engine_facts()["pyarrow"])
    run_to_end(core, ended_home.table)
    with pytest.raises(Tampered):
        core.replaying.replay(run_id)


def test_a_pack_of_the_earlier_run_leaves_them_out(
    later: Later, ended_home: EndedHome, data: Path, run_id: RunId, tmp_path: Path
) -> None:
    """They are not the bytes that its manifest names; the uploaded file in it is."""
    lose(data, "gone")
    core = later("99.0.0")
    run = run_to_end(core, ended_home.table)
    for name, whole in ((run_id, False), (run.run_id, True)):
        made = core.exporting.export(name, tmp_path / f"{name}.zip", include_raw=True)
        assert [item.path.endswith("data.parquet") for item in made.index.left_out] == [True] * (not whole)
        proving, verifying = open_pack_tools(core.settings, tmp_path / "work" / name)
        found = verifying.verify(proving.prove(made.path, tmp_path / "work" / name / "pack"))
        assert (found.verified, not found.not_checkable) == (True, whole)
