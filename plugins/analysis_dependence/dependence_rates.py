"""A column of two values told as a rate: how often it is the one value, by the classes of the other column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dependence_pairs import Judged
from dependence_sql import coarse_cuts, rates

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.effects import Counts
from harness_core.sdk.statistics.wording import number

Told = tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any], str]
YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "ja", "oui", "si", "sì", "sí"})
LEAST_ROWS, LEAST_OF_FEW = 20, 5  # a class needs a tenth of the rows of a small table, and twenty of a large one
LEAST_SHARE = 0.01
CANDIDATE_RATIO, TOLD_RATIO, LARGE_RATIO = 1.25, 1.5, 2.0
LEAST_POINTS = 0.02
MIDDLING_POINTS = 0.1


@dataclass(frozen=True)
class Rates:
    """How often ``of`` is in its class ``code``, in the classes of ``by`` that hold enough rows: the highest and the lowest."""

    by: Axis
    of: Axis
    code: int
    high: float
    low: float

    @property
    def ratio(self) -> float:
        return self.high / self.low if self.low > 0 else float("inf")

    @property
    def is_candidate(self) -> bool:
        """Far enough apart that a third column may be worth asking: a quarter more often and two points, or twice as often."""
        return self.ratio >= LARGE_RATIO or (self.ratio >= CANDIDATE_RATIO and self.high - self.low >= LEAST_POINTS)

    @property
    def is_told(self) -> bool:
        """Far enough apart for a sentence, whatever the correlation, which cannot be large where one value is rare."""
        return self.is_candidate and self.ratio >= TOLD_RATIO

    @property
    def is_large(self) -> bool:
        return self.ratio >= LARGE_RATIO or (self.is_told and self.high - self.low >= MIDDLING_POINTS)


def rates_of(edge: Judged, a: Axis, b: Axis) -> Rates | None:
    """The rates of a pair of which one side has two values; of two such sides the later column: outcomes stand after what they
    come from."""
    for by, of, table in ((a, b, edge.table), (b, a, edge.table.T)):
        if not is_flag(of) or not table.sum(axis=0).all():
            continue
        code = _event(of, table.sum(axis=0))
        told = _enough(by, _coarse(table, by))
        if len(told) >= 2:
            shares = told[:, code] / told.sum(axis=1)
            return Rates(by, of, code, float(shares.max()), float(shares.min()))
    return None


def is_flag(axis: Axis) -> bool:
    """Whether the column has two values."""
    return axis.size == 2 and not axis.has_other and (axis.kind == "category" or (axis.kind == "number" and axis.discrete))


def least_rows(n: int) -> float:
    """So many rows a class needs for its rate to be told."""
    return max(min(LEAST_ROWS, max(LEAST_OF_FEW, n / 10)), LEAST_SHARE * n)


def _event(of: Axis, margin: Counts) -> int:
    """The class that is told: yes, true or 1 where that is one of the two, else the rarer."""
    said = [code for code in range(2) if value_text(of, code).lower() in YES]
    return said[0] if len(said) == 1 else int(np.argmin(margin))


def value_text(of: Axis, code: int) -> str:
    if of.kind == "category":
        return of.label(code)
    return number(of.edges[0] if code == 0 else of.highest)


def _coarse(table: Counts, by: Axis) -> Counts:
    cuts = np.array(coarse_cuts(by))
    coarse = np.zeros((int(cuts.max()) + 1, table.shape[1]), dtype=np.int64)
    np.add.at(coarse, cuts, table)
    return coarse


def _enough(by: Axis, table: Counts) -> Counts:
    named = table[: len(by.values)] if by.kind == "category" else table
    sizes = named.sum(axis=1)
    return np.asarray(named[sizes >= least_rows(int(table.sum()))])


def said(dataset: Dataset, found: Rates, class_words: Any) -> Told | None:
    """(title, statement, evidence, figure, numbers, what to look at next); None where the classes with enough rows say nothing."""
    evidence = rates(dataset, found.by, found.of, found.code)
    total = sum(row[1] for row in evidence["result"])
    rows = [row for row in evidence["result"] if row[1] >= least_rows(total) and _is_named(found.by, row[0])]
    if len(rows) < 2:
        return None
    high, low = max(rows, key=lambda row: row[3]), min(rows, key=lambda row: row[3])
    if high[3] == low[3]:
        return None
    event = f'"{found.of.name}" is {value_text(found.of, found.code)}'
    where = [class_words(found.by, row) for row in (high, low)]
    parts = [
        f"in {percent(row[3])} of the rows {place} ({row[2]:,} of {row[1]:,})"
        for row, place in zip((high, low), where, strict=True)
    ]
    if len(rows) == 2:
        title, statement = f"{event} more often {where[0]}", f"{event} {parts[0]}, and {parts[1]}."
    else:
        title = f'How often {event} depends on "{found.by.name}"'
        statement = f"{event} most often, {parts[0]}, and least often, {parts[1]}."
    advice = f"Ask why {event} so much more often {where[0]} than {where[1]}, before a rate over all rows is used."
    return title, statement, evidence, _bars(found, rows, high, class_words), {"highest": high[3], "lowest": low[3]}, advice


def _is_named(by: Axis, code: int) -> bool:
    return by.kind != "category" or code < len(by.values)


def percent(share: float) -> str:
    return f"{number(float(f'{100 * share:.3g}'))} %"


def _bars(found: Rates, rows: Sequence[Sequence[Any]], high: Sequence[Any], class_words: Any) -> dict[str, Any]:
    head = f'where "{found.by.name}" is '
    return {
        "type": "bars",
        "title": f'How often "{found.of.name}" is {value_text(found.of, found.code)}',
        "summary": f'The share of the rows by "{found.by.name}", in per cent.',
        "x_label": found.by.name,
        "y_label": "rows, %",
        "bars": [
            {"label": class_words(found.by, row).removeprefix(head), "value": round(100 * row[3], 3), "highlight": row is high}
            for row in rows[:30]
        ],
    }
