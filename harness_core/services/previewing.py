"""Rows of a dataset version, in their order or by their numbers, read in a guest process: its Parquet was written by a guest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import Unhealthy
from harness_core.ports.launcher import GuestRequest, Launcher
from harness_core.ports.store import Store
from harness_core.ports.world import Names
from harness_core.sdk import tools

TIMEOUT_S = 30.0
MEMORY_MB = 1024
MAX_ROWS = 1000
CitedRows = list[tuple[int, list[str | None]]]


def preview_rows(
    launcher: Launcher, store: Store, names: Names, version: DatasetVersion, offset: int = 0, limit: int = 50,
    columns: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Rows from ``offset`` on, at most ``limit`` (and 1,000), as text, of all or the first ``columns``.

    Raises NotFound when the data are no longer kept.
    """
    asked = {"offset": max(0, offset), "limit": max(0, min(limit, MAX_ROWS)), "columns": columns}
    return {
        "dataset_version_id": version.dataset_version_id,
        "columns": [{"name": column["name"], "type": column["type"]} for column in version.columns[:columns]],
        "rows": _ask(launcher, store, names, version, asked),
        "offset": asked["offset"],
        "row_count": version.row_count,
    }


def cited_rows(launcher: Launcher, store: Store, names: Names, version: DatasetVersion, numbers: Sequence[int]) -> CitedRows:
    """The rows of these numbers (at most 1,000 of them), ascending, as text. Raises NotFound when the data are no longer kept."""
    wanted = sorted({number for number in numbers if 0 <= number < version.row_count})[:MAX_ROWS]
    rows = _ask(launcher, store, names, version, {"offset": 0, "limit": 0, "numbers": wanted}) if wanted else []
    return list(zip(wanted, rows, strict=True))


def _ask(
    launcher: Launcher, store: Store, names: Names, version: DatasetVersion, settings: Mapping[str, Any]
) -> list[list[str | None]]:
    name = names.fresh("inspect")
    scratch = store.scratch(name)
    try:
        message = {
            "plugin_id": "preview", "plugin_folder": str(Path(tools.__path__[0])), "module": "preview.py", "function": "run",
            "call": "run", "settings": dict(settings), "seed": 1, "scratch": str(scratch),
            "engine_memory_mb": MEMORY_MB // 2, "limits": {}, "upstream": {}, "inputs": [], "plan": [], "report": {},
            "datasets": {"data": str(store.dataset_folder(version.dataset_version_id))},
        }  # fmt: skip
        request = GuestRequest(
            message=message, scratch=scratch, stdout_path=scratch / "stdout.log", stderr_path=scratch / "stderr.log",
            timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB,
        )  # fmt: skip
        outcome = launcher.run(request)
    finally:
        store.drop_scratch(name)
    if outcome.ending != "answered" or outcome.answer is None or outcome.answer.get("status") != "ok":
        why = str((outcome.answer or {}).get("summary") or outcome.reason)
        raise Unhealthy("preview_failed", f"The rows of {version.dataset_version_id} could not be shown.", why=why,
                        next_step="Run `harness doctor`; upload the file again if its data are damaged.")  # fmt: skip
    rows: list[list[str | None]] = outcome.answer["metrics"]["rows"]
    return rows
