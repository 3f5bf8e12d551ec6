"""Further pages of a run: its configuration with the command that repeats it, and its lineage."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.pages.forms import command_line
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import ended_report, run_frame
from harness_api.service import Service, service_of
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import AGAINST, Run
from harness_core.sdk.validation import with_defaults
from harness_core.services.submitting import Submission

NODE_WIDTH, NODE_HEIGHT, COLUMN_GAP, ROW_GAP = 178, 34, 52, 12
router = APIRouter()


@router.get("/runs/{run_id}/config", response_class=HTMLResponse)
def config_page(request: Request, run_id: str) -> HTMLResponse:
    """Everything that was decided before the run began, and the command that decides the same."""
    service = service_of(request)
    run = service.core.overview.run(run_id)
    frame = run_frame(service, run, "config")
    document = service.reports.of(run).document or {}
    reasons = {item["plugin_id"]: item for item in document.get("plan", {}).get("selection", ()) if isinstance(item, Mapping)}
    executions = service.core.runs.executions(run.run_id)
    taken = {item.plugin_id for item in executions}
    return pages_of(request).page(
        request, "config.html", f"Configuration · {run.filename}", **frame, executions=executions, reasons=reasons,
        left_out=[item for name, item in sorted(reasons.items()) if name not in taken], plugins=settings_of(service, run),
        command=command_of(service, run),
    )  # fmt: skip


def settings_of(service: Service, run: Run) -> list[dict[str, Any]]:
    """For each plugin of the configuration its settings, and which of them are not the plugin's own defaults as it is now."""
    there = service.core.catalog.plugins()
    shown = []
    for name, values in sorted(run.config.settings.items()):
        plugin = there.get(PluginId(name))
        same_code = plugin is not None and plugin.code_hash == run.config.code.get(name)
        defaults = with_defaults(plugin.config_schema, {}) if plugin is not None else {}
        rows = [(key, value, plugin is not None and defaults.get(key) != value) for key, value in sorted(values.items())]
        code = run.config.code.get(name)
        shown.append({"plugin_id": name, "rows": rows, "code": code, "same_code": same_code, "there": plugin is not None})
    return shown


def by_against(run: Run, plugin_id: str, key: str) -> bool:
    """Whether a setting follows from what the run is compared with, so that nobody needs to give it."""
    return run.config.origins.get(plugin_id, {}).get(key, "").startswith(AGAINST)


def command_of(service: Service, run: Run) -> str | None:
    """The command that gives the same configuration; None where its plugins are not as they were, so that none would."""
    plugins = settings_of(service, run)
    if not all(item["same_code"] for item in plugins):
        return None
    given = {item["plugin_id"]: _given(run, item) for item in plugins}
    config = run.config
    inputs = config.asked_inputs
    asked = Submission(
        [item.upload_id for item in inputs], plugins=config.selection, settings={k: v for k, v in given.items() if v},
        seed=config.seed, reuse=config.reuse, strict=config.strict,
        erp=config.erp, presets=config.presets, sample=config.sample, against=config.against,
    )  # fmt: skip
    return command_line(asked, [item.filename for item in inputs])


def _given(run: Run, item: Mapping[str, Any]) -> dict[str, Any]:
    name = item["plugin_id"]
    return {key: value for key, value, changed in item["rows"] if changed and not by_against(run, name, key)}


@router.get("/runs/{run_id}/lineage", response_class=HTMLResponse)
def lineage_page(request: Request, run_id: str) -> HTMLResponse:
    """From the input over dataset versions and executions to findings and files: as a drawing, and the same as a table."""
    service = service_of(request)
    run, report = ended_report(service, run_id)
    graph = lineage_of(run, (report.document or {}).get("lineage", {}))
    return pages_of(request).page(
        request, "lineage.html", f"Lineage · {run.filename}", **run_frame(service, run, "lineage", report), **graph,
        size=(NODE_WIDTH, NODE_HEIGHT),
    )  # fmt: skip


def lineage_of(run: Run, lineage: Mapping[str, Any]) -> dict[str, Any]:
    """Nodes in columns by how far they are from the input; what an execution gave is counted, not drawn."""
    nodes = {node["id"]: node for node in lineage.get("nodes", ()) if node["type"] in ("input", "dataset_version", "execution")}
    edges = [(edge["from"], edge["to"]) for edge in lineage.get("edges", ())]
    gives = _gives(lineage)
    inner = [(start, end) for start, end in edges if start in nodes and end in nodes]
    depths = _depths(list(nodes), inner)
    shortened = [(start, end) for start, end in inner if not _has_detour(start, end, inner)]
    rows: dict[int, int] = {}
    placed = {}
    for name, node in nodes.items():
        column = depths[name]
        row = rows.get(column, 0)
        rows[column] = row + 1
        placed[name] = {
            **node, "x": column * (NODE_WIDTH + COLUMN_GAP), "y": row * (NODE_HEIGHT + ROW_GAP) + 1, "url": _url(run, node),
            "findings": gives.get(name, {}).get("finding", 0), "files": gives.get(name, {}).get("artifact", 0),
            "from": [nodes[start]["label"] for start, end in inner if end == name],
        }  # fmt: skip
    columns = max(depths.values(), default=0) + 1
    height = max(rows.values(), default=1) * (NODE_HEIGHT + ROW_GAP)
    paths = [_path(placed[start], placed[end]) for start, end in shortened]
    return {
        "nodes": list(placed.values()),
        "paths": paths,
        "width": columns * (NODE_WIDTH + COLUMN_GAP) - COLUMN_GAP + 2,
        "height": height,
    }


def _gives(lineage: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    kinds = {node["id"]: node["type"] for node in lineage.get("nodes", ())}
    gives: dict[str, dict[str, int]] = {}
    for edge in lineage.get("edges", ()):
        kind = kinds.get(edge["to"], "")
        counts = gives.setdefault(edge["from"], {})
        counts[kind] = counts.get(kind, 0) + 1
    return gives


def _depths(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """For each the longest way from a node that comes from nothing; as many rounds as there are nodes end any cycle."""
    depths = dict.fromkeys(names, 0)
    for _ in names:
        changed = False
        for start, end in edges:
            if depths[end] < depths[start] + 1 <= len(names):
                depths[end], changed = depths[start] + 1, True
        if not changed:
            break
    return depths


def _has_detour(start: str, end: str, edges: Sequence[tuple[str, str]]) -> bool:
    """Whether ``end`` can also be reached over another node: then the straight line says nothing more."""
    after: dict[str, list[str]] = {}
    for one, two in edges:
        after.setdefault(one, []).append(two)
    waiting, seen = [name for name in after.get(start, ()) if name != end], {start}
    while waiting:
        name = waiting.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            waiting += after.get(name, ())
    return False


def _path(start: Mapping[str, Any], end: Mapping[str, Any]) -> str:
    x0, y0 = start["x"] + NODE_WIDTH, start["y"] + NODE_HEIGHT / 2
    x1, y1 = end["x"], end["y"] + NODE_HEIGHT / 2
    bend = COLUMN_GAP / 2
    return f"M{x0:g} {y0:g}C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1:g} {y1:g}"


def _url(run: Run, node: Mapping[str, Any]) -> str:
    kind, _, name = str(node["id"]).partition(":")
    if kind == "dataset":
        return f"/datasets/{name}"
    return f"/runs/{run.run_id}/findings?plugin={name}" if kind == "execution" else f"/runs/{run.run_id}"
