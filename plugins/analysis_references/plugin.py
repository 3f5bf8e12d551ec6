"""References: which columns point to rows of another table of the run, and which rows point to nothing there."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from references_fits import Fit, Fitting
from references_pairs import DECLARED, Pair, candidates
from references_tables import tables_of
from references_words import finding

from harness_core.sdk import PluginContext, PluginResult
from harness_core.sdk.statistics.wording import listed, number, rounded

REFERENCES = (
    "E. F. Codd, A relational model of data for large shared data banks, Comm. ACM 13 (1970) 377-387",
    "J. Bauckmann, U. Leser, F. Naumann, V. Tietz, Efficiently detecting inclusion dependencies, Proc. ICDE (2007) 1448-1450",
)


def run(ctx: PluginContext) -> PluginResult:
    tables, left_out = tables_of(ctx)
    is_sampled = any(table.dataset.is_sample for table in tables)
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    pairs = [] if is_sampled else candidates(tables)
    fitting = Fitting(ctx.dataset, profile, ctx.settings)
    fits, closest, not_compared = _fits(ctx, fitting, pairs)
    ordered = sorted(fits, key=_weight)
    told = ordered[: ctx.settings["max_findings"]]
    metrics = {
        "tables": [table.title for table in tables], "references": [_described(fit) for fit in fits], "compared": fitting.compared,
        "not_compared": not_compared, "left_out": left_out, "not_told": len(fits) - len(told),
    }  # fmt: skip
    if not fits:
        if is_sampled:
            sentence = "Only a sample of the rows was read, and in a sample most rows point to what was not drawn."
            return PluginResult.na("sampled", sentence, metrics=metrics, references=REFERENCES)
        if len(tables) == 1:
            sentence = "There is one table only, and none of its columns points to other rows of it."
            return PluginResult.na("one_table", sentence, metrics=metrics, references=REFERENCES)
        sentence = (
            f"No column of the {len(tables):,} tables points to a key of another by its name and its values.{_nearly(closest)}"
        )
        return PluginResult.na("no_references", sentence, metrics=metrics, references=REFERENCES)
    findings = [finding(ctx.dataset, fit, ctx.settings) for fit in told]
    return PluginResult.ok(_summary(fits), metrics=metrics, findings=findings, references=REFERENCES)


def _fits(ctx: PluginContext, fitting: Fitting, pairs: Sequence[Pair]) -> tuple[list[Fit], Fit | None, int]:
    """The references among ``pairs``, at most one by name for each column; the one that came closest; how many were not compared.

    Of the keys to which a name points equally plainly the one that has most of the values is taken.
    """
    found: list[Fit] = []
    closest: Fit | None = None
    settled: set[tuple[str, tuple[str, ...]]] = set()
    linked: set[frozenset[tuple[str, str]]] = set()
    most, seen = ctx.settings["max_passes"], 0
    for (role, columns, rank), group in groupby(pairs, key=lambda pair: (pair.child.role, pair.columns, pair.rank)):
        if fitting.passes >= most:
            break
        seen += len(asked := list(group))
        ctx.progress(seen, len(pairs), "references", "pairs")
        if rank != DECLARED and (role, columns) in settled:
            continue
        open_to = [pair for pair in asked if rank == DECLARED or _ends(pair) not in linked]
        fits = [fit for fit in map(fitting.fit, open_to) if fit is not None]
        held = [fit for fit in fits if fitting.holds(fit)]
        chosen = held if rank == DECLARED else [max(held, key=lambda fit: (fit.as_written, fit.share))] if held else []
        found += chosen
        settled |= {(role, columns)} if chosen else set()
        linked |= {_ends(fit.pair) for fit in chosen}
        closest = max([*([closest] if closest else []), *fits], key=lambda fit: fit.share, default=None)
    return found, closest, len(pairs) - seen


def _ends(pair: Pair) -> frozenset[tuple[str, str]]:
    """The two columns, whichever points to the other: two keys that agree are told once."""
    return frozenset({(pair.child.role, pair.columns[0]), (pair.parent.role, pair.keys[0])})


def _weight(fit: Fit) -> tuple[bool, bool, float]:
    """Broken ones first, those that many rows break before the others, then those within which something is without a partner."""
    broken = bool(fit.lost_rows) and not fit.is_one_to_one
    return (not broken, not (fit.is_one_to_one and fit.lost_rows), -fit.lost_rows / fit.rows if broken else 0.0)


def _described(fit: Fit) -> dict[str, Any]:
    pair = fit.pair
    return {
        "from": pair.child.title, "columns": list(pair.columns), "to": [table.title for table in pair.parents],
        "key": list(pair.keys), "declared": pair.rank == DECLARED, "form": "one_to_one" if fit.is_one_to_one else "reference",
        "fits": "as_written" if fit.as_written else "when_written_alike", "rows": fit.rows, "values": fit.values,
        "lost_rows": fit.lost_rows, "lost_values": fit.lost_values, "keys": fit.keys, "unused_keys": fit.unused_keys,
    }  # fmt: skip


def _nearly(fit: Fit | None) -> str:
    if fit is None or not fit.share:
        return ""
    share = number(rounded(100 * fit.share, 2) or 0.0)
    own, there = listed(fit.pair.columns), f"{listed(fit.pair.keys)} of {fit.pair.parent.label}"
    return f" {own} of {fit.pair.child.label} comes closest: {share} % of its different values are in {there}."


def _summary(fits: Iterable[Fit]) -> str:
    fits = list(fits)
    broken = [fit for fit in fits if fit.lost_rows and not fit.is_one_to_one]
    count = "1 reference was found" if len(fits) == 1 else f"{len(fits):,} references were found"
    if not broken:
        return f"{count}; no row points to nothing."
    rows = sum(fit.lost_rows for fit in broken)
    of = "" if len(fits) == 1 else f", in {len(broken):,} of them"
    return f"{count}; {rows:,} {'row points' if rows == 1 else 'rows point'} to nothing{of}."
