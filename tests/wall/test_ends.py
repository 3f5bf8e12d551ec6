"""How hostile and clumsy plugins end in a real run: each with its own status, type, reason and next step, in audit and report alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.runs import Execution
from tests.conftest import OpenCore
from tests.fakes.plugins import INGEST, make_plugin, small_catalog
from tests.fakes.running import run_to_end

HEAD = "import json, os, random, sys, time\nfrom harness_core.sdk import PluginResult\ndef run(ctx):\n"
SMALL = {
    "scratch_mb": 5,
    "scratch_files": 20,
    "output_mb": 1,
    "result_mb": 1,
    "timeout_s": 60,
    "memory_mb": 512,
    "concurrency": "cpu",
}
ENDS: dict[str, tuple[str, str, str, str, str]] = {
    "analysis_bytes": (
        "for n in range(100): open(str(n % 10), 'ab').write(bytes(1 << 20)); time.sleep(0.02)", "SANDBOX", "DiskLimit",
        "It wrote more than the 5,242,880 bytes it may.", "limits.scratch_mb",
    ),
    "analysis_one_file": (
        "open('x', 'wb', buffering=0).write(bytes(1 << 20) * 6)\nopen('x', 'ab', buffering=0).write(b'x')", "SANDBOX", "DiskLimit",
        "It wrote a file larger than all that it may write.", "limits.scratch_mb",
    ),
    "analysis_files": (
        "for n in range(30): open(str(n), 'w').close()\ntime.sleep(60)", "SANDBOX", "FilesLimit",
        "It made more than the 20 files it may.", "limits.scratch_files",
    ),
    "analysis_output": (
        "for n in range(40): print('x' * 65536)\ntime.sleep(60)", "ERROR", "OutputLimit", "It printed more than 1,048,576 bytes.",
        "limits.output_mb",
    ),
    "analysis_result": (
        "return PluginResult.ok('fine', metrics={'x': 'y' * 2_000_000})", "ERROR", "ResultLimit", "a result may have 1 MB",
        "ctx.write_artifact",
    ),
    "analysis_values": (
        "return PluginResult.ok('fine', metrics={'x': [{}] * 300_000})", "OK", "", "It answered.", "",
    ),
    "analysis_reader": (
        "open('/etc/passwd')", "SANDBOX", "SandboxViolation", "It tried to read /etc/passwd", "report this to its author",
    ),
    "analysis_eval": (
        "return PluginResult.ok(str(eval('1 + 1')))", "OK", "", "It used exec or eval in plugin.py:4.", "",
    ),
    "analysis_caught": (
        "try: os.system('true')\nexcept PermissionError: pass\nreturn PluginResult.ok('fine')", "OK", "",
        "It tried to start true (refused).", "",
    ),
}  # fmt: skip


def planted(open_home: OpenCore, tmp_path: Path, bodies: dict[str, str], limits: dict[str, Any], **environ: str) -> Core:
    catalog = small_catalog(tmp_path / "plugins")
    for name, body in bodies.items():
        code = HEAD + "".join(f"    {line}\n" for line in body.splitlines()) + "    return PluginResult.ok('fine')\n"
        make_plugin(tmp_path / "plugins", name, "analysis", code, limits=limits)
    core = open_home(catalog, queue_url="memory://", **environ)
    core.catalog.refresh()
    return core


def by_plugin(core: Core, run_id: Any) -> dict[str, Execution]:
    return {item.plugin_id: item for item in core.runs.executions(run_id)}


@pytest.fixture
def kept(open_home: OpenCore, tmp_path: Path) -> Core:
    return planted(open_home, tmp_path, {name: case[0] for name, case in ENDS.items()}, SMALL)


def test_each_end_has_its_own_name(kept: Core, table: Path) -> None:
    """In the execution, the audit row, the manifest and the report; the rest of the run goes on; all of it replays."""
    run = run_to_end(kept, table, plugins=list(ENDS))
    executions = by_plugin(kept, run.run_id)
    reasons = {item.plugin_id: item.reason for item in kept.runs.attempts(run.run_id)}
    for name, (_, status, kind, reason, remedy) in ENDS.items():
        error = executions[name].error or {"type": "", "remedy": ""}
        assert (str(executions[name].status), error["type"]) == (status, kind), (name, reasons[name])
        assert reason in reasons[name]
        assert remedy in error["remedy"]
    assert str(run.status) == "PARTIAL"
    replay = kept.replaying.replay(run.run_id)
    assert {item["plugin_id"] for item in replay.report["errors"]} == {name for name, case in ENDS.items() if case[1] != "OK"}
    manifest = json.loads((kept.store.run_folder(run.run_id) / "run_manifest.json").read_bytes())
    planned = {item["plugin_id"]: item for item in manifest["plugins"]}
    assert planned["analysis_bytes"]["limits"]["scratch_mb"] == 5
    assert list((kept.settings.home / "scratch").iterdir()) == []


def test_the_operators_ceiling_is_lower(open_home: OpenCore, tmp_path: Path, table: Path) -> None:
    """Whatever a manifest asks for, a plugin writes no more than the operator lets it."""
    core = planted(
        open_home, tmp_path, {"analysis_bytes": ENDS["analysis_bytes"][0]}, {**SMALL, "scratch_mb": 9999}, scratch_mb="5"
    )
    run = run_to_end(core, table, plugins=["analysis_bytes"])
    error = by_plugin(core, run.run_id)["analysis_bytes"].error
    assert error is not None
    assert (error["type"], "HARNESS_SCRATCH_MB" in error["remedy"]) == ("DiskLimit", True)
    assert "5,242,880" in error["message"]


HOSTILE_FOLDERS = {
    "a folder in place of the facts": "(ctx.scratch / 'datasets' / '0' / 'schema.json' / 'deep').mkdir(parents=True)",
    "a folder in place of the data": "p = ctx.scratch / 'datasets' / '0' / 'data.parquet'; p.unlink(); p.mkdir()",
    "no data": "(ctx.scratch / 'datasets' / '0' / 'data.parquet').unlink()",
    "more than asked for": "(ctx.scratch / 'datasets' / '0' / 'more').mkdir(); (ctx.scratch / 'datasets' / '0' / 'x').write_text('x')",
}


@pytest.mark.parametrize("case", HOSTILE_FOLDERS)
def test_what_an_ingest_plugin_leaves_is_taken_with_suspicion(open_home: OpenCore, tmp_path: Path, table: Path, case: str) -> None:
    """Folders where files should be, and files nobody asked for: the run ends, and a dataset version holds two files or is none."""
    catalog = small_catalog(tmp_path / "plugins")
    changed = INGEST.replace('    return PluginResult.ok(f"Read', f'    {HOSTILE_FOLDERS[case]}\n    return PluginResult.ok(f"Read')
    assert changed != INGEST
    make_plugin(tmp_path / "plugins", "ingest_small", "ingest", changed)
    core = open_home(catalog, queue_url="memory://")
    core.catalog.refresh()
    run = run_to_end(core, table, plugins=["analysis_count"])
    ingest = by_plugin(core, run.run_id)["ingest_small"]
    kept = sorted(path.name for folder in (core.settings.home / "datasets").iterdir() for path in folder.rglob("*"))
    if case.endswith("data"):
        assert (str(run.status), str(ingest.status), kept) == ("FAILED", "ERROR", [])
        assert ingest.error is not None
        assert ingest.error["type"] == "RefusedFile"
    else:
        assert (str(run.status), kept) == ("COMPLETED", ["data.parquet", "schema.json"])
