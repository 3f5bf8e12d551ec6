"""Which plugins are worth running on this table? Those whose needs for rows and columns it meets, by its schema alone."""

from collections.abc import Mapping
from typing import Any

from harness_core.sdk import Dataset, PluginContext, PluginResult

CHOSEN_TYPES = ("analysis", "transform", "llm")


def run(ctx: PluginContext) -> PluginResult:
    entries = [entry for entry in ctx.plan if entry["type"] in CHOSEN_TYPES and entry["plugin_id"] not in ctx.settings["never"]]
    there = _counts(ctx.dataset)
    selection = [_decision(entry, there) for entry in sorted(entries, key=lambda entry: str(entry["plugin_id"]))]
    chosen = sum(entry["selected"] for entry in selection)
    return PluginResult.ok(f"{chosen} of {len(selection)} plugins apply to this table.", metrics={"selection": selection})


def health() -> dict[str, str]:
    return {"state": "ok"}


def _counts(dataset: Dataset) -> dict[str, int]:
    """What can be told without reading a row."""
    return {
        "rows": dataset.row_count,
        "columns": len(dataset.columns),
        "numeric": len(dataset.numeric_columns),
        "temporal": sum(column.is_temporal for column in dataset.columns),
        "text": sum(column.type == "text" for column in dataset.columns),
    }


def _decision(entry: Mapping[str, Any], there: Mapping[str, int]) -> dict[str, Any]:
    lacking = [f"{least} {what}" for what, least in sorted((entry.get("needs") or {}).items()) if there.get(what, least) < least]
    reason = f"It needs {' and '.join(lacking)}." if lacking else "The table has what it needs."
    return {"plugin_id": entry["plugin_id"], "selected": not lacking, "reason": reason}
