"""Columns as axes of contingency tables: which can be used, into which classes they fall, and the same classes as SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset, jsonable
from harness_core.sdk.dataset import quote_name, quote_text

AxisKind = Literal["number", "time", "category"]
Codes = NDArray[np.int64]

BINS = 12
FIRST_ROWS = 100_000
CATEGORIES = 15
LEAST_COUNT = 5
LEAST_SHARE = 0.002
UNUSABLE_ROLES = frozenset({"identifier", "text", "constant", "empty"})
OTHER = "all other values"


@dataclass(frozen=True)
class Axis:
    """A column cut into ``size`` classes. Numbers and times are cut at ``edges`` (class k ends at edge k, inclusive);
    categories have ``values`` and, where ``has_other``, a last class for the rare ones."""

    name: str
    kind: AxisKind
    edges: tuple[float, ...] = ()
    values: tuple[Any, ...] = ()
    has_other: bool = False
    discrete: bool = False
    may_be_infinite: bool = False

    @property
    def size(self) -> int:
        return len(self.edges) + 1 if self.kind != "category" else len(self.values) + self.has_other

    @property
    def ordered(self) -> bool:
        """Whether the classes have an order; two classes always have one."""
        return self.kind != "category" or self.size == 2

    def codes(self, array: pyarrow.Array) -> Codes:
        """The class of each value; ``size`` where it is missing."""
        if self.kind == "category":
            return self._category_codes(array)
        values = as_numbers(array, self.kind)
        codes = np.zeros(len(values), dtype=np.uint8)
        for edge in self.edges:  # a dozen comparisons are three times as fast as a search
            np.add(codes, values > edge, out=codes)
        codes[~np.isfinite(values)] = self.size
        return codes.astype(np.int64)

    def _category_codes(self, array: pyarrow.Array) -> Codes:
        wanted = pyarrow.array(list(self.values), type=array.type)
        found = pyarrow.compute.fill_null(pyarrow.compute.index_in(array, value_set=wanted), len(self.values))
        codes = np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)
        codes[np.asarray(array.is_null().to_numpy(zero_copy_only=False))] = self.size
        return codes

    @property
    def sql_name(self) -> str:
        """The quoted name in the view ``data``, which keeps ``row_index`` for itself."""
        return quote_name("row_index_source" if self.name.lower() == "row_index" else self.name)

    @property
    def sql_value(self) -> str:
        """The column as the number or value that is classed; NULL where it is missing."""
        plain = self.sql_name
        if self.kind == "category":
            return plain
        if self.kind == "time":
            return f"epoch(CAST({plain} AS TIMESTAMP))"
        number = f"CAST({plain} AS DOUBLE)"
        return f"CASE WHEN isfinite({plain}) THEN {number} END" if self.may_be_infinite else number

    def sql_choice(self, outcomes: Sequence[Any]) -> str:
        """SQL that maps the class of a row to one of ``outcomes`` (one literal per class); NULL where it is missing."""
        value, texts = self.sql_value, [repr(outcome) for outcome in outcomes]
        if self.kind == "category":
            conditions = [f"{value} = {literal(item)}" for item in self.values]
        else:
            conditions = [f"{value} <= {edge!r}" for edge in self.edges]
        cases = [f"WHEN {condition} THEN {text}" for condition, text in zip(conditions, texts, strict=False)]
        if len(texts) > len(conditions):
            cases.append(f"WHEN {value} IS NOT NULL THEN {texts[-1]}")
        return f"CASE {' '.join(cases)} END"

    def label(self, code: int) -> str:
        if self.kind == "category":
            return str(jsonable(self.values[code])) if code < len(self.values) else OTHER
        return f"class {code + 1} of {self.size}"


def literal(value: Any) -> str:
    """A category as a SQL literal."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    return quote_text(str(value))


def as_numbers(array: pyarrow.Array, kind: AxisKind) -> NDArray[np.float64]:
    """Numbers as doubles, times as seconds since 1970; NaN where missing."""
    if kind == "time":
        stamps = pyarrow.compute.cast(array, pyarrow.timestamp("us"), safe=False)
        micros = pyarrow.compute.cast(pyarrow.compute.cast(stamps, pyarrow.int64()), pyarrow.float64(), safe=False)
        return np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.float64) / 1e6
    if array.type != pyarrow.float64():
        array = pyarrow.compute.cast(array, pyarrow.float64(), safe=False)
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def build_axes(dataset: Dataset, profile: Sequence[Mapping[str, Any]], limit: int) -> tuple[list[Axis], list[tuple[str, str]]]:
    """The axes of the usable columns in column order, at most ``limit``, and (name, reason) of those left out."""
    known = {entry.get("name"): entry for entry in profile}
    axes: list[Axis] = []
    left_out: list[tuple[str, str]] = []
    for column in dataset.columns:
        entry = known.get(column.name, {})
        reason = _unusable(column, entry)
        axis = None if reason or len(axes) >= limit else _axis(dataset, column, entry)
        if axis is not None and axis.size >= 2:
            axes.append(axis)
        else:
            left_out.append((column.name, reason or ("beyond the limit of columns" if len(axes) >= limit else "no two classes")))
    return axes, left_out


def _unusable(column: Column, entry: Mapping[str, Any]) -> str | None:
    role = entry.get("role")
    if role in UNUSABLE_ROLES:
        return f"its role is {role}"
    if column.type in {"binary", "nested", "time"}:
        return f"its type is {column.type}"
    return None


def _axis(dataset: Dataset, column: Column, entry: Mapping[str, Any]) -> Axis | None:
    if column.is_numeric:
        return _cut(dataset, column, "number", entry)
    if column.is_temporal:
        return _cut(dataset, column, "time", entry)
    return _categories(dataset, column)


def _cut(dataset: Dataset, column: Column, kind: AxisKind, entry: Mapping[str, Any]) -> Axis:
    """Classes of equal counts, cut at exact quantiles; or one class per value where there are no more than twelve values."""
    may_be_infinite = column.type == "float"
    value = Axis(column.name, kind, may_be_infinite=may_be_infinite).sql_value
    values = [row[0] for row in dataset.sql(_few_values(dataset, value, entry)).fetchall()]
    discrete = len(values) <= BINS
    if not discrete:
        shares = ", ".join(f"{k}.0 / {BINS}" for k in range(1, BINS))
        query = f"SELECT quantile_disc(v, [{shares}]), max(v) FROM (SELECT {value} AS v FROM data) WHERE v IS NOT NULL"
        ((cuts, highest),) = dataset.sql(query).fetchall()
        values = [*sorted({float(cut) for cut in cuts if cut < highest}), highest]
    return Axis(
        column.name, kind, edges=tuple(float(edge) for edge in values[:-1]), discrete=discrete, may_be_infinite=may_be_infinite
    )


def _few_values(dataset: Dataset, value: str, entry: Mapping[str, Any]) -> str:
    """The distinct values where they may be few; a profile, or a first part of the rows, that counts many spares the pass."""
    many = (entry.get("distinct_count") or 0) > BINS
    if not many and dataset.row_count > FIRST_ROWS:
        first = f"SELECT {value} AS v FROM data LIMIT {FIRST_ROWS}"
        many = dataset.sql(f"SELECT count(DISTINCT v) FROM ({first})").scalar() > BINS
    if many:
        return f"SELECT unnest(range({BINS + 1}))"
    return f"SELECT DISTINCT v FROM (SELECT {value} AS v FROM data) WHERE v IS NOT NULL ORDER BY v LIMIT {BINS + 1}"


def _categories(dataset: Dataset, column: Column) -> Axis | None:
    """The most frequent values, ties in their own order; None for a text that is no category."""
    name = Axis(column.name, "category").sql_name
    least = max(LEAST_COUNT, int(LEAST_SHARE * dataset.row_count))
    counted = f"SELECT {name} AS v, count(*) AS c FROM data WHERE {name} IS NOT NULL GROUP BY {name}"
    query = f"SELECT v, c, sum(c) OVER () FROM ({counted}) ORDER BY c DESC, v LIMIT {CATEGORIES}"
    found = dataset.sql(query).fetchall()
    kept = [(value, count) for value, count, _ in found if count >= least]
    if not kept:
        return None
    others = int(found[0][2]) - sum(count for _, count in kept)
    return Axis(column.name, "category", values=tuple(value for value, _ in kept), has_other=others > 0)
