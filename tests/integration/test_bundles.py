"""Bundles: installed whole or not at all, side by side; everything that is refused, with all reasons; rolled back to the old results."""

import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from harness_core.adapters import bundle_zips
from harness_core.adapters.bundles import FolderBundles
from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.files import remove_tree
from harness_core.adapters.home import Home
from harness_core.bootstrap import Core, open_core, open_restore
from harness_core.domain.bundles import in_order
from harness_core.domain.errors import Conflict, HarnessError, InputRefused, NotFound, Tampered, Unhealthy, UsageError
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import ExecutionStatus, Run
from harness_core.services.bundles import Bundling
from harness_core.services.plugins import list_plugins, show_plugin
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.bundles import SUMS, bundle_of, files_of, with_sums, zipped
from tests.fakes.plugins import COUNT, make_plugin, small_catalog
from tests.fakes.running import ended, run_to_end, submit

EXTRA = PluginId("analysis_extra")
OTHER = COUNT.replace("Counted.", "Counted anew.")


def catalog_of(tmp_path: Path) -> FolderCatalog:
    """The small plugins as the product's own, one on the path, and what is installed."""
    small_catalog(tmp_path / "product")
    make_plugin(tmp_path / "path", "analysis_mine", "analysis", COUNT)
    roots = [(tmp_path / "product", "product"), (tmp_path / "path", "path"), (tmp_path / "home" / "plugins", "bundle")]
    return FolderCatalog(roots, check_interval_s=0.0)  # type: ignore[arg-type]


@pytest.fixture
def catalog(tmp_path: Path) -> FolderCatalog:
    return catalog_of(tmp_path)


@pytest.fixture
def bundling(tmp_path: Path, catalog: FolderCatalog) -> Bundling:
    (tmp_path / "home").mkdir()
    return Bundling(FolderBundles(Home(tmp_path / "home")), catalog, "1.0.0")


def standing(tmp_path: Path) -> list[str]:
    """Everything below the folder of bundles."""
    root = tmp_path / "home" / "plugins"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_versions_stand_side_by_side_and_the_last_installed_is_found(
    bundling: Bundling, catalog: FolderCatalog, tmp_path: Path
) -> None:
    """Installed, updated, rolled back and named: one version is in the catalog, all of them are listed, and the list of hashes is not code."""
    first = bundling.install(bundle_of(tmp_path))
    assert (first.before, first.is_new, first.versions) == ("", True, ("1.0.0",))
    assert catalog.plugins()[EXTRA].code_hash == first.plugin.code_hash
    second = bundling.update(bundle_of(tmp_path, "1.10.0", OTHER))
    assert (second.before, second.plugin.manifest.version) == ("1.0.0", "1.10.0")
    third = bundling.install(bundle_of(tmp_path, "1.9.0", OTHER))
    assert third.versions == ("1.0.0", "1.9.0", "1.10.0")
    (listed,) = [item for item in list_plugins(catalog) if item["plugin_id"] == EXTRA]
    assert (listed["source"], listed["version"], listed["versions"]) == ("bundle", "1.9.0", ["1.0.0", "1.9.0", "1.10.0"])
    assert show_plugin(catalog, "analysis_count")["versions"] == ["1.0.0"]
    assert bundling.roll_back(EXTRA).plugin.manifest.version == "1.10.0"
    assert bundling.roll_back(EXTRA).plugin.code_hash == first.plugin.code_hash
    assert catalog.plugins()[EXTRA].manifest.version == "1.0.0"
    with pytest.raises(Conflict) as none_before:
        bundling.roll_back(EXTRA)
    assert none_before.value.code == "never_updated"
    assert bundling.roll_back(EXTRA, "1.9.0").before == "1.0.0"
    assert bundling.roll_back(EXTRA).plugin.manifest.version == "1.0.0"
    assert not [name for name in standing(tmp_path) if SUMS in name or ".staged" in name]


def test_the_same_bundle_again_changes_nothing(bundling: Bundling, tmp_path: Path) -> None:
    """An install that was interrupted is repeated without harm; after a rollback it makes its version active again."""
    bundle, newer = bundle_of(tmp_path), bundle_of(tmp_path, "2.0.0", OTHER)
    bundling.install(bundle)
    before = standing(tmp_path)
    assert bundling.install(bundle).is_new is False
    assert standing(tmp_path) == before
    bundling.update(newer)
    bundling.roll_back(EXTRA)
    assert bundling.update(newer).plugin.manifest.version == "2.0.0"
    assert bundling.roll_back(EXTRA).plugin.manifest.version == "1.0.0"


def test_a_bundle_in_one_folder_and_a_list_by_sha256sum(bundling: Bundling, tmp_path: Path) -> None:
    """What `zip -r` makes of a folder, with a list inside it or beside it and names that begin with ./, is the same plugin."""
    files = files_of(tmp_path)
    inside = with_sums(files)
    dotted = {**files, SUMS: inside[SUMS].replace(b"  ", b"  ./")}
    first = bundling.install(zipped(tmp_path / "inside.zip", {f"analysis_extra/{name}": data for name, data in dotted.items()}))
    beside = with_sums({f"any/{name}": data for name, data in files.items()})
    assert bundling.install(zipped(tmp_path / "beside.zip", {"any/": b"", **beside})).plugin.code_hash == first.plugin.code_hash


def test_a_packed_folder_is_always_the_same_bytes(bundling: Bundling, tmp_path: Path) -> None:
    """Guards `plugins pack`: no time, order or mode of a file is in the bundle, what is hidden stays out, and it installs."""
    folders = [make_plugin(tmp_path / name, "analysis_extra", "analysis", COUNT) for name in ("one", "two")]
    for number, folder in enumerate(folders):
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "plugin.pyc").write_bytes(bytes([number]))
        os.utime(folder / "plugin.py", (10**9 * number, 10**9 * number))
        (folder / "plugin.py").chmod(0o600 + 0o044 * number)
    packed = [bundling.pack(folder, tmp_path / f"{number}.zip") for number, folder in enumerate(folders)]
    assert packed[0][0].read_bytes() == packed[1][0].read_bytes()
    assert packed[0][1:] == packed[1][1:]
    from_folder = FolderCatalog([(tmp_path / "one", "path")]).plugins()[EXTRA]
    assert bundling.install(packed[0][0]).plugin.code_hash == from_folder.code_hash
    (folders[0] / "plugin.py").unlink()
    with pytest.raises(UsageError):
        bundling.pack(folders[0], tmp_path / "bad.zip")
    assert not (tmp_path / "bad.zip").exists()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def packed_by_bzip2(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_BZIP2
    return info


Spoil = Callable[[dict[str, bytes]], dict[object, bytes]]
REFUSED: dict[str, tuple[Spoil, type[HarnessError], str, str]] = {
    "a path upwards": (lambda files: {**with_sums(files), "../evil.py": b""}, InputRefused, "bundle_unsafe", "../evil.py"),
    "an absolute path": (lambda files: {**with_sums(files), "/etc/evil": b""}, InputRefused, "bundle_unsafe", "/etc/evil"),
    "a backslash": (lambda files: {**with_sums(files), "..\\evil": b""}, InputRefused, "bundle_unsafe", "evil"),
    "a link": (lambda files: {**with_sums(files), link("plugin2.py"): b"/etc/passwd"}, InputRefused, "bundle_unsafe", "plugin2.py"),
    "another compressor": (
        lambda files: {**with_sums(files), packed_by_bzip2("more.py"): b"1"},
        InputRefused,
        "bundle_unsafe",
        "other than deflate",
    ),
    "a cache": (lambda files: with_sums({**files, "__pycache__/plugin.pyc": b""}), InputRefused, "bundle_unsafe", "__pycache__"),
    "a hidden file": (lambda files: with_sums({**files, ".env": b""}), InputRefused, "bundle_unsafe", ".env"),
    "a file that is a folder": (lambda files: with_sums({**files, "a": b"", "a/b": b""}), InputRefused, "bundle_unsafe", "a file and a folder"),
    "too deep": (lambda files: with_sums({**files, "a/" * 20 + "b": b""}), InputRefused, "bundle_unsafe", "nested deeper"),
    "no list": (lambda files: dict(files), InputRefused, "bundle_without_hashes", SUMS),
    "a list of something else": (lambda files: {**files, SUMS: b"all is well\n"}, InputRefused, "bundle_without_hashes", "all is well"),
    "not listed": (lambda files: {**with_sums(files), "more.py": b""}, Tampered, "bundle_differs", "more.py is not listed"),
    "not there": (lambda files: {name: data for name, data in with_sums({**files, "more.py": b""}).items() if name != "more.py"},
                  Tampered, "bundle_differs", "more.py is listed"),
    "differs": (lambda files: {**with_sums(files), "plugin.py": b"raise SystemExit"}, Tampered, "bundle_differs", "plugin.py differs"),
    "packed too tightly": (lambda files: with_sums({**files, "zeros": bytes(40 << 20)}), InputRefused, "bundle_too_large", "200 times"),
    "too large": (lambda files: with_sums({**files, "zeros": bytes(60 << 20)}), InputRefused, "bundle_too_large", "52,428,800"),
    "too many": (lambda files: {**with_sums(files), **{f"f{n}": b"" for n in range(5_100)}}, InputRefused, "bundle_too_large", "5,000"),
    "far too many": (lambda files: {f"f{n}": b"" for n in range(10_100)}, InputRefused, "bundle_too_large", "10,000"),
    "no manifest": (lambda files: with_sums({"plugin.py": b""}), UsageError, "invalid_plugin", "plugin.yaml"),
    "an engine out of range": (lambda files: with_sums({**files, "plugin.yaml": files["plugin.yaml"].replace(b">=1.0,<2", b">=7")}),
                               UsageError, "invalid_plugin", "engine >=7"),
    "an id of the product": (lambda files: with_sums({**files, "plugin.yaml": files["plugin.yaml"].replace(b"_extra", b"_count")}),
                             Conflict, "id_taken", "product's own"),
    "an id on the path": (lambda files: with_sums({**files, "plugin.yaml": files["plugin.yaml"].replace(b"_extra", b"_mine")}),
                          Conflict, "id_taken", "already"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_nothing(bundling: Bundling, tmp_path: Path, case: str) -> None:
    """Each refusal has its code, its sentence and a next step, and not one byte stays."""
    spoil, kind, code, words = REFUSED[case]
    bundle = zipped(tmp_path / "bad.zip", spoil(files_of(tmp_path)))  # type: ignore[arg-type]
    with pytest.raises(kind) as refused:
        bundling.install(bundle)
    said = " ".join([refused.value.what, refused.value.why, *(str(problem) for problem in refused.value.problems)])
    assert (refused.value.code, words in said, bool(refused.value.next_step)) == (code, True, True), said
    assert standing(tmp_path) == []
    assert ".staged" not in said, "a place that is gone already is not named"


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x05\x06" + bytes(18), b"PK\x05\x06" + b"\xff" * 18, b"PK\x05\x06ab"])
def test_what_is_no_archive_is_refused(bundling: Bundling, tmp_path: Path, data: bytes) -> None:
    """Neither text nor the mere end of an archive is taken for a bundle, nor one whose list says that it is immense."""
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(InputRefused):
        bundling.install(tmp_path / "bad.zip")
    with pytest.raises(NotFound):
        bundling.install(tmp_path / "nowhere.zip")


def test_a_directory_of_64_bits_is_not_followed(bundling: Bundling, tmp_path: Path) -> None:
    """It could give another length than the one that was looked at, so that a bomb of names gets in."""
    bundle = bundle_of(tmp_path)
    data = bundle.read_bytes()
    bundle.write_bytes(data[:-22] + b"PK\x06\x07" + bytes(16) + data[-22:])
    with pytest.raises(InputRefused) as refused:
        bundling.install(bundle)
    assert refused.value.code == "bundle_too_large"


def test_a_file_damaged_within_the_archive_is_refused(bundling: Bundling, tmp_path: Path) -> None:
    """The archive's own checksum speaks before the list does."""
    bundle = bundle_of(tmp_path)
    data = bytearray(bundle.read_bytes())
    data[60] ^= 0xFF
    bundle.write_bytes(data)
    with pytest.raises(InputRefused, match="cannot be read as a bundle"):
        bundling.install(bundle)


def test_a_large_bundle_is_not_even_opened(bundling: Bundling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The length of the file decides before its list of entries is read into memory."""
    bundle = bundle_of(tmp_path)
    monkeypatch.setattr(bundle_zips, "MAX_BUNDLE_BYTES", 100)
    monkeypatch.setattr(bundle_zips.zipfile, "ZipFile", None)
    with pytest.raises(InputRefused, match="larger than a plugin may be"):
        bundling.install(bundle)


def test_every_mistake_is_said_at_once(bundling: Bundling, tmp_path: Path) -> None:
    """All problems of the names, all of the hashes, all of the plugin: nobody mends one to be told of the next."""
    files = files_of(tmp_path)
    with pytest.raises(InputRefused) as names:
        bundling.install(zipped(tmp_path / "a.zip", {**with_sums(files), "../a": b"", "/b": b"", ".c": b""}))
    assert len(names.value.problems) == 3
    with pytest.raises(Tampered) as hashes:
        bundling.install(zipped(tmp_path / "b.zip", {**with_sums(files), "more.py": b"", "plugin.py": b""}))
    assert [problem.where for problem in hashes.value.problems] == ["more.py", "plugin.py"]
    broken = {**files, "plugin.yaml": files["plugin.yaml"].replace(b"type: analysis", b"type: anlysis").replace(b"1.0.0", b"one")}
    with pytest.raises(UsageError) as plugin:
        bundling.install(zipped(tmp_path / "c.zip", with_sums(broken)))
    assert {problem.field for problem in plugin.value.problems} == {"type", "version"}
    assert all(problem.where.startswith("plugin.yaml:") for problem in plugin.value.problems)


def test_what_does_not_fit_what_is_installed(bundling: Bundling, tmp_path: Path) -> None:
    """The same version with other bytes, an update of nothing or of the same, a rollback of what is not there: refused, unchanged."""
    with pytest.raises(NotFound) as missing:
        bundling.update(bundle_of(tmp_path))
    assert missing.value.code == "not_installed"
    bundling.install(bundle_of(tmp_path))
    before = standing(tmp_path)
    attempts: list[tuple[Callable[[], object], str]] = [
        (lambda: bundling.update(bundle_of(tmp_path)), "same_version"),
        (lambda: bundling.install(bundle_of(tmp_path, code=OTHER)), "version_taken"),
        (lambda: bundling.roll_back(EXTRA), "never_updated"),
        (lambda: bundling.roll_back(EXTRA, "9.9.9"), "no_such_version"),
        (lambda: bundling.roll_back("analysis_count"), "not_installed"),
    ]
    for attempt, code in attempts:
        with pytest.raises(HarnessError) as refused:
            attempt()
        assert (refused.value.code, bool(refused.value.next_step)) == (code, True)
    assert standing(tmp_path) == before


def test_a_damaged_record_is_an_error_and_hides_nothing_else(bundling: Bundling, catalog: FolderCatalog, tmp_path: Path) -> None:
    """No version is guessed: the record is named as a problem, changes are refused, and the product's plugins go on."""
    bundling.install(bundle_of(tmp_path))
    record = tmp_path / "home" / "plugins" / "active.json"
    for damage in ("{", "[]", json.dumps({"schema_version": "bundles.v1", "plugins": {"../x": ["1.0.0"]}}),
                   json.dumps({"schema_version": "bundles.v1", "plugins": {"analysis_extra": ["../../x"]}})):  # fmt: skip
        record.write_text(damage)
        assert str(record) in str(catalog.problems())
        assert EXTRA not in catalog.plugins()
        assert "analysis_count" in catalog.plugins()
        with pytest.raises(Unhealthy):
            bundling.roll_back(EXTRA)


DIES = """
import os, signal, sys
from pathlib import Path
from harness_core.adapters import bundles
from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.files import remove_tree
from harness_core.adapters.home import Home
from harness_core.services.bundles import Bundling
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
where, home, bundle = sys.argv[1:]
if where == "unpacked":
    bundles.FolderBundles.read = die
elif where == "before the rename":
    bundles.replace = die
elif where == "before the record":
    bundles.FolderBundles.write = die
Bundling(bundles.FolderBundles(Home(Path(home))), FolderCatalog([]), "1.0.0").install(Path(bundle))
"""


@pytest.mark.parametrize("where", ["unpacked", "before the rename", "before the record"])
def test_killed_in_the_middle_nothing_is_broken(bundling: Bundling, catalog: FolderCatalog, tmp_path: Path, where: str) -> None:
    """The version before stays the active one; what lies about is in no catalog and no backup, and the next install is whole."""
    first = bundling.install(bundle_of(tmp_path))
    newer = bundle_of(tmp_path, "1.1.0", OTHER)
    command = [sys.executable, "-c", DIES, where, str(tmp_path / "home"), str(newer)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert catalog.plugins()[EXTRA].code_hash == first.plugin.code_hash
    assert catalog.problems() == {}
    assert bundling.install(newer).is_new is (where != "before the record")
    assert catalog.plugins()[EXTRA].manifest.version == "1.1.0"
    assert not list((tmp_path / "home" / "plugins").glob(".*"))
    assert catalog.plugins()[EXTRA].versions == ("1.0.0", "1.1.0")


@pytest.fixture
def core(open_home: OpenCore, catalog: FolderCatalog) -> Core:
    return open_home(catalog, queue_url="memory://")


def bundling_of(core: Core) -> Bundling:
    return Bundling(FolderBundles(core.home), core.catalog, "1.0.0")


def extra_of(core: Core, run_id: str) -> tuple[str | None, bool, str]:
    (found,) = [item for item in core.runs.executions(run_id) if item.plugin_id == EXTRA]  # type: ignore[arg-type]
    return found.fingerprint, found.status is ExecutionStatus.REUSED, (found.error or {}).get("type", "")


def test_a_rollback_gives_the_old_fingerprints_and_results(core: Core, table: Path, tmp_path: Path) -> None:
    """Guards the promise of a rollback: run and execution have the fingerprints of before, and nothing is computed again."""
    bundling = bundling_of(core)
    bundling.install(bundle_of(tmp_path))
    first = run_to_end(core, table, plugins=[EXTRA])
    bundling.update(bundle_of(tmp_path, "1.1.0", OTHER))
    second = run_to_end(core, table, plugins=[EXTRA])
    assert (second.fingerprint == first.fingerprint, extra_of(core, second.run_id)[1]) == (False, False)
    bundling.roll_back(EXTRA)
    third = run_to_end(core, table, plugins=[EXTRA])
    assert third.fingerprint == first.fingerprint
    assert extra_of(core, third.run_id) == (extra_of(core, first.run_id)[0], True, "")


def worked_off(core: Core, run: Run) -> Run:
    worker = WorkerRuntime(core, kind="worker", places=1)
    worker.start()
    try:
        return ended(core, run)
    finally:
        worker.stop(drain_s=5.0)


@pytest.mark.parametrize("asked", [{"plugins": [EXTRA]}, {}], ids=["named", "chosen by the planner"])
def test_a_run_keeps_the_version_it_was_planned_with(core: Core, table: Path, tmp_path: Path, asked: dict[str, list[str]]) -> None:
    """An update between submission and execution changes nothing in the run: its results and its manifest are of the old version."""
    bundling = bundling_of(core)
    first = bundling.install(bundle_of(tmp_path))
    run = submit(core, table, **asked)
    bundling.update(bundle_of(tmp_path, "1.1.0", OTHER))
    assert str(worked_off(core, run).status) == "COMPLETED"
    folder = core.store.run_folder(run.run_id)
    assert json.loads((folder / "plugins" / EXTRA / "output.json").read_bytes())["summary"] == "Counted."
    (entry,) = [item for item in json.loads((folder / "run_manifest.json").read_bytes())["plugins"] if item["plugin_id"] == EXTRA]
    assert (entry["version"], entry["code_hash"]) == ("1.0.0", first.plugin.code_hash)


def test_a_run_whose_version_is_gone_says_so(core: Core, table: Path, tmp_path: Path) -> None:
    """No run mixes versions: where the one it was planned with is no longer installed it ends with PluginChanged, as for folders."""
    bundling = bundling_of(core)
    first = bundling.install(bundle_of(tmp_path))
    run = submit(core, table, plugins=[EXTRA])
    bundling.update(bundle_of(tmp_path, "1.1.0", OTHER))
    remove_tree(first.plugin.folder)
    assert str(worked_off(core, run).status) == "PARTIAL"
    assert extra_of(core, run.run_id)[2] == "PluginChanged"


def test_installs_at_once_do_not_lose_one_another(bundling: Bundling, catalog: FolderCatalog, tmp_path: Path) -> None:
    """Guards the lock: each of many writes the whole record, and clears away what it takes for left behind."""
    names = [f"analysis_extra_{number}" for number in range(8)]
    made = [zipped(tmp_path / f"{name}.zip", with_sums(files_of(tmp_path / name, plugin_id=name))) for name in names]
    with ThreadPoolExecutor(len(made)) as pool:
        assert [change.plugin.id for change in pool.map(bundling.install, made)] == names
    assert {name for name, plugin in catalog.plugins().items() if plugin.source == "bundle"} == set(names)


def test_a_backup_brings_bundles_back(core: Core, tmp_path: Path) -> None:
    """Every version, and which one is active; what an install that died left behind is not in it."""
    bundling = bundling_of(core)
    bundling.install(bundle_of(tmp_path))
    bundling.update(bundle_of(tmp_path, "1.1.0", OTHER))
    bundling.roll_back(EXTRA)
    (core.home.bundles / ".staged-left").mkdir()
    (core.home.bundles / ".staged-left" / "plugin.py").write_text("")
    backup = core.backing_up.back_up(tmp_path / "backup.zip").path
    settings = read_settings({}, home=tmp_path / "again")
    open_restore(settings).restore(backup)
    with closing(open_core(settings, queue_url="memory://")) as again:
        plugin = again.catalog.plugins()[EXTRA]
        assert (plugin.manifest.version, plugin.versions) == ("1.0.0", ("1.0.0", "1.1.0"))
        assert plugin.code_hash == core.catalog.plugins()[EXTRA].code_hash
        assert not list(again.home.bundles.glob(".staged*"))


def test_versions_rank_as_semantic_versions() -> None:
    """Guards the order that people see: numbers as numbers, and what comes before a release before it."""
    ranked = (
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.10.0",
    )
    assert in_order(reversed(ranked)) == ranked
