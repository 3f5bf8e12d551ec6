"""Reading back what executions committed."""

from collections.abc import Sequence

from harness_core.domain.reports import Ended
from harness_core.domain.runs import Artifact, Execution, RunId
from harness_core.ports.state import Runs
from harness_core.ports.store import Store


def ended_executions(runs: Runs, store: Store, executions: Sequence[Execution]) -> list[Ended]:
    """Each ended execution with its committed output and artifacts; published first where a crash came in between."""
    if not executions:
        return []
    artifacts = artifacts_by_plugin(runs, executions[0].run_id)
    return [_ended(store, item, artifacts.get(item.plugin_id, [])) for item in executions]


def artifacts_by_plugin(runs: Runs, run_id: RunId) -> dict[str, list[Artifact]]:
    found: dict[str, list[Artifact]] = {}
    for artifact in runs.artifacts(run_id):
        found.setdefault(artifact.plugin_id, []).append(artifact)
    return found


def _ended(store: Store, execution: Execution, artifacts: Sequence[Artifact]) -> Ended:
    if execution.fence is None or execution.output_sha256 is None:
        return Ended(execution, None, artifacts)
    folder = store.publish(execution.run_id, execution.plugin_id, execution.fence)
    return Ended(execution, store.read_json(folder / "output.json"), artifacts)
