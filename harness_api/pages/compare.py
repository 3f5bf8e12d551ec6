"""Two runs side by side: which two stands in the address; only what differs is shown, everything on request."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.pages.columns import bins_of
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import param
from harness_api.service import Service, service_of
from harness_core.domain.runs import RUN_ENDED, Run
from harness_core.services.comparing import Comparison, Side, compare, profiled

OVERLAY_WIDTH, OVERLAY_HEIGHT = 320.0, 72.0
MOST_OVERLAYS = 12
CANDIDATES = 30
router = APIRouter()


@router.get("/compare", response_class=HTMLResponse)
def compare_page(request: Request) -> HTMLResponse:
    """``a`` is what was, ``b`` what is; with one of them, the runs it can be compared with."""
    service = service_of(request)
    ids = [param(request, name, 60) for name in ("a", "b")]
    runs = [service.core.overview.run(run_id) if run_id else None for run_id in ids]
    first, second = runs
    context: dict[str, Any] = {"first": first, "second": second, "found": None, "overlays": [], "now": service.core.clock.now(),
                               "candidates": []}  # fmt: skip
    if first is None or second is None:
        known = first or second
        title = f"Compare {known.filename} with…" if known else "Compare two runs"
        return pages_of(request).page(request, "compare.html", title, **context | {"candidates": _candidates(service, known)})
    sides = [side_of(service, run) for run in (first, second)]
    found = compare(*sides)
    title = "Equal" if found.equal else "Different"
    return pages_of(request).page(
        request, "compare.html", f"{title}: {first.filename} and {second.filename}",
        **context | {"found": found, "overlays": overlays(sides, found)},
    )  # fmt: skip


def side_of(service: Service, run: Run) -> Side:
    """Raises Tampered where the report is not as recorded: what it says would not be what the run found."""
    report = service.reports.of(run)
    if report.tampered is not None:
        raise report.tampered
    return Side(run, service.core.runs.executions(run.run_id), report.document)


def _candidates(service: Service, known: Run | None) -> Sequence[Run]:
    """Ended runs, those of a file of the same name first."""
    page = service.core.overview.page(limit=CANDIDATES, statuses=sorted(RUN_ENDED))
    if known is None:
        return page.runs
    named = service.core.overview.page(limit=CANDIDATES, statuses=sorted(RUN_ENDED), text=known.filename).runs
    both = {run.run_id: run for run in (*named, *page.runs) if run.run_id != known.run_id}
    return list(both.values())[:CANDIDATES]


def overlays(sides: Sequence[Side], found: Comparison) -> list[dict[str, Any]]:
    """Both histograms of each column whose figures differ, on one scale, as outlines."""
    profiles = [profiled(side.report) for side in sides]
    shown = []
    for name in found.changed_columns:
        bins = [bins_of(profile.get(name, {})) for profile in profiles]
        if all(bins):
            shown.append({"name": name, **_overlay(bins)})
        if len(shown) == MOST_OVERLAYS:
            break
    return shown


def _overlay(bins: Sequence[Sequence[tuple[float, float, int]]]) -> dict[str, Any]:
    low, high = min(item[0][0] for item in bins), max(item[-1][1] for item in bins)
    densities = [_densities(item) for item in bins]
    most = max(value for item in densities for _, _, value in item) or 1.0
    return {
        "low": low,
        "high": high,
        "before": _outline(densities[0], low, high, most),
        "after": _outline(densities[1], low, high, most),
    }


def _densities(bins: Sequence[tuple[float, float, int]]) -> list[tuple[float, float, float]]:
    """The share of values per unit of width, so that tables of different sizes can be laid over one another."""
    total = sum(count for _, _, count in bins) or 1
    return [(start, end, count / total / ((end - start) or 1.0)) for start, end, count in bins]


def _outline(bins: Sequence[tuple[float, float, float]], low: float, high: float, most: float) -> str:
    span = (high - low) or 1.0

    def x(value: float) -> str:
        return f"{(value - low) / span * OVERLAY_WIDTH:.1f}"

    parts = [f"M{x(bins[0][0])} {OVERLAY_HEIGHT:g}"]
    for start, end, density in bins:
        parts.append(f"L{x(start)} {OVERLAY_HEIGHT * (1 - density / most):.1f}H{x(end)}")
    return "".join([*parts, f"V{OVERLAY_HEIGHT:g}"])
