"""Distribution: heaps and favoured digits, several humps, piles at an end, heavy tails, skew, Benford's law where it applies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distribution_columns import Values, measures, read
from distribution_digits import Heap, Leading, heaps, leading
from distribution_shapes import Tail, Valley, octile_skewness, piles, upper_tail, valley
from distribution_words import benford_finding, heap_finding, pile_finding, skew_finding, tail_finding, valley_finding

from harness_core.sdk import Dataset, Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "M. J. Nigrini, Benford's Law: applications for forensic accounting, auditing and fraud detection (Wiley, 2012)",
    "A. L. M. Dekkers, J. H. J. Einmahl, L. de Haan, A moment estimator for the index of an extreme-value distribution (1989)",
    "D. V. Hinkley, On power transformations to symmetry, Biometrika 62 (1975) 101-111",
)
SKEWED = 0.5
TESTS = 4  # per column: heaps, humps, tail, leading digits
FEW_VALUES = 3
GROUP_ROLES = frozenset({"category", "flag"})
WEIGHTS = {"digit_preference": 4.0, "multimodality": 3.0, "benford": 2.5, "heavy_tail": 2.0, "distribution_shape": 1.0}


@dataclass
class Told:
    """What has been found so far, and what the metrics say per column. ``level`` is that of a single test."""

    level: float
    groupings: Sequence[str]
    findings: list[Finding] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    tests: int = 0


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    columns, beyond = measures(ctx.dataset, profile, ctx.settings["max_columns"])
    told = Told(ctx.settings["significance"] / max(1, TESTS * len(columns)), _groupings(ctx.dataset, profile))
    for done, values in enumerate(read(ctx.dataset, columns, profile)):
        ctx.progress_in_rows(done, len(columns), values.name)
        if values.n >= ctx.settings["min_rows"] and len(values.runs[0]) >= FEW_VALUES:
            _describe(ctx, values, told)
    metrics = {
        "tests": told.tests,
        "columns": told.columns,
        "left_out": [{"name": name, "reason": "beyond the limit of columns"} for name in beyond],
    }
    if not told.columns:
        return PluginResult.na("nothing_to_describe", "No column has enough measured numbers to describe a shape.", metrics=metrics)
    return _result(ctx, told.findings, metrics)


def _describe(ctx: PluginContext, values: Values, told: Told) -> None:
    """Everything about one column, while its values are in memory."""
    heap, tested = heaps(values)
    digits = leading(values, ctx.settings["benford_rows"], ctx.settings["benford_orders"])
    humps = valley(values, ctx.settings["max_valley"])
    tail = upper_tail(values)
    skewness = octile_skewness(values.ordered)
    applies = digits is not None and not digits.reasons
    told.tests += (tested > 0) + applies + (humps is not None) + (tail is not None)
    claims = [
        _heaped(ctx, values, heap, told.level),
        _humps(ctx, values, humps, told) if heap is None or heap.share < ctx.settings["min_heaped"] else None,
        _digits(ctx, values, digits, told.level) if applies and digits is not None else None,
        *(pile_finding(ctx.dataset, values, pile) for pile in piles(values, ctx.settings["min_pile"])),
        _tail(ctx, values, tail, told.level),
    ]
    found = [claim for claim in claims if claim is not None]
    if not found and abs(skewness) >= SKEWED:
        found = [skew_finding(ctx.dataset, values, skewness)]
    told.findings += found
    told.columns.append(
        {"name": values.name, "n": values.n, "distinct": len(values.runs[0]), "octile_skewness": rounded(skewness)}
        | {"step": values.step.size if values.step else None, "heaped": rounded(heap.share) if heap else None}
        | {"tail_index": rounded(tail.index) if tail else None, "humps": humps.humps if humps else None}
        | {"benford": _benford_metrics(digits) if digits else None}
    )


def _heaped(ctx: PluginContext, values: Values, heap: Heap | None, level: float) -> Finding | None:
    if heap is None or heap.p_value > level or heap.share < ctx.settings["min_heaped"]:
        return None
    return heap_finding(ctx.dataset, values, heap)


def _humps(ctx: PluginContext, values: Values, found: Valley | None, told: Told) -> Finding | None:
    if found is None or found.p_value > told.level or found.depth > ctx.settings["max_valley"]:
        return None
    return valley_finding(ctx.dataset, values, found, told.groupings)


def _digits(ctx: PluginContext, values: Values, digits: Leading, level: float) -> Finding | None:
    far = digits.deviation[0] - digits.noise >= ctx.settings["benford_deviation"]
    return benford_finding(ctx.dataset, values, digits) if far and digits.p_value <= level else None


def _tail(ctx: PluginContext, values: Values, tail: Tail | None, level: float) -> Finding | None:
    if tail is None or tail.p_value > level or tail.low < ctx.settings["min_tail_index"]:
        return None
    return tail_finding(ctx.dataset, values, tail)


def _benford_metrics(digits: Leading) -> dict[str, Any]:
    first, first_two = digits.deviation
    chi_first, chi_two = digits.chi_squared
    return {
        "n": digits.n, "applies": not digits.reasons, "reasons": list(digits.reasons),
        "first": digits.first.tolist(), "first_two": digits.first_two.tolist(),
        "mad_first": rounded(first, 9), "mad_first_two": rounded(first_two, 9),
        "chi_squared_first": rounded(chi_first, 10), "chi_squared_first_two": rounded(chi_two, 10),
        "conformity": digits.conformity,
    }  # fmt: skip


def _groupings(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns of few groups, the fewest first, which may stand behind two humps."""
    known = {entry.get("name"): entry for entry in profile}
    found = [
        (known[column.name].get("distinct_count", 0), position, column.name)
        for position, column in enumerate(dataset.columns)
        if known.get(column.name, {}).get("role") in GROUP_ROLES and 2 <= known[column.name].get("distinct_count", 0) <= 60
    ]
    return [name for _, _, name in sorted(found)]


def _result(ctx: PluginContext, findings: Sequence[Finding], metrics: dict[str, Any]) -> PluginResult:
    ranked = sorted(enumerate(findings), key=lambda item: (item[1].severity == "info", -WEIGHTS[item[1].kind], item[0]))
    shown = [finding for _, finding in ranked[: ctx.settings["max_findings"]]]
    metrics["not_told"] = len(ranked) - len(shown)
    looked = len(metrics["columns"])
    names = f"{looked:,} measure{'s' if looked > 1 else ''}"
    if not shown:
        sentence = f"The values of {names} rise to one hump and fall again, without favoured values or a heavy tail."
        return PluginResult.na("ordinary_shapes", sentence, metrics=metrics, references=REFERENCES)
    summary = f"{len(ranked):,} peculiarit{'ies' if len(ranked) > 1 else 'y'} of shape in {names}."
    return PluginResult.ok(summary, metrics=metrics, findings=shown, references=REFERENCES)
