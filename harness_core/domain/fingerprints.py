"""What makes two runs, executions or dataset versions the same: hashes over all that decides their bytes, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.runs import DatasetVersionId, RunConfig
from harness_core.sdk.canonical import digest_of

SEED_BITS = 63


def run_fingerprint(config: RunConfig) -> str:
    """``sha256:`` over the inputs' names and bytes, the resolved settings, the plugins' code, the seed and the engine.

    The name counts because the report shows it. Whether results may be reused does not: reuse never changes a byte; nor does
    the way in which the settings came about.
    """
    covered = config.as_dict()
    covered["inputs"] = [{"filename": item.filename, "sha256": item.sha256} for item in config.inputs]
    for name in ("reuse", "strict", "presets", "raw_format", "layers", "origins"):
        covered.pop(name, None)
    return f"sha256:{digest_of(covered)}"


def resolved_seed(config: RunConfig, fingerprint: str) -> int:
    """The seed of the run: 0 means that it is derived from the run fingerprint, any other value is literal."""
    return config.seed or _number(fingerprint)


def plugin_seed(run_seed: int, plugin: Plugin) -> int:
    """Each plugin has its own seed, so that adding a plugin moves nobody else's draws; one that draws nothing has 0."""
    return _number(digest_of({"run_seed": run_seed, "plugin_id": plugin.id})) if plugin.manifest.uses_seed else 0


def execution_fingerprint(
    plugin: Plugin,
    *,
    settings: Mapping[str, Any],
    seed: int,
    inputs: Sequence[tuple[str, str]],
    datasets: Mapping[str, str],
    upstream: Mapping[PluginId, tuple[str, str | None]],
    engine: Mapping[str, str],
    context: Any = None,
) -> str:
    """``sha256:`` over code, schemas, settings, seed, input bytes, dataset versions, upstream outputs and engine.

    ``upstream`` maps a plugin to how it ended and the hash of its output; ``context`` is what else the guest is shown.
    """
    return "sha256:" + digest_of(
        {
            "plugin": plugin.id,
            "code": plugin.code_hash,
            "schemas": [plugin.config_schema_hash, plugin.output_schema_hash],
            "settings": settings,
            "seed": seed,
            "inputs": [list(item) for item in inputs],
            "datasets": dict(datasets),
            "upstream": {name: list(parts) for name, parts in upstream.items()},
            "engine": dict(engine),
            "context": context,
        }
    )


def dataset_version_id(input_sha256: str, reading: Mapping[str, Any], reader: str) -> DatasetVersionId:
    """``dv_`` and 16 hex: the same bytes read the same way are the same dataset version, on any machine.

    ``reader`` is the ingest plugin with its version.
    """
    return DatasetVersionId("dv_" + digest_of({"input_sha256": input_sha256, "reading": reading, "reader": reader})[:16])


def finding_id(plugin_id: str, kind: str, columns: Sequence[str], subject: Any) -> str:
    """``f_`` and 16 hex over what the claim is about, not over its numbers: stable across reruns and row orders."""
    return "f_" + digest_of({"plugin_id": plugin_id, "kind": kind, "columns": list(columns), "subject": subject})[:16]


def _number(text: str) -> int:
    return int(digest_of(text)[:16], 16) >> (64 - SEED_BITS) or 1
