"""Checks what a careful person would check before trusting a table, and says what breaks its own rules, with the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import exact_dependencies
import numpy as np
import quality_chronology
import quality_columns
import quality_dependencies
import quality_duplicates
import quality_formats
import quality_identities
import quality_meaning
import quality_misspellings
import quality_sentinels
import suspect_cells
from quality_table import Table, counted

from harness_core.sdk import SEVERITIES, Finding, PluginContext, PluginResult

REFERENCES = (
    "Kivinen & Mannila (1995), Approximate inference of functional dependencies from relations, Theoretical Computer Science 149",
    "Huhtala, Kärkkäinen, Porkka & Toivonen (1999), TANE: an efficient "
    "algorithm for discovering functional and approximate dependencies",
    "Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20",
)
LEFT_OUT = {
    "column_pairs": ("pair of columns was", "pairs of columns were", "not compared for being nearly the same"),
    "identity_columns": ("numeric column", "numeric columns", "took no part in arithmetic rules"),
    "order_columns": ("column of dates", "columns of dates", "took no part in orders"),
    "deciding_columns": ("column was", "columns were", "not tried as deciding ones"),
}
WORDS = {
    "constant": ("constant or empty column", "constant or empty columns"),
    "missingness": ("column with much missing", "columns with much missing"),
    "key": ("finding about keys", "findings about keys"),
    "duplicate_rows": ("repetition of whole rows", "repetitions of whole rows"),
    "duplicate_columns": ("set of equal columns", "sets of equal columns"),
    "identity": ("rule between columns", "rules between columns"),
    "functional_dependency": ("dependency between columns", "dependencies between columns"),
    "mixed_type": ("column of mixed types", "columns of mixed types"),
    "format_violation": ("broken format", "broken formats"),
    "sentinel": ("stand-in for missing values", "stand-ins for missing values"),
}


def run(ctx: PluginContext) -> PluginResult:
    if "profile_basic" not in ctx.upstream or "columns" not in ctx.upstream["profile_basic"].metrics:
        return PluginResult.failed("MissingProfile", "The checks start from the column profile, and profile_basic left none.")
    table = Table.of(ctx)
    keys = [key["columns"] for key in ctx.upstream["profile_basic"].metrics.get("keys") or []]
    if table.row_count == 0:
        return PluginResult.na("no_rows", "The table has no rows, so there is nothing to check.", metrics={"keys": keys})
    findings = _checked(ctx, table, keys)
    kept, omitted = _bounded(findings, ctx.settings["max_findings_per_kind"])
    told = [table.settled(finding) for finding in kept]
    metrics = {
        "checked_columns": len(table.fields),
        "keys": keys,
        "found": _by_kind(findings),
        "omitted": omitted,
        "repeated_columns": sorted(table.shadows),
        "exact_dependencies": _exact(table),
        "suspect_cells": suspect_cells.write(ctx, table),
    }
    if table.left_out:
        metrics["left_out"] = dict(table.left_out)
    work = {"queries": table.questions, "dependencies_tried": table.looks}
    if not told:
        sentence = (
            f"{counted(len(table.fields), 'column')} and {counted(table.row_count, 'row')} "
            f"were checked; nothing breaks a rule of its own.{_unlooked(table.left_out)}"
        )
        return PluginResult.na("nothing_found", sentence, metrics=metrics, references=REFERENCES, debug=work)
    return PluginResult.ok(
        _summary(findings, omitted) + _unlooked(table.left_out), metrics=metrics, findings=told, references=REFERENCES, debug=work
    )


def _checked(ctx: PluginContext, table: Table, keys: Sequence[Sequence[str]]) -> list[Finding]:
    """All findings. Equal columns first: what is said of one of them is not said again of its copies."""
    findings = quality_duplicates.duplicate_columns(table)
    repeated, repeats = quality_duplicates.duplicate_rows(table)
    findings += repeated
    ctx.progress_in_rows(1, 6, "repeats")
    findings += [*quality_columns.constants(table), *quality_columns.missing(table)]
    findings += [*quality_duplicates.key_violations(table, repeats), *quality_duplicates.composite_keys(table, keys)]
    ctx.progress_in_rows(2, 6, "keys")
    formats = (
        quality_formats.mixed_types,
        quality_formats.impossible_dates,
        quality_formats.shapes,
        quality_formats.padding,
        quality_meaning.negatives,
        quality_meaning.date_forms,
        quality_meaning.forms,
        quality_formats.spellings,
        quality_misspellings.misspellings,
        quality_formats.sentinels_in_text,
        quality_sentinels.sentinels,
    )
    for number, check in enumerate(formats, 1):
        findings += check(table)
        ctx.progress_in_rows(2 + number / len(formats), 6, "formats")
    rules, ties = quality_identities.identities(table)
    findings += [*rules, *quality_chronology.chronology(table)]
    ctx.progress_in_rows(5, 6, "arithmetic")
    findings += quality_dependencies.dependencies(table, ties)
    ctx.progress_in_rows(6, 6, "dependencies")
    return findings


def _bounded(findings: Sequence[Finding], most: int) -> tuple[list[Finding], dict[str, int]]:
    """At most so many of each kind, gravest first; how many of each kind were left out."""
    kept: list[Finding] = []
    omitted: dict[str, int] = {}
    for kind in dict.fromkeys(finding.kind for finding in findings):
        ranked = sorted(
            (finding for finding in findings if finding.kind == kind), key=lambda finding: -SEVERITIES.index(finding.severity)
        )
        kept += ranked[:most]
        if len(ranked) > most:
            omitted[kind] = len(ranked) - most
    return kept, omitted


def _by_kind(findings: Sequence[Finding]) -> dict[str, int]:
    return {kind: sum(1 for finding in findings if finding.kind == kind) for kind in sorted({finding.kind for finding in findings})}


def _exact(table: Table) -> dict[str, Any] | None:
    """The minimal exact dependencies of a small table; None where there would be too many subsets to count."""
    fields = [column for column in table.fields if column.is_plain]
    if not exact_dependencies.is_small(table.row_count, len(fields)):
        return None
    ranks = ", ".join(f"dense_rank() OVER (ORDER BY {column.sql}) - 1 AS c{i}" for i, column in enumerate(fields))
    found = table.dataset.sql(f"SELECT {ranks} FROM data ORDER BY row_index").to_arrow_table()
    columns = [found.column(i).to_numpy().astype(np.int64) for i in range(len(fields))]
    return exact_dependencies.minimal([column.name for column in fields], columns)


def _summary(findings: Sequence[Finding], omitted: Mapping[str, int]) -> str:
    parts = [f"{number:,} {WORDS[kind][number > 1]}" for kind, number in _by_kind(findings).items()]
    rest = sum(omitted.values())
    more = (
        f" {counted(rest, 'further finding')} of the same kinds {'is' if rest == 1 else 'are'} counted in the metrics only."
        if rest
        else ""
    )
    return f"Found {', '.join(parts)}.{more}"


def _unlooked(left_out: Mapping[str, int]) -> str:
    """What was not looked at in a table of so many columns, as a sentence."""
    parts = [f"{number:,} {LEFT_OUT[what][number > 1]} {LEFT_OUT[what][2]}" for what, number in left_out.items()]
    return f" The table is too wide to try everything: {', '.join(parts)}." if parts else ""
