"""``plugins validate``: does a plugin load, and do what its schemas say on a small table? Nothing of it runs in this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from harness_core import __version__
from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.plans import Plan, build_plan
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.results import committed_output, result_problems
from harness_core.domain.schemas import validate
from harness_core.domain.settings_resolution import resolve_settings
from harness_core.ports.catalog import Catalog
from harness_core.ports.launcher import GuestOutcome, GuestRequest, Launcher
from harness_core.sdk import tools
from harness_core.sdk.canonical import canonical_bytes, sha256_hex
from harness_core.sdk.testing import write_dataset
from harness_core.services.guests import candidate, guest_message
from harness_core.services.plugins import capabilities_of, no_such_plugin, plugin_health

SMOKE_TIMEOUT_S = 120.0
SMOKE_ROWS = 60
SOURCE_TIMEOUT_S = 30.0
SOURCE_MEMORY_MB = 512
SHOWN_NOTES = 10
TAIL_CHARACTERS = 2000
CheckState = Literal["passed", "failed", "skipped"]

SAMPLES: Mapping[str, str] = {
    ".csv": "day,region,amount\n2024-01-01,north,10.5\n2024-01-02,south,12.25\n2024-01-03,north,9\n",
    ".tsv": "day\tregion\tamount\n2024-01-01\tnorth\t10.5\n2024-01-02\tsouth\t12.25\n",
    ".txt": "day,region,amount\n2024-01-01,north,10.5\n2024-01-02,south,12.25\n",
    ".lines": "north 10.5\nsouth 12.25\nnorth 9\n",
    ".json": '[{"region": "north", "amount": 10.5}, {"region": "south", "amount": 12.25}]\n',
    ".jsonl": '{"region": "north", "amount": 10.5}\n{"region": "south", "amount": 12.25}\n',
    ".ndjson": '{"region": "north", "amount": 10.5}\n{"region": "south", "amount": 12.25}\n',
    ".sql": "CREATE TABLE sales (region text, amount integer);\nINSERT INTO sales VALUES ('north', 10), ('south', 12);\n",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: its name, how it went, and a sentence."""

    name: str
    state: CheckState
    sentence: str = ""


@dataclass(frozen=True)
class Validation:
    """What ``plugins validate`` says of one plugin. ``log`` is the end of what it wrote to stderr, where that helps."""

    plugin_id: str
    folder: str
    ok: bool
    version: str = ""
    capabilities: Sequence[Mapping[str, Any]] = ()
    checks: Sequence[Check] = ()
    problems: Sequence[Problem] = ()
    log: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "plugin_id": self.plugin_id,
            "folder": self.folder,
            "version": self.version,
            "ok": self.ok,
            "capabilities": [dict(item) for item in self.capabilities],
            "checks": [dict(vars(check)) for check in self.checks],
            "problems": [problem.as_dict() for problem in self.problems],
            "log": self.log,
        }


def validate_plugins(
    catalog: Catalog, launcher: Launcher, wanted: Sequence[str], scratch: Path, *, engine_version: str = __version__
) -> list[Validation]:
    """A verdict for each of ``wanted`` (ids, or folders the catalog knows), or for every folder when it is empty.

    ``scratch`` is an empty folder for the guests. Raises NotFound for a name that is nothing here.
    """
    plugins, invalid = catalog.plugins(), catalog.problems()
    bench = _Bench(plugins, launcher, scratch, engine_version)
    return [
        _refused(name, invalid[name]) if name in invalid else bench.validate(plugins[PluginId(name)])
        for name in _named(catalog, wanted)
    ]


def _named(catalog: Catalog, wanted: Sequence[str]) -> list[str]:
    """Ids of valid plugins and folders of invalid ones, in the order asked for."""
    plugins, invalid = catalog.plugins(), catalog.problems()
    by_folder: dict[str, str] = {str(Path(plugin.folder).resolve()): name for name, plugin in plugins.items()}
    by_folder |= {str(Path(folder).resolve()): folder for folder in invalid}
    by_name: dict[str, str] = {Path(folder).name: folder for folder in invalid} | {name: name for name in plugins}
    found = []
    for name in wanted or [*plugins, *invalid]:
        known = name if name in invalid else by_name.get(name) or by_folder.get(str(Path(name).resolve()))
        if known is None:
            raise no_such_plugin(catalog, name)
        found.append(known)
    return list(dict.fromkeys(found))


def _refused(folder: str, problems: Sequence[Problem]) -> Validation:
    check = Check("manifest and schemas", "failed", f"{len(problems)} problem{'s' * (len(problems) != 1)}")
    return Validation(Path(folder).name, folder, ok=False, checks=[check], problems=list(problems))


@dataclass(frozen=True)
class _Trial:
    """How a smoke run went. ``folder`` and ``status`` are what a plugin that builds on it is given."""

    check: Check
    problems: Sequence[Problem] = ()
    folder: Path | None = None
    status: str = "ERROR"


@dataclass
class _Bench:
    """Smoke runs on one small table, each plugin once, those it builds on first."""

    plugins: Mapping[PluginId, Plugin]
    launcher: Launcher
    scratch: Path
    engine_version: str
    trials: dict[PluginId, _Trial] = field(default_factory=dict)

    def validate(self, plugin: Plugin) -> Validation:
        checks, problems = [Check("manifest and schemas", "passed")], []
        where = str(plugin.folder / plugin.manifest.module)
        health = plugin_health(plugin, self.launcher, self._folder(f"{plugin.id}.health"))
        checks.append(Check("import", "passed" if health.loads else "failed", "" if health.loads else health.sentence))
        checks.append(self._source(plugin))
        if not health.loads:
            problems.append(Problem(where, "import", health.sentence, "see the log below"))
        else:
            checks.append(Check("health", "failed" if health.state == "unhealthy" else "passed", health.sentence))
            trial = self._trial_of(plugin)
            checks.append(trial.check)
            problems += trial.problems
        if health.loads and health.state == "unhealthy":
            problems.append(Problem(where, "health", health.sentence, "mend what health() complains of"))
        return Validation(
            plugin.id, str(plugin.folder), ok=not problems, version=plugin.manifest.version, capabilities=capabilities_of(plugin),
            checks=checks, problems=problems, log=self._log(plugin, loads=health.loads) if problems else "",
        )  # fmt: skip

    def _source(self, plugin: Plugin) -> Check:
        """What a reviewer of its source should look at: advice, which fails nothing; the wall decides what a plugin can do."""
        scratch = self._folder(f"{plugin.id}.source")
        message = guest_message(
            plugin, plugin_id="check_source", plugin_folder=str(Path(tools.__path__[0])), module="check_source.py", function="run",
            settings={"capabilities": list(plugin.manifest.capabilities)}, scratch=str(scratch),
            inputs=[{"path": str(plugin.folder), "filename": plugin.id, "sha256": "", "size_bytes": 0}],
        )  # fmt: skip
        request = GuestRequest(
            message, scratch, scratch / "stdout.log", scratch / "stderr.log", timeout_s=SOURCE_TIMEOUT_S, memory_mb=SOURCE_MEMORY_MB
        )
        outcome = self.launcher.run(request)
        if outcome.answer is None or outcome.answer.get("status") != "ok":
            return Check("source", "skipped", f"It could not be read: {outcome.reason}")
        notes = outcome.answer["metrics"]["notes"]
        shown = "; ".join(f"{note['file']}:{note['line']}: {note['sentence']}" for note in notes[:SHOWN_NOTES])
        more = f"; and {len(notes) - SHOWN_NOTES} more" if len(notes) > SHOWN_NOTES else ""
        return Check("source", "passed", f"To look at: {shown}{more}." if notes else "")

    def _trial_of(self, plugin: Plugin) -> _Trial:
        try:
            plan = build_plan(self.plugins, [plugin.id], engine_version=self.engine_version)
        except UsageError as refused:
            return _Trial(Check("smoke run", "failed", refused.what), refused.problems)
        self._run_through(plan)
        return self.trials[plugin.id]

    def _run_through(self, plan: Plan) -> None:
        for step in plan.steps:
            if step.plugin_id in self.trials:
                continue
            plugin = self.plugins[step.plugin_id]
            broken = [name for name in plugin.manifest.depends_on if self.trials[name].folder is None]
            if step.blocked:
                trial = _Trial(Check("smoke run", "skipped", step.blocked))
            elif broken:
                trial = _Trial(
                    Check("smoke run", "skipped", f"{', '.join(broken)}, which it builds on, did not come through its own.")
                )
            else:
                trial = self._smoke(plugin)
            self.trials[step.plugin_id] = trial

    def _smoke(self, plugin: Plugin) -> _Trial:
        settings, problems = resolve_settings(plugin, {})
        if problems:
            return _Trial(
                Check("smoke run", "skipped", f"It has settings without a default: {problems[0].field or problems[0].reason}.")
            )
        scratch = self._folder(plugin.id)
        given = self._given(plugin)
        if given is None:
            return _Trial(Check("smoke run", "skipped", f"There is no built-in sample of {', '.join(plugin.manifest.accepts)}."))
        limits = plugin.manifest.limits
        request = GuestRequest(
            message=guest_message(plugin, settings=settings, scratch=str(scratch), **given),
            scratch=scratch,
            stdout_path=scratch / "stdout.log",
            stderr_path=scratch / "stderr.log",
            timeout_s=min(limits.timeout_s, SMOKE_TIMEOUT_S),
            memory_mb=limits.memory_mb,
            cpu_s=limits.cpu_s,
        )
        return _judged(plugin, self.launcher.run(request), scratch)

    def _given(self, plugin: Plugin) -> dict[str, Any] | None:
        """What a plugin of this type sees in a run; None where there is no sample of the files it reads."""
        if plugin.manifest.type == "ingest":
            sample = _sample(plugin, self._folder(f"{plugin.id}.input"))
            return {"inputs": [sample]} if sample else None
        names = plugin.manifest.depends_on
        upstream = {name: {"folder": str(self.trials[name].folder), "status": self.trials[name].status} for name in names}
        candidates = [candidate(item) for item in self.plugins.values()]
        if plugin.manifest.type == "report":
            return {"upstream": upstream, "plan": [], "report": SMALL_REPORT}
        plan = candidates if plugin.manifest.type == "planner" else []
        report = SMALL_REPORT if plugin.manifest.type == "llm" else {}
        return {"upstream": upstream, "plan": plan, "report": report, "datasets": {"data": str(self._dataset())}}

    def _dataset(self) -> Path:
        folder = self.scratch / "dataset"
        return folder if folder.exists() else write_dataset(folder, smoke_table())

    def _folder(self, name: str) -> Path:
        folder = self.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log(self, plugin: Plugin, *, loads: bool) -> str:
        path = self.scratch / (plugin.id if loads else f"{plugin.id}.health") / "stderr.log"
        return path.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:] if path.exists() else ""


def smoke_table() -> dict[str, list[Any]]:
    """Sixty rows with one column of each kind that plugins look for, some values missing."""
    rows = range(SMOKE_ROWS)
    return {
        "order_id": list(rows),
        "amount": [None if row % 13 == 5 else round(10 + 3.7 * ((row * 7) % 11) + 0.05 * row, 2) for row in rows],
        "quantity": [1 + (row * 5) % 9 for row in rows],
        "region": [("north", "south", "west")[row % 3] for row in rows],
        "paid": [row % 4 != 0 for row in rows],
        "day": [date(2024, 1, 1) + timedelta(days=row) for row in rows],
        "note": [None if row % 5 == 0 else f"delivered in the week number {row // 7} of the year" for row in rows],
    }


SMALL_REPORT: Mapping[str, Any] = {
    "schema_version": "report.v1",
    "run_fingerprint": f"sha256:{'0' * 64}",
    "status": "COMPLETED",
    "input": {"filename": "sample.csv", "sha256": "0" * 64, "bytes": 0, "format": "csv"},
    "dataset": {"dataset_version_id": "dv_test", "row_count": SMOKE_ROWS, "column_count": 0, "columns": []},
    "coverage": {"sampled": False, "rows_analyzed": SMOKE_ROWS, "rows_total": SMOKE_ROWS},
    "insights": [],
    "findings": [],
    "plugins": {},
    "lineage": {"nodes": [], "edges": []},
    "errors": [],
}


def _sample(plugin: Plugin, folder: Path) -> dict[str, Any] | None:
    suffix = next((item for item in plugin.manifest.accepts or (".csv",) if item in SAMPLES), None)
    if suffix is None:
        return None
    path, data = folder / f"sample{suffix}", SAMPLES[suffix].encode("utf-8")
    path.write_bytes(data)
    return {"path": str(path), "filename": path.name, "sha256": sha256_hex(data), "size_bytes": len(data)}


def _judged(plugin: Plugin, outcome: GuestOutcome, scratch: Path) -> _Trial:
    """The answer held to what the kernel and the plugin's own schema ask, and kept for those that build on it."""
    where = str(plugin.folder / plugin.manifest.module)
    answer = outcome.answer
    if outcome.ending != "answered" or answer is None:
        return _failed(where, outcome.reason)
    problems = [Problem(where, "smoke run", reason) for reason in result_problems(plugin.id, answer)]
    problems += validate(plugin.output_schema, answer, f"{where} against {plugin.manifest.output_schema}")
    if problems:
        return _Trial(Check("smoke run", "failed", "Its answer is not what the contract or its schema says."), problems)
    if answer["status"] == "error":
        return _failed(where, f"{answer['error']['type']}: {answer['error']['message']}")
    output = committed_output(plugin.id, answer, [{**item, "path": f"artifacts/{item['name']}"} for item in outcome.artifacts])
    (scratch / "output.json").write_bytes(canonical_bytes(output))
    return _Trial(
        Check("smoke run", "passed", str(answer["summary"])), folder=scratch, status="OK" if answer["status"] == "ok" else "NA"
    )


def _failed(where: str, reason: str) -> _Trial:
    return _Trial(Check("smoke run", "failed", reason), [Problem(where, "smoke run", reason, "see the log below")])
