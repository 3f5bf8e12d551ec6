"""The sentences that both report.html and report.md say: what was read, what ran, how sure a finding is, how to check it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_numbers import number, percent, plural, probability
from bundle_report import Finding, Report

from harness_core.sdk.dataset import data_view

STATUS_WORDS: Mapping[str, str] = {
    "COMPLETED": "Completed: every planned plugin is done.",
    "PARTIAL": "Partial: some plugins could not finish; what they would have looked at is missing here.",
    "FAILED": "Failed: a step that everything else needs did not finish.",
    "CANCELLED": "Cancelled before it was done.",
}
SEVERITY_MEANING: Mapping[str, str] = {
    "critical": "certainly wrong, much harm",
    "warning": "probably wrong or costly",
    "notice": "look at it",
    "info": "worth knowing",
}
ROWS_SHOWN = 20
TABLES_NAMED = 6
EFFECT_NAMES: Mapping[str, str] = {
    "cohens_d": "Cohen’s d", "cohen_d": "Cohen’s d", "hedges_g": "Hedges’ g", "cramers_v": "Cramér’s V", "cramer_v": "Cramér’s V",
    "eta_squared": "η²", "epsilon_squared": "ε²", "omega_squared": "ω²", "r_squared": "R²", "pearson_r": "Pearson’s r",
    "spearman_rho": "Spearman’s ρ", "kendall_tau": "Kendall’s τ", "cliffs_delta": "Cliff’s δ", "odds_ratio": "Odds ratio",
}  # fmt: skip


def status_sentence(report: Report) -> str:
    return STATUS_WORDS.get(report.status, f"{report.status.capitalize()}.")


def size_sentence(report: Report) -> str:
    """20,000 rows × 17 columns, or why there is no size."""
    if report.row_count is None:
        return "The file could not be read as a table"
    columns = report.dataset.get("column_count", len(report.columns))
    return f"{plural(report.row_count, 'row')} × {plural(int(columns), 'column')}"


def beside_sentence(report: Report) -> str:
    """Which tables were read beside the one that the report is about; empty where there is one only."""
    mine = report.dataset.get("dataset_version_id")
    roles = [str(item.get("role")) for item in report.datasets if item.get("dataset_version_id") != mine]
    if not roles:
        return ""
    named = ", ".join(f'"{role}"' for role in roles[:TABLES_NAMED])
    more = f" and {len(roles) - TABLES_NAMED:,} more" if len(roles) > TABLES_NAMED else ""
    return (
        f"This table is described; {named}{more} {'was' if len(roles) == 1 else 'were'} read beside it, for what lies between them."
    )


def open_network_sentences(report: Report) -> list[str]:
    """One where the operator opened the network to plugins: what they say need not come about again; else none."""
    if not report.open_network:
        return []
    names = ", ".join(report.open_network)
    return [f"The network was open to {names}: what they found may rest on more than the input, and need not come about again."]


def coverage_sentence(report: Report) -> str:
    """Whether all rows were read, or which sample: said in every report."""
    coverage = report.coverage
    total, read = coverage.get("rows_total"), coverage.get("rows_analyzed")
    if report.row_count is None:
        return "No rows were read."
    if not coverage.get("sampled"):
        return f"All {plural(int(read if read is not None else report.row_count or 0), 'row')} were read."
    share = f", {percent(coverage['fraction'])} of the rows" if isinstance(coverage.get("fraction"), int | float) else ""
    how = ", ".join(f"{key} {coverage[key]}" for key in ("method", "seed") if coverage.get(key) is not None)
    return f"SAMPLED: {number(read)} of {number(total)} rows were read{share}{f' ({how})' if how else ''}."


def counts_sentence(report: Report) -> str:
    """How many insights and findings, and how the plugins fared."""
    failed = sum(not plugin.is_ok for plugin in report.plugins)
    silent = sum(plugin.found_nothing for plugin in report.plugins)
    parts = [
        f"{plural(len(report.insights), 'insight')} from {plural(len(report.findings), 'finding')}",
        f"{plural(len(report.plugins), 'plugin')} planned",
    ]
    if silent:
        parts.append(f"{silent:,} looked and found nothing")
    if failed:
        parts.append(f"{failed:,} could not finish")
    return "; ".join(parts) + "."


def no_insights_sentence(report: Report) -> str:
    if report.status == "FAILED":
        return "There are no insights, because the run failed; see the errors."
    missing = " Some plugins could not finish, so something may be missing." if report.problems else ""
    return f"Nothing in this table calls for attention.{missing}"


def severity_counts(findings: Sequence[Finding]) -> str:
    counts = Counter(str(finding.get("severity")) for finding in findings)
    return ", ".join(f"{counts[name]:,} {name}" for name in SEVERITY_MEANING if counts[name])


def sureness(report: Report, finding: Finding) -> list[tuple[str, str]]:
    """Label and value pairs: how the claim was come by, from which rows, and how strong and how sure it is."""
    statistics = finding.get("statistics") or {}
    pairs = [
        ("Basis", str(finding.get("measure") or "MEASURED")),
        ("Confidence", _confidence(finding)),
        ("Coverage", _coverage(report)),
    ]
    if effect := _effect(statistics.get("effect")):
        pairs.append(effect)
    if statistics.get("test"):
        pairs.append(("Test", str(statistics["test"])))
    for key, name in (("p_value", "p"), ("q_value", "q")):
        value = statistics.get(key)
        if isinstance(value, int | float):
            pairs.append((name, probability(value)))
    if isinstance(statistics.get("n"), int):
        pairs.append(("n", number(statistics["n"])))
    if finding.get("measure") == "MODELED":
        pairs += [(name.capitalize(), _assumptions(finding[name])) for name in ("scope", "assumptions") if finding.get(name)]
    return pairs


def _coverage(report: Report) -> str:
    coverage = report.coverage
    if not coverage.get("sampled"):
        return "all rows"
    return f"SAMPLED, {number(coverage.get('rows_analyzed'))} of {number(coverage.get('rows_total'))} rows"


def _confidence(finding: Finding) -> str:
    confidence, note = finding.get("confidence"), str(finding.get("confidence_note") or "")
    if isinstance(confidence, int | float):
        return f"{confidence:.2f}{f' ({note})' if note else ''}"
    return note or "not stated"


def _effect(effect: Any) -> tuple[str, str] | None:
    if not isinstance(effect, Mapping) or effect.get("value") is None:
        return None
    raw = str(effect.get("name") or "effect")
    plain = raw.replace("_", " ")
    name = EFFECT_NAMES.get(raw, plain[:1].upper() + plain[1:])
    interval = (
        f" ({number(effect['low'])} to {number(effect['high'])})"
        if effect.get("low") is not None and effect.get("high") is not None
        else ""
    )
    return name, number(effect["value"]) + interval


def _assumptions(value: Any) -> str:
    return "; ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)


def cited_rows(item: Mapping[str, Any]) -> str:
    """The row numbers of a row evidence, counted from 0."""
    references = [str(reference).rpartition("=")[2] for reference in item.get("refs") or ()]
    shown = ", ".join(references[:ROWS_SHOWN])  # without separators, which a list has enough of
    more = len(references) - ROWS_SHOWN
    return shown + (f" and {more:,} more" if more > 0 else "")


def no_evidence(finding: Finding) -> str | None:
    """The sentence for a finding that has none; None where it has evidence."""
    if finding.get("evidence"):
        return None
    note = str(finding.get("evidence_note") or "")
    return f"No evidence{f': {note}' if note else '.'}"


def view_statements(report: Report) -> str:
    """What stock DuckDB runs first: beside the Parquet of the one table that is asked, or above the folder of several."""
    tables = asked_tables(report)
    beside = len(tables) == 1
    return "\n".join(f"{data_view(_parquet(item, beside=beside), _names(item), role)};" for role, item in tables.items())


def where_to_check(report: Report) -> tuple[str, str]:
    """In which folder DuckDB is opened, as words and the name of the file or folder there that they end with."""
    if len(asked_tables(report)) == 1:
        return "beside the dataset version’s", "data.parquet"
    return "in the state folder, or where an archive with the data was unpacked, above", "datasets"


def asked_tables(report: Report) -> dict[str, Mapping[str, Any]]:
    """The run's table by the name of its view, ``data``, and by their roles the others that stand in a query of the evidence."""
    mine = report.dataset.get("dataset_version_id")
    asked = [
        str(item.get("sql")) for finding in report.findings for item in finding.get("evidence") or () if isinstance(item, Mapping)
    ]
    others = {str(item.get("role")): item for item in report.datasets if item.get("dataset_version_id") != mine}
    return {"data": report.dataset} | {role: item for role, item in others.items() if any(role in sql for sql in asked)}


def _parquet(dataset: Mapping[str, Any], *, beside: bool) -> Path:
    return Path("data.parquet" if beside else f"datasets/{dataset.get('dataset_version_id')}/data.parquet")


def _names(dataset: Mapping[str, Any]) -> list[str]:
    return [str(column.get("name")) for column in dataset.get("columns") or ()]


def lineage_sentence(report: Report) -> str:
    """From the file to what is said about it, in numbers."""
    entries = report.document.get("plugins") or {}
    artifacts = sum(len(entry.get("artifacts") or ()) for entry in entries.values())
    counts = f"{plural(len(report.findings), 'finding')} and {plural(artifacts, 'artifact')}"
    chain = f"input → dataset version → {plural(len(report.plugins), 'execution')} → {counts}"
    return f"{chain}; every node and edge is in report.json."


def multiplicity_sentence(report: Report) -> str | None:
    """How false discoveries were held down over the run; None where that did not happen."""
    metrics = ((report.document.get("plugins") or {}).get("report_insights") or {}).get("metrics") or {}
    if not isinstance(metrics.get("alpha"), int | float):
        return None
    tests = plural(int(metrics.get("family_size") or 0), "test")
    note = str(metrics.get("dependence_note") or "")
    return f"{metrics.get('method')} at {number(metrics['alpha'])} over {tests}. {note}".strip()


def short_hash(value: Any) -> str:
    text = str(value or "").removeprefix("sha256:")
    return text[:12] if text else "–"


def bytes_in_words(size: Any) -> str:
    if not isinstance(size, int):
        return "–"
    for limit, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit} ({size:,} bytes)"
    return plural(size, "byte")
