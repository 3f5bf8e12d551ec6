"""Columns that are numbers, dates or times: read as one array, sorted once, and described exactly from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Dataset
from harness_core.sdk.statistics import description
from harness_core.sdk.statistics.description import Numbers
from harness_core.sdk.view_columns import ViewColumn

PROBABILITIES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BATCH_ROWS = 65_536
EXACT_DECIMAL_DIGITS = 15  # a double tells apart all decimals of so many digits
SMALL_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
WIDE_INTEGERS = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT"})
FLOATS = frozenset({"FLOAT", "DOUBLE"})
MOMENTS_IN_TIME = {
    "TIMESTAMP": "us",
    "TIMESTAMP_S": "us",
    "TIMESTAMP_MS": "us",
    "TIMESTAMP WITH TIME ZONE": "us",
    "TIMESTAMP_NS": "ns",
}
NEARLY_UNIQUE = 0.5  # with a larger share of distinct values no value is frequent enough to be worth naming


@dataclass(frozen=True)
class ArrayColumn:
    """A column to be read as an array: ``expression`` gives BIGINT or DOUBLE; ``unit`` is set where it counts time."""

    view: ViewColumn
    expression: str
    unit: str | None = None
    is_wide: bool = False

    @classmethod
    def of(cls, view: ViewColumn, sql: str) -> "ArrayColumn | None":
        """How ``view`` is read, or None where it is neither a number nor a time; ``sql`` is its name in the relation read."""
        storage = view.storage.upper()
        if storage in SMALL_INTEGERS:
            return cls(view, f"CAST({sql} AS BIGINT)")
        if storage in WIDE_INTEGERS or storage in FLOATS or storage.startswith("DECIMAL"):
            return cls(
                view, f"CAST({sql} AS DOUBLE)", is_wide=storage in WIDE_INTEGERS or _decimal_digits(storage) > EXACT_DECIMAL_DIGITS
            )
        if storage == "DATE":
            return cls(view, f"CAST({sql} - DATE '1970-01-01' AS BIGINT)", "D")
        if storage in MOMENTS_IN_TIME:
            unit = MOMENTS_IN_TIME[storage]
            return cls(view, f"epoch_{unit}({sql})", unit)
        return cls(view, f"epoch_us({sql})", "time") if storage == "TIME" else None


def _decimal_digits(storage: str) -> int:
    return int(storage[len("DECIMAL(") :].split(",")[0]) if storage.startswith("DECIMAL(") else 0


def read_arrays(dataset: Dataset, relation: str, columns: Sequence[ArrayColumn]) -> list[Numbers]:
    """The values of each column in row order without its nulls; several columns are read in one pass."""
    import pyarrow.compute as compute

    chosen = ", ".join(f"{column.expression} AS c{index}" for index, column in enumerate(columns))
    arrays: list[Any] = [None] * len(columns)
    filled = [0] * len(columns)
    for batch in dataset.sql(f"SELECT {chosen} FROM {relation}").to_arrow_reader(BATCH_ROWS):
        for index in range(len(columns)):
            values = batch.column(index)
            part = (compute.drop_null(values) if values.null_count else values).to_numpy(zero_copy_only=False)
            if arrays[index] is None:
                arrays[index] = np.empty(dataset.row_count, dtype=part.dtype)
            arrays[index][filled[index] : filled[index] + len(part)] = part
            filled[index] += len(part)
    return [array[:count] for array, count in zip(arrays, filled, strict=True)]


def describe(column: ArrayColumn, values: Numbers, limits: dict[str, int]) -> dict[str, Any]:
    """Everything that the profile says about an array (with at least one value); the array is sorted in place."""
    finite, extra = _finite(values)
    facts: dict[str, Any] = {"is_sorted": direction(finite)}
    finite.sort()
    distinct = 1 + int(np.count_nonzero(finite[1:] != finite[:-1])) if len(finite) else 0
    facts["distinct_count"] = distinct + extra["kinds"]
    if extra["count"]:
        facts["non_finite_count"] = extra["count"]
    if len(finite) == 0:
        return facts
    if column.unit:
        facts |= {"min": _time_text(finite[0], column.unit), "max": _time_text(finite[-1], column.unit)}
        if column.unit == "us":
            facts["midnight_count"] = int(np.count_nonzero(finite % 86_400_000_000 == 0))
    else:
        facts |= _numbers(finite, limits["bins"])
    return facts | _top(finite, distinct, column.unit, limits["top"])


def _finite(values: Numbers) -> tuple[Numbers, dict[str, int]]:
    """The finite values, and how many others there are of how many kinds (not-a-number, plus and minus infinity)."""
    if values.dtype.kind != "f":
        return values, {"count": 0, "kinds": 0}
    kept = np.isfinite(values)
    count = len(values) - int(np.count_nonzero(kept))
    if count == 0:
        return values, {"count": 0, "kinds": 0}
    others = values[~kept]
    kinds = int(np.isnan(others).any()) + int((others == np.inf).any()) + int((others == -np.inf).any())
    return values[kept], {"count": count, "kinds": kinds}


def direction(values: NDArray[Any]) -> str | None:
    """Whether values rise or fall throughout, ties allowed; None where they do neither, or are all the same."""
    if len(values) < 2 or (values[0] == values[-1] and bool(np.all(values == values[0]))):
        return None
    if bool(np.all(values[1:] >= values[:-1])):
        return "ascending"
    return "descending" if bool(np.all(values[1:] <= values[:-1])) else None


def _numbers(ordered: Numbers, bins: int) -> dict[str, Any]:
    shape = description.moments(ordered)
    zero_from, zero_to = (int(place) for place in (np.searchsorted(ordered, 0, "left"), np.searchsorted(ordered, 0, "right")))
    drawn = description.histogram(ordered, bins)
    return {
        "min": ordered[0].item(),
        "max": ordered[-1].item(),
        "mean": shape.mean,
        "std": shape.std,
        "skewness": shape.skewness,
        "kurtosis": shape.kurtosis,
        "quantiles": {f"{share:g}": description.quantile(ordered, share) for share in PROBABILITIES},
        "zero_count": zero_to - zero_from,
        "negative_count": zero_from,
        "histogram": None if drawn is None else {"edges": drawn[0], "counts": drawn[1]},
        "is_integer_valued": ordered.dtype.kind == "i" or bool(np.all(ordered == np.floor(ordered))),
    }


def _top(ordered: Numbers, distinct: int, unit: str | None, keep: int) -> dict[str, Any]:
    if distinct > NEARLY_UNIQUE * len(ordered) and distinct > keep:
        return {"top_values_withheld": "nearly_unique"}
    values, counts = description.run_lengths(ordered)
    chosen = np.argsort(-counts, kind="stable")[:keep]
    shown = [(_time_text(values[i], unit) if unit else values[i].item(), int(counts[i])) for i in chosen]
    return {"top_values": [{"value": value, "count": count} for value, count in shown]}


def _time_text(value: Any, unit: str) -> str:
    """ISO text of a count of days or of micro- or nanoseconds; instants with a time zone are shown in UTC."""
    if unit == "time":
        seconds, micro = divmod(int(value), 1_000_000)
        text = f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
        return f"{text}.{micro:06}" if micro else text
    text = str(np.array(int(value)).astype(f"datetime64[{unit}]"))
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact_extremes(dataset: Dataset, relation: str, column: ArrayColumn, sql: str) -> dict[str, Any]:
    """Extremes and distinct values of numbers that a double cannot tell apart, from the engine's own arithmetic."""
    low, high, distinct = dataset.sql(f"SELECT min({sql}), max({sql}), count(DISTINCT {sql}) FROM {relation}").fetchall()[0]
    return {"min": low, "max": high, "distinct_count": distinct}
