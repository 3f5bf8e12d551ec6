"""Answers to the queries behind the sentences, many from one pass: each is what its own query gives, which stands beside it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dependence_sql as sql
import numpy as np
from dependence_pairs import Judged
from dependence_quantiles import Binned
from dependence_structure import Conditional
from dependence_tables import Counts

from harness_core.sdk import Dataset, jsonable, query_evidence
from harness_core.sdk.statistics.axes import Axis, Codes
from harness_core.sdk.statistics.coded import Repeated
from harness_core.sdk.statistics.effects import mid_rank_scores
from harness_core.sdk.statistics.series import numbers

Evidence = dict[str, Any]
Pair = tuple[int, int]
Bounds = Mapping[int, Sequence[str]]
DIGITS = 12
LEAST_RANK = 0.01  # below it the last digit, which the order of adding decides, would be more than the tolerance
COLUMNS_AT_HAND = 2  # of ten million rows each takes 100 MB
PLAIN_TYPES = frozenset({"DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT"})
EXACT_TO = 2.0**53  # whole numbers as doubles


class Answers:
    """What is asked about ``axes``, of which ``rows`` has the classes of all rows. ``exact`` ranks values, not their classes."""

    def __init__(self, dataset: Dataset, axes: Sequence[Axis], rows: Repeated[list[Codes]], *, exact: bool) -> None:
        self.dataset, self.axes, self.exact = dataset, axes, exact
        self._rows = rows
        self.spearman: dict[Pair, float] = {}  # of all values, as far as others worked it out
        self._pearson: dict[Pair, float | None] = {}
        self._inside: dict[tuple[Pair, int], dict[int, list[Any]]] = {}
        self._columns: dict[int, Binned] = {}
        self._bounds: dict[tuple[int, int | None], Bounds] = {}
        self._plain: dict[int, str | None] = {}

    def foresee(self, edges: Sequence[Judged], within: Sequence[tuple[Judged, Conditional]]) -> None:
        """Ask in one query what :meth:`correlation` will be asked about ``edges``, and in one for each third column what
        :meth:`within` will be asked; anything else costs a query of its own."""
        pairs = sorted({edge.pair for edge in edges})
        if pairs:
            asked = (f"round(corr({sql.as_number(self.axes[i])}, {sql.as_number(self.axes[j])}), {DIGITS})" for i, j in pairs)
            row = self.dataset.sql(f"SELECT {', '.join(asked)} FROM data").fetchall()[0]
            self._pearson.update(zip(pairs, jsonable(row), strict=True))
        for given in sorted({found.given for _, found in within}):
            self._foresee_within([edge for edge, found in within if found.given == given], given)

    def _foresee_within(self, edges: Sequence[Judged], given: int) -> None:
        pairs = [(self.axes[edge.i], self.axes[edge.j]) for edge in edges]
        missing = [edge.n < self.dataset.row_count for edge in edges]
        for code, *answers in self.dataset.sql(sql.all_within_groups(pairs, self.axes[given], missing)).fetchall():
            for place, edge in enumerate(edges):
                self._inside.setdefault((edge.pair, given), {})[code] = jsonable(answers[3 * place : 3 * place + 3])

    def correlation(self, edge: Judged) -> Evidence:
        """One row: rank correlation, Pearson's correlation and the number of rows with both values."""
        scores = [[float(f"{score:.12g}") for score in mid_rank_scores(edge.table.sum(axis=axis))] for axis in (1, 0)]
        query = sql.correlation(self.axes[edge.i], self.axes[edge.j], (scores[0], scores[1]), exact=self.exact)
        rank = self.spearman.get(edge.pair) if self.exact else _correlation(edge.table, scores[0], scores[1])
        if edge.pair not in self._pearson or rank is None or abs(rank) < LEAST_RANK:
            return self.dataset.evidence(query, sql.TOLERANCE)
        return query_evidence(query, [[round(rank, DIGITS), self._pearson[edge.pair], edge.n]], sql.TOLERANCE)

    def within(self, edge: Judged, found: Conditional) -> Evidence:
        """A row per class of the third column: its number, its bounds, rows, and Pearson's correlation inside it."""
        a, b, given = self.axes[edge.i], self.axes[edge.j], self.axes[found.given]
        query, inside = sql.within_groups(a, b, given), self._inside.get((edge.pair, found.given))
        sizes = found.table.sum(axis=(1, 2))
        varies = [_varies(part, (a, b)) for part in found.table]
        if inside is None or None in varies:
            return self.dataset.evidence(query, sql.TOLERANCE)
        rows = [
            [code, *inside[code][:2], int(sizes[code]), inside[code][2] if varies[code] and sizes[code] > 2 else None]
            for code in np.flatnonzero(sizes).tolist()
        ]
        return query_evidence(query, rows, sql.TOLERANCE)

    def medians(self, edge: Judged, by: int, of: int) -> Evidence:
        """A row per class of the axis ``by``: its number, rows, quartiles and fences of ``of``, and where it begins and ends."""
        query, counts = sql.medians(self.dataset, self.axes[by], self.axes[of])
        if counts or not self._is_at_hand(of):
            return self.dataset.evidence(query, sql.TOLERANCE)
        groups, count = _groups(self.axes[by])
        bounds = self._bounds_of(edge, by, of)
        quantiles = self._column(of).quantiles((groups[codes[by]] for codes in self._rows), count)
        table = edge.table if by == edge.i else edge.table.T
        sizes = np.bincount(groups[:-1], weights=table.sum(axis=1)).astype(np.int64).tolist()
        rows = [[g, sizes[g], *quantiles[g], *bounds[g]] for g in sorted(quantiles)]
        return query_evidence(query, rows, sql.TOLERANCE)

    def _is_at_hand(self, k: int) -> bool:
        """Whether a column can be looked at in memory, and gives there what a query gives."""
        return self._rows.is_kept and self._plain_type(k) is not None and not self._column(k).has_two_noughts

    def _bounds_of(self, edge: Judged, by: int, of: int) -> Bounds:
        """Where the classes of ``by`` begin and end in the rows with a value of ``of``."""
        rows = sum(int((codes[by] < self.axes[by].size).sum()) for codes in self._rows)
        key = by, None if edge.n == rows else of
        if key not in self._bounds:
            self._bounds[key] = self._found_bounds(by, of, key[1])
        return self._bounds[key]

    def _found_bounds(self, by: int, of: int, lacking: int | None) -> Bounds:
        axis = self.axes[by]
        if axis.kind == "category" and not axis.has_other and all(isinstance(value, str) for value in axis.values):
            return {code: (value, value) for code, value in enumerate(axis.values)}
        kind = self._plain_type(by)
        ends = self._column(by).ends(self._grouped(by, lacking), _groups(axis)[1]) if self._is_at_hand(by) else {}
        if not ends or (kind == "BIGINT" and any(abs(end) >= EXACT_TO for row in ends.values() for end in row)):
            return {code: bounds for code, *bounds in self.dataset.sql(sql.ends(axis, self.axes[of])).fetchall()}
        texts = f"SELECT CAST(CAST(CAST(unnest(?) AS DOUBLE) AS {kind}) AS VARCHAR)"
        shown = [text for (text,) in self.dataset.sql(texts, [[repr(end) for row in ends.values() for end in row]]).fetchall()]
        return {g: shown[2 * place : 2 * place + 2] for place, g in enumerate(ends)}

    def _grouped(self, by: int, lacking: int | None) -> Iterator[Codes]:
        """The group of each row by the axis ``by``; none where the axis ``lacking`` has no value."""
        groups, count = _groups(self.axes[by])
        for codes in self._rows:
            found = groups[codes[by]]
            if lacking is not None:
                found[codes[lacking] == self.axes[lacking].size] = count
            yield found

    def _column(self, k: int) -> Binned:
        """A number in memory, and on the way to it where its classes begin and end, since those are asked for next."""
        if k in self._columns:
            self._columns[k] = self._columns.pop(k)  # the one that waited longest is the first to go
            return self._columns[k]
        if len(self._columns) == COLUMNS_AT_HAND:
            del self._columns[next(iter(self._columns))]
        ((_, values),) = numbers(self.dataset, [self.axes[k].name])
        self._columns[k] = Binned.of(self.axes[k], values, (codes[k] for codes in self._rows))
        if (k, None) not in self._bounds:
            self._bounds[k, None] = self._found_bounds(k, k, None)
        return self._columns[k]

    def _plain_type(self, k: int) -> str | None:
        """DuckDB's type of a number that is as well read as a double; None for any other column."""
        axis = self.axes[k]
        if k not in self._plain:
            kind = str(self.dataset.sql(f"SELECT {axis.sql_name} FROM data LIMIT 0").relation.types[0])
            self._plain[k] = kind if axis.kind == "number" and kind in PLAIN_TYPES else None
        return self._plain[k]


def _groups(axis: Axis) -> tuple[Codes, int]:
    """The group of each class of an axis when it is told in words, that of what is missing last, and the number of groups."""
    groups = sql.coarse_cuts(axis)
    count = max(groups) + 1
    return np.array([*groups, count], dtype=np.uint16), count


def _correlation(table: Counts, rows: Sequence[float], columns: Sequence[float]) -> float:
    """Pearson's correlation of scores given to the classes; the same to the bit on every machine."""
    n, margins = int(table.sum()), (table.sum(axis=1), table.sum(axis=0))
    first, second = (
        np.array(scores) - math.fsum(margin * scores) / n for margin, scores in zip(margins, (rows, columns), strict=True)
    )
    spread = math.fsum(margins[0] * first**2) * math.fsum(margins[1] * second**2)
    return math.fsum((table * np.outer(first, second)).ravel()) / math.sqrt(spread)


def _varies(table: Counts, axes: tuple[Axis, Axis]) -> bool | None:
    """Whether both columns have more than one value in these rows; None where one class holds them all and it may be of many."""
    sides = []
    for axis, margin in zip(axes, (table.sum(axis=1), table.sum(axis=0)), strict=True):
        is_one = np.count_nonzero(margin) < 2
        sides.append(not is_one if axis.discrete or axis.kind == "category" else None if is_one else True)
    return False if table.sum() <= 2 or False in sides else None if None in sides else True
