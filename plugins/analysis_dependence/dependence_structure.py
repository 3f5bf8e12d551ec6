"""Which edges deserve a sentence of their own: twins, edges explained by a third column, reversals within groups, and blocks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from dependence_pairs import Judged
from dependence_tables import Counts, Triple
from scipy import special

from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.effects import (
    chi_square,
    correlation_p,
    entropy,
    information,
    merge_ordered,
    mid_rank_scores,
    without_empty,
)

STRATUM_ROWS = 20
STRATUM_CLASSES = 3
CONDITIONERS = 2
SAME_THING = 0.995
SETTLED_SHARE = 0.95
REMAINS_LEAST, REMAINS_SHARE, UNSURE_SHARE = 0.1, 0.25, 0.5
SURE = 0.001
UNSURE = 0.01
STRONG = 0.5
ALL_BUT_DECIDED = 0.95
BLOCK_LEAST = 3

Outcome = Literal["vanishes", "reverses", "remains"]
Edges = Mapping[tuple[int, int], Judged]


@dataclass(frozen=True)
class Conditional:
    """What is left of an edge within the classes of the axis ``given``; ``table`` counts the rows by class of it and both ends."""

    given: int
    outcome: Outcome
    effect: float
    correlation: float | None
    p_value: float
    strata: int
    n: int
    table: Counts


def key(i: int, j: int) -> tuple[int, int]:
    return (i, j) if i < j else (j, i)


def twins(edges: Edges) -> dict[int, int]:
    """Axes that are one-to-one with an earlier one, and that one."""
    found: dict[int, int] = {}
    for (i, j), edge in sorted(edges.items()):
        if edge.decides == "both" and i not in found and j not in found:
            found[j] = i
    return found


def conditioners(edges: Edges, axes: Sequence[Axis]) -> list[Triple]:
    """For each edge the two third columns that are most related to both its ends, without deciding one of them."""
    triples: list[Triple] = []
    for i, j in sorted(edges):
        candidates = []
        for k in range(len(axes)):
            to_i, to_j = edges.get(key(i, k)), edges.get(key(j, k))
            if k in (i, j) or to_i is None or to_j is None:
                continue
            if _settles(k, to_i) or _settles(k, to_j):
                continue
            candidates.append((-min(to_i.effect.value, to_j.effect.value), k))
        triples += [(i, j, k) for _, k in sorted(candidates)[:CONDITIONERS]]
    return triples


def _settles(k: int, edge: Judged) -> bool:
    """Whether the axis ``k`` leaves next to nothing open about the other end: within its classes there is nothing to see."""
    counts = without_empty(edge.table if edge.i == k else edge.table.T)
    return information(counts)[0] >= SETTLED_SHARE * entropy(counts.sum(axis=0)) or (
        edge.correlation is not None and abs(edge.correlation) >= SAME_THING
    )


def condition(edge: Judged, table: Counts, given: int) -> Conditional | None:
    """The edge within the classes of ``given``: pooled rank correlation, or pooled information; None with too few rows."""
    strata = [part for part in table if part.sum() >= STRATUM_ROWS]
    n = int(sum(part.sum() for part in strata))
    if not strata or n < edge.n / 2:
        return None
    has_rates = min(edge.table.shape) == 2  # correlations with a column of two values are small where one of them is rare
    least = min(REMAINS_LEAST, REMAINS_SHARE * edge.effect.value) if has_rates else REMAINS_LEAST
    if edge.monotone and edge.correlation is not None:
        value = _pooled_correlation(edge, strata)
        p_value = correlation_p(value, n - len(strata) + 1)
        return Conditional(given, _outcome(abs(value), abs(edge.correlation), p_value, value * edge.correlation < 0, least),
                           abs(value), value, p_value, len(strata), n, table)  # fmt: skip
    effect, p_value = _pooled_information(edge, strata, n)
    outcome = _outcome(effect, edge.effect.value, p_value, False, least)
    return Conditional(given, outcome, effect, None, p_value, len(strata), n, table)


def _outcome(left: float, before: float, p_value: float, turned: bool, least: float) -> Outcome:
    """What is less than ``least`` is nothing."""
    if turned and left >= least and p_value <= SURE:
        return "reverses"
    if left < max(least, REMAINS_SHARE * before) or (p_value > UNSURE and left < UNSURE_SHARE * before):
        return "vanishes"
    return "remains"


def _pooled_correlation(edge: Judged, strata: Sequence[Counts]) -> float:
    """Correlation of the scores after each stratum's own means are taken off."""
    rows = _scores(edge.table.sum(axis=1))
    columns = _scores(edge.table.sum(axis=0))
    both = first = second = 0.0
    for part in strata:
        n = float(part.sum())
        of_rows, of_columns = part.sum(axis=1), part.sum(axis=0)
        mean_row, mean_column = float(of_rows @ rows) / n, float(of_columns @ columns) / n
        both += float((rows - mean_row) @ part @ (columns - mean_column))
        first += float(of_rows @ (rows - mean_row) ** 2)
        second += float(of_columns @ (columns - mean_column) ** 2)
    return both / math.sqrt(first * second) if first > 0 and second > 0 else 0.0


def _scores(margin: Counts) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return mid_rank_scores(margin) - 0.5


def _pooled_information(edge: Judged, strata: Sequence[Counts], n: int) -> tuple[float, float]:
    """(informational correlation within strata, p-value of their summed chi-squared)."""
    nats, statistic, freedom = 0.0, 0.0, 0
    for part in strata:
        counts = without_empty(part)
        if min(counts.shape) < 2:
            continue
        if counts.sum() < 5 * counts.size:
            counts = merge_ordered(merge_ordered(counts, 0, STRATUM_CLASSES), 1, STRATUM_CLASSES)
        degrees = (counts.shape[0] - 1) * (counts.shape[1] - 1)
        nats += int(counts.sum()) / n * information(counts)[0] - degrees / (2 * n)
        statistic += chi_square(counts)[0]
        freedom += degrees
    value = math.sqrt(-math.expm1(-2 * max(nats, 0.0)))
    return value, float(special.chdtrc(freedom, statistic)) if freedom else 1.0


def strongest_conditional(found: Sequence[Conditional]) -> Conditional | None:
    """A reversal before a vanishing, and of several the one that leaves least."""
    telling = [item for item in found if item.outcome != "remains"]
    return min(telling, key=lambda item: (item.outcome != "reverses", item.effect, item.given), default=None)


def is_explained(edge: Judged, found: Conditional, edges: Edges) -> bool:
    """Whether the third column is closer to both ends than they are to each other, so that the edge is only its shadow."""
    ends = (edges[key(edge.i, found.given)], edges[key(edge.j, found.given)])
    return found.outcome == "vanishes" and all(end.effect.value > edge.effect.value for end in ends)


def blocks(edges: Edges) -> list[tuple[int, ...]]:
    """Groups of three or more ordered axes in which every pair is strongly correlated."""
    strong = {pair: abs(edge.correlation) for pair, edge in edges.items() if edge.correlation is not None and edge.monotone}
    return _linked({pair: size for pair, size in strong.items() if size >= STRONG})


def circles(edges: Edges, axes: Sequence[Axis]) -> list[tuple[int, ...]]:
    """Groups of three or more axes, categories among them, in which every pair is strongly related and none all but decided: where
    one column decides the others, as a product its category, that is told of it."""
    strong = {
        pair: edge.effect.value
        for pair, edge in edges.items()
        if STRONG <= edge.effect.value < ALL_BUT_DECIDED and any(axes[k].kind == "category" for k in pair)
    }
    return _linked(strong)


def alternatives(judged: Sequence[Judged], axes: Sequence[Axis]) -> list[tuple[int, ...]]:
    """Groups of three or more columns of noughts and ones of which exactly one is 1 in every row: one column, spread over several.

    They are sought in column order, as they come from one conversion.
    """
    tables = {edge.pair: edge.table for edge in judged}
    ones = {}
    for (i, j), table in tables.items():
        for k, margin in ((i, table.sum(axis=1)), (j, table.sum(axis=0))):
            if _is_nought_or_one(axes[k]):
                ones[k] = (int(margin[1]), int(margin.sum()))
    found: list[tuple[int, ...]] = []
    used: set[int] = set()
    for start in sorted(ones):
        group = [start]
        for k in sorted(ones):
            apart = k > start and all((i, k) in tables and tables[i, k][1, 1] == 0 for i in group)
            if apart and k not in used and sum(ones[i][0] for i in group) < ones[start][1] == ones[k][1]:
                group.append(k)
        if start not in used and len(group) >= BLOCK_LEAST and sum(ones[k][0] for k in group) == ones[start][1]:
            found.append(tuple(group))
            used |= set(group)
    return found


def _is_nought_or_one(axis: Axis) -> bool:
    return axis.kind == "number" and axis.discrete and axis.size == 2 and axis.edges[0] == 0 and axis.highest == 1


def _linked(strong: Mapping[tuple[int, int], float]) -> list[tuple[int, ...]]:
    """Groups of three or more in which every pair is strong (complete linkage, strongest first)."""
    groups = [frozenset({k}) for k in sorted({k for pair in strong for k in pair})]
    while True:
        candidates = []
        for a, one in enumerate(groups):
            for b in range(a + 1, len(groups)):
                links = [strong.get(key(i, j), 0.0) for i in one for j in groups[b]]
                if min(links) > 0:
                    candidates.append((-min(links), a, b))
        if not candidates:
            return sorted(tuple(sorted(group)) for group in groups if len(group) >= BLOCK_LEAST)
        _, a, b = min(candidates)
        groups[a] |= groups[b]
        del groups[b]
