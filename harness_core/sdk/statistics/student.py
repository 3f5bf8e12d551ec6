"""Tails of unknown weight: Student's law with its degrees of freedom and its scale integrated out.

A few dozen values cannot show that their law is normal. Here it is that with the chance one half, else Student's with any number of
degrees of freedom from one on, flat in its inverse, and the values say how likely each law is (A. O'Hagan, J. Forster, Kendall's
Advanced Theory of Statistics 2B (2004), chapter 3, for the predictive law). Values on trial count only as "larger than the rest",
so that they cannot shape the law that judges them. Not to be used for two sides of the median together where they differ in shape.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from harness_core.sdk.statistics.robust import FloatArray, quantile_grid

NORMAL_CHANCE = 0.5
INVERSE_DEGREES = np.concatenate(([1e-3], np.linspace(0.025, 1.0, 40)))
LOG_SCALES = np.linspace(-1.2, 1.2, 33)
POINTS = 200
ONE_SD = 0.6827
LEAST = 1e-300
NEGLIGIBLE = 1e-12
INTERPOLATED = 200


@dataclass(frozen=True)
class StudentTail:
    """The laws that are left, each with its weight, its degrees of freedom and its scale; distances are from the centre."""

    weights: FloatArray
    degrees: FloatArray
    scales: FloatArray

    def beyond(self, distances: FloatArray) -> FloatArray:
        """The predictive chance that one value lies at least so far away, on either side of the centre.

        Of more than 200 distances those between are interpolated, in logarithms of both.
        """
        asked = np.asarray(distances, dtype=np.float64)
        if len(asked) <= INTERPOLATED or not asked.max() > 0:
            return self._beyond(asked)
        known = np.geomspace(max(asked.max() * 1e-4, asked.min(), LEAST), asked.max(), INTERPOLATED)
        chances = np.log(np.maximum(self._beyond(known), LEAST))
        return np.asarray(np.exp(np.interp(np.log(np.maximum(asked, LEAST)), np.log(known), chances)), dtype=np.float64)

    def _beyond(self, distances: FloatArray) -> FloatArray:
        return np.asarray(self.weights @ self._each(distances), dtype=np.float64)

    def _each(self, distances: FloatArray) -> FloatArray:
        """The chance under each law, laws by distances."""
        return np.asarray(2 * special.stdtr(self.degrees[:, None], -distances / self.scales[:, None]), dtype=np.float64)

    def at_least(self, count: int, total: int, distance: float) -> float:
        """The predictive chance that ``count`` or more of ``total`` values lie so far away on one side of the centre."""
        one = self._each(np.array([distance]))[:, 0] / 2
        return min(1.0, float(self.weights @ special.bdtrc(count - 1, total, one)))


def student_tail(distances: FloatArray, farther: int) -> StudentTail | None:
    """After ascending ``distances`` from the centre, and ``farther`` values on trial that are only known to lie beyond the last of
    them; None where most distances are nought."""
    unit = float(distances[int(ONE_SD * (len(distances) - 1))]) if len(distances) else 0.0
    if unit <= 0:
        return None
    points = quantile_grid(distances / unit, POINTS)
    degrees, scales = 1 / INVERSE_DEGREES[:, None], np.exp(LOG_SCALES)[None, :]
    level = special.gammaln((degrees + 1) / 2) - special.gammaln(degrees / 2) - 0.5 * np.log(degrees) - np.log(scales)
    spread = np.log1p((points / scales[..., None]) ** 2 / degrees[..., None]).sum(axis=-1)
    likelihood = len(distances) / len(points) * (len(points) * level - (degrees + 1) / 2 * spread)
    last = 2 * special.stdtr(degrees, -float(distances[-1]) / unit / scales)
    likelihood = likelihood + farther * np.log(np.maximum(last, LEAST))
    prior = np.full((len(INVERSE_DEGREES), 1), (1 - NORMAL_CHANCE) / (len(INVERSE_DEGREES) - 1))
    prior[0] = NORMAL_CHANCE
    weights = prior * np.exp(likelihood - likelihood.max())
    weights /= weights.sum()
    law, scale = np.nonzero(weights > NEGLIGIBLE)
    return StudentTail(weights[law, scale], degrees[law, 0], unit * scales[0, scale])
