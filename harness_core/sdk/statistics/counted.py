"""SQL over combinations of values with their counts, where those are far fewer than the rows: the same answer for less work."""

import math
from collections.abc import Sequence

from harness_core.sdk.dataset import Dataset
from harness_core.sdk.statistics.axes import Axis

REPEATED = 20
QUANTILES = {"median": 0.5, "q1": 0.25, "q3": 0.75, "q05": 0.05, "q95": 0.95}


def is_worth_counting(dataset: Dataset, axes: Sequence[Axis]) -> bool:
    """Whether the combinations of values repeat twenty times on average, as far as the different values of each column tell."""
    return repeats(dataset, math.prod(axis.distinct for axis in axes))


def repeats(dataset: Dataset, combinations: int) -> bool:
    """Whether so many combinations (0 where their number is not known) repeat twenty times on average."""
    return 0 < combinations <= dataset.row_count // REPEATED


def combinations_sql(axes: Sequence[Axis]) -> tuple[str, str]:
    """A subquery with a row per combination of values of the columns, under their own names, and the name of its count."""
    names = [axis.sql_name for axis in axes]
    count = '"times"'
    while count.lower() in (name.lower() for name in names):
        count = f'{count[:-1]}_"'
    return f"(SELECT {', '.join(names)}, count(*) AS {count} FROM data GROUP BY ALL)", count


def quantiles_sql(values: str, more: Sequence[str] = ()) -> str:
    """A row per ``g`` of the query ``values`` (g, v and what ``more`` aggregates): g, the rows n, and five quantiles of v, each the
    first value up to which there are so many."""
    shares = ", ".join(str(share) for share in QUANTILES.values())
    names = ", ".join(f"q[{place}] AS {name}" for place, name in enumerate(QUANTILES, 1))
    aggregates = [f"{expression} AS m{place}" for place, expression in enumerate(more)]
    picked = "".join(f", m{place}" for place in range(len(more)))
    parts = ", ".join(["g", "count(*) AS n", f"quantile_disc(v, [{shares}]) AS q", *aggregates])
    return f"SELECT g, n, {names}{picked} FROM (SELECT {parts} FROM ({values}) WHERE g IS NOT NULL AND v IS NOT NULL GROUP BY g)"


def quantiles_of_counts_sql(values: str, more: Sequence[str] = ()) -> str:
    """As :func:`quantiles_sql`, of a query that also has c, how often the row counts."""
    names = ", ".join(f"min(v) FILTER (WHERE upto >= n - floor(n - {share} * n)) AS {name}" for name, share in QUANTILES.items())
    aggregates = "".join(f", {expression} AS m{place}" for place, expression in enumerate(more))
    upto = "sum(c) OVER (PARTITION BY g ORDER BY v) AS upto, sum(c) OVER (PARTITION BY g) AS n"
    ranked = f"SELECT *, {upto} FROM ({values}) WHERE g IS NOT NULL AND v IS NOT NULL"
    return f"SELECT g, CAST(any_value(n) AS BIGINT) AS n, {names}{aggregates} FROM ({ranked}) GROUP BY g"
