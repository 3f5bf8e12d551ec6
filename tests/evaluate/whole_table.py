"""The default analyses of a table, one after the other in this process, as a run would plan them: for studies of many tables."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow
import yaml

from harness_core.sdk.testing import run_plugin, write_dataset

PLUGINS = Path(__file__).parents[2] / "plugins"
FIRST = ("profile_basic", "profile_eventlog")
KINDS = frozenset({"analysis"})


@cache
def manifests() -> Mapping[str, Mapping[str, Any]]:
    """Every plugin's manifest by its id, what others build on first."""
    found = {path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(PLUGINS.glob("*/plugin.yaml"))}
    ordered: dict[str, Mapping[str, Any]] = {}

    def add(name: str) -> None:
        for needed in found[name].get("depends_on") or []:
            if needed not in ordered:
                add(needed)
        ordered.setdefault(name, found[name])

    for name in found:
        add(name)
    return ordered


def analyse(table: pyarrow.Table, folder: Path) -> dict[str, dict[str, Any]]:
    """The answers of all plugins that the planner takes for ``table``, by plugin id, ``report_insights`` last.

    ``folder`` is where the table and the plugins' files are kept. Whoever asks removes it.
    """
    data = write_dataset(folder / "data", table)
    answers: dict[str, dict[str, Any]] = {}

    def ask(plugin_id: str, needed: list[str], **more: Any) -> None:
        upstream = {name: answers[name] for name in needed if name in answers}
        scratch = folder / plugin_id
        answers[plugin_id] = run_plugin(PLUGINS / plugin_id, datasets={"data": data}, upstream=upstream, scratch=scratch, **more)
        assert answers[plugin_id]["status"] in ("ok", "na"), f"{plugin_id}: {answers[plugin_id]['error']}"
        for number, finding in enumerate(answers[plugin_id]["findings"]):
            finding |= {"id": f"{plugin_id}-{number:03}", "plugin_id": plugin_id}

    for plugin_id in FIRST:
        ask(plugin_id, list(FIRST))
    plan = [{"plugin_id": name, **manifest} for name, manifest in manifests().items() if manifest["type"] in KINDS]
    ask("planner_basic", list(FIRST), plan=plan)
    for entry in answers["planner_basic"]["metrics"]["selection"]:
        if entry["selected"]:
            ask(entry["plugin_id"], list(answers))
    ask("report_insights", list(answers))
    return answers


def told(answers: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The findings behind the insights, the first insight first, each followed by those that stand in its list."""
    by_id = {finding["id"]: finding for answer in answers.values() for finding in answer["findings"]}
    entries = answers["report_insights"]["metrics"]["insights"]
    return [by_id[name] for entry in entries for name in (entry["finding_id"], *entry["alike"])]


def statistical(answers: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The findings behind those insights above ``info`` that rest on a test: what a table of noise should have none of."""
    tested = answers["report_insights"]["metrics"]["q_values"]
    return [finding for finding in told(answers) if finding["severity"] != "info" and finding["id"] in tested]


def one_thread() -> None:
    """Keep the numeric libraries from starting threads of their own; for processes that run side by side."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
