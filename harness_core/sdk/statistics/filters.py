"""Series with memory made from shocks; loaded in no time, which cannot be said of SciPy's signal processing."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Value = TypeVar("Value", float, Floats)


def autoregression(shocks: Floats, weights: Sequence[float] | Floats) -> Floats:
    """``x[t] = shocks[t] + weights[0] x[t-1] + weights[1] x[t-2] …`` along the last axis, from rest (transposed direct form)."""
    if shocks.ndim == 1:
        return np.array(_steps(shocks.tolist(), [float(weight) for weight in weights], 0.0), dtype=np.float64)
    columns = np.ascontiguousarray(np.moveaxis(shocks, -1, 0))
    series = np.array(_steps(list(columns), [float(weight) for weight in weights], np.zeros(columns.shape[1:])))
    return np.ascontiguousarray(np.moveaxis(series, 0, -1))


def _steps(shocks: list[Value], weights: list[float], rest: Value) -> list[Value]:
    waiting = [rest] * (len(weights) + 1)
    found = []
    for shock in shocks:
        value = waiting[0] + shock
        found.append(value)
        waiting = [later + weight * value for later, weight in zip(waiting[1:], weights, strict=True)] + [rest]
    return found
