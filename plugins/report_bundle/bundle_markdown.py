"""report.md: the report for a terminal and for a pull request, insights first, never larger than 60 KB."""

import json
import re
from collections.abc import Mapping
from typing import Any

from bundle_html import visible
from bundle_numbers import number, percent, plural
from bundle_report import Finding, Report
from bundle_words import (
    beside_sentence,
    cited_rows,
    counts_sentence,
    coverage_sentence,
    multiplicity_sentence,
    no_evidence,
    no_insights_sentence,
    open_network_sentences,
    size_sentence,
    status_sentence,
    sureness,
    view_statements,
    where_to_check,
)

MAX_BYTES = 60_000
MAX_SQL, MAX_STATEMENT, MAX_NAME, MAX_RESULT = 1200, 1500, 60, 160
MAX_INDEX, MAX_TITLE = 100, 160
SYMPTOMS_SHOWN = 6
REPAIRS_SHOWN = 20
SPECIAL = re.compile(r"([\\`*\[\]|~$])")
EDGE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
AUTOLINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
HTML_START, ENTITY, MENTION = re.compile(r"<(?=[A-Za-z/!?])"), re.compile(r"&(?=#?\w+;)"), re.compile(r"@(?=\w)")
LINE_START = re.compile(r"^(\d*)([.)](?=\s|$)|[#>]|[+=-](?=[\s+=-]|$))")


def markdown(report: Report, max_columns: int) -> str:
    """The text. Parts that would take it beyond its size give way, least important first, and say so."""
    parts = {
        "head": _head(report),
        "insights": _insights(report),
        "errors": _errors(report),
        "repairs": _repairs(report),
        "nothing": _nothing_found(report),
        "plugins": _plugins(report),
        "columns": _columns(report, max_columns),
        "check": _check(report),
        "provenance": _provenance(report),
    }
    for key, shorter in (
        ("columns", _left_out("Columns")),
        ("plugins", _left_out("What ran")),
        ("nothing", _left_out("Found nothing")),
    ):
        if _size(parts) > MAX_BYTES and parts[key]:
            parts[key] = shorter
    if (over := _size(parts) - MAX_BYTES) > 0:
        parts["insights"] = _cut(parts["insights"], over)
    return "\n".join(part for part in parts.values() if part)


def escaped(text: Any, most: int = MAX_STATEMENT) -> str:
    """``text`` on one line, with nothing in it that Markdown, HTML or a mention would act on."""
    plain = " ".join(visible(str(text)).split())
    plain = plain if len(plain) <= most else plain[: most - 1] + "…"
    plain = EDGE_UNDERSCORE.sub(r"\\_", SPECIAL.sub(r"\\\1", ENTITY.sub("&amp;", plain)))
    plain = AUTOLINK.sub(r"\\", MENTION.sub("&#64;", HTML_START.sub("&lt;", plain)))
    return LINE_START.sub(r"\1\\\2", plain)


def code(text: Any, most: int = MAX_NAME) -> str:
    """``text`` as a code span, whatever backticks it holds; safe inside a table."""
    plain = " ".join(visible(str(text)).split()) or " "
    plain = (plain if len(plain) <= most else plain[: most - 1] + "…").replace("|", "¦")
    fence = "`" * (_longest_run(plain) + 1)
    padding = " " if "`" in plain else ""
    return f"{fence}{padding}{plain}{padding}{fence}"


def _block(sql: str, most: int = MAX_SQL) -> str:
    """A fenced block; control characters are written out, line ends stay."""
    text = "\n".join(visible(line) for line in sql.splitlines())
    cut = text if len(text) <= most else text[:most] + "\n-- … the rest is in report.json"
    fence = "`" * max(3, _longest_run(cut) + 1)
    return f"{fence}sql\n{cut}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _head(report: Report) -> str:
    lines = [
        f"# {escaped(report.filename, 120)}",
        "",
        f"**{size_sentence(report)}.** {status_sentence(report)} {coverage_sentence(report)}",
        "",
        *([escaped(beside), ""] if (beside := beside_sentence(report)) else []),
        counts_sentence(report),
        "",
    ]
    return "\n".join(lines)


def _insights(report: Report) -> str:
    lines = ["## Insights", ""]
    if not report.insights:
        return "\n".join([*lines, no_insights_sentence(report), ""])
    lines += [_in_index(insight) for insight in report.insights[:MAX_INDEX]]
    if len(report.insights) > MAX_INDEX:
        lines += ["", f"and {len(report.insights) - MAX_INDEX:,} more in report.html and report.json."]
    return "\n".join([*lines, "", *(_insight(report, insight) for insight in report.insights)])


def _in_index(insight: Finding) -> str:
    return f"{insight.get('rank', '')}. **{escaped(insight.get('severity'))}**: {escaped(insight.get('title'), MAX_TITLE)}"


def _insight(report: Report, insight: Finding) -> str:
    lines = [
        f"### {insight.get('rank', '')}. {escaped(insight.get('title'), MAX_TITLE)}",
        "",
        escaped(insight.get("statement")),
        "",
    ]
    if insight.get("recommendation"):
        lines += [f"**Next:** {escaped(insight['recommendation'])}", ""]
    pairs = " · ".join(f"{escaped(name, 60)} {escaped(value, 120)}" for name, value in sureness(report, insight))
    lines += [f"*{escaped(insight.get('severity'))}* · {pairs} · {code(insight.get('id'))}", ""]
    lines += _related(report, insight, "alike", "The like is found here too")
    lines += _related(report, insight, "symptoms", "It also explains")
    return "\n".join([*lines, *_evidence(insight)])


def _related(report: Report, insight: Finding, key: str, words: str) -> list[str]:
    """The titles of the findings that stand beneath an insight under ``key``, and how many more there are."""
    found = [report.by_id[name] for name in insight.get(key) or () if name in report.by_id]
    if not found:
        return []
    more = f"; and {len(found) - SYMPTOMS_SHOWN:,} more" if len(found) > SYMPTOMS_SHOWN else ""
    return [f"{words}: " + "; ".join(escaped(finding.get("title"), 120) for finding in found[:SYMPTOMS_SHOWN]) + more, ""]


def _evidence(finding: Finding) -> list[str]:
    """The first query with its result, the rows, and how much more there is."""
    missing = no_evidence(finding)
    if missing:
        return [escaped(missing), ""]
    items = [item for item in finding.get("evidence") or () if isinstance(item, Mapping)]
    queries = [item for item in items if item.get("type") == "query"]
    lines: list[str] = []
    if queries:
        lines += [_block(str(queries[0].get("sql"))), "", f"returns {code(_result(queries[0].get('result')), MAX_RESULT)}", ""]
    if len(queries) > 1:
        lines += [f"{plural(len(queries) - 1, 'more query', 'more queries')} in report.json.", ""]
    for item in items:
        if item.get("type") == "rows" and item.get("refs"):
            lines += [f"Rows (counted from 0): {cited_rows(item)}", ""]
    return lines


def _result(rows: Any) -> str:
    found = rows if isinstance(rows, list) else []
    single = len(found) == 1 and isinstance(found[0], list) and len(found[0]) == 1
    return json.dumps(found[0][0] if single else found, ensure_ascii=False)


def _nothing_found(report: Report) -> str:
    silent = [plugin for plugin in report.plugins if plugin.found_nothing]
    if not silent:
        return ""
    lines = [f"- **{escaped(plugin.name)}**: {escaped(plugin.summary or 'Found nothing to say.', 300)}" for plugin in silent]
    return "\n".join(["## What was checked and found nothing", "", *lines, ""])


def _errors(report: Report) -> str:
    told = {name for problem in report.problems for name in problem.plugins}
    lines = []
    for problem in report.problems[:20]:
        concerns = f" ({', '.join(code(name) for name in problem.plugins[:10])})" if problem.plugins else ""
        remedy = f" **Remedy:** {escaped(problem.remedy, 400)}" if problem.remedy else ""
        lines.append(f"- {escaped(problem.message, 600)}{concerns}{remedy}")
    if len(report.problems) > 20:
        lines.append(f"- and {len(report.problems) - 20:,} more in report.json")
    rest = [plugin for plugin in report.plugins if not plugin.is_ok and plugin.id not in told]
    lines += [f"- {code(plugin.id)} {escaped(plugin.status)}: {escaped(plugin.summary, 300)}" for plugin in rest[:20]]
    return "\n".join(["## Errors", "", *lines, ""]) if lines else ""


def _plugins(report: Report) -> str:
    if not report.plugins:
        return ""
    rows = [
        f"| {code(plugin.id)} | {escaped(plugin.status)} | {plugin.finding_count:,} | {escaped(plugin.summary, 200)} |"
        for plugin in report.plugins
    ]
    left_out = [f"- {code(name)}: {escaped(reason, 200)}" for name, reason in report.not_chosen]
    reasons = ["", "Not run, and why:", "", *left_out] if left_out else []
    head = ["| plugin | status | findings | summary |", "| --- | --- | ---: | --- |"]
    return "\n".join(["## What ran", "", *head, *rows, *reasons, ""])


def _columns(report: Report, most: int) -> str:
    if not report.columns or not most:
        return ""
    rows = [_column_row(column, report.row_count) for column in report.columns[:most]]
    more = len(report.columns) - len(rows)
    rest = ["", f"{plural(more, 'more column')} in report.html and report.json."] if more > 0 else []
    head = ["| column | type | empty | distinct | min | median | max |", "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    return "\n".join(["## Columns", "", *head, *rows, *rest, ""])


def _column_row(column: Mapping[str, Any], row_count: int | None) -> str:
    nulls, quantiles = column.get("null_count"), column.get("quantiles")
    empty = percent(nulls / row_count) if isinstance(nulls, int) and row_count else "–"
    median = quantiles.get("0.5") if isinstance(quantiles, Mapping) else None
    cells = [
        number(column.get("distinct_count")),
        *(escaped(number(value), 24) for value in (column.get("min"), median, column.get("max"))),
    ]
    kind = escaped(column.get("semantic_type") or column.get("type"), 40)
    return f"| {code(column.get('name'))} | {kind} | {empty} | {' | '.join(cells)} |"


def _repairs(report: Report) -> str:
    """What was mended while the file was read, for a table that is not quite its file."""
    if not report.repairs:
        return ""
    told = [f"- {escaped(repair.get('sentence') or repair.get('code'))}" for repair in report.repairs[:REPAIRS_SHOWN]]
    more = len(report.repairs) - len(told)
    rest = ["", f"{more:,} more in report.html and report.json."] if more > 0 else []
    return "\n".join(["## Mended while reading the file", "", *told, *rest, ""])


def _check(report: Report) -> str:
    if not report.dataset:
        return ""
    place, file = where_to_check(report)
    words = f"Every number above comes from a query that stock DuckDB runs {place} `{file}`. Run this first:"
    return "\n".join(
        [
            "## How to check",
            "",
            words,
            "",
            _block(view_statements(report), MAX_BYTES),
            "",
            "`harness verify` runs every query of the report again and compares.",
            "",
        ]
    )


def _provenance(report: Report) -> str:
    lines = ["## Provenance", "", f"- run fingerprint {code(report.fingerprint, 90)}"]
    lines += [f"- input {code(item.get('filename'))}, sha256 {code(item.get('sha256'), 70)}" for item in report.inputs[:10]]
    lines += [f"- dataset version {code(item.get('dataset_version_id'))}" for item in report.datasets[:10]]
    lines += [f"- {escaped(sentence)}" for sentence in open_network_sentences(report)]
    control = multiplicity_sentence(report)
    return "\n".join([*lines, *([f"- false-discovery control: {escaped(control)}"] if control else []), ""])


def _size(parts: Mapping[str, str]) -> int:
    return len("\n".join(part for part in parts.values() if part).encode("utf-8"))


def _left_out(title: str) -> str:
    return f"## {title}\n\nLeft out to keep this text short; it is in report.html and report.json.\n"


def _cut(insights: str, over: int) -> str:
    """The insights without the last ones that would take the text beyond its size; the list at their head stays whole."""
    head, *told = re.split(r"(?m)^(?=### \d+\. )", insights)
    note = "The insights that follow are in report.html and report.json.\n"
    room = len(insights.encode("utf-8")) - over - len(note.encode("utf-8")) - len(head.encode("utf-8"))
    kept = []
    for part in told:
        room -= len(part.encode("utf-8"))
        if room < 0:
            break
        kept.append(part)
    return head + "".join(kept) + note
