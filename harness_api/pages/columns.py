"""The columns of a run's table as its profile saw them: a row for each with its shape, and a page for each."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from harness_api.pages.column_history import history_of
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import ended_report, param, run_frame
from harness_api.service import service_of
from harness_core.domain.errors import NotFound
from harness_core.domain.suggestions import did_you_mean

SPARK_WIDTH, SPARK_HEIGHT = 96.0, 18.0
PAGE_ROWS = 250
COMMON = 0.1
MOST_BARS = 24
SORTS = {"place": "#", "name": "Column", "type": "Type", "missing": "Missing", "distinct": "Distinct"}
TALL_WIDTH, TALL_HEIGHT = 640.0, 150.0
Column = Mapping[str, Any]
router = APIRouter()


@router.get("/runs/{run_id}/columns", response_class=HTMLResponse)
def columns_page(request: Request, run_id: str) -> HTMLResponse:
    """Sorted and searched by the address; at most 250 at once."""
    service = service_of(request)
    run, report = ended_report(service, run_id)
    sort, text, start = param(request, "sort"), param(request, "q").strip(), param(request, "start", 9)
    first = int(start) if start.isdigit() else 0
    findings: dict[str, int] = {}
    for finding in report.findings:
        for name in finding["columns"]:
            findings[name] = findings.get(name, 0) + 1
    rows = [column_row(place, column, findings.get(name, 0)) for place, (name, column) in enumerate(report.columns.items())]
    rows = [row for row in rows if text.lower() in row["name"].lower()]
    rows.sort(key=lambda row: _order(row, sort))
    total, of = len(rows), len(report.columns)
    return pages_of(request).page(
        request, "columns.html", f"{of:,} columns · {run.filename}", **run_frame(service, run, "columns", report),
        columns=rows[first : first + PAGE_ROWS], total=total, of=of, sort=sort if sort in SORTS else "place", sorts=SORTS, q=text,
        first=first, page_rows=PAGE_ROWS, keys=_keys(report.document or {}),
    )  # fmt: skip


@router.get("/runs/{run_id}/columns/{name:path}", response_class=HTMLResponse)
def column_page(request: Request, run_id: str, name: str) -> Response:
    """One column: its figures, its shape, its commonest values, and what was found about it. One of another table of the run, which
    has no profile, leads to that table."""
    service = service_of(request)
    run, report = ended_report(service, run_id)
    column = report.columns.get(name)
    elsewhere = table_of(report.document or {}, name)
    if column is None and elsewhere is not None:
        return RedirectResponse(f"/datasets/{elsewhere}", 303)
    if column is None:
        raise NotFound("no_such_column", f"There is no column {name[:80]!r} in this run.", why=did_you_mean(name, report.columns),
                       next_step="See all columns of the run.")  # fmt: skip
    about = [finding for finding in report.findings if name in finding["columns"]]
    dataset = (report.document or {}).get("dataset") or {}
    return pages_of(request).page(
        request, "column.html", f"{name} · {run.filename}", **run_frame(service, run, "columns", report), column=column,
        facts=column_facts(column, dataset.get("row_count")), bins=bins_of(column), histogram=histogram(bins_of(column)),
        top=_items(column, "top_values"), patterns=_items(column, "patterns"), quantiles=_quantiles(column), about=about,
        history=history_of(service, run, name),
        tall=(TALL_WIDTH, TALL_HEIGHT),
    )  # fmt: skip


def table_of(document: Mapping[str, Any], name: str) -> str | None:
    """The dataset version that ``name``, such as ``customers.city``, is a column of, as findings write those of other tables."""
    tables = ((str(item.get("role")), item) for item in document.get("datasets", ()))
    found = ((item, name.removeprefix(f"{role}.")) for role, item in tables if name.startswith(f"{role}."))
    versions = (item["dataset_version_id"] for item, own in found if any(column["name"] == own for column in item["columns"]))
    return next(versions, None)


def column_row(place: int, column: Column, findings: int) -> dict[str, Any]:
    """A column as a row of the table."""
    count, nulls = column.get("count"), column.get("null_count")
    total = (count or 0) + (nulls or 0) if count is not None else None
    numeric = isinstance(column.get("mean"), int | float)
    return {
        "place": place, "name": str(column["name"]), "type": str(column.get("type", "")), "role": column.get("role"),
        "null_count": nulls, "missing": (nulls / total) if nulls is not None and total else 0.0,
        "distinct": column.get("distinct_count"), "distinct_exact": column.get("distinct_exact", True),
        "min": column.get("min"), "max": column.get("max"),
        "middle": (column.get("quantiles") or {}).get("0.5") if numeric else None,
        "spark": spark(shape_of(column)), "findings": findings, "unique": column.get("is_unique") is True,
        "common": _commonest(column),
    }  # fmt: skip


def _order(row: Mapping[str, Any], sort: str) -> tuple[Any, ...]:
    if sort == "missing":
        return -row["missing"], row["place"]
    if sort == "distinct":
        return -(row["distinct"] or 0), row["place"]
    return (row[sort].lower(), row["place"]) if sort in ("name", "type") else (row["place"],)


def _commonest(column: Column) -> str | None:
    """The commonest value of a text with its share, where it stands for a tenth of the rows or more."""
    top = _items(column, "top_values")
    count = column.get("count")
    if not top or not count or not isinstance(top[0].get("value"), str) or top[0]["count"] < COMMON * count:
        return None
    return f"{top[0]['value'][:24]} {100 * top[0]['count'] / count:.0f} %"


def _items(column: Column, key: str) -> list[Mapping[str, Any]]:
    found = column.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _quantiles(column: Column) -> list[tuple[str, Any]]:
    found = column.get("quantiles")
    return sorted(found.items(), key=lambda item: float(item[0])) if isinstance(found, Mapping) else []


def _keys(document: Mapping[str, Any]) -> list[Sequence[str]]:
    """What identifies a row, as the profile found it."""
    for entry in document.get("plugins", {}).values():
        keys = entry.get("metrics", {}).get("keys") if entry.get("type") == "profile" else None
        if isinstance(keys, list):
            return [item["columns"] if isinstance(item, Mapping) and "columns" in item else [str(item)] for item in keys][:5]
    return []


def bins_of(column: Column) -> list[tuple[float, float, int]]:
    """The histogram as (from, to, count); empty where there is none that can be read."""
    found = column.get("histogram")
    if not isinstance(found, Mapping):
        return []
    edges, counts = found.get("edges"), found.get("counts")
    if not isinstance(edges, list) or not isinstance(counts, list) or len(edges) != len(counts) + 1:
        return []
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in (*edges, *counts)):
        return []
    return [(float(low), float(high), int(count)) for low, high, count in zip(edges, edges[1:], counts, strict=False)]


def shape_of(column: Column) -> list[float]:
    """Heights between 0 and 1: of the histogram, else of the values where there are few."""
    few = (column.get("distinct_count") or 0) <= MOST_BARS  # of many values the commonest say nothing about the shape
    top = [float(item.get("count") or 0) for item in _items(column, "top_values")] if few else []
    counts = [float(count) for _, _, count in bins_of(column)] or top
    most = max(counts, default=0.0)
    return [count / most for count in counts] if most else []


def spark(heights: Sequence[float], width: float = SPARK_WIDTH, height: float = SPARK_HEIGHT) -> Markup:
    """The path of small bars that fill the box; a bar that is not empty can always be seen."""
    if not heights:
        return Markup("")
    step = width / max(len(heights), 12)
    parts = [
        f"M{place * step:.1f} {height:g}v{-max(share * height, 1.0):.1f}h{max(step - 0.8, 0.6):.1f}V{height:g}z"
        for place, share in enumerate(heights)
        if share > 0
    ]
    return Markup("".join(parts))  # noqa: S704 - numbers only


def histogram(bins: Sequence[tuple[float, float, int]]) -> list[dict[str, Any]]:
    """Bars of the large drawing; where widths differ, areas show the counts."""
    if not bins:
        return []
    low, high = bins[0][0], bins[-1][1]
    span = (high - low) or 1.0
    densities = [count / ((to - start) or 1.0) for start, to, count in bins]
    most = max(densities) or 1.0
    return [
        {
            "x": round((start - low) / span * TALL_WIDTH, 2),
            "width": round(max((to - start) / span * TALL_WIDTH - 1, 0.75), 2),
            "height": round(max(density / most * TALL_HEIGHT, 1.0 if count else 0.0), 2),
            "from": start, "to": to, "count": count,
        }
        for (start, to, count), density in zip(bins, densities, strict=True)
    ]  # fmt: skip


WORDS = (
    ("Type", "type"), ("Stored as", "storage_type"), ("Meaning", "semantic_type"), ("Role", "role"), ("Values", "count"),
    ("Missing", "null_count"), ("Distinct", "distinct_count"), ("Smallest", "min"), ("Largest", "max"), ("Mean", "mean"),
    ("Standard deviation", "std"), ("Skewness", "skewness"), ("Excess kurtosis", "kurtosis"), ("Zeros", "zero_count"),
    ("Negative", "negative_count"), ("Blank", "blank_count"), ("Padded with spaces", "padded_count"), ("Sorted", "is_sorted"),
    ("Patterns", "pattern_count"),
)  # fmt: skip


def column_facts(column: Column, row_count: int | None) -> list[tuple[str, Any, str]]:
    """Word, value and a note, in a fixed order; what the profile does not say is left out."""
    shown = []
    for word, key in WORDS:
        value = column.get(key)
        if value is None or value == "" or isinstance(value, Mapping | list):
            continue
        note = ""
        if key == "null_count" and row_count:
            note = f"{100 * value / row_count:.3g} % of {row_count:,} rows"
        if key == "distinct_count" and column.get("distinct_exact") is False:
            note = "estimated"
        if key == "distinct_count" and column.get("is_unique") is True:
            note = "every value is another one"
        shown.append((word, value, note))
    return shown
