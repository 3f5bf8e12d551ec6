"""On which other columns it depends whether a value is missing: tables of gaps by class, their tests, and the part they lie in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute
from missing_patterns import is_missing
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset, PluginContext
from harness_core.sdk.statistics.axes import Axis, Codes, categories, cut
from harness_core.sdk.statistics.coded import Repeated
from harness_core.sdk.statistics.effects import Z95, Counts, Effect, chi_square_p, merge_ordered, without_empty

CLASSES = 20
CATEGORIES = 30
ROW_CLASSES = 60
LEAST_ROWS = 5
UNUSABLE_ROLES = frozenset({"identifier", "text", "constant", "empty"})
UNUSABLE_TYPES = frozenset({"binary", "nested", "time"})
ALMOST_AS_GOOD = 0.85
NAMED = 3
ENOUGH = 0.9


@dataclass(frozen=True)
class Explainer:
    """A column, or the order of the rows (``column`` is None), cut into classes."""

    column: Column | None
    axis: Axis

    @property
    def is_ordered(self) -> bool:
        return self.axis.kind != "category"


@dataclass(frozen=True)
class Part:
    """Where the gaps lie: the classes ``codes`` of an explainer. ``gaps`` and ``rest`` count rows without and with a value per
    class; ``effect`` is how much more often the former lie there than the latter (a difference of shares)."""

    explainer: int
    codes: tuple[int, ...]
    gaps: Counts
    rest: Counts
    effect: Effect
    p_value: float
    test: str

    @property
    def n(self) -> int:
        return int(self.gaps.sum() + self.rest.sum())

    @property
    def is_exact(self) -> bool:
        """Whether every row of the part lacks the value, and no other row does: a rule, not an accident."""
        inside = list(self.codes)
        return int(self.rest[inside].sum()) == 0 and int(self.gaps[inside].sum()) == int(self.gaps.sum())


def explainers(dataset: Dataset, profile: Sequence[Mapping[str, Any]], limit: int) -> tuple[list[Explainer], list[tuple[str, str]]]:
    """The order of the rows, then the usable columns in column order, at most ``limit``; and (name, reason) of those left out."""
    known = {entry.get("name"): entry for entry in profile}
    edges = tuple(float(dataset.row_count * k // ROW_CLASSES - 1) for k in range(1, ROW_CLASSES))
    found = [Explainer(None, Axis("row_index", "number", edges, highest=float(dataset.row_count - 1)))]
    left_out: list[tuple[str, str]] = []
    for column in dataset.columns:
        entry = known.get(column.name, {})
        if entry.get("role") in UNUSABLE_ROLES or column.type in UNUSABLE_TYPES:
            continue
        if len(found) > limit:
            left_out.append((column.name, "beyond the limit of columns that can explain"))
            continue
        ordered = column.is_numeric or column.is_temporal
        axis = cut(dataset, column, CLASSES, entry) if ordered else categories(dataset, column, CATEGORIES, LEAST_ROWS)
        if axis is not None and axis.size > 1:
            found.append(Explainer(column, axis))
    return found, left_out


Batch = tuple[list[Codes], list[NDArray[np.bool_]]]


def coded_rows(ctx: PluginContext, units: Sequence[Column], found: Sequence[Explainer]) -> Repeated[Batch]:
    """Batches of rows in order: the class of each row by each explainer, and per unit whether its value is missing."""
    names = list(dict.fromkeys([*(c.name for c in units), *(e.column.name for e in found if e.column is not None)]))

    def read() -> Iterator[Batch]:
        start = 0
        for batch in ctx.dataset.iter_batches(names, dictionaries=True):
            places = pyarrow.array(np.arange(start, start + batch.num_rows))
            arrays = [places if explainer.column is None else batch.column(explainer.column.name) for explainer in found]
            start += batch.num_rows
            ctx.progress_in_rows(start, ctx.dataset.row_count * 2, "gaps by column")
            codes = [explainer.axis.codes(array) for explainer, array in zip(found, arrays, strict=True)]
            yield codes, [gap_mask(batch.column(column.name), column) for column in units]

    width = len(units) + sum(np.min_scalar_type(explainer.axis.size).itemsize for explainer in found)
    return Repeated(read, ctx.dataset.row_count * width)


def gap_tables(
    rows: Repeated[Batch],
    units: Sequence[int],
    found: Sequence[Explainer],
    outside: Mapping[int, tuple[int, tuple[int, ...]]] | None = None,
) -> tuple[list[list[Counts]], list[list[Counts]]]:
    """[unit][explainer] -> rows per class without a value, and with one; ``units`` are the places of the masks in ``rows``. Only
    rows that miss a value are counted one by one.

    ``outside`` gives per unit an explainer and classes whose rows are left aside.
    """
    sizes = [explainer.axis.size + 1 for explainer in found]
    gaps = [[np.zeros(size, dtype=np.int64) for size in sizes] for _ in units]
    margins = [[np.zeros(size, dtype=np.int64) for size in sizes] for _ in units]
    shared = [np.zeros(size, dtype=np.int64) for size in sizes]
    for codes, masks in rows:
        for k, code in enumerate(codes):
            shared[k] += np.bincount(code, minlength=sizes[k])
        for u, mask in enumerate(masks[unit] for unit in units):
            kept = _kept(codes, (outside or {}).get(u))
            lacking = np.flatnonzero(mask if kept is None else mask & kept)
            for k, code in enumerate(codes):
                gaps[u][k] += np.bincount(code[lacking], minlength=sizes[k])
                if kept is not None:
                    margins[u][k] += np.bincount(code[kept], minlength=sizes[k])
    everyone = [margins[u] if u in (outside or {}) else shared for u in range(len(units))]
    rest = [[all_rows[:-1] - gone[:-1] for all_rows, gone in zip(everyone[u], gaps[u], strict=True)] for u in range(len(units))]
    return [[gone[:-1] for gone in row] for row in gaps], rest


def _kept(codes: Sequence[Codes], left_aside: tuple[int, tuple[int, ...]] | None) -> NDArray[np.bool_] | None:
    return None if left_aside is None else ~np.isin(codes[left_aside[0]], left_aside[1])


def gap_mask(array: pyarrow.Array, column: Column) -> NDArray[np.bool_]:
    mask = pyarrow.compute.is_null(array, nan_is_null=column.type == "float")
    return np.asarray(mask.to_numpy(zero_copy_only=False))


def judge(
    k: int, explainer: Explainer, gaps: Counts, rest: Counts, rng: np.random.Generator, settings: Mapping[str, Any]
) -> Part | None:
    """The test of one column's gaps by one explainer, and the part where they lie; None with too few rows on either side."""
    if min(int(gaps.sum()), int(rest.sum())) < settings["min_missing"]:
        return None
    table = without_empty(np.stack((gaps, rest)))
    if table.shape[1] < 2:
        return None
    if explainer.is_ordered:  # as many classes as leave five gaps, and five other rows, in each on average
        table = merge_ordered(table, 1, max(2, int(table.sum(axis=1).min()) // LEAST_ROWS))
    p_value, test = chi_square_p(table, rng, settings["permutations"], settings["significance"])
    codes = _range(gaps, rest) if explainer.is_ordered else _groups(explainer.axis, gaps, rest)
    return Part(k, codes, gaps, rest, difference(gaps, rest, codes), p_value, test) if codes else None


def _excess(gaps: Counts, rest: Counts) -> NDArray[np.float64]:
    return np.asarray(gaps / gaps.sum() - rest / rest.sum())


def _range(gaps: Counts, rest: Counts) -> tuple[int, ...]:
    """The neighbouring classes in which the gaps stand out most: the largest sum of excess shares (Kadane's scan)."""
    excess = np.append(0.0, np.cumsum(_excess(gaps, rest)))
    best, where, lowest = 0.0, (0, 0), 0
    for end in range(1, len(excess)):
        if excess[end - 1] < excess[lowest]:
            lowest = end - 1
        if excess[end] - excess[lowest] > best + 1e-12:
            best, where = float(excess[end] - excess[lowest]), (lowest, end)
    return tuple(range(*where))


def _groups(axis: Axis, gaps: Counts, rest: Counts) -> tuple[int, ...]:
    """The one to three groups in which most of the excess of gaps lies; the rare ones together are never named."""
    excess = _excess(gaps, rest)[: len(axis.values)]
    order = [int(code) for code in np.argsort(-excess, kind="stable") if excess[code] > 0]
    total, chosen = sum(float(excess[code]) for code in order), list[int]()
    for code in order[:NAMED]:
        if sum(float(excess[c]) for c in chosen) < ENOUGH * total:
            chosen.append(code)
    return tuple(sorted(chosen))


def difference(gaps: Counts, rest: Counts, codes: Sequence[int]) -> Effect:
    """The share of the gaps in the classes less that of the other rows, with the 95 % interval of Newcombe (1998)."""
    sides = [(int(part[list(codes)].sum()), int(part.sum())) for part in (gaps, rest)]
    (first, low1, high1), (second, low2, high2) = (wilson(*side) for side in sides)
    low = first - second - float(np.hypot(first - low1, high2 - second))
    high = first - second + float(np.hypot(high1 - first, second - low2))
    return Effect("difference of shares", first - second, low, high)


def wilson(count: int, n: int) -> tuple[float, float, float]:
    """A share with its 95 % score interval (Wilson 1927)."""
    share, z2 = count / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z95 / (1 + z2 / n) * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)))
    return share, max(0.0, centre - reach), min(1.0, centre + reach)


def plainest(parts: Sequence[Part], found: Sequence[Explainer]) -> Part:
    """Of the parts that explain nearly as much as the best: a column before the mere order of rows, then the fewest classes."""
    most = max(part.effect.value for part in parts)
    near = [part for part in parts if part.effect.value >= ALMOST_AS_GOOD * most]

    def rank(part: Part) -> tuple[bool, bool, int, float, int]:
        explainer = found[part.explainer]
        return (explainer.column is None, explainer.is_ordered, explainer.axis.size, -part.effect.value, part.explainer)

    return min(near, key=rank)


def condition(dataset: Dataset, unit: Column, explainer: Explainer, codes: Sequence[int]) -> tuple[str, tuple[str, str] | None]:
    """SQL for: the row lies in the part; and for an ordered explainer its exact ends, from the first to the last gap inside."""
    axis = explainer.axis
    if not explainer.is_ordered:
        return "(" + " OR ".join(axis.condition(code) for code in codes) + ")", None
    name, cast = _as_literal(explainer)
    value = name if explainer.column is None else axis.sql_value
    bounds = [f"{value} > {axis.edges[codes[0] - 1]!r}"] if codes[0] else []
    bounds += [f"{value} <= {axis.edges[codes[-1]]!r}"] if codes[-1] < len(axis.edges) else []
    inside = " AND ".join([is_missing(unit), f"{value} IS NOT NULL", *bounds])
    query = f"SELECT CAST(min({name}) AS VARCHAR), CAST(max({name}) AS VARCHAR) FROM data WHERE {inside}"
    first, last = (str(end) for end in dataset.sql(query).fetchall()[0])
    ends = [f"{name} >= {cast.format(first)}"] if codes[0] or explainer.column is None else []
    ends += [f"{name} <= {cast.format(last)}"] if codes[-1] < len(axis.edges) or explainer.column is None else []
    return " AND ".join(ends or ["TRUE"]), (first if codes[0] else "", last if codes[-1] < len(axis.edges) else "")


def _as_literal(explainer: Explainer) -> tuple[str, str]:
    """The ordered column as SQL, and how one of its values is written as a literal."""
    if explainer.column is None:
        return "row_index", "{}"
    if explainer.axis.kind == "number":
        return explainer.axis.sql_value, "CAST({} AS DOUBLE)"
    if explainer.column.type == "date":
        return explainer.axis.sql_name, "DATE '{}'"
    return f"CAST({explainer.axis.sql_name} AS TIMESTAMP)", "TIMESTAMP '{}'"
