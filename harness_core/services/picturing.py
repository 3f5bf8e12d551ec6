"""The figures of a report page, read in a guest process: the page was written by a guest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness_core.ports.launcher import GuestRequest, Launcher
from harness_core.ports.store import Store
from harness_core.ports.world import Names
from harness_core.sdk import tools

TIMEOUT_S = 10.0
MEMORY_MB = 512
MAX_ANSWER_BYTES = 32 * 1024 * 1024


def read_figures(launcher: Launcher, store: Store, names: Names, page: Path) -> Mapping[str, Any]:
    """By the id of a finding what stands in its figure, as a guest says it (see ``harness_core.sdk.tools.read_figures``).

    Nothing where the page cannot be read in time: findings stand without their pictures.
    """
    name = names.fresh("inspect")
    scratch = store.scratch(name)
    try:
        message = {
            "plugin_id": "read_figures", "plugin_folder": str(Path(tools.__path__[0])), "module": "read_figures.py",
            "function": "run", "call": "run", "settings": {}, "seed": 1, "scratch": str(scratch), "engine_memory_mb": 64,
            "limits": {}, "upstream": {}, "plan": [], "report": {}, "datasets": {},
            "inputs": [{"path": str(page), "filename": page.name, "sha256": "", "size_bytes": page.stat().st_size}],
        }  # fmt: skip
        outcome = launcher.run(
            GuestRequest(
                message,
                scratch,
                scratch / "stdout.log",
                scratch / "stderr.log",
                timeout_s=TIMEOUT_S,
                memory_mb=MEMORY_MB,
                max_result_bytes=MAX_ANSWER_BYTES,
            )
        )
    finally:
        store.drop_scratch(name)
    figures = (outcome.answer or {}).get("metrics", {}).get("figures")
    return figures if isinstance(figures, Mapping) else {}
