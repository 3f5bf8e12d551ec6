"""What is said about a pair of columns, in a sentence whose numbers come from its queries, and the picture beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from dependence_answers import Answers
from dependence_pairs import Judged
from dependence_rates import rates_of
from dependence_rates import said as said_as_rates
from dependence_sql import cell, coarse_cuts
from dependence_tables import Counts

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.axes import OTHER, Axis
from harness_core.sdk.statistics.effects import correlation_ratio
from harness_core.sdk.statistics.wording import number, told_apart

MANY_GROUPS = 20
FEW_VALUES = 5
YEARS = (1500, 2200)
LEAST_GROUP_SHARE = 0.01
LONGEST_LABEL = 60


@dataclass(frozen=True)
class Said:
    """Title, statement, evidence, figure, the numbers that the statistics repeat, and what to look at next, if it is special."""

    title: str
    statement: str
    evidence: tuple[dict[str, Any], ...]
    figure: dict[str, Any] | None
    numbers: dict[str, Any] = field(default_factory=dict)
    advice: str = ""


def say(answers: Answers, edge: Judged) -> Said:
    """The sentence that fits the shape: rising or falling, differing medians, or over-represented combinations."""
    dataset, a, b = answers.dataset, answers.axes[edge.i], answers.axes[edge.j]
    said = None
    measured = _measured(a, b)
    if _is_divided(a, b):
        said = _by_medians(answers, edge, a, b)
    elif not any(measured):
        said = _by_rates(dataset, edge, a, b)
    if said is None and edge.monotone and all(axis.kind != "category" for axis in (a, b)):
        said = _monotone(answers, edge, a, b)
    elif said is None and "number" in (a.kind, b.kind):
        said = _by_medians(answers, edge, a, b)
    return said or (_by_rates(dataset, edge, a, b) if any(measured) else None) or _by_cell(dataset, edge, a, b)


def asks_for_correlation(edge: Judged, axes: Sequence[Axis]) -> bool:
    """Whether :func:`say` will most likely speak of rising or falling."""
    a, b = axes[edge.i], axes[edge.j]
    return edge.monotone and any(_measured(a, b)) and not _is_divided(a, b) and all(axis.kind != "category" for axis in (a, b))


def told_side(edge: Judged, axes: Sequence[Axis]) -> int:
    """The axis whose values the sentence will most likely be about."""
    a, b = axes[edge.i], axes[edge.j]
    is_first = b.kind != "time" if asks_for_correlation(edge, axes) else _first_divides(edge, a, b)
    return edge.j if is_first else edge.i


def _measured(a: Axis, b: Axis) -> list[bool]:
    return [axis.kind == "number" and not axis.discrete for axis in (a, b)]


def _is_divided(a: Axis, b: Axis) -> bool:
    """Whether one is a number of many values and the other one of few, as a name of groups."""
    return any(_measured(a, b)) and any(_has_few(axis) for axis in (a, b))


def _by_rates(dataset: Dataset, edge: Judged, a: Axis, b: Axis) -> Said | None:
    """How often a column of two values is the one of them, by the classes of the other; None where neither has two values."""
    found = rates_of(edge, a, b)
    told = (
        None if found is None else said_as_rates(dataset, found, lambda by, row: _where(by, [row[0], *[None] * 6, row[4], row[5]]))
    )
    if told is None:
        return None
    title, statement, evidence, figure, numbers, advice = told
    return Said(title, statement, (evidence,), figure, numbers, advice)


def _monotone(answers: Answers, edge: Judged, a: Axis, b: Axis) -> Said | None:
    is_first = b.kind != "time"
    by, of = (a, b) if is_first else (b, a)
    ranks = answers.correlation(edge)
    rank, pearson, n = ranks["result"][0]
    if rank is None:
        return None
    verb = "rises" if rank > 0 else "falls"
    if of.kind == "time":
        statement, evidence = "", [ranks]
    else:
        table = answers.medians(edge, *(edge.pair if is_first else edge.pair[::-1]))
        first, last = table["result"][0], table["result"][-1]
        evidence = [ranks, table]
        low, high = told_apart(first[2], last[2])
        statement = (
            f' The median of "{of.name}" goes from {low} where "{by.name}" is lowest ({span(by, first[7], first[8])}) '
            f"to {high} where it is highest ({span(by, last[7], last[8])})."
        )
    kind = "Spearman's rank correlation" if answers.exact else "rank correlation of classes"
    return Said(
        f'"{of.name}" {verb} with "{by.name}"',
        f'"{of.name}" {verb} with "{by.name}": {kind} {coefficient(rank)} over {n:,} rows.{statement}',
        tuple(evidence),
        heatmap(edge, a, b),
        {"rank_correlation": rank, "pearson": pearson, "rank_correlation_exact": answers.exact},
    )


def coefficient(value: float) -> str:
    """A correlation in three digits, and in more where three would call it perfect and it is not."""
    for digits in range(3, 13):
        if abs(round(value, digits)) < 1:
            return number(round(value, 3)) if digits == 3 else f"{value:.{digits}f}"
    return number(round(value))


def _by_medians(answers: Answers, edge: Judged, a: Axis, b: Axis) -> Said | None:
    """The medians of a number over the classes of the other column; None where they differ too little to tell."""
    is_first = _first_divides(edge, a, b)
    by, of, table = (a, b, edge.table) if is_first else (b, a, edge.table.T)
    if correlation_ratio(_filled(table)) < 0.25 * edge.effect.value**2:
        return None
    evidence = answers.medians(edge, *(edge.pair if is_first else edge.pair[::-1]))
    rows = [row for row in evidence["result"] if row[1] >= LEAST_GROUP_SHARE * edge.n and not _is_other(by, row[0])]
    if len(rows) < 2:
        return None
    high, low = max(rows, key=lambda row: row[2]), min(rows, key=lambda row: row[2])
    if high[2] == low[2]:
        return None
    is_by_value = by.kind == "category" or _has_few(by)
    lead = f'"{of.name}" differs between the values of "{by.name}"' if is_by_value else _shape(by, of, rows)
    highest, lowest = told_apart(high[2], low[2])
    statement = (
        f"{lead}: its median is highest, {highest}, {_where(by, high)} ({high[1]:,} rows), "
        f"and lowest, {lowest}, {_where(by, low)} ({low[1]:,} rows)."
    )
    figure = boxes(by, of, rows) if len(rows) <= MANY_GROUPS else heatmap(edge, a, b)
    return Said(f'"{of.name}" depends on "{by.name}"', statement, (evidence,), figure, {"highest": high[2], "lowest": low[2]})


def _first_divides(edge: Judged, a: Axis, b: Axis) -> bool:
    """Whether the first axis is the one whose classes are compared: categories, times and numbers of few values are, else the one
    that tells more."""
    if a.kind == b.kind == "number" and _has_few(a) != _has_few(b):
        return _has_few(a)
    if (a.kind == "number") != (b.kind == "number"):
        return b.kind == "number"
    return correlation_ratio(_filled(edge.table)) >= correlation_ratio(_filled(edge.table.T))


def _has_few(axis: Axis) -> bool:
    """Whether a number has so few values that it is rather a name of groups."""
    return axis.kind == "number" and axis.discrete and axis.size <= FEW_VALUES


def _filled(table: Counts) -> Counts:
    return np.asarray(table[table.sum(axis=1) > 0])


def _is_other(axis: Axis, code: int) -> bool:
    return axis.kind == "category" and code >= len(axis.values)


def _shape(by: Axis, of: Axis, rows: Sequence[Sequence[Any]]) -> str:
    """Where along ``by`` the medians peak."""
    values = [row[2] for row in rows]
    ends = values[0], values[-1]
    if max(values) > max(ends) and min(values) in ends:
        return f'"{of.name}" is highest in the middle of "{by.name}"'
    if min(values) < min(ends) and max(values) in ends:
        return f'"{of.name}" is lowest in the middle of "{by.name}"'
    return f'"{of.name}" changes along "{by.name}", not in one direction'


def _where(by: Axis, row: Sequence[Any]) -> str:
    if by.kind == "category":
        return f'where "{by.name}" is {shorten(by.label(row[0]))}'
    return f'where "{by.name}" is {span(by, row[7], row[8])}'


def span(axis: Axis, low: str, high: str) -> str:
    """The bounds of a class in words: one value, or from the least to the largest."""
    low, high = _bound(axis, low), _bound(axis, high)
    return low if low == high else f"{low} to {high}"


def _bound(axis: Axis, text: str) -> str:
    if axis.kind != "number":
        return text
    value = float(text)
    if axis.edges and axis.edges[0] >= YEARS[0] and axis.highest <= YEARS[1] and value.is_integer():
        return str(int(value))  # they may be years, and are as readable without a separator if they are not
    return number(int(value) if value.is_integer() and abs(value) < 1e15 else value)


def shorten(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _by_cell(dataset: Dataset, edge: Judged, a: Axis, b: Axis) -> Said:
    """The combination that occurs most above what unrelated columns would give."""
    table = _coarse_table(edge.table, a, b)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    excess = (table - expected) / np.sqrt(np.maximum(expected, 1e-9))
    for axis, k in ((a, 0), (b, 1)):
        if axis.has_other:
            np.moveaxis(excess, k, 0)[-1] = -np.inf
    codes = tuple(int(code) for code in np.unravel_index(int(np.argmax(excess)), excess.shape))
    evidence = cell(dataset, a, b, (codes[0], codes[1]))
    both, _, _, n, by_chance, a_low, a_high, b_low, b_high = evidence["result"][0]
    one, other = (
        _class_words(axis, code, low, high)
        for axis, code, low, high in ((a, codes[0], a_low, a_high), (b, codes[1], b_low, b_high))
    )
    statement = (
        f'Which value "{a.name}" has tells something about "{b.name}": {one} and {other} occur together in {both:,} of {n:,} rows, '
        f"where unrelated columns would give {number(round(by_chance, 1))}."
    )
    return Said(
        f'"{a.name}" and "{b.name}" go together',
        statement,
        (evidence,),
        heatmap(edge, a, b),
        {"together": both, "expected": by_chance},
    )


def _coarse_table(table: Counts, a: Axis, b: Axis) -> Counts:
    rows, columns = coarse_cuts(a), coarse_cuts(b)
    coarse = np.zeros((max(rows) + 1, max(columns) + 1), dtype=np.int64)
    np.add.at(coarse, (np.array(rows)[:, None], np.array(columns)[None, :]), table)
    return coarse


def _class_words(axis: Axis, code: int, low: str, high: str) -> str:
    words = shorten(axis.label(code)) if axis.kind == "category" else span(axis, low, high)
    return f'"{axis.name}" {words}'


def heatmap(edge: Judged, a: Axis, b: Axis) -> dict[str, Any]:
    """The counts of the classes, the first column across."""
    return {
        "type": "heatmap",
        "title": f'"{a.name}" and "{b.name}"',
        "x_label": a.name,
        "y_label": b.name,
        "x_labels": _labels(a),
        "y_labels": _labels(b),
        "counts": edge.table.T.tolist(),
        "summary": "Rows by class of both columns; unrelated columns would give an even weave.",
    }


def _labels(axis: Axis) -> list[str]:
    if axis.kind == "category":
        return [shorten(axis.label(code)) if code < len(axis.values) else OTHER for code in range(axis.size)]
    edges = [_time_text(edge) if axis.kind == "time" else number(edge) for edge in axis.edges]
    return [f"up to {edge}" for edge in edges] + [f"above {edges[-1]}"]


def _time_text(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s"))[:10]


def boxes(by: Axis, of: Axis, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    return {
        "type": "boxes",
        "title": f'"{of.name}" by "{by.name}"',
        "x_label": by.name,
        "y_label": of.name,
        "summary": f'Middle half and middle nine tenths of "{of.name}" for each class of "{by.name}".',
        "groups": [
            {
                "label": shorten(by.label(row[0])) if by.kind == "category" else span(by, row[7], row[8]),
                "low": row[5], "q1": row[3], "median": row[2], "q3": row[4], "high": row[6], "n": row[1],
            }
            for row in rows
        ],
    }  # fmt: skip
