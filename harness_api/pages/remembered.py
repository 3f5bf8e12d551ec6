"""What is remembered: documents taken in, what was removed put back, and decisions about insights."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from harness_api.pages.forms import posted
from harness_api.pages.rendering import pages_of
from harness_api.remembering import take_in
from harness_api.service import service_of
from harness_core.domain.errors import UsageError
from harness_core.domain.memory import Decision, Scope, end_of_day
from harness_core.domain.remembered import yaml_text
from harness_core.domain.runs import Run

SCOPES = ("format", "dataset", "erp", "")
router = APIRouter()


def removed_page(request: Request, noun: str, back: str, document: Mapping[str, Any]) -> HTMLResponse:
    """What was removed, whole, and the way back: the page itself holds it, so that it outlives a restart."""
    return pages_of(request).page(
        request, "removed.html", f"Removed {document['name']}", noun=noun, back=back, name=document["name"],
        document=yaml_text(document),
    )  # fmt: skip


@router.post("/remembered", response_class=HTMLResponse)
async def take_document(request: Request) -> Response:
    """A document that was exported, or one that was removed and comes back."""
    fields = dict(await posted(request))
    return await run_in_threadpool(_take, request, fields)


def _take(request: Request, fields: Mapping[str, str]) -> RedirectResponse:
    core = service_of(request).core
    kind, name = take_in(core, fields.get("document", ""), replace="replace" in fields, restore="restore" in fields)
    return RedirectResponse(f"/{kind}/{quote(name)}", status_code=303)


@router.get("/decisions", response_class=HTMLResponse)
def decisions_page(request: Request) -> HTMLResponse:
    """What was accepted and suppressed, with the reason and the last day."""
    core = service_of(request).core
    names = {item.format_id: item.name for item in core.knowledge.formats()}
    shown = [
        {"decision": item, "holds": holds, "about": about(item), "where": where(item, names), "until": item.as_dict()["until"]}
        for item, holds in core.insights.decisions()
    ]
    return pages_of(request).page(request, "decisions.html", "Decisions", decisions=shown)


@router.post("/decisions", response_class=HTMLResponse)
async def decide(request: Request) -> Response:
    """From the form of a finding, or from the page that took a decision back."""
    fields = await posted(request)
    return await run_in_threadpool(_decide, request, fields)


def _decide(request: Request, fields: Sequence[tuple[str, str]]) -> RedirectResponse:
    core, last = service_of(request).core, dict(fields)
    state = last.get("state", "")
    if state not in ("accepted", "suppressed"):
        raise UsageError("bad_decision", "A decision accepts or suppresses.", next_step="Go back and choose one.")
    kind, _, name = last.get("scope", "").partition(":")
    if kind not in SCOPES:
        raise UsageError("bad_scope", f"{kind[:40]!r} is nothing that runs have in common.", next_step="Go back and choose again.")
    core.insights.decide(
        state,  # type: ignore[arg-type]
        last.get("reason", ""),
        kind=last.get("kind", ""),
        columns=[value for name_, value in fields if name_ == "column" and value],
        pattern=last.get("pattern", ""),
        scope=Scope(kind, name) if kind else None,  # type: ignore[arg-type]
        expires_at=end_of_day(last.get("until") or "never"),
    )
    return RedirectResponse("/decisions", status_code=303)


@router.post("/decisions/{decision_id}/remove", response_class=HTMLResponse)
def forget(request: Request, decision_id: str) -> HTMLResponse:
    """Taken back; the page has the form that makes it again."""
    gone = service_of(request).core.memory.remove_decision(decision_id)
    return pages_of(request).page(
        request, "decision_removed.html", "Decision taken back", decision=gone, about=about(gone), until=gone.as_dict()["until"]
    )


def about(decision: Decision) -> str:
    """What a decision is about, in words."""
    parts = [f"kind {decision.kind.replace('_', ' ')}"] * bool(decision.kind)
    parts += [f"about {' and '.join(decision.columns)}"] * bool(decision.columns)
    parts += [f"matching {decision.pattern}"] * bool(decision.pattern)
    return ", ".join(parts)


def where(decision: Decision, formats: Mapping[str, str]) -> str:
    if decision.scope is None:
        return "everywhere"
    name = decision.scope.name
    words = {
        "dataset": f"in the file {name[:12]}",
        "format": f"in the raw format {formats.get(name, name)}",
        "erp": f"in the ERP {name}",
    }
    return words[decision.scope.kind]


def scope_choices(run: Run, formats: Mapping[str, str]) -> list[tuple[str, str]]:
    """Where a decision about a finding of this run may hold, as value and words, the likeliest first."""
    config = run.config
    found = (
        [(f"format:{config.raw_format}", f"files like this one ({formats[config.raw_format]})")]
        if config.raw_format in formats
        else []
    )
    found += [(f"erp:{config.erp}", f"files of the ERP {config.erp}")] if config.erp else []
    found += [(f"dataset:{config.inputs[0].sha256}", "this very file")] if config.inputs else []
    return [*found, ("", "every file")]
