"""What a guest is asked: the request for one execution, made from what was committed before it, and its fingerprint."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import HarnessError
from harness_core.domain.fingerprints import execution_fingerprint, plugin_seed
from harness_core.domain.plugins import CONCLUDING_TYPES, Plugin, PluginId
from harness_core.domain.reports import assemble
from harness_core.domain.runs import Execution, Run
from harness_core.ports.catalog import Catalog
from harness_core.ports.launcher import GuestRequest
from harness_core.ports.state import Library, Runs
from harness_core.ports.store import Stage, Store
from harness_core.ports.world import Blobs
from harness_core.sdk.derived import artifact_name
from harness_core.services.outcomes import ended_executions
from harness_core.services.run_datasets import dataset_versions_of

ENGINE_MEMORY_SHARE = 0.5
MEGABYTE = 1024 * 1024
SEES_INPUTS = ("ingest",)


class NotRunnable(Exception):
    """This execution cannot start; the error belongs to its record."""

    def __init__(self, type_: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.error = {"type": type_, "message": message, "remedy": remedy}


@dataclass(frozen=True)
class Prepared:
    """A guest's request without its folders, and the fingerprint of what it would compute."""

    plugin: Plugin
    message: Mapping[str, Any]
    fingerprint: str
    network: bool = False
    """Whether the operator's override opens the network to it; then its result is no function of the fingerprint."""

    def request(self, scratch: Any, stage: Stage) -> GuestRequest:
        limits = self.plugin.manifest.limits
        return GuestRequest(
            message={**self.message, "scratch": str(scratch)},
            scratch=scratch,
            stdout_path=stage.stdout,
            stderr_path=stage.stderr,
            timeout_s=limits.timeout_s,
            memory_mb=limits.memory_mb,
            cpu_s=limits.cpu_s,
            max_scratch_bytes=limits.scratch_mb * MEGABYTE,
            max_scratch_files=limits.scratch_files,
            max_output_bytes=limits.output_mb * MEGABYTE,
            max_result_bytes=limits.result_mb * MEGABYTE,
            network=self.network,
        )


def guest_message(plugin: Plugin, *, call: str = "run", **parts: Any) -> dict[str, Any]:
    """The JSON that the SDK's guest reads, with everything a plugin is not given left empty."""
    limits = plugin.manifest.limits
    message = {
        "plugin_id": plugin.id,
        "plugin_folder": str(plugin.folder),
        "module": plugin.manifest.module,
        "function": plugin.manifest.function if call == "run" else call,
        "call": call,
        "settings": {},
        "seed": 1,
        "engine_memory_mb": int(limits.memory_mb * ENGINE_MEMORY_SHARE),
        "limits": {name: value for name, value in vars(limits).items() if name != "concurrency"},
        "derives": plugin.manifest.derives,
        "datasets": {},
        "upstream": {},
        "inputs": [],
        "plan": [],
        "report": {},
    }
    return {**message, **parts}


class Preparing:
    """Makes the request of one execution from the run's committed state."""

    def __init__(self, runs: Runs, library: Library, catalog: Catalog, store: Store, blobs: Blobs) -> None:
        self._runs, self._library, self._catalog, self._store, self._blobs = runs, library, catalog, store, blobs

    def prepare(self, run: Run, execution: Execution) -> Prepared:
        """Raises :class:`NotRunnable` when the plugin is gone or changed, or something it reads is no longer kept."""
        plugin = self._plugin(run, execution)
        try:
            return self._prepare(run, execution, plugin)
        except HarnessError as reason:
            raise NotRunnable(reason.code, reason.what, reason.next_step) from reason

    def _plugin(self, run: Run, execution: Execution) -> Plugin:
        plugin = self._catalog.planned(run.config.code).get(execution.plugin_id)
        if plugin is None or plugin.code_hash != run.config.code[execution.plugin_id]:
            self._catalog.refresh()  # it may have come a moment ago, and the run from another process
            plugin = self._catalog.planned(run.config.code).get(execution.plugin_id)
        if plugin is None:
            raise NotRunnable(
                "PluginMissing", f"The plugin {execution.plugin_id} was there when the run was planned and is not there now.",
                "Put it back (see HARNESS_PLUGIN_PATH and `harness plugins list`), then `harness runs retry`.",
            )  # fmt: skip
        if plugin.code_hash != run.config.code[execution.plugin_id]:
            raise NotRunnable(
                "PluginChanged", f"The code of {execution.plugin_id} has changed since the run was planned.",
                "Submit the file again, so that the whole run uses the new code.",
            )  # fmt: skip
        return plugin

    def _prepare(self, run: Run, execution: Execution, plugin: Plugin) -> Prepared:
        executions = self._runs.executions(run.run_id)
        versions = dataset_versions_of(self._library, run.datasets)
        upstream = self._upstream(executions, execution)
        context = self._context(run, executions, versions, plugin)
        seed = plugin_seed(run.resolved_seed, plugin)
        settings = run.config.settings[plugin.id]
        network = plugin.id in run.config.open_network
        sees_data = plugin.manifest.type not in SEES_INPUTS and plugin.manifest.type != "report"
        datasets = {item["role"]: item["dataset_version_id"] for item in run.datasets} if sees_data else {}
        inputs = run.config.inputs if plugin.manifest.type in SEES_INPUTS else ()
        fingerprint = execution_fingerprint(
            plugin, settings=settings, seed=seed, inputs=[(item.filename, item.sha256) for item in inputs], datasets=datasets,
            upstream={item.plugin_id: (str(item.status) if not item.ok else "ok", item.output_sha256) for item in upstream},
            engine=run.config.engine, context={**context, "network": True} if network else context,
        )  # fmt: skip
        message = guest_message(
            plugin, settings=settings, seed=seed, **context,
            datasets={role: str(self._store.dataset_folder(version_id)) for role, version_id in datasets.items()},
            upstream={item.plugin_id: self._committed(item, datasets) for item in upstream},
            inputs=[{"path": str(self._blobs.path(item.sha256)), "filename": item.filename, "sha256": item.sha256,
                     "size_bytes": item.size_bytes} for item in inputs],
        )  # fmt: skip
        return Prepared(plugin, message, fingerprint, network)

    def _upstream(self, executions: Sequence[Execution], execution: Execution) -> list[Execution]:
        return [item for item in executions if item.plugin_id in execution.depends_on]

    def _committed(self, execution: Execution, roles: Iterable[str]) -> dict[str, Any]:
        folder = self._store.plugin_folder(execution.run_id, execution.plugin_id)
        if execution.fence is not None:
            folder = self._store.publish(execution.run_id, execution.plugin_id, execution.fence)
        status = "OK" if execution.status == "REUSED" else str(execution.status)
        return {"folder": str(folder), "status": status, "derived": self._derived(execution, folder, roles)}

    def _derived(self, execution: Execution, folder: Path, roles: Iterable[str]) -> dict[str, str]:
        """The files of derived columns that it left, by the role of their dataset version; a damaged one is as good as none."""
        maker = self._catalog.plugins().get(execution.plugin_id)  # it may be gone since
        if maker is None or not maker.manifest.derives or not execution.ok:
            return {}
        names = {f"plugins/{execution.plugin_id}/artifacts/{artifact_name(role)}": role for role in roles}
        found: dict[str, str] = {}
        for item in self._runs.artifacts(execution.run_id):
            if item.path not in names:
                continue
            relative = item.path.split("/", 2)[2]
            if _is_whole(self._store, folder / relative, item.sha256):
                found[names[item.path]] = relative
            else:
                self._runs.note(execution.run_id, "execution.derived_refused", execution.plugin_id, reason=f"{relative} is damaged")
        return found

    def _context(
        self, run: Run, executions: Sequence[Execution], versions: Sequence[DatasetVersion], plugin: Plugin
    ) -> dict[str, Any]:
        """What planners and reports are shown beyond their upstream."""
        if plugin.manifest.type == "planner":
            self._catalog.refresh()
            return {
                "plan": [candidate(item) for item in self._catalog.planned(run.config.code).values()],
                "report": {},
            }
        if plugin.manifest.type in SEES_INPUTS and run.config.sample is not None:
            return {"plan": [], "report": {}, "sample": sample_of(run.config.sample, run.config.seed)}
        if plugin.manifest.type not in CONCLUDING_TYPES:
            return {"plan": [], "report": {}}
        layer = next(item.layer for item in executions if item.plugin_id == plugin.id)  # one beside it may have ended or not
        ended = ended_executions(self._runs, self._store, [item for item in executions if item.layer < layer])
        return {
            "plan": [planned(item.execution, item.status) for item in ended if item.execution.plugin_type not in CONCLUDING_TYPES],
            "report": assemble(run, ended, versions),
        }


def _is_whole(store: Store, path: Path, sha256: str) -> bool:
    try:
        return store.sha256_of(path) == sha256
    except OSError:
        return False


def sample_of(fraction: float, seed: int) -> dict[str, Any]:
    """What an ingest plugin's guest is told of the share of rows that is wanted; ``seed`` as it was asked for, 0 included."""
    return {"fraction": fraction, "seed": seed}


def candidate(plugin: Plugin) -> dict[str, Any]:
    """A plugin as a planner sees it."""
    manifest = plugin.manifest
    return {
        "plugin_id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "type": manifest.type,
        "description": manifest.description,
        "depends_on": list(manifest.depends_on),
        "needs": dict(manifest.needs),
    }


def planned(execution: Execution, status: str) -> dict[str, Any]:
    """An execution that ended, as a report sees it."""
    return {
        "plugin_id": execution.plugin_id,
        "name": execution.plugin_id,
        "version": execution.version,
        "type": execution.plugin_type,
        "status": status,
        "summary": execution.summary,
        "error": dict(execution.error) if execution.error else None,
    }


def selected_by(output: Mapping[str, Any] | None) -> list[PluginId]:
    """The plugins that a planner's output takes."""
    entries = (output or {}).get("metrics", {}).get("selection", [])
    return [PluginId(entry["plugin_id"]) for entry in entries if entry.get("selected") is True]
