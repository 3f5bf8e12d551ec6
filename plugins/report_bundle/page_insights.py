"""The insights: first as an index, then each with its statement, picture, evidence and what to do about it."""

from typing import Any

from bundle_figures import figure_element
from bundle_html import Markup, anchor, el, join
from bundle_report import Finding, Report
from bundle_words import no_insights_sentence, sureness
from page_evidence import evidence_element

SYMPTOMS_SHOWN = 12


def severity_chip(severity: Any) -> Markup:
    name = str(severity or "info")
    return el("span", name, class_=f"chip {anchor(name)}")


def insights_section(report: Report) -> Markup:
    heading = el("h2", "Insights", id="insights-heading")
    if not report.insights:
        body: Any = el("p", no_insights_sentence(report), class_="lead")
    else:
        body = (_index(report), [_insight(report, insight) for insight in report.insights])
    return el("section", heading, body, id="insights", aria_labelledby="insights-heading")


def _index(report: Report) -> Markup:
    entries = [
        el("li", el("span", str(insight.get("rank", "")), class_="rank"), severity_chip(insight.get("severity")), _link(insight))
        for insight in report.insights
    ]
    return el("nav", el("ol", entries, class_="index", role="list"), aria_label="Insights, most valuable first")


def _link(insight: Finding) -> Markup:
    return el("a", str(insight.get("title")), href="#" + anchor(str(insight.get("id"))))


def _insight(report: Report, insight: Finding) -> Markup:
    key = anchor(str(insight.get("id")))
    heading = el("h3", el("span", f"{insight.get('rank', '')} ", class_="rank"), str(insight.get("title")), id=f"{key}-h")
    recommendation = insight.get("recommendation")
    text = el(
        "div",
        el("p", severity_chip(insight.get("severity")), el("span", str(insight.get("why") or ""), class_="why"), class_="meta"),
        heading,
        el("p", str(insight.get("statement")), class_="statement"),
        el("p", el("b", "Next: "), str(recommendation), class_="next") if recommendation else None,
        facts(report, insight),
        _related(report, insight, "alike", "The like is found {count} more times"),
        _related(report, insight, "symptoms", "Also explains {count} other finding{s}"),
        evidence_element(insight),
        class_="words",
    )
    picture = figure_element(insight.get("figure"))
    class_ = f"insight {anchor(str(insight.get('severity') or 'info'))}{'' if picture else ' plain'}"
    return el("article", text, picture, id=key, class_=class_, aria_labelledby=f"{key}-h")


def facts(report: Report, finding: Finding) -> Markup:
    """Columns, basis, confidence, effect, p, q and n, in one line that wraps."""
    pairs = [el("div", el("dt", name), el("dd", value)) for name, value in sureness(report, finding)]
    names = [el("code", el("bdi", str(name))) for name in (finding.get("columns") or ())[:12]]
    if names:
        pairs.insert(0, el("div", el("dt", "Columns" if len(names) > 1 else "Column"), el("dd", join(names, " "))))
    return el("dl", pairs, class_="facts")


def _related(report: Report, insight: Finding, key: str, words: str) -> Markup | None:
    """The findings that stand beneath an insight under ``key``; ``words`` have room for their number."""
    ids = [str(item) for item in insight.get(key) or ()]
    known = [report.by_id[name] for name in ids if name in report.by_id]
    if not known:
        return None
    items = [
        el("li", str(finding.get("title")), " ", el("span", str(finding.get("plugin_id")), class_="muted"))
        for finding in known[:SYMPTOMS_SHOWN]
    ]
    more = el("li", f"and {len(known) - SYMPTOMS_SHOWN:,} more") if len(known) > SYMPTOMS_SHOWN else None
    summary = words.format(count=f"{len(known):,}", s="s" if len(known) > 1 else "")
    return el("details", el("summary", summary), el("ul", items, more))
