"""Robust joint distances of rows: how far each row lies from the bulk when all columns are taken together.

Marginal centres and units are medians and median absolute deviations; the correlations are those of wrapped scores, which leave
the middle as it is and take extreme scores back to nought (Raymaekers and Rousseeuw 2021). Their sums are added as integers, so
that neither the size of the chunks nor the machine can change them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness_core.sdk.statistics.ordered import Ordered
from harness_core.sdk.statistics.robust import FloatArray

WRAP_FROM, WRAP_TO, WRAP_HEIGHT, WRAP_SLOPE = 1.5, 4.0, 1.540793, 0.8622731
MAD_TO_SD = 1.482602218505602
MEAN_DEVIATION_TO_SD = 1.2533141373155003
SMALLEST_EIGENVALUE = 1e-3
QUANTUM = 4096.0

Chunks = Callable[[], Iterator[FloatArray]]


@dataclass(frozen=True)
class Margin:
    """How a column is standardised: on its logarithm or as it is, its centre and its unit."""

    name: str
    logged: bool
    centre: float
    unit: float

    def scores(self, values: FloatArray) -> FloatArray:
        """Robust z-scores; what is missing, or has no logarithm, is put at the centre, where it can look odd to nobody."""
        if self.logged:
            values = np.log(np.where(values > 0, values, np.nan))
        scores = values - self.centre
        scores /= self.unit
        scores[~np.isfinite(scores)] = 0.0
        return scores


def margin(name: str, ordered: Ordered, logged: bool) -> Margin | None:
    """The margin of a column; None where its values are all equal.

    Where more than half of them are equal, so that the median absolute deviation is nought, the mean one takes its place.
    """
    work = ordered.logged() if logged else ordered
    middle = (work.n - 1) // 2
    centre = float(work.at(np.array([middle]))[0])
    deviations = np.abs(work.values - centre)
    if work.counts is None:
        unit = float(np.partition(deviations, middle)[middle]) * MAD_TO_SD
    else:
        order = np.argsort(deviations, kind="stable")
        unit = float(deviations[order][np.searchsorted(np.cumsum(work.counts[order]), middle, side="right")]) * MAD_TO_SD
    if unit == 0:
        unit = float(f"{np.sort(np.abs(work.whole - centre)).mean() * MEAN_DEVIATION_TO_SD:.9g}")
    return Margin(name, logged, centre, unit) if unit > 0 and np.isfinite(unit) else None


def wrap(scores: FloatArray) -> FloatArray:
    """The wrapping function with its published constants (b = 1.5, c = 4)."""
    wrapped = scores.copy()
    far = np.flatnonzero(np.abs(scores) >= WRAP_FROM)
    size = np.minimum(np.abs(scores[far]), WRAP_TO)
    wrapped[far] = np.sign(scores[far]) * WRAP_HEIGHT * np.tanh(WRAP_SLOPE * (WRAP_TO - size))
    return wrapped


@dataclass(frozen=True)
class JointModel:
    """The margins and the precision matrix; ``factor`` is its triangular root, so a squared distance is a sum of squares.

    Scores beyond ``limit`` count as that: with a limit, no single column can make a row odd by itself.
    """

    margins: Sequence[Margin]
    precision: FloatArray
    factor: FloatArray
    limit: float = float("inf")

    def scores(self, chunk: FloatArray) -> FloatArray:
        """``chunk`` holds columns by rows, as do the scores."""
        scores = np.stack([margin.scores(values) for margin, values in zip(self.margins, chunk, strict=True)])
        return np.clip(scores, -self.limit, self.limit, out=scores)

    def squared_distances(self, chunk: FloatArray) -> FloatArray:
        """One per row; ``chunk`` holds columns by rows."""
        turned = self.factor @ self.scores(chunk)
        turned *= turned
        return np.asarray(turned.sum(axis=0), dtype=np.float64)

    def blame(self, chunk: FloatArray) -> FloatArray:
        """By how much each squared distance falls when a column is left out, columns by rows: what that column adds, given all
        others."""
        pulled = self.precision @ self.scores(chunk)
        return np.asarray(pulled**2 / np.diag(self.precision)[:, None], dtype=np.float64)


def fit(margins: Sequence[Margin], chunks: Chunks) -> JointModel:
    """One pass over ``chunks`` (columns by rows, NaN where missing) for the correlations."""
    totals = np.zeros((len(margins), len(margins)), dtype=object)
    for chunk in chunks():
        wrapped = np.stack([wrap(margin.scores(values)) for margin, values in zip(margins, chunk, strict=True)])
        wrapped *= QUANTUM
        np.rint(wrapped, out=wrapped)
        totals = totals + (wrapped @ wrapped.T).astype(np.int64)  # whole numbers below 2**53: exact in any order
    return _model(margins, totals.astype(np.float64))


def _model(margins: Sequence[Margin], products: FloatArray) -> JointModel:
    sizes = np.sqrt(np.maximum(np.diag(products), 1.0))
    correlation = products / np.outer(sizes, sizes)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    precision = (vectors / np.maximum(values, SMALLEST_EIGENVALUE)) @ vectors.T
    factor = np.linalg.cholesky((precision + precision.T) / 2).T
    rounded = np.array([[float(f"{value:.9g}") for value in row] for row in factor])
    return JointModel(margins, rounded.T @ rounded, rounded)


def cutoff(distances: FloatArray, columns: int, level: float = 0.01) -> float:
    """The squared distance that a row of ``n`` normal ones passes with chance ``level`` over all of them.

    The chi-squared quantile at 1 - level / n, times the ratio of the observed median to its expectation.
    """
    middle = float(np.partition(distances, (len(distances) - 1) // 2)[(len(distances) - 1) // 2])
    return float(special.chdtri(columns, level / len(distances))) * middle / float(special.chdtri(columns, 0.5))


def joint_distances(matrix: FloatArray) -> FloatArray:
    """The squared joint distances of the rows of a matrix in memory; columns without spread are left out."""
    found = [(j, margin(str(j), Ordered(np.sort(column[np.isfinite(column)])), False)) for j, column in enumerate(matrix.T)]
    kept = [(j, item) for j, item in found if item is not None]
    chosen = matrix.T[[j for j, _ in kept]]
    return fit([item for _, item in kept], lambda: iter([chosen])).squared_distances(chosen)
