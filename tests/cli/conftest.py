"""The real command in temporary homes, with tiny plugins of its own beside the product's."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CONFIG_SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": False}
OUTPUT_SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}
TABLE = "day,shop,amount\n2024-01-01,north,10.5\n2024-01-02,south,12.25\n2024-01-03,north,9\n2024-01-04,west,11\n"

TINY = {
    "analysis_tiny": (
        {"loud": {"type": "boolean", "default": False}, "severity": {"type": "string", "default": "notice"}},
        """
import os
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    if ctx.settings["loud"]:
        print("a plugin that prints")
        os.write(1, b"to the handle itself\\n")
    rows = ctx.dataset.row_count
    finding = Finding(kind="duplicate", title=f"There are {rows} rows", statement=f"The table has {rows} rows.", columns=[],
                      severity=ctx.settings["severity"], subject="rows",
                      evidence=[ctx.dataset.evidence("SELECT count(*) FROM data")])
    return PluginResult.ok("counted", metrics={"rows": rows}, findings=[finding])
""",
    ),
    "analysis_slow": (
        {"seconds": {"type": "number", "default": 60}},
        """
import time
from harness_core.sdk import PluginResult

def run(ctx):
    end = time.monotonic() + ctx.settings["seconds"]
    done = 0
    while time.monotonic() < end:
        done += 1
        ctx.progress(min(done, 99), 100, "waiting")
        time.sleep(0.05)
    return PluginResult.ok("waited")
""",
    ),
    "analysis_broken": (
        {},
        """
def run(ctx):
    raise ValueError("this plugin is broken on purpose")
""",
    ),
    "ingest_refusing": (
        {},
        """
def inspect(ctx):
    return {}

def run(ctx):
    raise ValueError("this file looked well and is not")
""",
    ),
}


def write_plugin(folder: Path, plugin_id: str, settings: Mapping[str, Any], code: str) -> None:
    """A plugin of four files; an ingest plugin takes files that end with .tiny."""
    target = folder / plugin_id
    target.mkdir(parents=True)
    kind = plugin_id.split("_")[0]
    manifest = {
        "id": plugin_id, "name": plugin_id, "version": "1.0.0", "type": kind, "entrypoint": "plugin.py:run", "depends_on": [],
        "capabilities": [], "config_schema": "config.schema.json", "output_schema": "output.schema.json",
        "requires": {"engine": ">=1.0,<2"}, "sandbox": {"no_network": True, "fs_allowlist": ["run_dir"]},
        "limits": {"timeout_s": 120, "memory_mb": 1024},
    }  # fmt: skip
    if kind == "ingest":
        manifest["accepts"] = [".tiny"]
    (target / "plugin.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    (target / "config.schema.json").write_text(json.dumps({**CONFIG_SCHEMA, "properties": dict(settings)}), encoding="utf-8")
    (target / "output.schema.json").write_text(json.dumps(OUTPUT_SCHEMA), encoding="utf-8")
    (target / "plugin.py").write_text(code.lstrip(), encoding="utf-8")


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; anything beside it fails here."""
        return json.loads(self.out)


@dataclass
class Harness:
    """The command with a home of its own."""

    home: Path
    plugins: Path
    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_") and name != "NO_COLOR"}
        return {
            **kept, "HARNESS_HOME": str(self.home), "HARNESS_PLUGIN_PATH": str(self.plugins), "HARNESS_WORKERS": "2",
            "COLUMNS": "100", "TERM": "xterm",
        }  # fmt: skip

    def start(
        self, *arguments: str, code: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start the command. ``code`` is Python to run in its process first."""
        how = (
            ["-c", f"import sys\n{code}\nfrom harness_api.cli import main\nsys.exit(main())"] if code else ["-m", "harness_api.cli"]
        )
        process = subprocess.Popen(
            [sys.executable, *how, *arguments], cwd=cwd or self.folder, env={**self.environment, **(env or {})}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.started.append(process)
        return process

    def __call__(self, *arguments: str, **options: Any) -> Ended:
        return ended(self.start(*arguments, **options))

    def file(self, text: str = TABLE, name: str = "sales.csv") -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the state database itself."""
        path = self.home / "state.sqlite"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            try:
                return connection.execute(query, parameters).fetchall()
            except sqlite3.OperationalError:
                return []  # the schema is being made

    def wait_until_running(self, plugin_id: str) -> str:
        """The id of the run in which that plugin now says that it is on its way."""
        query = "SELECT run_id FROM execution WHERE plugin_id = ? AND status = 'RUNNING' AND progress_done > 0"
        return str(eventually(lambda: self.rows(query, plugin_id))[0][0])


def ended(process: subprocess.Popen[str], timeout_s: float = 60) -> Ended:
    out, err = process.communicate(timeout=timeout_s)
    return Ended(process.returncode, out, err)


def forked(harness: Harness, *arguments: str) -> Ended:
    """The command in a child of this process: the same code from its first line to its exit code, without loading it anew."""
    from harness_api.cli import main

    out, err = harness.folder / f".out{os.getpid()}", harness.folder / f".err{os.getpid()}"
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.environ.clear()
            os.environ.update(harness.environment)
            os.chdir(harness.folder)
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            code = main(list(arguments))
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    done = Ended(os.waitstatus_to_exitcode(status), out.read_text(), err.read_text())
    out.unlink()
    err.unlink()
    return done


def eventually(look: Callable[[], Sequence[Any]], timeout_s: float = 60) -> Any:
    """What ``look`` gives as soon as it gives something."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("what was waited for did not come")


@pytest.fixture(scope="session")
def tiny_plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    for plugin_id, (settings, code) in TINY.items():
        write_plugin(folder, plugin_id, settings, code)
    return folder


@pytest.fixture
def harness(tmp_path: Path, tiny_plugins: Path) -> Any:
    made = Harness(tmp_path / "home", tiny_plugins, tmp_path)
    yield made
    stop_all(made)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, tiny_plugins: Path) -> Any:
    """One home for the tests of a module that only read, with one ended run in it."""
    folder = tmp_path_factory.mktemp("shared")
    made = Harness(folder / "home", tiny_plugins, folder)
    assert made("run", made.file(), "--plugins", "analysis_tiny,analysis_broken").code == 4
    yield made
    stop_all(made)


def stop_all(harness: Harness) -> None:
    for process in harness.started:
        if process.poll() is None:
            process.kill()
            process.communicate()
