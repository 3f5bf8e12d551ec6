"""Optimal partitions of a series into segments with a level, or a line, of their own, and which of them the noise allows.

The partitions are exact for every number of changes (I. E. Auger and C. E. Lawrence, Bull. Math. Biol. 51 (1989) 39-54); which one
is right is decided by a penalised likelihood in which the noise may be autocorrelated (X. Shi, C. Gallagher, R. Lund and R.
Killick, Comput. Stat. Data Anal. 170 (2022) 107433), with the penalty per change of N. R. Zhang and D. O. Siegmund, Biometrics 63
(2007) 22-32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Model = Literal["level", "line"]

LEAST_SEGMENT: dict[Model, int] = {"level": 3, "line": 6}
PARAMETERS: dict[Model, int] = {"level": 1, "line": 2}
SPIKE = 5.0
MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Partition:
    """Where the segments after the first begin; what is left of the series around them, and how it is autocorrelated."""

    model: Model
    starts: tuple[int, ...]
    criterion: float
    fitted: Floats
    phi: float
    sigma: float
    ar: Floats = None


def without_spikes(values: Floats) -> Floats:
    """Single and double values far from their neighbours replaced by the median of five: they are outliers, no change of level."""
    if len(values) < 7:
        return values
    padded = np.pad(values, 2, mode="reflect")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    distance = np.abs(values - middle)
    scale = max(float(np.median(distance)), 0.5 * float(np.mean(distance)))
    return np.where(distance > SPIKE * MAD_TO_SD * scale, middle, values)


def costs(values: Floats, weights: Floats, model: Model) -> Floats:
    """``cost[i, j]``: the weighted sum of squares around one level, or line, over i..j-1; infinite where that is too short."""
    n = len(values)
    place = np.linspace(-1.0, 1.0, n)
    sums = [_cumulated(weights * term) for term in (np.ones(n), values, values**2)]
    w, y, yy = (_between(total) for total in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = yy - y**2 / w
        if model == "line":
            x, xx, xy = (_between(_cumulated(weights * term)) for term in (place, place**2, place * values))
            sxx, sxy = xx - x**2 / w, xy - x * y / w
            cost = cost - np.where(sxx > 0, sxy**2 / sxx, 0.0)
    least = LEAST_SEGMENT[model]
    rows, columns = np.indices((n + 1, n + 1), sparse=True)
    return np.where(columns - rows >= least, np.maximum(cost, 0.0), np.inf)


def _cumulated(terms: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(terms)])


def _between(total: Floats) -> Floats:
    return total[None, :] - total[:, None]


def optimal_starts(cost: Floats, most: int) -> list[tuple[int, ...]]:
    """For 0, 1, … ``most`` changes the starts of the segments after the first in the partition of least cost."""
    n = len(cost) - 1
    best = cost[0].copy()
    came_from: list[NDArray[np.int64]] = []
    found: list[tuple[int, ...]] = [()]
    for _ in range(most):
        total = best[:, None] + cost
        origin = total.argmin(axis=0)
        best = total[origin, np.arange(n + 1)]
        came_from.append(origin)
        if not np.isfinite(best[n]):
            break
        end, starts = n, []
        for origins in reversed(came_from):
            end = int(origins[end])
            starts.append(end)
        found.append(tuple(reversed(starts)))
    return found


def fit(values: Floats, weights: Floats, starts: Sequence[int], model: Model) -> Floats:
    """The segments' weighted levels or lines at every place."""
    edges = [0, *starts, len(values)]
    fitted = np.empty(len(values))
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        w, y = weights[low:high], values[low:high]
        total = w.sum()
        level = (w * y).sum() / total
        if model == "level":
            fitted[low:high] = level
        else:
            place = np.arange(high - low) - (w * np.arange(high - low)).sum() / total
            spread = (w * place**2).sum()
            fitted[low:high] = level + (place * (w * place * y).sum() / spread if spread > 0 else 0.0)
    return fitted


def memory(residuals: Floats, order: int) -> tuple[Floats, Floats]:
    """(autoregressive weights by least squares, innovations); no weights where the residuals have no positive memory."""
    n = len(residuals)
    lagged = np.stack([np.concatenate([np.zeros(lag), residuals[: n - lag]]) for lag in range(1, order + 1)])
    products = lagged @ lagged.T
    try:
        weights = np.linalg.solve(products + 1e-12 * np.trace(products) * np.eye(order), lagged @ residuals)
    except np.linalg.LinAlgError:
        return np.zeros(0), residuals
    if weights.sum() <= 0:
        return np.zeros(0), residuals
    return weights, residuals - weights @ lagged


def judge(values: Floats, weights: Floats, starts: Sequence[int], model: Model, penalty: float) -> Partition:
    """The partition with its criterion: n log of the innovations' variance, plus the penalty per change times log n."""
    n = len(values)
    fitted = fit(values, weights, starts, model)
    residuals = (values - fitted) * np.sqrt(weights / weights.mean())
    parameters = (len(starts) + 1) * PARAMETERS[model]
    floor = 1e-12 * float(np.var(values)) + 1e-300
    best = None
    for order in range(0, min(3, n // 10) + 1):
        found, innovations = memory(residuals, order) if order else (np.zeros(0), residuals)
        free = n - parameters - len(found)
        if free<3: continue
        variance = max(float(innovations @ innovations) / free, floor)
        charge = parameters + len(starts) * penalty + len(found)
        crit=n * float(np.log(variance)) + charge * float(np.log(n))
        if best is None or crit<best.criterion:
            best=Partition(model, tuple(starts), crit , fitted, float(found.sum()), float(np.sqrt(variance)),found)
    return best


def best_partition(values: Floats, weights: Floats, models: Sequence[Model], most: int, penalty: float) -> Partition:
    """The partition of least criterion over all models and numbers of changes."""
    found: list[Partition] = []
    for model in models:
        limit = min(most, len(values) // LEAST_SEGMENT[model] - 1)
        cost = costs(values, weights, model)
        found += [x for starts in optimal_starts(cost, limit) if (x:=judge(values, weights, starts, model, penalty))]
    return min(found, key=lambda item: (item.criterion, len(item.starts)))


def supremum_p(gain: float, length: int, dimension: int) -> float:
    """The chance that the largest of the likelihood-ratio statistics over all places of ``length`` values reaches ``gain``, when
    nothing changes (M. Csörgő and L. Horváth, Limit Theorems in Change-Point Analysis, 1997, eq. 1.3.26), for ``dimension``
    parameters that may change."""
    from scipy import special
    import math
    x = math.sqrt(max(gain, 0.0))
    if x * x <= dimension + 1:
        return 1.0
    trim = min(0.49, max(1.0, math.log(length)) ** 1.5 / length)
    spread = 2 * math.log((1 - trim) / trim)
    density = math.exp(dimension * math.log(x) - x * x / 2 - dimension / 2 * math.log(2) - float(special.gammaln(dimension / 2)))
    return min(1.0, density * ((1 - dimension / x**2) * spread + 4 / x**2))


def change_p(values, weights, partition, which):
    n=len(values)
    starts=partition.starts
    rest=[s for i,s in enumerate(starts) if i!=which]
    low=([0,*starts,n])[which]; high=([0,*starts,n])[which+2]
    f0=fit(values,weights,rest,partition.model)
    sw=np.sqrt(weights/weights.mean())
    full=(values-partition.fitted)*sw; without=(values-f0)*sw
    def innov(r):
        out=r.copy()
        for lag,a in enumerate(partition.ar,1): out[lag:]-=a*r[:-lag]
        return out
    e0,e1=innov(without)[low:high],innov(full)[low:high]
    s2=partition.sigma**2
    gain=float(e0@e0-e1@e1)/s2
    from scipy import special
    d=PARAMETERS[partition.model]
    free=max(4,n-d*(len(starts)+1)-len(partition.ar))
    p=float(special.fdtrc(d,free,max(gain,0)/d))
    gain=float(special.chdtri(d,p)) if p>1e-300 else gain
    return supremum_p(gain,n,d)*(len(starts)+1)

def tested(values,weights,partition,level,penalty):
    while partition.starts:
        ps=[change_p(values,weights,partition,k) for k in range(len(partition.starts))]
        worst=int(np.argmax(ps))
        if ps[worst]<=level: return partition,ps
        partition=judge(values,weights,[s for i,s in enumerate(partition.starts) if i!=worst],partition.model,penalty)
    return partition,[]
