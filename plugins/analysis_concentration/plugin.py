"""Concentration: how much of the rows, or of a sum, a few groups hold, who they are, and how sure that is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from concentration_tables import Holding, amount, holdings, keys, measures
from concentration_words import finding

from harness_core.sdk import Column, Dataset, Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.inequality import atkinson, gini, herfindahl, lorenz_asymmetry, rosenbluth
from harness_core.sdk.statistics.multiplicity import holm
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "C. Gini, Variabilità e mutabilità (1912)",
    "O. C. Herfindahl, Concentration in the steel industry (1950)",
    "M. Hall, N. Tideman, Measures of concentration, J. Am. Stat. Assoc. 62 (1967) 162-168",
    "A. B. Atkinson, On the measurement of inequality, J. Econ. Theory 2 (1970) 244-263",
    "S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70",
)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    if not ctx.dataset.row_count:
        return PluginResult.na("no_rows", "The table has no rows, so nobody holds anything.", metrics={"tests": 0})
    holders, left = keys(ctx.dataset, profile, ctx.settings)
    amounts, also_left = measures(ctx.dataset, profile, ctx.settings["max_columns"])
    found: list[tuple[Holding, Holding]] = []
    for done, key in enumerate(holders):
        ctx.progress_in_rows(done, len(holders), key.name)
        of_rows, *of_sums = holdings(ctx.dataset, key, amounts)
        found += [(holding, of_rows) for holding in (of_rows, *of_sums)]
    sure = holm([holding.p_value for holding, _ in found], ctx.settings["significance"])
    large = [pair for pair, is_sure in zip(found, sure, strict=True) if is_sure and _is_worth_telling(*pair, ctx)]
    metrics = {
        "tests": len(found),
        "rows": [_of_rows(ctx.dataset, column) for column in amounts],
        "groups": [_listed(holding) for holding, _ in found],
        "left_out": [{"name": name, "reason": reason} for name, reason in (*left, *also_left)],
    }
    return _result(ctx, _plainest(large), metrics)


def _is_worth_telling(holding: Holding, rows: Holding, ctx: PluginContext) -> bool:
    extra = holding is rows or holding.gini >= rows.gini + ctx.settings["min_extra"]
    return holding.gini >= ctx.settings["min_gini"] and extra


def _plainest(large: Sequence[tuple[Holding, Holding]]) -> list[tuple[Holding, Holding]]:
    """Most concentrated first; of one column of groups only the most telling sum, for the others mostly follow from it."""
    told: list[tuple[Holding, Holding]] = []
    for holding, rows in sorted(large, key=lambda pair: -pair[0].gini):
        if not any(other.key == holding.key and (other.measure is None) == (holding.measure is None) for other, _ in told):
            told.append((holding, rows))
    return told


def _of_rows(dataset: Dataset, column: Column) -> dict[str, Any]:
    """The indices over single rows."""
    query = f"SELECT v FROM (SELECT {amount(column)} AS v FROM data) WHERE v IS NOT NULL"
    values = np.sort(np.asarray(dataset.sql(query).to_arrow_table().column(0).to_numpy(), dtype=np.float64))
    named = {"gini": gini, "atkinson": atkinson, "herfindahl": herfindahl, "rosenbluth": rosenbluth}
    found = {name: rounded(index(values), 9) for name, index in named.items()}
    return {"name": column.name, "n": len(values), **found, "lorenz_asymmetry": rounded(lorenz_asymmetry(values), 9)}


def _listed(holding: Holding) -> dict[str, Any]:
    return {
        "key": holding.key.name,
        "measure": None if holding.measure is None else holding.measure.name,
        "groups": holding.groups,
        "gini": rounded(holding.gini),
        "herfindahl": rounded(holding.herfindahl),
        "half": holding.head(0.5),
        "four_fifths": holding.head(0.8),
        "p_value": rounded(holding.p_value, 4),
    }


def _result(ctx: PluginContext, told: Sequence[tuple[Holding, Holding]], metrics: dict[str, Any]) -> PluginResult:
    shown: list[Finding] = []
    for holding, rows in told[: ctx.settings["max_findings"]]:
        shown.append(finding(ctx, holding, rows))
    metrics["not_told"] = len(told) - len(shown)
    if not metrics["groups"]:
        least, most = ctx.settings["min_groups"], ctx.settings["max_groups"]
        sentence = f"No column has {least:,} to {most:,} groups that hold several rows each; with fewer, a head of them is no news."
        return PluginResult.na("no_holders", sentence, metrics=metrics, references=REFERENCES)
    if not shown:
        return PluginResult.na(
            "evenly_spread", "No few groups hold most of the rows or of a sum.", metrics=metrics, references=REFERENCES
        )
    summary = f"{len(told):,} case{'s' if len(told) > 1 else ''} in which few groups hold most."
    return PluginResult.ok(summary, metrics=metrics, findings=shown, references=REFERENCES)
