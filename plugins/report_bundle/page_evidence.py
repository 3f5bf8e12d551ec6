"""How a reader can check a finding: the query with its expected result, the rows, the artifact."""

from collections.abc import Mapping
from typing import Any

from bundle_html import Markup, el
from bundle_numbers import number, plural
from bundle_report import Finding
from bundle_words import cited_rows, no_evidence, short_hash

RESULT_ROWS, RESULT_COLUMNS = 20, 12
SQL_SHOWN = 6000


def evidence_element(finding: Finding) -> Markup | None:
    """All evidence of a finding, folded; or the sentence that there is none."""
    missing = no_evidence(finding)
    if missing:
        return el("p", missing, class_="muted")
    items = [item for item in finding.get("evidence") or () if isinstance(item, Mapping)]
    return el("details", el("summary", "Evidence: ", _outline(items)), [_item(item) for item in items], class_="evidence")


def _outline(items: list[Mapping[str, Any]]) -> str:
    words = {"query": "query", "rows": "list of rows", "artifact": "artifact"}
    manys = {"rows": "lists of rows", "query": "queries"}
    counts = {kind: sum(item.get("type") == kind for item in items) for kind in words}
    return ", ".join(plural(count, words[kind], manys.get(kind)) for kind, count in counts.items() if count)


def _item(item: Mapping[str, Any]) -> Markup | None:
    if item.get("type") == "query":
        return _query(item)
    if item.get("type") == "rows":
        return el("p", el("b", "Rows "), el("span", "(counted from 0) ", class_="muted"), cited_rows(item), class_="rows")
    if item.get("type") == "artifact":
        where = f", {item['locator']}" if item.get("locator") else ""
        return el("p", el("b", "Artifact "), el("code", str(item.get("path"))), where, " · sha256 ", _hash(item.get("sha256")))
    return None


def _hash(value: Any) -> Markup:
    return el("code", short_hash(value), title=str(value or ""))


def _query(item: Mapping[str, Any]) -> Markup:
    sql = str(item.get("sql"))
    cut = (
        el("p", f"The query has {len(sql):,} characters; all of them are in report.json.", class_="muted")
        if len(sql) > SQL_SHOWN
        else None
    )
    return el("div", el("pre", el("code", sql[:SQL_SHOWN]), tabindex="0"), cut, _result(item), class_="query")


def _result(item: Mapping[str, Any]) -> Markup:
    rows = [row if isinstance(row, list) else [row] for row in item.get("result") or ()]
    tolerance = item.get("tolerance")
    exact = f" (relative tolerance {number(tolerance)})" if isinstance(tolerance, int | float) and tolerance else ""
    if len(rows) == 1 and len(rows[0]) == 1:
        return el("p", "returns ", el("code", _exact(rows[0][0])), exact)
    if not rows:
        return el("p", "returns no rows")
    body = [
        el("tr", [el("td", _exact(value), class_="t" if isinstance(value, str) else None) for value in row[:RESULT_COLUMNS]])
        for row in rows[:RESULT_ROWS]
    ]
    more = f"; {plural(len(rows) - RESULT_ROWS, 'more row')} in report.json" if len(rows) > RESULT_ROWS else ""
    caption = el("caption", f"returns {plural(len(rows), 'row')}{exact}{more}")
    return el(
        "div",
        el("table", caption, el("tbody", body), class_="num"),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label="Result of the query",
    )


def _exact(value: Any) -> str:
    """A value of a result as it is compared: every digit."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
