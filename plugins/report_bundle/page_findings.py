"""All findings by plugin, the quality of the data, what was checked and found nothing, and what went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bundle_figures import figure_element
from bundle_html import Markup, anchor, el, join
from bundle_numbers import number, plural
from bundle_report import Finding, Plugin, Problem, Report, spoken_name
from bundle_words import severity_counts
from page_evidence import evidence_element
from page_insights import facts, severity_chip

QUALITY_ROWS, CONCERNED_SHOWN = 60, 40
FIGURES_CHARACTERS = 500_000


@dataclass
class Room:
    """What is left for the figures of findings that are no insights, so that the page stays small however many there are."""

    characters: int

    def draw(self, figure: Mapping[str, Any] | None) -> Markup | None:
        """The figure while there is room; after the first that does not fit, none is drawn any more."""
        drawn = figure_element(figure) if figure and self.characters > 0 else None
        self.characters -= len(drawn or "")
        if not figure or (drawn and self.characters >= 0):
            return drawn
        return el("p", "Its figure is left out to keep this page small; the data is in report.json.", class_="muted")


def section(key: str, title: str, *children: object, note: str | None = None) -> Markup:
    heading = el("h2", title, id=f"{key}-heading")
    return el(
        "section", heading, el("p", note, class_="lead") if note else None, children, id=key, aria_labelledby=f"{key}-heading"
    )


def scrolling(table: Markup, name: str) -> Markup:
    return el("div", table, class_="scroll", tabindex="0", role="region", aria_label=name)


def nothing_found_section(report: Report) -> Markup | None:
    silent = [plugin for plugin in report.plugins if plugin.found_nothing]
    if not silent:
        return None
    items = [el("div", el("dt", plugin.name), el("dd", plugin.summary or "Found nothing to say.")) for plugin in silent]
    return section("nothing", "What was checked and found nothing", el("dl", items, class_="pairs"))


def errors_section(report: Report) -> Markup | None:
    failed = [plugin for plugin in report.plugins if not plugin.is_ok]
    if not report.problems and not failed:
        return None
    items = [
        el(
            "li",
            el("p", el("b", problem.message)),
            el("p", el("b", "Remedy: "), problem.remedy) if problem.remedy else None,
            el(
                "p",
                "Concerns ",
                join([el("code", name) for name in problem.plugins[:CONCERNED_SHOWN]], ", "),
                _more(problem),
                class_="muted",
            )
            if problem.plugins
            else None,
        )
        for problem in report.problems
    ]
    told = {name for problem in report.problems for name in problem.plugins}
    rest = [
        el("li", el("p", el("b", f"{plugin.name}: {plugin.status.lower()}. "), plugin.summary))
        for plugin in failed
        if plugin.id not in told
    ]
    return section("errors", "Errors", el("ul", items, rest, class_="errors"))


def _more(problem: Problem) -> str | None:
    more = len(problem.plugins) - CONCERNED_SHOWN
    return f" and {more:,} more" if more > 0 else None


def quality_section(report: Report) -> Markup | None:
    repairs = [el("li", str(repair.get("sentence") or repair.get("code"))) for repair in report.repairs]
    if not report.quality and not repairs:
        return None
    rows = [_quality_row(report, finding) for finding in report.quality[:QUALITY_ROWS]]
    more = len(report.quality) - len(rows)
    head = el("tr", [el("th", name, scope="col") for name in ("Severity", "Columns", "What")])
    caption = f"{plural(len(report.quality), 'finding')} about the quality of the data" + (
        f", the first {len(rows):,} of them" if more > 0 else ""
    )
    table = el("table", el("caption", caption), el("thead", head), el("tbody", rows))
    reading = (el("h3", "Mended while reading the file"), el("ul", repairs)) if repairs else None
    return section("quality", "Data quality", scrolling(table, caption) if rows else None, reading)


def _quality_row(report: Report, finding: Finding) -> Markup:
    names = join([el("code", el("bdi", str(name))) for name in (finding.get("columns") or ())[:6]], " ") or "whole rows"
    return el("tr", el("td", severity_chip(finding.get("severity"))), el("td", names), el("td", _title(report, finding)))


def _title(report: Report, finding: Finding) -> Markup | str:
    """The title, as a link to where the finding is told in full."""
    title, key = str(finding.get("title")), str(finding.get("id"))
    return el("a", title, href="#" + anchor(key)) if key in report.told_ids else title


def findings_section(report: Report) -> Markup | None:
    if not report.findings:
        return None
    room = Room(FIGURES_CHARACTERS)
    groups = [_group(report, spoken_name(name), found, room) for name, found in report.by_plugin.items()]
    counts = f"{plural(len(report.findings), 'finding')}: {severity_counts(report.findings)}."
    note = f"{counts} A finding that is an insight is told in full above."
    return section("findings", "All findings", groups, note=note)


def _group(report: Report, name: str, findings: Sequence[Finding], room: Room) -> Markup:
    cap = report.findings_per_plugin
    more = len(findings) - cap
    rest = (
        el("p", f"{plural(more, 'more finding')} of this plugin {'is' if more == 1 else 'are'} in report.json.", class_="muted")
        if more > 0
        else None
    )
    count = el("span", f"{len(findings):,}", class_="muted")
    return el(
        "div", el("h3", name, " ", count), [_finding(report, finding, room) for finding in findings[:cap]], rest, class_="group"
    )


def _finding(report: Report, finding: Finding, room: Room) -> Markup:
    key = str(finding.get("id"))
    if key in report.insight_ids:
        return el("p", severity_chip(finding.get("severity")), _title(report, finding), class_="finding")
    body = (
        el("p", str(finding.get("statement"))),
        el("p", el("b", "Next: "), str(finding["recommendation"])) if finding.get("recommendation") else None,
        facts(report, finding),
        room.draw(finding.get("figure")),
        evidence_element(finding),
    )
    summary = el("summary", severity_chip(finding.get("severity")), el("span", str(finding.get("title"))))
    return el("details", summary, el("div", body, id=anchor(key), class_="inside"), class_="finding")


def plugins_section(report: Report) -> Markup | None:
    if not report.plugins:
        return None
    names = ("Plugin", "Status", "Findings", "Summary")
    head = el("tr", [el("th", name, scope="col", class_="n" if name == "Findings" else None) for name in names])
    rows = [_plugin_row(plugin) for plugin in report.plugins]
    table = el("table", el("caption", "Every planned plugin and what became of it"), el("thead", head), el("tbody", rows))
    reasons = [el("div", el("dt", spoken_name(name)), el("dd", reason)) for name, reason in report.not_chosen]
    left_out = (el("h3", "Not run, and why"), el("dl", reasons, class_="pairs")) if reasons else None
    return section("plugins", "What ran", scrolling(table, "Every planned plugin"), left_out)


def _plugin_row(plugin: Plugin) -> Markup:
    status = el("span", plugin.status, class_="status" if plugin.is_ok else "status bad")
    name = el("th", plugin.name, " ", el("span", plugin.version, class_="muted"), scope="row")
    return el("tr", name, el("td", status), el("td", number(plugin.finding_count), class_="n"), el("td", plugin.summary))
