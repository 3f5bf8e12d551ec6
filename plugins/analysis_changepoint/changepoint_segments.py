"""Optimal partitions of a series into segments with a level, or a line, of their own, and which of them the noise allows.

The partitions are exact for every number of changes (I. E. Auger and C. E. Lawrence, Bull. Math. Biol. 51 (1989) 39-54). Which one
is right is decided by a penalised likelihood in which the noise may have memory (X. Shi, C. Gallagher, R. Lund and R. Killick,
Comput. Stat. Data Anal. 170 (2022) 107433): without it, every slow swing would be a change.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Model = Literal["level", "line"]

LEAST_SEGMENT: dict[Model, int] = {"level": 3, "line": 6}
PARAMETERS: dict[Model, int] = {"level": 1, "line": 2}
VALUES_PER_CHANGE = 10
AR_ORDER = 3
SPIKE = 5.0
MOST_SPIKES = 0.1
FEW_SPIKES = 2
MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Partition:
    """Where the segments after the first begin, what they leave over, and the memory of that: ``weights`` of an autoregression and
    the standard deviation ``sigma`` of its innovations. ``likelihood`` is minus twice the logarithm, up to a constant."""

    model: Model
    starts: tuple[int, ...]
    criterion: float
    likelihood: float
    residuals: Floats
    weights: Floats
    sigma: float


def without_spikes(values: Floats) -> Floats:
    """Single and double values far from their neighbours replaced by the median of five: they are outliers, no change of level.

    Where they are more than a few, as the rare ones among many zeros, the series is made of them, and they stay.
    """
    if len(values) < 7:
        return values
    padded = np.pad(values, 2, mode="reflect")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    distance = np.abs(values - middle)
    scale = max(float(np.median(distance)), 0.5 * float(np.mean(distance)))
    spikes = distance > SPIKE * MAD_TO_SD * scale
    few = spikes.sum() <= max(FEW_SPIKES, MOST_SPIKES * len(values))
    return np.where(spikes, middle, values) if few else values


@dataclass
class Sums:
    """Cumulated sums of a weighted series, from which the fit of any segment follows at once."""

    values: Floats
    weights: Floats
    place: Floats = field(init=False)
    totals: dict[str, Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.place = np.linspace(-1.0, 1.0, len(self.values))
        x, y, one = self.place, self.values, np.ones(len(self.values))
        terms = {"w": one, "x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
        self.totals = {name: np.concatenate([[0.0], np.cumsum(self.weights * term)]) for name, term in terms.items()}

    def costs(self, model: Model) -> Floats:
        """``cost[i, j]``: the sum of squares around one level, or line, over i..j-1; infinite where that is too short."""
        between = {name: total[None, :] - total[:, None] for name, total in self.totals.items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            cost = between["yy"] - between["y"] ** 2 / between["w"]
            if model == "line":
                spread = between["xx"] - between["x"] ** 2 / between["w"]
                joint = between["xy"] - between["x"] * between["y"] / between["w"]
                cost -= np.where(spread > 0, joint**2 / spread, 0.0)
        size = np.arange(len(self.values) + 1)
        return np.where(size[None, :] - size[:, None] >= LEAST_SEGMENT[model], np.maximum(cost, 0.0), np.inf)

    def residuals(self, starts: Sequence[int], model: Model) -> Floats:
        """What the segments' levels or lines leave over, on the scale of a value of mean weight."""
        edges = np.array([0, *starts, len(self.values)])
        part = {name: np.diff(total[edges]) for name, total in self.totals.items()}
        level, sizes = part["y"] / part["w"], np.diff(edges)
        fitted = np.repeat(level, sizes)
        if model == "line":
            centre = part["x"] / part["w"]
            spread, joint = part["xx"] - part["x"] * centre, part["xy"] - part["y"] * centre
            slope = np.divide(joint, spread, out=np.zeros_like(joint), where=spread > 0)
            fitted += np.repeat(slope, sizes) * (self.place - np.repeat(centre, sizes))
        return np.asarray((self.values - fitted) * np.sqrt(self.weights / self.weights.mean()))


def optimal_starts(cost: Floats, most: int) -> list[tuple[int, ...]]:
    """For 0, 1, … ``most`` changes the starts of the segments after the first in the partition of least cost."""
    n = len(cost) - 1
    best = cost[0].copy()
    origins: list[NDArray[np.int64]] = []
    found: list[tuple[int, ...]] = [()]
    for _ in range(most):
        total = best[:, None] + cost
        origin = total.argmin(axis=0)
        best = total[origin, np.arange(n + 1)]
        origins.append(origin)
        if not np.isfinite(best[n]):
            break
        end, starts = n, []
        for came_from in reversed(origins):
            end = int(came_from[end])
            starts.append(end)
        found.append(tuple(reversed(starts)))
    return found


def judge(sums: Sums, candidates: Sequence[tuple[int, ...]], model: Model, penalty: float) -> list[Partition]:
    """Each partition with its criterion: n log of the innovations' variance, plus log n per parameter and ``penalty`` log n per
    change. The order of the autoregression, up to three, is chosen by the same criterion."""
    n, log_n = len(sums.values), float(np.log(len(sums.values)))
    floor = 1e-12 * float(np.var(sums.values)) + 1e-300
    judged = []
    for starts in candidates:
        residuals = sums.residuals(starts, model)
        best: Partition | None = None
        for weights, rest in _memories(residuals, min(AR_ORDER, n // 10)):
            parameters = (len(starts) + 1) * PARAMETERS[model] + len(weights)
            if n - parameters < 3:
                continue
            variance = max(rest / (n - parameters), floor)
            likelihood = n * float(np.log(variance))
            criterion = likelihood + (parameters + penalty * len(starts)) * log_n
            if best is None or criterion < best.criterion:
                best = Partition(model, starts, criterion, likelihood, residuals, weights, float(np.sqrt(variance)))
        if best is not None:
            judged.append(best)
    return judged


def _memories(residuals: Floats, most: int) -> list[tuple[Floats, float]]:
    """(weights, sum of squared innovations) of the autoregressions of order 0, 1, … by least squares, as long as the residuals
    have positive memory: a negative one is what too many segments leave over."""
    n = len(residuals)
    found = [(np.zeros(0), float(residuals @ residuals))]
    lagged = [np.concatenate([np.zeros(lag), residuals[: n - lag]]) for lag in range(1, most + 1)]
    for order in range(1, most + 1):
        past = np.stack(lagged[:order])
        products, joint = past @ past.T, past @ residuals
        weights = np.linalg.solve(products + (1e-12 * np.trace(products) + 1e-300) * np.eye(order), joint)
        if weights.sum() > 0:
            found.append((weights, max(0.0, float(found[0][1] - weights @ joint))))
    return found


def best_partition(sums: Sums, models: Sequence[Model], penalty: float, *, most: int = 25, at_least: int = 0) -> Partition | None:
    """The partition of least criterion over all models and numbers of changes from ``at_least`` to ``most``."""
    found: list[Partition] = []
    for model in models:
        limit = min(most, len(sums.values) // VALUES_PER_CHANGE, len(sums.values) // LEAST_SEGMENT[model] - 1)
        if limit >= at_least:
            found += judge(sums, optimal_starts(sums.costs(model), limit)[at_least:], model, penalty)
    return min(found, key=lambda item: (item.criterion, len(item.starts)), default=None)


def best_without_change(sums: Sums, models: Sequence[Model], penalty: float) -> Partition:
    """The one level or line that describes the series best, with its memory."""
    return min((judge(sums, [()], model, penalty)[0] for model in models), key=lambda item: item.criterion)


def without(partition: Partition, which: int) -> tuple[int, ...]:
    return partition.starts[:which] + partition.starts[which + 1 :]


def gains(sums: Sums, partition: Partition, penalty: float) -> list[float]:
    """For each change how much the likelihood gains by it, with the memory of the noise fitted anew without it."""
    rivals = judge(sums, [without(partition, which) for which in range(len(partition.starts))], partition.model, penalty)
    return [max(0.0, rival.likelihood - partition.likelihood) for rival in rivals]


def innovations(residuals: Floats, weights: Floats) -> Floats:
    """What of the residuals the autoregression with these weights does not foresee."""
    rest = residuals.copy()
    for lag, weight in enumerate(weights, 1):
        rest[lag:] -= weight * residuals[:-lag]
    return np.asarray(rest, dtype=np.float64)
