"""Plugins from folders: what is found, what is refused and why, what the hash covers, and that a change never goes unseen."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness_core.adapters.catalog import folders, plugin_files
from harness_core.adapters.catalog.folders import FolderCatalog, Source
from harness_core.adapters.catalog.plugin_files import code_hash_of
from harness_core.domain.errors import Problem
from harness_core.domain.plugins import PluginId
from tests.fakes.plugins import COUNT, make_plugin

ONE = PluginId("analysis_one")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_plugin(tmp_path / "plugins", "analysis_one", "analysis", COUNT)
    return tmp_path / "plugins"


def catalog_of(*roots: Path, source: Source = "path") -> FolderCatalog:
    return FolderCatalog([(root, source) for root in roots], check_interval_s=0.0)


def problem_of(root: Path, folder: str = "analysis_one", source: Source = "path") -> str:
    catalog = catalog_of(root, source=source)
    assert folder not in catalog.plugins()
    return "\n".join(str(problem) for problem in catalog.problems()[str(root / folder)])


def test_a_plugin_is_found_with_its_schemas_and_hashes(root: Path) -> None:
    """Guards the record that everything else is made from."""
    (plugin,) = catalog_of(root).plugins().values()
    assert (plugin.id, plugin.folder, plugin.source) == ("analysis_one", root / "analysis_one", "path")
    assert plugin.config_schema == {"type": "object", "additionalProperties": False}
    assert all(
        len(digest) == 64
        for digest in (plugin.code_hash, plugin.manifest_hash, plugin.config_schema_hash, plugin.output_schema_hash)
    )
    assert plugin.code_hash == code_hash_of(plugin.folder)


def test_four_files_are_enough_and_a_root_may_be_the_plugin_itself(root: Path) -> None:
    """Guards the promise for HARNESS_PLUGIN_PATH: a folder on it needs nothing but its four files."""
    assert list(catalog_of(root / "analysis_one").plugins()) == ["analysis_one"]
    assert sorted(entry.name for entry in (root / "analysis_one").iterdir()) == [
        "config.schema.json", "output.schema.json", "plugin.py", "plugin.yaml",
    ]  # fmt: skip


def test_plugins_come_in_sorted_order_whatever_the_roots(root: Path, tmp_path: Path) -> None:
    """Guards the order that plans and listings are made in."""
    for name in ("zebra_plugin", "analysis_ant"):
        make_plugin(tmp_path / "more", name, "analysis", COUNT)
    assert list(catalog_of(tmp_path / "more", root).plugins()) == ["analysis_ant", "analysis_one", "zebra_plugin"]


def test_nothing_can_stand_in_for_a_plugin_that_comes_first(root: Path, tmp_path: Path) -> None:
    """Guards against a folder on the search path that takes the place of a plugin of the product."""
    make_plugin(tmp_path / "more", "analysis_one", "analysis", "raise SystemExit")
    catalog = FolderCatalog([(root, "product"), (tmp_path / "more", "path")])
    assert catalog.plugins()[ONE].source == "product"
    (problem,) = catalog.problems()[str(tmp_path / "more" / "analysis_one")]
    assert str(root / "analysis_one") in problem.reason
    assert str(tmp_path / "more" / "analysis_one") in problem.remedy


def test_a_bundle_may_stand_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """Guards bundles side by side by version; everywhere else the folder has the plugin's name."""
    made = make_plugin(tmp_path, "analysis_one", "analysis", COUNT)
    made.rename(tmp_path / "1.0.0")
    assert list(catalog_of(tmp_path, source="bundle").plugins()) == ["analysis_one"]
    assert "give the folder the name of its plugin" in problem_of(tmp_path, "1.0.0")


def test_a_root_that_is_not_there_is_a_problem_only_where_somebody_named_it(tmp_path: Path) -> None:
    """Guards against a misspelt search path that finds nothing and says nothing."""
    assert "HARNESS_PLUGIN_PATH" in str(catalog_of(tmp_path / "nowhere").problems()[str(tmp_path / "nowhere")][0])
    assert catalog_of(tmp_path / "nowhere", source="bundle").problems() == {}


def replaced(file: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_text((folder / file).read_text().replace(old, new))


def written(file: str, content: str | bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (replaced("plugin.yaml", "type: analysis", "type: anlysis"), "plugin.yaml:18: type:"),
        (replaced("plugin.yaml", "id: ", "id: x\nid: "), "stands twice"),
        (written("plugin.yaml", "a: [1"), "this is no YAML"),
        (written("plugin.yaml", b"\xff\xfe"), "no UTF-8"),
        (written("plugin.yaml", "#" * 1_100_000), "1,048,576"),
        (lambda folder: (folder / "plugin.yaml").rename(folder / "plugin.yml"), "this file is missing"),
        (lambda folder: (folder / "plugin.py").unlink(), "entrypoint"),
        (lambda folder: (folder / "config.schema.json").unlink(), "config.schema.json: this file is missing"),
        (written("output.schema.json", "{"), "this is no JSON"),
        (written("output.schema.json", "[]"), "a schema is an object"),
        (written("config.schema.json", '{"type": "objct"}'), "did you mean object?"),
        (written("config.schema.json", '{"type": "object", "type": "array"}'), "stands twice"),
        (
            written("config.schema.json", '{"properties": {"n": {"type": "integer", "default": "x"}}}'),
            "n: the default breaks its own schema",
        ),
        (lambda folder: (folder / "link.py").symlink_to("/etc/hostname"), "link that leaves the folder"),
        (lambda folder: (folder / "link.py").symlink_to("../../plugins2/x.py"), "link that leaves the folder"),
        (lambda folder: (folder / "link.py").symlink_to("nothing.py"), "cannot be read"),
        (lambda folder: (folder / "loop").symlink_to("."), "link to a folder"),
        (lambda folder: os.mkfifo(folder / "pipe"), "no regular file"),
        (lambda folder: (folder / "odd\nname").write_text(""), "unusual name"),
    ],
)
def test_everything_wrong_with_a_folder_is_said(root: Path, spoil: Callable[[Path], object], words: str) -> None:
    """Guards every reason for which a folder is refused, and that one bad folder leaves the others alone."""
    spoil(root / "analysis_one")
    make_plugin(root, "analysis_two", "analysis", COUNT)
    assert list(catalog_of(root).plugins()) == ["analysis_two"]
    assert words in problem_of(root)


@pytest.mark.parametrize(
    ("name", "limit", "words"), [("MAX_FOLDER_BYTES", 500, "bytes, where 500"), ("MAX_FILES", 3, "more than 3 files")]
)
def test_a_folder_has_a_size(root: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int, words: str) -> None:
    """Guards the kernel against folders that would take minutes to hash."""
    monkeypatch.setattr(plugin_files, name, limit)
    assert words in problem_of(root)


def test_a_required_setting_without_a_default_is_no_mistake(root: Path) -> None:
    """Guards that a plugin may insist on a setting."""
    schema = {"required": ["token"], "properties": {"token": {"type": "string"}}}
    (root / "analysis_one" / "config.schema.json").write_text(json.dumps(schema))
    assert list(catalog_of(root).plugins()) == ["analysis_one"]


@pytest.mark.parametrize("default", [{"$env": "KEY"}, {"inner": [{"$env": "KEY"}]}])
def test_no_plugin_reaches_for_the_environment_by_itself(root: Path, default: dict[str, Any]) -> None:
    """Guards the operator's secrets: a plugin is given a reference, and cannot bring its own, however deep in its schema."""
    schema = {"properties": {"settings": {"type": "object", "properties": {"key": {"default": default}}}}}
    (root / "analysis_one" / "config.schema.json").write_text(json.dumps(schema))
    assert "refers to the environment variable KEY" in problem_of(root)


def test_the_hash_covers_every_file_by_name_and_bytes(root: Path) -> None:
    """Guards reuse: one edited byte, one renamed or added file is other code; what Python and editors leave behind is not."""
    folder, seen = root / "analysis_one", {catalog_of(root).plugins()[ONE].code_hash}
    (folder / "plugin.py").write_text(COUNT + "#")
    seen.add(code_hash_of(folder))
    (folder / "part").mkdir()
    (folder / "part" / "words.txt").write_text("x")
    seen.add(code_hash_of(folder))
    (folder / "part" / "words.txt").rename(folder / "part" / "other.txt")
    seen.add(code_hash_of(folder))
    assert len(seen) == 4
    for noise in ("__pycache__/plugin.pyc", ".git/config", ".swp", "part/__pycache__/x.pyc"):
        (folder / noise).parent.mkdir(parents=True, exist_ok=True)
        (folder / noise).write_text("noise")
    assert code_hash_of(folder) in seen
    for name in ("again.py", "importable.pyc"):
        (folder / name).symlink_to("plugin.py")
        assert code_hash_of(folder) not in seen
        seen.add(code_hash_of(folder))
    assert list(catalog_of(root).plugins()) == ["analysis_one"]


def test_a_change_is_seen_even_when_size_and_time_stay(root: Path) -> None:
    """Guards long-lived workers: an edit that keeps the size and puts the old time back is still found."""
    catalog, file = catalog_of(root), root / "analysis_one" / "plugin.py"
    before, facts = catalog.plugins()[ONE], file.stat()
    file.write_text(COUNT.replace("Counted.", "counted."))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    after = catalog.plugins()[ONE]
    assert (after.code_hash != before.code_hash, after.code_hash) == (True, code_hash_of(after.folder))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_folders_are_looked_at_only_now_and_then_unless_asked(root: Path) -> None:
    """Guards the cost of asking: within the interval nothing is touched; after it, or on refresh, a new plugin is there."""
    clock = Clock()
    catalog = FolderCatalog([(root, "path")], check_interval_s=0.5, monotonic_s=clock)
    assert len(catalog.plugins()) == 1
    make_plugin(root, "analysis_two", "analysis", COUNT)
    clock.now_s = 0.4
    assert len(catalog.plugins()) == 1
    clock.now_s = 0.5
    assert len(catalog.plugins()) == 2
    make_plugin(root, "analysis_three", "analysis", COUNT)
    catalog.refresh()
    assert len(catalog.plugins()) == 3


def test_unchanged_folders_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the cost of watching: once a folder has settled, looking at it again opens none of its files."""
    catalog = FolderCatalog([(root, "path")], check_interval_s=0.0, wall_ns=lambda: time.time_ns() + 10**10)
    first = catalog.plugins()[ONE]
    monkeypatch.setattr(folders, "read_plugin", lambda *_: pytest.fail("the folder was read again"))
    assert catalog.plugins()[ONE] is first


def test_a_folder_that_has_just_changed_is_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the gap that coarse file times leave: what was written a moment ago is not trusted to show its next change."""
    catalog = catalog_of(root)
    assert list(catalog.plugins()) == [ONE]
    monkeypatch.setattr(folders, "read_plugin", lambda *_: (None, [Problem("x", "", "was read again")]))
    assert list(catalog.plugins()) == []


def test_a_folder_that_vanishes_is_gone(root: Path) -> None:
    """Guards that a plugin that was taken away is not planned from memory."""
    catalog = catalog_of(root)
    assert len(catalog.plugins()) == 1
    (root / "analysis_one").rename(root / ".hidden")
    assert len(catalog.plugins()) == 0


def test_a_folder_that_keeps_changing_is_a_problem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards consistency: manifest, schemas and hash always belong to one state of the folder, or there is no plugin."""
    real = folders.read_plugin

    def meddle(folder: Path, source: Source, files: plugin_files.FolderFiles) -> object:
        with (folder / "plugin.py").open("a") as file:
            file.write("#")
        return real(folder, source, files)

    monkeypatch.setattr(folders, "read_plugin", meddle)
    assert "change while they are read" in problem_of(root)


def test_several_threads_see_one_whole_catalog(root: Path) -> None:
    """Guards concurrent use: every answer is a complete one while folders come and go."""
    for number in range(5):
        make_plugin(root, f"analysis_n{number}", "analysis", COUNT)
    catalog = catalog_of(root)
    sizes: list[int] = []
    threads = [threading.Thread(target=lambda: sizes.extend(len(catalog.plugins()) for _ in range(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [6] * 40


def test_five_hundred_folders_cost_nothing_to_ask_for_again(tmp_path: Path) -> None:
    """Guards the budget of a big installation: within the interval between two looks no file is so much as looked for."""
    for number in range(500):
        make_plugin(tmp_path / "plugins", f"analysis_n{number}", "analysis", COUNT)
    catalog = FolderCatalog([(tmp_path / "plugins", "path")], monotonic_s=Clock())
    assert len(catalog.plugins()) == 500
    (tmp_path / "plugins").rename(tmp_path / "elsewhere")
    assert len(catalog.plugins()) == 500
