"""Findings about concentration: who makes up the head, in numbers from queries, and the curve."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from concentration_tables import DRAWS, Holding, amount

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.wording import number, rounded

TOLERANCE = 1e-9
NAMED = 3
SHOWN = 10
POINTS = 60
LONGEST_LABEL = 60
HOW_SURE = "The intervals say how far chance moves the figures if rows come one by one; groups that come in bulk move them farther."


def finding(ctx: PluginContext, holding: Holding, rows: Holding) -> Finding:
    """One column of groups and what they hold; ``rows`` is the same column's holding of rows."""
    dataset, intervals = ctx.dataset, holding.intervals(ctx.rng)
    facts, head = _facts(dataset, holding), _head(dataset, holding)
    of_rows = [] if holding.measure is None else [_facts(dataset, rows)]
    groups, half, most, index, herfindahl = facts["result"][0]
    key, first = holding.key.name, head["result"][0]
    what = "the rows" if holding.measure is None else f'the sum of "{holding.measure.name}"'
    few = f"{half:,} of {groups:,} values" if half > 1 else f"One of {groups:,} values"
    statement = (
        f'{few} of "{key}" ({_percent(half / groups)}) hold{"" if half > 1 else "s"} half of {what}, and {most:,} '
        f"({_percent(most / groups)}) hold four fifths. The largest, {shorten(first[0])}, has {_percent(first[3])}"
        f"{_reach(intervals.get('largest'))}"
    )
    if len(head["result"]) >= NAMED:
        statement += f"; the first {NAMED} together have {_percent(head['result'][NAMED - 1][4])}"
    statement += f". The Gini coefficient is {number(round(index, 3))}{_reach(intervals.get('gini'), percent=False)}"
    if holding.measure is not None:
        statement += f", against {number(round(rows.gini, 3))} for the rows"
    low, high = intervals.get("gini", (None, None))
    return Finding(
        kind="concentration",
        title=f'{half:,} of {groups:,} values of "{key}" {"holds" if half == 1 else "hold"} half of {what}',
        statement=statement + ".",
        columns=[key] if holding.measure is None else [holding.measure.name, key],
        severity="notice" if index >= ctx.settings["notice_gini"] else "info",
        confidence_note=HOW_SURE,
        statistics={
            "test": "dispersion chi-squared", "p_value": rounded(holding.p_value, 4), "n": holding.rows,
            "effect": {"name": "Gini coefficient", "value": rounded(index), "low": rounded(low), "high": rounded(high)},
            "herfindahl": rounded(herfindahl), "effective_number": rounded(1 / herfindahl),
            "groups": groups, "half": half, "four_fifths": most, "gini_of_rows": rounded(rows.gini),
            "head": [shorten(row[0]) for row in head["result"][:NAMED]],
        },
        recommendation=f'Look at these {half:,} by name; losing one of them moves {what} more than all of the tail does.'
        if half > 1 else f"Everything depends on {shorten(first[0])}: report it apart from the others.",
        evidence=[facts, head, *of_rows, *_interval_evidence(ctx, holding, intervals)],
        subject="rows" if holding.measure is None else "sum",
        figure=curve(holding, what),
    )  # fmt: skip


def _interval_evidence(ctx: PluginContext, holding: Holding, intervals: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The intervals, which random draws give and no query can: with how they were drawn, beside what was found."""
    if not intervals:
        return []
    file = f"intervals_{len(ctx.written) + 1}.json"
    own = {"gini": holding.gini, "herfindahl": holding.herfindahl, "largest": float(holding.amounts[-1] / holding.amounts.sum())}
    document = {
        "key": holding.key.name, "measure": None if holding.measure is None else holding.measure.name,
        "method": "percentiles of draws in which each row counts as often as a Poisson draw says, less their bias",
        "draws": DRAWS, "level": 0.95,
        "intervals": {
            name: {"value": rounded(own[name], 9), "low": rounded(low, 9), "high": rounded(high, 9)}
            for name, (low, high) in intervals.items()
        },
    }  # fmt: skip
    ctx.write_artifact(file, document)
    return [ctx.artifact_evidence(file, "intervals")]


def _held(holding: Holding) -> str:
    """SQL: the groups and what they hold, as ``g``, ``n`` and ``t``."""
    name = view_name(holding.key.name)
    if holding.measure is None:
        return f"SELECT {name} AS g, count(*) AS n, CAST(count(*) AS DOUBLE) AS t FROM data WHERE {name} IS NOT NULL GROUP BY 1"
    value = amount(holding.measure)
    inner = f"SELECT {name} AS g, {value} AS v FROM data WHERE {name} IS NOT NULL"
    return f"SELECT g, count(*) AS n, fsum(v) AS t FROM ({inner}) WHERE v IS NOT NULL GROUP BY g"


def _facts(dataset: Dataset, holding: Holding) -> dict[str, Any]:
    """One row: groups, how many hold half and four fifths, Gini coefficient, Herfindahl index on shares."""
    return dataset.evidence(
        "SELECT count(*) AS groups, 1 + count(*) FILTER (WHERE held < 0.5 * (1 - 1e-12)) AS half, "
        "1 + count(*) FILTER (WHERE held < 0.8 * (1 - 1e-12)) AS four_fifths, "
        "round(2 * fsum(place * share) / count(*) - (count(*) + 1) / count(*), 9) AS gini, "
        "round(fsum(share * share), 12) AS herfindahl FROM ("
        "SELECT t / fsum(t) OVER () AS share, row_number() OVER (ORDER BY t, g DESC) AS place, "
        f"sum(t) OVER (ORDER BY t DESC, g ROWS UNBOUNDED PRECEDING) / fsum(t) OVER () AS held FROM ({_held(holding)}))",
        TOLERANCE,
    )


def _head(dataset: Dataset, holding: Holding) -> dict[str, Any]:
    """A row per group of the head: its name, rows, amount, share, and share of all up to it."""
    return dataset.evidence(
        f"SELECT CAST(g AS VARCHAR), n, t, round(t / fsum(t) OVER (), 9) AS share, round(sum(t) OVER (ORDER BY t DESC, g "
        f"ROWS UNBOUNDED PRECEDING) / fsum(t) OVER (), 9) AS held FROM (SELECT g, n, round(t, {_place(holding)}) AS t "
        f"FROM ({_held(holding)})) ORDER BY t DESC, g LIMIT {SHOWN}",
        TOLERANCE,
    )


def _place(holding: Holding) -> int:
    largest = float(holding.amounts[-1])
    return max(-300, min(300, 8 - int(f"{largest:.0e}".partition("e")[2])))


def curve(holding: Holding, what: str) -> dict[str, Any]:
    """The share held by the largest 1, 2, 3 … groups, at up to sixty places."""
    held = np.cumsum(holding.amounts[::-1]) / holding.amounts.sum()
    places = sorted(
        {round(k) for k in np.linspace(1, len(held), min(POINTS, len(held)))} | set(range(1, min(SHOWN, len(held)) + 1))
    )
    half = holding.head(0.5)
    return {
        "type": "line",
        "title": f"Share of {what}",
        "summary": f"The {half:,} largest of {len(held):,} hold half.",
        "x_label": f'values of "{holding.key.name}", largest first',
        "y_label": f"share of {what}, %",
        "points": [[0, 0.0], *([place, round(100 * float(held[place - 1]), 4)] for place in places)],
        "marks": [{"x": half, "label": "half"}],
    }


def _reach(ends: tuple[float, float] | None, *, percent: bool = True) -> str:
    if ends is None:
        return ""
    low, high = (number(float(f"{(100 if percent else 1) * end:.3g}")) for end in ends)
    return f" (95 % interval {low} to {high}{' %' if percent else ''})"


def _percent(share: float) -> str:
    return f"{number(float(f'{100 * share:.3g}'))} %"


def shorten(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
