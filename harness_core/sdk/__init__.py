"""A plugin author's whole world: what a plugin is handed, and what it hands back.

A plugin's ``run(ctx)`` takes a :class:`PluginContext` and returns a :class:`PluginResult`::

    from harness_core.sdk import Finding, PluginContext, PluginResult

    def run(ctx: PluginContext) -> PluginResult:
        ...

Importing this package loads nothing but the standard library; DuckDB, Arrow and NumPy are loaded when first used.
"""

from harness_core.sdk.canonical import canonical_bytes, jsonable
from harness_core.sdk.context import InputFile, Log, PluginContext, Upstream
from harness_core.sdk.contract import (
    KINDS,
    MEASURES,
    SEVERITIES,
    Column,
    Finding,
    InputRejected,
    PluginResult,
    artifact_evidence,
    query_evidence,
    row_evidence,
    row_reference,
)
from harness_core.sdk.dataset import Dataset, DatasetTooLarge

__all__ = [
    "KINDS",
    "MEASURES",
    "SEVERITIES",
    "Column",
    "Dataset",
    "DatasetTooLarge",
    "Finding",
    "InputFile",
    "InputRejected",
    "Log",
    "PluginContext",
    "PluginResult",
    "Upstream",
    "artifact_evidence",
    "canonical_bytes",
    "jsonable",
    "query_evidence",
    "row_evidence",
    "row_reference",
]
