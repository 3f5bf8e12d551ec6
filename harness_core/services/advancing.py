"""Advancing a run: take in what the planner chose, or, when everything has ended, write the reports and close it.

Every step can be repeated: the same committed state gives the same files, so a crash in the middle costs only time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.memory import insights_to_remember
from harness_core.domain.plans import build_plan
from harness_core.domain.reports import Ended, assemble, plain_report
from harness_core.domain.results import worst_severity
from harness_core.domain.run_manifests import run_manifest
from harness_core.domain.runs import Artifact, Execution, Job, Run, RunStatus
from harness_core.domain.settling import final_status
from harness_core.ports.catalog import Catalog
from harness_core.ports.state import Closing, Jobs, Library, Runs
from harness_core.ports.store import Store
from harness_core.sdk.canonical import canonical_bytes
from harness_core.services.guests import selected_by
from harness_core.services.outcomes import ended_executions
from harness_core.services.run_datasets import dataset_versions_of
from harness_core.services.submitting import executions_of, of_type

RENDERED = {"report.md": "text/markdown", "report.html": "text/html"}


class Advancing:
    """Takes a claimed job of kind *advance* to its end."""

    def __init__(
        self,
        runs: Runs,
        jobs: Jobs,
        library: Library,
        catalog: Catalog,
        store: Store,
        engine_version: str,
        environment: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._runs, self._jobs, self._library, self._catalog, self._store = runs, jobs, library, catalog, store
        self._engine_version, self._environment = engine_version, environment

    def advance(self, job: Job) -> Sequence[int]:
        """Returns the jobs to ring for. Raises LeaseLost when somebody else has taken over."""
        run = self._runs.get(job.run_id)
        executions = self._runs.executions(run.run_id)
        if any(item.open for item in executions) and not run.cancel_requested:
            return self._jobs.settle(job)
        if run.config.selection is None and not run.expanded and not run.cancel_requested and _can_read(executions):
            return self._expand(job, run, executions)
        self._close(job, executions)
        return ()

    def _expand(self, job: Job, run: Run, executions: Sequence[Execution]) -> Sequence[int]:
        """Plan what the planner took, and the reports, which are written whatever happened before."""
        self._catalog.refresh()
        plugins = self._catalog.planned(run.config.code)
        planners = [item for item in executions if item.plugin_type == "planner" and item.ok]
        ended = ended_executions(self._runs, self._store, planners)
        chosen = [name for item in ended for name in selected_by(item.output) if name in plugins]
        have = frozenset(item.plugin_id for item in executions)
        wanted = [*(name for name in sorted(have) if name in plugins), *chosen, *of_type(plugins, "report")]
        plan = build_plan(plugins, wanted, engine_version=self._engine_version, decisions=run.config.grants)
        return self._jobs.commit_expansion(job, executions_of(run, plan, plugins, have), {"expanded": True})

    def _close(self, job: Job, executions: Sequence[Execution]) -> None:
        stages = self._store.stages(job.run_id)  # looked at before the fence is: what comes after a retry is not among them
        run = self._jobs.begin_closing(job)
        ended = ended_executions(self._runs, self._store, [item for item in executions if not item.open])
        versions = dataset_versions_of(self._library, run.datasets)
        missing = [] if run.cancel_requested else self._missing_steps(run, executions)
        status = final_status(executions, cancelled=run.cancel_requested, missing_required=bool(missing))
        report = assemble(run, ended, versions, missing) if status is not RunStatus.CANCELLED else None
        artifacts = self._write_reports(run, report, ended) if report is not None else []
        closing = _closing(run, status, report, artifacts)
        manifest = self._write_manifest(run, closing, executions, versions)
        self._store.drop_half_written(run.run_id, stages)
        self._jobs.commit_closing(job, Closing(**{**vars(closing), "artifacts": [*artifacts, manifest]}))

    @staticmethod
    def _missing_steps(run: Run, executions: Sequence[Execution]) -> list[str]:
        there = {item.plugin_type for item in executions}
        needed = ["ingest", "report"] if run.config.selection is not None else ["ingest", "profile", "planner", "report"]
        return [step for step in needed if step not in there]

    def _write_reports(self, run: Run, report: Mapping[str, Any], ended: Sequence[Ended]) -> list[Artifact]:
        written = [self._store.write_run_file(run.run_id, "report.json", canonical_bytes(report), "application/json")]
        rendered = self._rendered(run, ended)
        if "report.md" not in rendered:
            rendered["report.md"] = plain_report(report).encode("utf-8")
        for name, data in sorted(rendered.items()):
            written.append(self._store.write_run_file(run.run_id, name, data, RENDERED[name]))
        return written

    def _rendered(self, run: Run, ended: Sequence[Ended]) -> dict[str, bytes]:
        """The readable reports that a report plugin committed."""
        found: dict[str, bytes] = {}
        for item in ended:
            if item.execution.plugin_type != "report" or not item.execution.ok:
                continue
            folder = self._store.plugin_folder(run.run_id, item.execution.plugin_id)
            for name in RENDERED:
                if (folder / "artifacts" / name).is_file():
                    found[name] = (folder / "artifacts" / name).read_bytes()
        return found

    def _write_manifest(
        self, run: Run, closing: Closing, executions: Sequence[Execution], versions: Sequence[DatasetVersion]
    ) -> Artifact:
        artifacts = [item for item in self._runs.artifacts(run.run_id) if item.path.startswith("plugins/")]
        manifest = run_manifest(
            run,
            closing.status,
            executions,
            self._runs.attempts(run.run_id),
            versions,
            sorted([*artifacts, *closing.artifacts], key=lambda item: item.path),
            self._catalog.planned(run.config.code),
            self._environment(),
            {"insights": closing.insight_count, "findings": closing.finding_count, "worst_severity": closing.worst_severity},
        )
        return self._store.write_run_file(run.run_id, "run_manifest.json", canonical_bytes(manifest), "application/json")


def _can_read(executions: Sequence[Execution]) -> bool:
    return any(item.plugin_type == "ingest" for item in executions)


def _closing(run: Run, status: RunStatus, report: Mapping[str, Any] | None, artifacts: Sequence[Artifact]) -> Closing:
    if report is None:
        return Closing(status)
    error = report["errors"][0] if status is RunStatus.FAILED and report["errors"] else None
    return Closing(
        status,
        artifacts,
        insight_count=len(report["insights"]),
        finding_count=len(report["findings"]),
        worst_severity=worst_severity(report["findings"]),
        error=error,
        insights=insights_to_remember(run.run_id, report),
    )
