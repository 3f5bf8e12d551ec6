"""One card per column: what it is, how much of it is there, its shape at a glance, its quantiles, and what was found about it.

Cards are small, because a table may have thousands of columns and the page must open at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bundle_html import Markup, anchor, el
from bundle_numbers import number, percent, plural
from bundle_report import Finding, Report
from page_findings import section

SPARK_WIDTH, SPARK_HEIGHT = 160, 32
SPARK_BINS = 32
MAX_CATEGORIES = 60
TOP_VALUES = 5
FINDINGS_SHOWN = 3
DETAILED_UP_TO = 400
QUANTILE_NAMES = {"0.01": "1 %", "0.05": "5 %", "0.25": "25 %", "0.5": "50 %", "0.75": "75 %", "0.95": "95 %", "0.99": "99 %"}


def columns_section(report: Report) -> Markup | None:
    if not report.columns:
        return None
    detailed = len(report.columns) <= DETAILED_UP_TO
    cards = [_card(report, index, column, detailed) for index, column in enumerate(report.columns)]
    described = any("distinct_count" in column for column in report.columns)
    note = None if described else "The columns were not profiled, so only their types are known."
    return section("columns", f"Columns ({len(cards):,})", el("div", cards, class_="cards"), note=note)


def _card(report: Report, index: int, column: Mapping[str, Any], detailed: bool) -> Markup:
    name = str(column.get("name"))
    words = [str(column.get("type") or "")]
    semantic, role = str(column.get("semantic_type") or ""), str(column.get("role") or "")
    words += [word.replace("_", " ") for word in dict.fromkeys((semantic, role)) if word and word not in words]
    parts = (
        el("h3", el("bdi", name)),
        el("p", " · ".join(word for word in words if word), class_="muted"),
        _spark(column),
        el("dl", _facts(column, report.row_count), class_="facts"),
        _quantiles(column) if detailed else None,
        _top_values(column, report.row_count) if detailed else None,
        _mentions(report, report.by_column.get(name, ())),
    )
    return el("section", parts, id=f"c{index}", class_="card")


def _facts(column: Mapping[str, Any], row_count: int | None) -> list[Markup]:
    pairs: list[tuple[str, str]] = []
    nulls, distinct = column.get("null_count"), column.get("distinct_count")
    if isinstance(nulls, int):
        share = f" ({percent(nulls / row_count)})" if nulls and row_count else ""
        pairs.append(("Empty", number(nulls) + share))
    if isinstance(distinct, int):
        pairs.append(("Distinct", ("" if column.get("distinct_exact", True) else "≈ ") + number(distinct)))
    pairs += [
        (label, number(column[key]))
        for key, label in (("min", "Min"), ("max", "Max"), ("mean", "Mean"), ("std", "Std"))
        if column.get(key) is not None
    ]
    return [el("div", el("dt", label), el("dd", value)) for label, value in pairs]


def _quantiles(column: Mapping[str, Any]) -> Markup | None:
    quantiles = column.get("quantiles")
    if not isinstance(quantiles, Mapping):
        return None
    found = [(label, quantiles[key]) for key, label in QUANTILE_NAMES.items() if quantiles.get(key) is not None]
    if not found:
        return None
    heads = el("tr", [el("th", label, scope="col") for label, _ in found])
    cells = el("tr", [el("td", number(value)) for _, value in found])
    table = el("table", el("caption", "Quantiles"), el("thead", heads), el("tbody", cells), class_="num")
    return el(
        "details",
        el("summary", "Quantiles"),
        el("div", table, class_="scroll", tabindex="0", role="region", aria_label="Quantiles"),
    )


def _top_values(column: Mapping[str, Any], row_count: int | None) -> Markup | None:
    top = [item for item in column.get("top_values") or () if isinstance(item, Mapping)]
    if not top:
        return None
    rows = [
        el(
            "li",
            el("bdi", number(item.get("value")), class_="value"),
            el("span", _share(item.get("count"), row_count), class_="muted"),
        )
        for item in top[:TOP_VALUES]
    ]
    return el("details", el("summary", "Most frequent values"), el("ol", rows, class_="top"))


def _share(count: Any, row_count: int | None) -> str:
    if not isinstance(count, int):
        return ""
    return f"{count:,}" + (f" · {percent(count / row_count)}" if row_count else "")


def _mentions(report: Report, findings: Sequence[Finding]) -> Markup | None:
    told = [finding for finding in findings if str(finding.get("id")) in report.told_ids]
    if not findings:
        return None
    links = [el("li", el("a", str(f.get("title")), href="#" + anchor(str(f.get("id"))))) for f in told[:FINDINGS_SHOWN]]
    rest = len(findings) - len(links)
    more = el("li", plural(rest, "further finding" if links else "finding"), class_="muted") if rest else None
    return el("ul", links, more, class_="links")


def _spark(column: Mapping[str, Any]) -> Markup | None:
    """The histogram as one path; for categories, the shares of the most frequent values."""
    histogram = column.get("histogram")
    counts = histogram.get("counts") if isinstance(histogram, Mapping) else None
    values = _numbers(counts) or _category_counts(column)
    if not values or max(values) <= 0:
        return None
    bins = _merged(values, SPARK_BINS)
    what = "Histogram" if counts else "Counts of the most frequent values"
    low, high = number(column.get("min")), number(column.get("max"))
    name = f"{what}, from {low} to {high}" if counts and column.get("min") is not None else what
    drawing = el("path", d=_path(bins))
    return el(
        "svg",
        drawing,
        viewBox=f"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=name,
        class_="spark",
    )


def _category_counts(column: Mapping[str, Any]) -> list[float]:
    """The counts of the most frequent values, for columns of few categories; a key or a date has no shape to show."""
    distinct = column.get("distinct_count")
    if column.get("role") not in ("category", "flag") or not isinstance(distinct, int) or distinct > MAX_CATEGORIES:
        return []
    return _numbers([item.get("count") for item in column.get("top_values") or () if isinstance(item, Mapping)])


def _path(bins: Sequence[float]) -> str:
    largest, width = max(bins), SPARK_WIDTH / max(len(bins), 8)
    parts = []
    for index, count in enumerate(bins):
        if count > 0:
            height = max(1.0, count / largest * (SPARK_HEIGHT - 1))
            parts.append(f"M{index * width:.4g} {SPARK_HEIGHT}v-{height:.3g}h{max(width - 0.8, 0.5):.3g}v{height:.3g}z")
    return "".join(parts)


def _merged(values: Sequence[float], most: int) -> list[float]:
    """Neighbouring bins added up until there are at most ``most``."""
    together = -(-len(values) // most)
    return [sum(values[start : start + together]) for start in range(0, len(values), together)]


def _numbers(values: Any) -> list[float]:
    found = values if isinstance(values, list) else []
    return [float(value) for value in found if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0]
