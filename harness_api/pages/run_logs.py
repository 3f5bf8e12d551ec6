"""The logs of a run: what each plugin printed, in windows of 500 lines, with search, and what earlier attempts left."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import param, run_frame
from harness_api.service import Service, service_of
from harness_core.domain.errors import NotFound
from harness_core.domain.runs import Artifact, Attempt, Run
from harness_core.services.reading_logs import LEVELS, MOST_MATCHES, WINDOW_LINES

EVERYWHERE = "*"
MOST_OF_ONE = 100
router = APIRouter()


@router.get("/runs/{run_id}/logs", response_class=HTMLResponse)
def logs_page(request: Request, run_id: str) -> HTMLResponse:
    """``file`` is the log, ``line`` the first line shown; ``q`` and ``level`` list the lines that fit instead.

    With ``file=*`` every log is looked through, and what earlier attempts left; ``plugin`` narrows that to one.
    """
    service = service_of(request)
    run = service.core.overview.run(run_id)
    logs = logs_of(service, run)
    everywhere, plugin_id = param(request, "file") == EVERYWHERE, param(request, "plugin", 64)
    chosen = None if everywhere else _chosen(logs, param(request, "file"))
    text, level, line = param(request, "q"), param(request, "level"), param(request, "line", 12)
    first = int(line) if line.isdigit() else 1
    level = level if level in LEVELS else ""
    shown = _read(service, run, chosen, text, level, first) if chosen else {"window": None, "matches": None}
    attempts = [item for item in service.core.runs.attempts(run.run_id) if item.stdout_tail or item.stderr_tail]
    unwell = [item for item in attempts if str(item.status) not in ("OK", "NA", "REUSED")]
    places = _search(service, run, logs, unwell, (text, level, plugin_id)) if everywhere else None
    return pages_of(request).page(
        request, "logs.html", f"Logs · {run.filename}", **run_frame(service, run, "logs"), logs=logs, chosen=chosen, q=text,
        level=level, levels=list(LEVELS), first=first, most=MOST_MATCHES, page_rows=WINDOW_LINES, **shown,
        attempts=unwell, everywhere=everywhere, places=places, plugin_id=plugin_id,
        plugin_ids=sorted({str(item.plugin_id) for item in logs} | {str(item.plugin_id) for item in unwell}),
        silent=_silent(service, run),
    )  # fmt: skip


def _search(
    service: Service, run: Run, logs: Sequence[Artifact], attempts: Sequence[Attempt], asked: tuple[str, str, str]
) -> list[dict[str, Any]]:
    """The lines that fit, by where they stand: the logs that are kept, then what is left of attempts that did not end well."""
    text, level, plugin_id = asked
    folder = service.core.store.run_folder(run.run_id)
    found: list[dict[str, Any]] = []
    for log in logs:
        if plugin_id in ("", log.plugin_id):
            matches = service.logs.search(folder / log.path, text, level, MOST_OF_ONE)
            found.append({"title": log.path.removeprefix("plugins/"), "file": log.path, "attempt": None, "matches": matches})
    for number, attempt in enumerate(attempts, 1):
        if plugin_id in ("", attempt.plugin_id):
            held = "\n".join(part for part in (attempt.stderr_tail, attempt.stdout_tail) if part)
            matches = service.logs.search_text(held, text, level, MOST_OF_ONE)
            title = f"{attempt.plugin_id}, an attempt that ended {str(attempt.status).lower()}"
            found.append({"title": title, "file": "", "attempt": number, "matches": matches})
    return [item for item in found if item["matches"].lines]


def logs_of(service: Service, run: Run) -> list[Artifact]:
    """The logs that hold something, those of plugins that failed first."""
    failed = {item.plugin_id for item in service.core.runs.executions(run.run_id) if not item.ok and not item.open}
    found = [item for item in service.core.runs.artifacts(run.run_id) if item.path.endswith((".log",)) and item.size_bytes]
    return sorted(found, key=lambda item: (item.plugin_id not in failed, item.path))


def _silent(service: Service, run: Run) -> int:
    return sum(item.path.endswith(".log") and not item.size_bytes for item in service.core.runs.artifacts(run.run_id))


def _chosen(logs: Sequence[Artifact], path: str) -> Artifact | None:
    if not path:
        return logs[0] if logs else None
    for item in logs:
        if item.path == path:
            return item
    raise NotFound("no_such_log", f"The run has no log {path[:120]!r} with anything in it.", next_step="Choose one from the list.")


def _read(service: Service, run: Run, log: Artifact, text: str, level: str, first: int) -> dict[str, Any]:
    path = service.core.store.run_folder(run.run_id) / log.path
    try:
        if text or level:
            return {"window": None, "matches": service.logs.search(path, text, level)}
        return {"window": service.logs.window(path, first), "matches": None}
    except OSError as reason:
        raise NotFound("log_gone", f"{log.path} cannot be read.", why=str(reason.strerror),
                       next_step="Run `harness check` to see what else is missing.") from reason  # fmt: skip
