"""The whole page: one self-contained file without script, image, font or request; its policy forbids them."""

import base64
import hashlib
from pathlib import Path

from bundle_html import Markup, el, join
from bundle_report import Report
from bundle_words import (
    beside_sentence,
    bytes_in_words,
    counts_sentence,
    coverage_sentence,
    lineage_sentence,
    multiplicity_sentence,
    open_network_sentences,
    short_hash,
    size_sentence,
    status_sentence,
    view_statements,
    where_to_check,
)
from page_columns import columns_section
from page_findings import errors_section, findings_section, nothing_found_section, plugins_section, quality_section, section
from page_insights import insights_section

STYLE = Path(__file__).with_name("report.css")


def page(report: Report) -> str:
    """report.html, the same bytes for the same report."""
    sections = [
        ("insights", "Insights", insights_section(report)),
        ("errors", "Errors", errors_section(report)),
        ("nothing", "Found nothing", nothing_found_section(report)),
        ("quality", "Data quality", quality_section(report)),
        ("findings", "All findings", findings_section(report)),
        ("columns", "Columns", columns_section(report)),
        ("plugins", "What ran", plugins_section(report)),
        ("check", "How to check", _check_section(report)),
        ("provenance", "Provenance", _provenance_section(report)),
    ]
    there = [(key, name, body) for key, name, body in sections if body is not None]
    body = el(
        "body",
        el("a", "Skip to the report", href="#main", class_="skip"),
        _header(report),
        el(
            "nav",
            el("ul", [el("li", el("a", name, href=f"#{key}")) for key, name, _ in there]),
            class_="bar",
            aria_label="Sections",
        ),
        el("main", [part for _, _, part in there], id="main", tabindex="-1"),
        _footer(report),
    )
    return "<!doctype html>\n" + el("html", _head(report), "\n", body, lang="en") + "\n"


def _head(report: Report) -> Markup:
    css = STYLE.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"{report.status.capitalize()} · {report.filename} · Statistic Harness"),
        el("style", Markup(css)),
    )


def _header(report: Report) -> Markup:
    words = status_sentence(report).partition(": ")[2] or status_sentence(report)
    return el(
        "header",
        el("p", "Report of Statistic Harness", class_="muted"),
        el("h1", el("bdi", report.filename)),
        el("p", size_sentence(report), class_="size"),
        el(
            "p",
            el("b", report.status, class_=f"run {report.status.lower()}"),
            " ",
            words[:1].upper() + words[1:],
        ),
        el("p", coverage_sentence(report), " ", counts_sentence(report)),
        el("p", beside) if (beside := beside_sentence(report)) else None,
    )


def _check_section(report: Report) -> Markup | None:
    if not report.dataset:
        return None
    place, file = where_to_check(report)
    opening = f"Every number in a statement comes from a query that stock DuckDB runs. Open DuckDB {place} "
    then = "Then run any query that is given as evidence: it returns the result beside it. "
    counting = " counts the rows of the source file from 0. "
    steps = (
        el("p", opening, el("code", file), ":"),
        el("pre", el("code", view_statements(report)), tabindex="0"),
        el("p", then, el("code", "row_index"), counting, el("code", "harness verify"), " does all of this at once."),
    )
    return section("check", "How to check", steps)


def _provenance_section(report: Report) -> Markup:
    pairs: list[tuple[str, Markup | str]] = [("Run fingerprint", _code(report.fingerprint))]
    for item in report.inputs:
        size = bytes_in_words(item.get("bytes", item.get("size_bytes")))
        name = el("bdi", str(item.get("filename")))
        pairs.append(("Input", join([name, f" · {size} · sha256 ", _code(str(item.get("sha256") or "–"))])))
    for item in report.datasets:
        role = f" · {item['role']}" if item.get("role") and len(report.datasets) > 1 else ""
        pairs.append(("Dataset version", join([_code(str(item.get("dataset_version_id") or "–")), role])))
    pairs.append(("Lineage", lineage_sentence(report)))
    pairs += [("Network", sentence) for sentence in open_network_sentences(report)]
    if control := multiplicity_sentence(report):
        pairs.append(("False-discovery control", control))
    rows = [el("div", el("dt", name), el("dd", value)) for name, value in pairs]
    return section("provenance", "Provenance", el("dl", rows, class_="pairs"))


def _code(value: str) -> Markup:
    return el("code", value, class_="hash")


def _footer(report: Report) -> Markup:
    print_ = short_hash(report.fingerprint)
    words = f"This page is a function of the run fingerprint {print_}: the same input, settings and code give the same bytes."
    return el("footer", el("p", words), el("p", "It holds no script and asks the network for nothing."))
