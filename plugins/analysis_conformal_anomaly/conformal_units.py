"""Columns on one scale: robust units around the median, on the logarithm where it is positive and skewed; then without correlation.

The correlations are those of scores held within two and a half units, so that what is odd cannot hide by shaping them.
Their sums are whole numbers: neither chunks nor the machine can change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.ordered import Ordered
from harness_core.sdk.statistics.robust import MEDCOUPLE_GRID, medcouple

Floats = NDArray[np.float64]

SKEWED = 0.2
QUARTILES_TO_SD = 1.3489795003921634
FARTHEST_IN_ROWS, FARTHEST_IN_SERIES = 3.0, 8.0  # in rows no single column makes odd: that is told of the column itself
FEWEST_DISTINCT = 5
WIDER = ((0.1, 2.5631031310892007), (0.05, 3.2897072539029435), (0.01, 4.652695748081682))
HELD, QUANTUM = 2.5, 4096.0
SMALLEST_EIGENVALUE = 1e-3


@dataclass(frozen=True)
class Unit:
    """How values become scores: (value, or its logarithm, minus ``centre``) over ``spread``, within ``farthest``."""

    name: str
    logged: bool
    centre: float
    spread: float
    farthest: float

    def scores(self, values: Floats) -> Floats:
        """What is missing lies in the middle, where it can look odd to nobody."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scores = (np.log(values) if self.logged else values) - self.centre
            scores /= self.spread
        scores[np.isnan(scores)] = 0.0
        return np.clip(scores, -self.farthest, self.farthest, out=scores)

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "logged": self.logged, "centre": self.centre, "spread": self.spread, "farthest": self.farthest}


def unit_of(name: str, values: Floats, farthest: float) -> Unit | str:
    """The unit of a column (NaN where missing), or why it has none."""
    return unit_in_order(name, Ordered(np.sort(values[np.isfinite(values)])), farthest)


def unit_of_series(name: str, values: Floats, farthest: float) -> Unit | str:
    """As :func:`unit_of`; where the middle half of a series is one same number, the middle 80, 90 or 98 % tell its spread."""
    unit, ordered = unit_of(name, values, farthest), Ordered(np.sort(values[np.isfinite(values)]))
    if isinstance(unit, Unit) or ordered.n < FEWEST_DISTINCT or len(ordered.runs[0]) < FEWEST_DISTINCT:
        return unit
    for share, in_deviations in WIDER:
        low, middle, high = ordered.at((ordered.n * np.array([share, 0.5, 1 - share])).astype(np.int64)).tolist()
        if np.isfinite(high - low) and high > low:
            return Unit(name, False, middle, (high - low) / in_deviations, farthest)
    return unit


def unit_in_order(name: str, ordered: Ordered, farthest: float) -> Unit | str:
    """As :func:`unit_of`, of the finite values in their order."""
    if ordered.n < FEWEST_DISTINCT or len(ordered.runs[0]) < FEWEST_DISTINCT:
        return f"it has fewer than {FEWEST_DISTINCT} different values"
    logged = bool(ordered.values[0] > 0) and medcouple(ordered.grid(MEDCOUPLE_GRID)) > SKEWED
    quartiles = ordered.at((ordered.n * np.array([0.25, 0.5, 0.75])).astype(np.int64))
    low, middle, high = (float(value) for value in (np.log(quartiles) if logged else quartiles))
    spread = (high - low) / QUARTILES_TO_SD
    if not np.isfinite(spread) or spread <= 0:
        return "the middle half of its values is one and the same number"
    return Unit(name, logged, middle, spread, farthest)


def score_matrix(units: Sequence[Unit], columns: Sequence[Floats]) -> Floats:
    """Rows by columns; ``columns`` in the order of ``units``."""
    return np.column_stack([unit.scores(values) for unit, values in zip(units, columns, strict=True)])


class Correlations:
    """The sums of products of scores, chunk by chunk."""

    def __init__(self, width: int) -> None:
        self._totals: NDArray[Any] = np.zeros((width, width), dtype=object)

    def add(self, chunk: Floats) -> None:
        """``chunk`` holds scores, rows by columns."""
        whole = np.clip(chunk, -HELD, HELD)
        whole *= QUANTUM
        np.rint(whole, out=whole)
        self._totals = self._totals + (whole.T @ whole).astype(np.int64)  # below 2**53 in a chunk: exact in any order

    def inverse_root(self) -> Floats:
        """The matrix that takes scores (rows by columns) to ones without correlation: the inverse root of their correlations.

        Directions with less than a thousandth of a column's variance count as if they had that much.
        """
        products = self._totals.astype(np.float64)
        sizes = np.sqrt(np.maximum(np.diag(products), 1.0))
        correlation = products / np.outer(sizes, sizes)
        np.fill_diagonal(correlation, 1.0)
        values, vectors = np.linalg.eigh(correlation)
        root = (vectors / np.sqrt(np.maximum(values, SMALLEST_EIGENVALUE))) @ vectors.T
        return np.array([[float(f"{value:.9g}") for value in row] for row in root])
