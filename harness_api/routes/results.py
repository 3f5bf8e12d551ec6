"""What runs found, as data: findings by facets, as JSON or as a table, and the differences between two runs."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from harness_api.pages.compare import side_of
from harness_api.pages.findings import found, view_of
from harness_api.pages.run_frame import ended_report
from harness_api.service import service_of
from harness_api.tables import csv_response
from harness_core.services.comparing import compare

router = APIRouter(prefix="/api/v1", tags=["results"])
COLUMNS = ("id", "severity", "plugin_id", "kind", "title", "statement", "columns", "measure", "confidence", "p_value", "q_value",
           "effect", "n", "recommendation")  # fmt: skip
Facet = Annotated[str, Query(max_length=300)]


@router.get("/runs/{run_id}/findings", response_model=dict[str, Any], summary="Findings of a run")
def findings(
    request: Request, run_id: str, severity: Facet = "", plugin: Facet = "", kind: Facet = "", column: Facet = "",
    q: Annotated[str, Query(max_length=300, description="Part of title, statement or id.")] = "",
    sort: Annotated[Literal["severity", "title", "plugin", "kind"], Query()] = "severity",
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 - the word of the URL
) -> Response:  # fmt: skip
    """All that fit, as the report has them. As CSV: one row each, texts that a spreadsheet would compute are made harmless."""
    run, report = ended_report(service_of(request), run_id)
    view = view_of({"severity": severity, "plugin": plugin, "kind": kind, "column": column, "q": q, "sort": sort})
    chosen = found(report.findings, view)
    if format == "csv":
        return csv_response(f"findings-{run.run_id}", COLUMNS, [_row(item) for item in chosen])
    return JSONResponse(
        {"run_id": run.run_id, "count": len(chosen), "of": len(report.findings), "findings": [dict(f) for f in chosen]}
    )


@router.get("/compare", response_model=dict[str, Any], summary="Compare two runs")
def compare_runs(
    request: Request,
    a: Annotated[str, Query(max_length=60, description="The run that was.")],
    b: Annotated[str, Query(max_length=60, description="The run that is.")],
) -> dict[str, Any]:
    """A verdict in words, and what differs: configuration, schema, figures of columns, findings, times."""
    service = service_of(request)
    sides = [side_of(service, service.core.overview.run(run_id)) for run_id in (a, b)]
    found_ = compare(*sides)
    return {"a": sides[0].run.run_id, "b": sides[1].run.run_id, **found_.as_dict()}


def _row(finding: Mapping[str, Any]) -> list[Any]:
    statistics = finding.get("statistics") or {}
    values = {
        **finding,
        **{key: statistics.get(key) for key in ("p_value", "q_value", "n")},
        "effect": (statistics.get("effect") or {}).get("value"),
        "columns": json.dumps(finding["columns"], ensure_ascii=False),
    }
    return [values.get(name) for name in COLUMNS]
