"""Findings: facets that stand in the address, a page for each with its evidence and its rows, and the view as a file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.pages.remembered import scope_choices
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import ended_report, run_frame
from harness_api.reports import Finding, Report
from harness_api.service import Service, service_of
from harness_core.domain.errors import HarnessError
from harness_core.domain.evidence import ROW_REFERENCE
from harness_core.domain.runs import Run
from harness_core.services.previewing import cited_rows

PAGE_ROWS = 100
SHOWN_REFS = 50
SHOWN_COLUMNS = 40
SHOWN_OPTIONS = 20
SEVERITIES = ("critical", "warning", "notice", "info")
FACETS = {"severity": "Severity", "plugin": "Plugin", "kind": "Kind", "column": "Column"}
SORTS = ("severity", "title", "plugin", "kind")
router = APIRouter()


@dataclass(frozen=True)
class View:
    """What is asked of the findings: a value per facet (empty: any), a text, an order, a place to begin."""

    severity: str = ""
    plugin: str = ""
    kind: str = ""
    column: str = ""
    q: str = ""
    sort: str = "severity"
    start: int = 0

    def query(self, **changed: Any) -> str:
        """The address of this view with something else; a change of the filter begins at its first row."""
        values = {**vars(self), "start": 0, **changed}
        kept = {name: value for name, value in values.items() if value and not (name == "sort" and value == "severity")}
        return f"?{urlencode(kept)}" if kept else "?"

    def fits(self, finding: Finding, but: str = "") -> bool:
        """Whether a finding is in the view, one facet left aside."""
        for name in FACETS:
            wanted = getattr(self, name)
            if wanted and name != but and wanted not in values_of(finding, name):
                return False
        text = self.q.strip().lower()
        return not text or text in f"{finding['title']} {finding['statement']} {finding['id']}".lower()


def values_of(finding: Finding, facet: str) -> Sequence[str]:
    if facet == "column":
        return [str(name) for name in finding["columns"]]
    return [str(finding["plugin_id" if facet == "plugin" else facet])]


def view_of(query: Mapping[str, str]) -> View:
    start = query.get("start", "")
    names = {name: query.get(name, "")[:300] for name in (*FACETS, "q")}
    sort = query.get("sort", "")
    return View(**names, sort=sort if sort in SORTS else "severity", start=int(start) if start.isdigit() else 0)


def found(findings: Sequence[Finding], view: View) -> list[Finding]:
    """The findings of a view, in its order."""

    def key(finding: Finding) -> tuple[Any, ...]:
        grade = _grade(finding["severity"])
        first = {"severity": grade, "title": finding["title"].strip('"').lower(), "plugin": finding["plugin_id"],
                 "kind": finding["kind"]}[view.sort]  # fmt: skip
        return first, grade, finding["plugin_id"], finding["id"]

    return sorted((item for item in findings if view.fits(item)), key=key)


def _grade(value: str) -> int:
    return SEVERITIES.index(value) if value in SEVERITIES else len(SEVERITIES)


def facets(findings: Sequence[Finding], view: View) -> list[dict[str, Any]]:
    """Each facet with how many findings each of its values would leave, most first."""
    shown = []
    for name, title in FACETS.items():
        counts = Counter(value for item in findings if view.fits(item, but=name) for value in {*values_of(item, name)})
        chosen = getattr(view, name)
        ranked = sorted(counts, key=lambda value, counts=counts: (_grade(value), -counts[value], value))  # type: ignore[misc]
        if chosen and chosen not in ranked[:SHOWN_OPTIONS]:
            ranked = [chosen, *ranked]
        options = [
            {"value": value, "count": counts[value], "chosen": value == chosen,
             "url": view.query(**{name: "" if value == chosen else value})}
            for value in ranked[:SHOWN_OPTIONS]
        ]  # fmt: skip
        shown.append({"name": name, "title": title, "options": options, "more": max(0, len(ranked) - SHOWN_OPTIONS)})
    return shown


@router.get("/runs/{run_id}/findings", response_class=HTMLResponse)
def findings_page(request: Request, run_id: str) -> HTMLResponse:
    service = service_of(request)
    run, report = ended_report(service, run_id)
    view = view_of(request.query_params)
    fitting = found(report.findings, view)
    shown = fitting[view.start : view.start + PAGE_ROWS]
    ranks = {item["id"]: item.get("rank") for item in report.insights}
    title = f"{len(fitting):,} of {len(report.findings):,} findings · {run.filename}"
    return pages_of(request).page(
        request, "findings.html", title, **run_frame(service, run, "findings", report), findings=shown, view=view,
        facets=facets(report.findings, view), total=len(fitting), of=len(report.findings), ranks=ranks, page_rows=PAGE_ROWS,
        filtered=any(getattr(view, name) for name in (*FACETS, "q")), sorts=SORTS,
    )  # fmt: skip


@router.get("/runs/{run_id}/findings/{finding_id}", response_class=HTMLResponse)
def finding_page(request: Request, run_id: str, finding_id: str) -> HTMLResponse:
    """One finding by its permalink: the claim, its figure, each query with its answer, and the rows it cites."""
    service = service_of(request)
    run, report = ended_report(service, run_id)
    finding = report.finding(finding_id)
    title = f"{finding['title']} · {run.filename}"
    return pages_of(request).page(request, "finding.html", title, **finding_context(service, run, report, finding))


def _alike(insights: Sequence[Finding], by_id: Mapping[str, Finding], finding_id: str) -> list[Finding]:
    """The other findings of the group that is told as one insight, if this one is of it."""
    groups = ([item["id"], *item.get("alike", ())] for item in insights)
    group = next((names for names in groups if finding_id in names and len(names) > 1), [])
    return [by_id[name] for name in group if name in by_id and name != finding_id]


def finding_context(service: Service, run: Run, report: Report, finding: Finding) -> dict[str, Any]:
    """Everything that the page of a finding shows."""
    finding_id = finding["id"]
    by_id = {item["id"]: item for item in report.findings}
    order = [item["id"] for item in found(report.findings, View())]
    place = order.index(finding_id) if finding_id in order else 0
    formats = {item.format_id: item.name for item in service.core.knowledge.formats()}
    told = service.core.insights.retrospect(run)
    return {
        **run_frame(service, run, "findings", report),
        "finding": finding, "figure": report.figures.get(finding_id),
        "symptoms": [by_id[name] for name in finding.get("symptoms", ()) if name in by_id],
        "causes": [item for item in report.insights if finding_id in item.get("symptoms", ())],
        "alike": _alike(report.insights, by_id, finding_id),
        "tables": cited_tables(service, report, finding), "before": order[place - 1] if place else None,
        "after": order[place + 1] if place + 1 < len(order) else None, "place": place + 1, "of": len(order),
        "seen": next((item for item in told.insights if item.insight.finding_id == finding_id), None),
        "compared": told.scope is not None, "scopes": scope_choices(run, formats), "checked": None, "refused": None,
    }  # fmt: skip


def cited_tables(service: Service, report: Report, finding: Finding) -> list[dict[str, Any]]:
    """The rows that a finding cites, by dataset version: its own columns first; where they cannot be shown, why."""
    cited: dict[str, list[int]] = {}
    for item in finding["evidence"]:
        for reference in item.get("refs", ()) if item["type"] == "rows" else ():
            match = ROW_REFERENCE.fullmatch(str(reference))
            if match:
                cited.setdefault(match["dataset"], []).append(int(match["row"]))
    return [_table(service, dataset, numbers, finding) for dataset, numbers in cited.items()]


def _table(service: Service, dataset: str, numbers: Sequence[int], finding: Finding) -> dict[str, Any]:
    core = service.core
    base = {"dataset": dataset, "cited": len(numbers), "rows": [], "headings": [], "failure": None}
    try:
        version = core.library.dataset_version(dataset)
        rows = cited_rows(core.launcher, core.store, core.names, version, numbers[:SHOWN_REFS])
    except HarnessError as failure:
        return {**base, "failure": failure}
    names = [str(column["name"]) for column in version.columns]
    own = [names.index(name) for name in finding["columns"] if name in names]
    order = [*own, *(place for place in range(len(names)) if place not in own)][:SHOWN_COLUMNS]
    headings = [{"name": names[place], "type": version.columns[place]["type"], "own": place in own} for place in order]
    return {**base, "headings": headings, "rows": [(number, [row[place] for place in order]) for number, row in rows]}
