"""The series that are examined: rows per step of time and the mean of each measure per step, or values as they stand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.blocks import block_means, even_edges
from harness_core.sdk.statistics.series import (
    DAY,
    STEPS,
    Floats,
    Grid,
    Integers,
    Order,
    Step,
    choose_step,
    finite_sql,
    numbers,
    time_text,
)

ENOUGH = 16
SOME_ROWS = 0.5


@dataclass(frozen=True)
class Scale:
    """How rows become points: steps of a calendar (``grid``), or blocks of rows as they stand. ``edges`` cut the order."""

    order: Order
    grid: Grid | None
    edges: Integers

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def step(self) -> Step | None:
        return self.grid.step if self.grid else None

    @property
    def calendar(self) -> Grid:
        """The steps of time; raises ValueError for rows as they stand."""
        if self.grid is None:
            raise ValueError("rows as they stand have no calendar")
        return self.grid

    @property
    def time_name(self) -> str:
        return self.order.column.name if self.order.column else "row"

    @property
    def unit(self) -> str:
        """What one step is called."""
        if self.grid:
            return self.grid.step.name
        return "row" if len(self) == self.order.length else f"{self.order.length / len(self):,.1f} rows"

    def label(self, k: int) -> str:
        return self.grid.label(k) if self.grid else f"row {int(self.edges[k]):,}"

    def sql_step(self) -> str:
        """The number of the step of a row, from 0, as SQL."""
        if self.grid is None:
            return f"row_index * {len(self)} // {self.order.length}"
        start = f"TIMESTAMP '{time_text(int(self.grid.starts[0]))}'"
        time = f"CAST({self.order.sql_name} AS TIMESTAMP)"
        if self.grid.step.micros:
            return f"(epoch_us({time}) - epoch_us({start})) // {self.grid.step.micros}"
        return f"datediff('month', {start}, date_trunc('month', {time})) // {self.grid.step.months}"


@dataclass(frozen=True)
class Series:
    """A measure by its mean per step (``column``), or the number of rows per step (None); NaN where a step has none."""

    column: str | None
    values: Floats
    scale: Scale
    rows: Floats
    sql: str | None = None

    @property
    def name(self) -> str:
        return f'"{self.column}"' if self.column else "the number of rows"

    @property
    def filled(self) -> Floats:
        """Without gaps: what is missing lies on the line between its neighbours."""
        present = np.flatnonzero(np.isfinite(self.values))
        return np.interp(np.arange(len(self.values)), present, self.values[present])

    @property
    def is_usable(self) -> bool:
        present = np.isfinite(self.values)
        return int(present.sum()) >= max(ENOUGH, SOME_ROWS * len(present)) and float(np.ptp(self.values[present])) > 0


@dataclass(frozen=True)
class Scales:
    """The fine one for cycles, the coarse one for trends, and days, where the fine one is finer than they are; None where rows are
    too few."""

    fine: Scale | None
    coarse: Scale | None
    days: Scale | None = None


def scales(order: Order, settings: Mapping[str, Any]) -> Scales:
    if order.times is None:
        if order.length < ENOUGH:
            return Scales(None, None)
        fine, coarse = (min(order.length, int(settings[key])) for key in ("max_steps", "trend_steps"))
        return Scales(Scale(order, None, even_edges(order.length, fine)), Scale(order, None, even_edges(order.length, coarse)))
    step = choose_step(order.times, settings["max_steps"]) or choose_step(order.times, settings["max_steps"], 2.0, 0.2)
    days = next(item for item in STEPS if item.name == "day") if step is not None and 0 < step.micros < DAY else None
    return Scales(*(_calendar(order, item) for item in (step, choose_step(order.times, settings["trend_steps"]), days)))


def _calendar(order: Order, step: Step | None) -> Scale | None:
    if step is None or order.times is None:
        return None
    grid = Grid.of(order.times, step)
    return Scale(order, grid, grid.edges) if len(grid) >= ENOUGH / 2 else None


def row_counts(scale: Scale) -> Series | None:
    """Rows per step, without the first and the last step, which may be cut off; None where there is one row per step throughout."""
    if scale.grid is None:
        return None
    counts = scale.grid.counts.astype(np.float64)
    counts[[0, -1]] = np.nan
    inner = counts[1:-1]
    return Series(None, counts, scale, counts) if len(inner) >= ENOUGH and float(inner.max()) > 1 else None


def measure_series(dataset: Dataset, scale_pair: Sequence[Scale | None], names: Sequence[str]) -> Iterator[list[Series | None]]:
    """Per measure its series on each scale."""
    for name, values in numbers(dataset, names):
        sql = finite_sql(dataset.column(name))
        found: list[Series | None] = []
        for scale in scale_pair:
            if scale is None:
                found.append(None)
                continue
            means, counts = block_means(scale.order.arranged(values), scale.edges)
            found.append(Series(name, means, scale, counts, sql))
        yield found
