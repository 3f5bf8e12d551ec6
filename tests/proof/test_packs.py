"""Packs: the same bytes for the same run, whole or refused, nothing in them that was not asked for, and readable by others."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness_core.adapters.packs import Archives, archive_chunks, measured
from harness_core.bootstrap import Core, open_pack_tools
from harness_core.domain.errors import HarnessError, Tampered, UsageError
from harness_core.domain.packs import PackFile, checksums, read_checksums
from harness_core.domain.runs import RunId
from harness_core.ports.archives import BadArchive, SourceChanged
from harness_core.sdk.canonical import canonical_bytes, sha256_hex
from harness_core.services.verifying import Proved, Verification
from tests.fakes.ended_homes import EndedHome
from tests.fakes.running import ended, submit
from tests.proof.conftest import SECRET_CELL


@pytest.fixture
def pack(core: Core, run_id: RunId, tmp_path: Path) -> Path:
    return core.exporting.export(run_id, tmp_path / "run.zip").path


@pytest.fixture
def raw_pack(core: Core, run_id: RunId, tmp_path: Path) -> Path:
    return core.exporting.export(run_id, tmp_path / "raw.zip", include_raw=True).path


def prove(core: Core, path: Path, folder: Path) -> Proved:
    proving, _ = open_pack_tools(core.settings, folder)
    return proving.prove(path, folder / "pack")


def verify(core: Core, path: Path, folder: Path, data: list[Path] | None = None) -> Verification:
    _, verifying = open_pack_tools(core.settings, folder)
    return verifying.verify(prove(core, path, folder), data or [])


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, files: Mapping[str, bytes]) -> Path:
    """A pack of these files with a list of hashes that fits them."""
    archives = Archives()
    entries = [archives.measured(name, data) for name, data in files.items() if name != "SHA256SUMS"]
    sums = checksums([PackFile(item.path, item.sha256, item.size_bytes, "") for item in entries])
    archives.write(path, [*entries, archives.measured("SHA256SUMS", sums)])
    return path


def test_the_same_run_gives_the_same_bytes(core: Core, ended_home: EndedHome, pack: Path, tmp_path: Path) -> None:
    """Whoever exports it, whenever, from whichever folder."""
    elsewhere = ended_home.copy(tmp_path / "elsewhere")
    again = elsewhere.exporting.export(ended_home.run_id, tmp_path / "again.zip")
    elsewhere.close()
    assert again.path.read_bytes() == pack.read_bytes()
    assert again.sha256 == sha256_hex(pack.read_bytes())


def test_others_can_unpack_and_check_it(pack: Path, tmp_path: Path) -> None:
    """`sha256sum -c` covers every file but the list itself."""
    with zipfile.ZipFile(pack) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "unpacked", capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == len(contents(pack)) - 1


def test_a_pack_without_data_names_the_queries_that_need_the_file(
    core: Core, ended_home: EndedHome, pack: Path, tmp_path: Path
) -> None:
    """Its hashes hold; with the file the queries are tried too, except one that was cleaned."""
    without = verify(core, pack, tmp_path / "one")
    assert without.verified
    assert {"SELECT count(*) FROM data"} < {item.sql for item in without.not_checkable}
    shutil.copytree(ended_home.plugins, tmp_path / "plugins")
    settings = core.settings.__class__(**{**vars(core.settings), "plugin_path": (tmp_path / "plugins",)})
    _, verifying = open_pack_tools(settings, tmp_path / "two")
    with_file = verifying.verify(prove(core, pack, tmp_path / "two"), [ended_home.table])
    assert with_file.verified
    assert [item.reason for item in with_file.not_checkable] == ["what looks personal was taken out of it"]
    assert with_file.checked == 2


def test_another_file_is_not_the_one_that_was_read(core: Core, pack: Path, tmp_path: Path) -> None:
    """One byte more is another file."""
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,x\n")
    with pytest.raises(Tampered) as refused:
        verify(core, pack, tmp_path / "work", [other])
    assert refused.value.code == "not_the_original"


def test_with_raw_data_a_pack_proves_itself(core: Core, raw_pack: Path, tmp_path: Path) -> None:
    """Every query runs over the data in the pack."""
    found = verify(core, raw_pack, tmp_path / "work")
    assert (found.verified, found.not_checkable, found.checked) == (True, [], 3)


def test_rows_logs_and_personal_data_stay_out(core: Core, run_id: RunId, pack: Path) -> None:
    """What may hold rows is named with its hash and the reason; what looks personal is gone from every text."""
    files = contents(pack)
    for words in (SECRET_CELL, "jane.roe@", "1234567", "3704 0044"):
        assert not [name for name, data in files.items() if words.encode() in data], words
    index = json.loads(files["pack.json"])
    left_out = {item["path"]: item["sha256"] for item in index["left_out"]}
    (version,) = json.loads(files["run/run_manifest.json"])["datasets"]
    assert left_out[f"datasets/{version['dataset_version_id']}/data.parquet"] == version["data_sha256"]
    assert {"run/plugins/analysis_contacts/stdout.log", "run/plugins/analysis_contacts/artifacts/rows.csv"} < left_out.keys()
    cleaned = {item["path"] for item in index["redacted"]}
    assert cleaned == {
        "run/report.json",
        "run/plugins/analysis_contacts/output.json",
        "run/plugins/analysis_contacts/artifacts/notes.json",
    }
    assert json.loads(files["run/plugins/analysis_contacts/artifacts/notes.json"]) == {"contact": "[removed]", "rows": 4}


def test_what_was_asked_for_is_in_it(raw_pack: Path) -> None:
    """With --include-raw: the upload, the data, the logs, and texts as they were."""
    files = contents(raw_pack)
    assert [name for name in files if name.startswith("inputs/")]
    assert SECRET_CELL.encode() in files["run/plugins/analysis_contacts/stdout.log"]
    assert b"jane.roe@example.org" in files["run/report.json"]
    index = json.loads(files["pack.json"])
    assert (index["left_out"], index["redacted"]) == ([], [])


def test_one_altered_byte_anywhere_is_refused(core: Core, pack: Path, tmp_path: Path) -> None:
    """In a file, in a name, in a date, in the directory: about four hundred places, each end and middle of every entry among them."""
    data = pack.read_bytes()
    with zipfile.ZipFile(pack) as archive:
        edges = [place for info in archive.infolist() for place in (info.header_offset, info.header_offset + 14)]
    altered = tmp_path / "altered.zip"
    for place in sorted({*edges, *range(0, len(data), len(data) // 350), len(data) - 1}):
        altered.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(Tampered):
            prove(core, altered, tmp_path / "work")
    for cut in (1, len(data) // 2, len(data) - 1):
        altered.write_bytes(data[:cut])
        with pytest.raises(Tampered):
            prove(core, altered, tmp_path / "work")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("run/report.json", b"There are 4 rows.", b"There are 5 rows."),
        ("run/run_manifest.json", b'"row_count": 4', b'"row_count": 5'),
        ("datasets/*/schema.json", b'"row_count": 4', b'"row_count": 5'),
        ("run/report.md", b"table.csv", b"other.csv"),
        ("statement.intoto.json", b"table.csv", b"other.csv"),
        ("pack.json", b'"include_raw": false', b'"include_raw": "no"'),
        ("README.txt", b"as recorded", b"as you like"),
    ],
)
def test_a_pack_that_was_rewritten_with_its_hashes_contradicts_itself(
    core: Core, pack: Path, tmp_path: Path, name: str, old: bytes, new: bytes
) -> None:
    """Correcting the list of hashes does not help whoever changes one document."""
    files = contents(pack)
    (path,) = [item for item in files if Path(item).match(name)]
    assert old in files[path]
    files[path] = files[path].replace(old, new)
    with pytest.raises(Tampered):
        prove(core, written(tmp_path / "forged.zip", files), tmp_path / "work")


def test_files_more_or_fewer_are_named(core: Core, pack: Path, tmp_path: Path) -> None:
    """Nothing can be slipped into a pack, and nothing can vanish from it."""
    files = contents(pack)
    del files["run/report.md"]
    files["run/extra.json"] = b"{}\n"
    with pytest.raises(Tampered) as refused:
        prove(core, written(tmp_path / "forged.zip", files), tmp_path / "work")
    assert {item["path"] for item in refused.value.details["mismatches"]} >= {"run/report.md", "run/extra.json"}


def test_a_pack_of_a_later_version_is_not_guessed_at(core: Core, pack: Path, tmp_path: Path) -> None:
    """It is refused with what still works."""
    files = contents(pack)
    files["pack.json"] = files["pack.json"].replace(b'"pack.v1"', b'"pack.v9"')
    with pytest.raises(UsageError) as refused:
        prove(core, written(tmp_path / "later.zip", files), tmp_path / "work")
    assert "sha256sum" in refused.value.next_step


def test_a_tampered_run_is_not_exported(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """No pack is made of what is not as recorded."""
    (core.store.run_folder(run_id) / "report.md").write_text("All is well.")
    with pytest.raises(Tampered):
        core.exporting.export(run_id, tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a//b", "./a"])
def test_archives_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    """Nothing is unpacked outside its folder."""
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    with pytest.raises(BadArchive):
        Archives().open(path)


def test_compressed_and_doubled_entries_are_refused(tmp_path: Path) -> None:
    """No bomb, no two files of one name."""
    bomb, doubled = tmp_path / "bomb.zip", tmp_path / "doubled.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(10_000_000))
    with zipfile.ZipFile(doubled, "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"2")
    for path in (bomb, doubled):
        with pytest.raises(BadArchive):
            Archives().open(path)


def test_large_archives_are_written_as_others_read_them(tmp_path: Path) -> None:
    """The fields for sizes beyond 4 GiB, with the limit set low."""
    path = tmp_path / "large.zip"
    entries = [measured(name, data) for name, data in {"b/two": b"22", "a": b"1" * 9, "ü": b""}.items()]
    path.write_bytes(b"".join(archive_chunks(entries, limit=1)))
    assert contents(path) == {"a": b"1" * 9, "b/two": b"22", "ü": b""}


def test_a_file_that_changes_while_it_is_packed_is_noticed(tmp_path: Path) -> None:
    """Neither the archive nor a half of it is left behind."""
    source = tmp_path / "source"
    source.write_text("before")
    entry = measured("source", source)
    source.write_text("after!")
    with pytest.raises(SourceChanged):
        Archives().write(tmp_path / "new.zip", [entry])
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_names_with_any_character_survive_the_list_of_hashes(tmp_path: Path) -> None:
    """New lines and backslashes are escaped as coreutils do it."""
    names = ["plain", "with space", "new\nline", "back\\slash", "ü"]
    data = checksums([PackFile(name, sha256_hex(b""), 0, "") for name in names])
    assert read_checksums(data) == dict.fromkeys(names, sha256_hex(b""))
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sums").write_bytes(data)
    assert subprocess.run(["sha256sum", "--strict", "-c", "sums"], cwd=tmp_path, capture_output=True).returncode == 0


def test_the_index_is_canonical(pack: Path) -> None:
    """Like every document of ours in a pack."""
    for name, data in contents(pack).items():
        if name.endswith(".json") and not name.endswith("notes.json"):
            assert canonical_bytes(json.loads(data)) == data, name


@pytest.mark.parametrize("target", ["no/such/folder/run.zip", "."])
def test_a_place_that_will_not_do_is_refused(core: Core, run_id: RunId, tmp_path: Path, target: str) -> None:
    """Before anything is read."""
    with pytest.raises(HarnessError) as refused:
        core.exporting.export(run_id, tmp_path / target)
    assert refused.value.exit_code == 2


def test_a_run_that_failed_can_be_exported_and_verified(core: Core, ended_home: EndedHome, tmp_path: Path) -> None:
    """How a run ended does not matter; a cancelled one has no report."""
    waiting = submit(core, ended_home.table, seed=5)
    core.controlling.cancel(waiting.run_id)
    cancelled = ended(core, waiting)
    made = core.exporting.export(cancelled.run_id, tmp_path / "cancelled.zip")
    assert "run/report.json" not in contents(made.path)
    assert verify(core, made.path, tmp_path / "work").verified
