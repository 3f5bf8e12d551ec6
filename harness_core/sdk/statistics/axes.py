"""Columns cut into classes: which class a value falls into, the same classes as SQL, and how the classes are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from harness_core.sdk.canonical import jsonable
from harness_core.sdk.contract import Column
from harness_core.sdk.dataset import Dataset, quote_text
from harness_core.sdk.statistics.ordered import Ordered, in_order, repeats
from harness_core.sdk.statistics.series import numbers
from harness_core.sdk.statistics.series import view_name as view_name

AxisKind = Literal["number", "time", "category"]
Codes = NDArray[Any]  # unsigned integers, as narrow as the number of classes allows
Floats = NDArray[np.float64]
Cuts = tuple[Sequence[float], float | None]

FIRST_ROWS = 100_000
FEW_EDGES = 32
WORTH_ENCODING = 16_384
OTHER = "all other values"
PLAIN_TYPES = frozenset({"integer", "float", "decimal", "boolean", "date", "timestamp", "text"})


@dataclass(frozen=True)
class Axis:
    """A column cut into ``size`` classes. Numbers and times are cut at ``edges`` (class k ends at edge k, inclusive);
    categories have ``values`` and, where ``has_other``, a last class for the rare ones. ``discrete`` says that each class is one
    value; ``highest`` is the largest value of a number or time; ``distinct`` counts its different values, 0 where that is not
    known."""

    name: str
    kind: AxisKind
    edges: tuple[float, ...] = ()
    values: tuple[Any, ...] = ()
    has_other: bool = False
    discrete: bool = False
    may_be_infinite: bool = False
    highest: float = 0.0
    distinct: int = 0

    @property
    def size(self) -> int:
        return len(self.edges) + 1 if self.kind != "category" else len(self.values) + self.has_other

    @property
    def ordered(self) -> bool:
        """Whether the classes have an order; two classes always have one."""
        return self.kind != "category" or self.size == 2

    def codes(self, array: pyarrow.Array) -> Codes:
        """The class of each value, in as few bytes as hold it; ``size`` where it is missing."""
        if len(self.edges) > FEW_EDGES and 0 < self.distinct <= WORTH_ENCODING and not pyarrow.types.is_dictionary(array.type):
            array = array.dictionary_encode()  # a value is looked up in a fifth of the time in which its class is searched
        if not pyarrow.types.is_dictionary(array.type):
            return self._plain_codes(array)
        found = np.append(self._plain_codes(array.dictionary), self.small(self.size))
        return np.asarray(found[pyarrow.compute.fill_null(array.indices, len(found) - 1).to_numpy(zero_copy_only=False)])

    def _plain_codes(self, array: pyarrow.Array) -> Codes:
        if self.kind == "category":
            return self._category_codes(array)
        values = as_numbers(array, self.kind)
        if len(self.edges) > FEW_EDGES:
            codes = self.small(np.searchsorted(np.asarray(self.edges, dtype=np.float64), values))
        else:
            codes = np.zeros(len(values), dtype=np.uint8)
            for edge in self.edges:  # a few comparisons are three times as fast as a search
                np.add(codes, values > edge, out=codes)
        codes[~np.isfinite(values)] = self.size
        return codes

    def _category_codes(self, array: pyarrow.Array) -> Codes:
        wanted = pyarrow.array(list(self.values), type=array.type)
        found = pyarrow.compute.fill_null(pyarrow.compute.index_in(array, value_set=wanted), len(self.values))
        codes = self.small(found.to_numpy(zero_copy_only=False))
        if array.null_count:
            codes[np.asarray(array.is_null().to_numpy(zero_copy_only=False))] = self.size
        return codes

    def small(self, codes: Any) -> Codes:
        """Classes, ``size`` among them, as the narrowest whole numbers; always a copy."""
        return np.array(codes, dtype=np.min_scalar_type(self.size))

    @property
    def sql_name(self) -> str:
        """The quoted name in the view ``data``, which keeps ``row_index`` for itself."""
        return view_name(self.name)

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
        choices = list(zip(conditions, texts, strict=False))
        if self.kind != "category":  # of neighbouring classes with one outcome the last bound says it all
            choices = [choice for choice, following in zip(choices, [*texts[1:], ""], strict=False) if choice[1] != following]
        cases = [f"WHEN {condition} THEN {text}" for condition, text in choices]
        if len(texts) > len(conditions):
            cases.append(f"WHEN {value} IS NOT NULL THEN {texts[-1]}")
        return f"CASE {' '.join(cases)} END"

    def condition(self, code: int) -> str:
        """SQL that is true for the rows of the class ``code``; not for the rare values of a category."""
        if self.kind == "category":
            return f"{self.sql_name} = {literal(self.values[code])}"
        bounds = [f"{self.sql_value} > {self.edges[code - 1]!r}"] if code else []
        bounds += [f"{self.sql_value} <= {self.edges[code]!r}"] if code < len(self.edges) else []
        return " AND ".join(bounds)

    def label(self, code: int) -> str:
        if self.kind == "category":
            return str(jsonable(self.values[code])) if code < len(self.values) else OTHER
        return f"class {code + 1} of {self.size}"


def literal(value: Any) -> str:
    """A value as a SQL literal."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    return quote_text(str(value))


def as_numbers(array: pyarrow.Array, kind: AxisKind = "number") -> Floats:
    """Numbers as doubles, times as seconds since 1970; NaN where missing."""
    if kind == "time":
        stamps = pyarrow.compute.cast(array, pyarrow.timestamp("us"), safe=False)
        micros = pyarrow.compute.cast(pyarrow.compute.cast(stamps, pyarrow.int64()), pyarrow.float64(), safe=False)
        return np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.float64) / 1e6
    if array.type != pyarrow.float64():
        array = pyarrow.compute.cast(array, pyarrow.float64(), safe=False)
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def cut(dataset: Dataset, column: Column, bins: int, entry: Mapping[str, Any] | None = None) -> Axis | None:
    """A number or time as at most ``bins`` classes of equal counts, cut at exact quantiles; one class per value where there are no
    more values than that; None without any value. ``entry`` is the profile's, where there is one."""
    kind: AxisKind = "time" if column.is_temporal else "number"
    may_be_infinite, known = column.type == "float", entry or {}
    value = Axis(column.name, kind, may_be_infinite=may_be_infinite).sql_value
    values = [row[0] for row in dataset.sql(_few_values(dataset, value, bins, known)).fetchall()]
    discrete = len(values) <= bins
    if not discrete:
        if column.is_temporal:
            cuts, highest = _time_cuts(dataset, value, bins, known)
        else:
            cuts, highest = _number_cuts(dataset, column, bins, known)
        values = [] if highest is None else [*sorted({float(edge) for edge in cuts if edge < highest}), highest]
    if not values:
        return None
    edges = tuple(float(edge) for edge in values[:-1])
    different = len(values) if discrete else int(known.get("distinct_count") or 0)
    return Axis(column.name, kind, edges, (), False, discrete, may_be_infinite, float(values[-1]), different)


def _number_cuts(dataset: Dataset, column: Column, bins: int, entry: Mapping[str, Any]) -> Cuts:
    if repeats(dataset.row_count, entry):
        ((_, ordered),) = in_order(dataset, [column], [entry])
        return _cuts(ordered, bins)
    ((_, values),) = numbers(dataset, [column.name])
    values = values[np.isfinite(values)] + 0.0  # minus nought is nought
    if not len(values):
        return (), None
    places = np.append(_places(len(values), bins), len(values) - 1)
    values.partition(np.unique(places))  # a few places are found in half the time of sorting
    return values[places[:-1]].tolist(), float(values[-1])


def _time_cuts(dataset: Dataset, value: str, bins: int, entry: Mapping[str, Any]) -> Cuts:
    times = f"SELECT {value} AS v FROM data"
    if repeats(dataset.row_count, entry):
        counted = dataset.sql(f"SELECT v, count(*) AS n FROM ({times}) WHERE v IS NOT NULL GROUP BY v").to_arrow_table()
        return _cuts(Ordered.of_counts(counted["v"].to_numpy(), counted["n"].to_numpy()), bins)
    shares = ", ".join(f"{k}.0 / {bins}" for k in range(1, bins))
    ((cuts, highest),) = dataset.sql(f"SELECT quantile_disc(v, [{shares}]), max(v) FROM ({times}) WHERE v IS NOT NULL").fetchall()
    return cuts or (), highest


def _cuts(ordered: Ordered, bins: int) -> Cuts:
    if not ordered.n:
        return (), None
    return ordered.at(_places(ordered.n, bins)).tolist(), float(ordered.values[-1])


def _places(count: int, bins: int) -> NDArray[np.int64]:
    """Where, of ``count`` ordered values, ``bins`` classes of equal counts end, but for the last: at the first value up to which
    there are so many, as DuckDB's quantile_disc takes it."""
    return np.maximum(1, count - np.floor(count - np.arange(1, bins) / bins * count).astype(np.int64)) - 1


def _few_values(dataset: Dataset, value: str, bins: int, entry: Mapping[str, Any]) -> str:
    """The distinct values where they may be few; a profile, or a first part of the rows, that counts many spares the pass."""
    many = (entry.get("distinct_count") or 0) > bins
    if not many and dataset.row_count > FIRST_ROWS:
        first = f"SELECT {value} AS v FROM data LIMIT {FIRST_ROWS}"
        many = dataset.sql(f"SELECT count(DISTINCT v) FROM ({first})").scalar() > bins
    if many:
        return f"SELECT unnest(range({bins + 1}))"
    return f"SELECT DISTINCT v FROM (SELECT {value} AS v FROM data) WHERE v IS NOT NULL ORDER BY v LIMIT {bins + 1}"


def categories(dataset: Dataset, column: Column, most: int, least: int) -> Axis | None:
    """A column of categories: the ``most`` frequent values with at least ``least`` rows each, ties in their own order."""
    name = view_name(column.name)
    counted = f"SELECT {name} AS v, count(*) AS c FROM data WHERE {name} IS NOT NULL GROUP BY {name}"
    totals = "sum(c) OVER (), count(*) OVER ()"
    found = dataset.sql(f"SELECT v, c, {totals} FROM ({counted}) ORDER BY c DESC, v LIMIT {most}").fetchall()
    kept = [(value, count) for value, count, *_ in found if count >= least]
    if not kept:
        return None
    rows, different = (int(total) for total in found[0][2:])
    others = rows - sum(count for _, count in kept)
    return Axis(column.name, "category", values=tuple(value for value, _ in kept), has_other=others > 0, distinct=different)


def centres(axis: Axis, lowest: float) -> Floats:
    """A value that stands for each class of a number: the value itself where each class is one, else the middle of the class."""
    ends: Sequence[float] = (*axis.edges, axis.highest)
    if axis.discrete:
        return np.asarray(ends, dtype=np.float64)
    starts = np.asarray([lowest, *axis.edges], dtype=np.float64)
    return starts / 2 + np.asarray(ends, dtype=np.float64) / 2
