"""What the templates are told about runs: looked up once per page, in the words of the core."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from harness_api.documents import progress_of, seconds_between
from harness_api.pages.run_parts import by_against, command_of
from harness_api.pages.setting_fields import SETTING, field_text
from harness_api.pages.twins import twins_of
from harness_api.service import Service
from harness_core.domain.errors import NotFound
from harness_core.domain.memory import Novelty
from harness_core.domain.run_manifests import iso_time
from harness_core.domain.runs import (
    EXECUTION_OK,
    EXECUTION_OPEN,
    NOT_RETRIED,
    RUN_ENDED,
    Attempt,
    Event,
    Execution,
    ExecutionStatus,
    Run,
    RunStatus,
)
from harness_core.sdk.validation import with_defaults

BAR_WIDTH = 1000
MIN_BAR = 4
SHOWN_EVENTS = 200


@dataclass(frozen=True)
class Bar:
    """An execution on the timeline, in thousandths of the whole span: waiting, then working."""

    plugin_id: str
    status: str
    wait_from: float
    run_from: float
    run_to: float
    waited_s: float | None
    ran_s: float | None


def run_state(service: Service, run: Run) -> dict[str, Any]:
    """Everything on a run's page that changes while it runs."""
    core = service.core
    executions = core.runs.executions(run.run_id)
    now = core.clock.now()
    progress = progress_of(executions)
    changed = changed_settings(service, run)
    return {
        "run": run,
        "executions": executions,
        "progress": progress,
        "waiting_because": core.overview.waiting_because(run),
        "bars": timeline(run, executions, now),
        "ticks": ticks(run, now),
        "resources": resources(core.runs.attempts(run.run_id)),
        "elapsed_s": seconds_between(run.started_at, run.ended_at or now) if run.started_at else None,
        "ttfr_s": seconds_between(run.created_at, run.first_result_at),
        "ended": run.status in RUN_ENDED,
        "facts": what_ran(service, run, executions, changed),
        "running_now": [item for item in executions if item.status is ExecutionStatus.RUNNING],
        "root_failures": root_failures(executions),
        "again_url": again_url(run, changed) if run.status in RUN_ENDED else None,
        "can": actions(run, executions),
        "title": run_title(run, progress),
        "grace_days": core.retaining.policy.grace_days,
        "twins": twins_of(core.runs, [run]).get(run.run_id),
        "now": now,
    }


def what_ran(
    service: Service, run: Run, executions: Sequence[Execution], changed: Sequence[tuple[str, str, Any]]
) -> dict[str, Any]:
    """The card that says what a run is made of."""
    command = command_of(service, run)
    return {
        "command": command,
        "summary": summary_text(run, executions, changed, command),
        "format": _format_name(service, run),
        "inputs": run.config.inputs,
        "dataset": service.core.library.dataset_version(run.dataset_version_id) if run.dataset_version_id else None,
        "engine": sorted(run.config.engine.items()),
        "versions": [(item.plugin_id, item.version, run.config.code.get(item.plugin_id)) for item in executions],
        "changed": [(f"{name}.{key}", value) for name, key, value in changed],
        "reused": sum(1 for item in executions if item.status == "REUSED"),
        "plugins": len(executions),
    }


def summary_text(
    run: Run, executions: Sequence[Execution], changed: Sequence[tuple[str, str, Any]], command: str | None
) -> str:  # fmt: skip
    """The same as plain text, to be pasted into a message."""
    config = run.config
    lines = [f"{run.run_id}: {run.status}, {run.filename}", f"fingerprint {run.fingerprint}, seed {run.resolved_seed}"]
    lines += [f"input {item.filename}, {item.size_bytes:,} bytes, sha256 {item.sha256}" for item in config.inputs]
    lines += [f"dataset {item['dataset_version_id']}" for item in run.datasets]
    times = (("submitted", run.created_at), ("started", run.started_at), ("ended", run.ended_at))
    lines.append(", ".join(f"{word} {iso_time(at)}" for word, at in times if at is not None))
    lines.append(f"{run.insight_count} insights, {run.finding_count} findings, {run.warning_count} warnings")
    lines += [f"setting {name}.{key} = {json.dumps(value, ensure_ascii=False)}" for name, key, value in changed]
    lines += [f"{word} {value}" for word, value in (("ERP", config.erp), ("sample", config.sample)) if value is not None]
    lines += [f"preset {name}" for name in config.presets]
    lines.append("engine " + ", ".join(f"{name} {version}" for name, version in sorted(config.engine.items())))
    lines += [f"{item.status:<9} {item.plugin_id} {item.version} {config.code.get(item.plugin_id, '')[:12]}" for item in executions]
    return "\n".join([*lines, *([command] if command else [])])


def _format_name(service: Service, run: Run) -> str | None:
    """What its raw format is called now; None where it has none, or that was forgotten."""
    if not run.config.raw_format:
        return None
    try:
        return service.core.knowledge.raw_format(run.config.raw_format).name
    except NotFound:
        return None


def changed_settings(service: Service, run: Run) -> list[tuple[str, str, Any]]:
    """Plugin, key and value of each setting that is not the plugin's default as it is now."""
    there = service.core.catalog.plugins()
    found = []
    for name, values in sorted(run.config.settings.items()):
        defaults = with_defaults(there[name].config_schema, {}) if name in there else dict(values)
        found += [(str(name), key, value) for key, value in sorted(values.items()) if defaults.get(key) != value]
    return found


def again_url(run: Run, changed: Sequence[tuple[str, str, Any]]) -> str:
    """The start page with the same files, plugins and settings."""
    config = run.config
    fields: list[tuple[str, str]] = [("upload", item.upload_id) for item in config.asked_inputs]
    if config.selection is not None:
        fields += [("choice", "manual"), *(("plugin", name) for name in config.selection)]
    fields += [(f"{SETTING}{name}.{key}", field_text(value)) for name, key, value in changed if not by_against(run, name, key)]
    fields += [("preset", name) for name in config.presets]
    fields += [("erp", config.erp)] if config.erp else []
    fields += [("sample", f"{config.sample:g}")] if config.sample is not None else []
    fields += [("against", config.against)] if config.against else []
    fields += [("seed", str(config.seed))] if config.seed else []
    fields += [("strict", "1")] if config.strict else []
    return f"/start?{urlencode(fields)}"


def run_results(service: Service, run: Run) -> dict[str, Any]:
    """What an ended run gave: its insights from the report as it was written."""
    artifacts = service.core.runs.artifacts(run.run_id)
    report = service.reports.of(run, artifacts)
    told = service.core.insights.retrospect(run) if report.document is not None else None
    return {
        "retrospect": told,
        "seen": {item.insight.finding_id: item for item in told.insights} if told else {},
        "gone": [item.insight for item in told.insights if item.novelty is Novelty.GONE] if told else [],
        "insights": report.insights,
        "figures": report.figures,
        "there": report.document is not None,
        "finding_count": len(report.findings),
        "tampered": report.tampered,
        "has_page": any(item.path == "report.html" for item in artifacts),
    }


def run_title(run: Run, progress: Mapping[str, Any]) -> str:
    """State and object, for the window's title."""
    state = "Paused" if run.paused_at is not None else str(run.status).capitalize()
    share = f" {int(progress['fraction'] * 100)} %" if run.status is RunStatus.RUNNING else ""
    return f"{state}{share} · {run.filename or run.run_id}"


def root_failures(executions: Sequence[Execution]) -> list[tuple[Execution, list[Execution]]]:
    """Each execution that failed by itself, with those that were skipped because of it, directly or through others."""
    by_id = {item.plugin_id: item for item in executions}
    roots: dict[str, list[Execution]] = {
        item.plugin_id: []
        for item in executions
        if item.status not in EXECUTION_OK | EXECUTION_OPEN and item.status not in ("SKIPPED", "CANCELLED")
    }
    for item in executions:
        if item.status == "SKIPPED" and (root := _root_of(item, by_id)) in roots:
            roots[root].append(item)
    return [(by_id[name], dependants) for name, dependants in roots.items()]  # type: ignore[index]


def _root_of(execution: Execution, by_id: Mapping[Any, Execution]) -> str:
    seen: set[str] = set()
    name = str(execution.plugin_id)
    while name in by_id and name not in seen and by_id[name].status == "SKIPPED":
        seen.add(name)
        name = str((by_id[name].error or {}).get("because", ""))
    return name


def actions(run: Run, executions: Sequence[Execution]) -> dict[str, bool]:
    """What can be asked of the run now."""
    ended, paused = run.status in RUN_ENDED, run.paused_at is not None
    goes_on = not ended and not run.cancel_requested
    failed = any(item.status not in NOT_RETRIED for item in executions) or run.error is not None
    return {
        "cancel": goes_on, "pause": goes_on and not paused, "retry": ended and failed,
        "resume": paused or run.status is RunStatus.ABORTED,
    }  # fmt: skip


def resources(attempts: Sequence[Attempt]) -> dict[str, dict[str, float]]:
    """By plugin: CPU seconds of all its attempts together, and the most memory that any of them held."""
    found: dict[str, dict[str, float]] = {}
    for item in attempts:
        entry = found.setdefault(item.plugin_id, {"cpu_s": 0.0, "peak_rss_bytes": 0, "rows_read": 0})
        entry["cpu_s"] += item.cpu_user_s + item.cpu_system_s
        entry["peak_rss_bytes"] = max(entry["peak_rss_bytes"], item.peak_rss_bytes)
        entry["rows_read"] = max(entry["rows_read"], item.rows_read)
    return found


def ticks(run: Run, now: float) -> list[tuple[float, float]]:
    """Round seconds since the submission, with their places in thousandths of the span."""
    span = max((run.ended_at or now) - run.created_at, 1e-3)
    rough = span / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [(round(number * step, 6), round(number * step / span * BAR_WIDTH, 1)) for number in range(int(span / step) + 1)]


def timeline(run: Run, executions: Sequence[Execution], now: float) -> list[Bar]:
    """The executions that were queued, placed between the run's submission and its end (or now)."""
    start, end = run.created_at, run.ended_at or now
    span = max(end - start, 1e-3)

    def place(at: float | None, otherwise: float) -> float:
        return round(max(0.0, min(1.0, ((otherwise if at is None else at) - start) / span)) * BAR_WIDTH, 1)

    bars = []
    for item in executions:
        if item.queued_at is None:
            continue
        until = item.ended_at or end
        began = item.started_at if item.started_at is not None else until
        bars.append(
            Bar(
                item.plugin_id, str(item.status), place(item.queued_at, start), place(began, end),
                max(place(until, end), place(began, end) + (MIN_BAR if item.started_at is not None else 0)),
                seconds_between(item.queued_at, began), seconds_between(item.started_at, until),
            )
        )  # fmt: skip
    return bars


def last_events(service: Service, run: Run, before: int | None = None) -> tuple[Sequence[Event], int]:
    """The newest events up to the run's last one, oldest first, and the number of the last: where a stream goes on."""
    last = run.event_seq if before is None else before
    events = [item for item in service.core.runs.events(run.run_id, after=max(0, last - SHOWN_EVENTS)) if item.seq <= last]
    return events, last
