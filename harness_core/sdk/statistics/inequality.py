"""How unevenly a total is spread over its holders: textbook indices of inequality and concentration.

Sources: C. Gini, "Variabilità e mutabilità" (1912); A. B. Atkinson, "On the measurement of inequality", J. Econ. Theory 2 (1970)
244-263; O. C. Herfindahl, "Concentration in the steel industry" (1950); M. Hall and N. Tideman, "Measures of concentration",
J. Am. Stat. Assoc. 62 (1967) 162-168 for Rosenbluth's index; C. Damgaard and J. Weiner, "Describing inequality in plant size or
fecundity", Ecology 81 (2000) 1139-1142 for the asymmetry of the Lorenz curve.

All functions take amounts in ascending order, none negative, with a sum above nought. None of them is corrected for small numbers.
"""

import numpy as np

from harness_core.sdk.statistics.effects import FloatArray


def gini(ascending: FloatArray) -> float:
    """Gini's coefficient: 0 where all hold the same, (n - 1) / n where one holds everything."""
    n = len(ascending)
    weights = np.arange(1, n + 1, dtype=np.float64)
    return float(2 * (weights @ (ascending / ascending.sum())) / n - (n + 1) / n)


def herfindahl(ascending: FloatArray) -> float:
    """The Herfindahl-Hirschman index on shares: 1/n where all hold the same, 1 where one holds everything."""
    shares = ascending / ascending.sum()
    return float(shares @ shares)


def rosenbluth(ascending: FloatArray) -> float:
    """Rosenbluth's index, which is 1 / (n (1 - Gini))."""
    return 1 / (len(ascending) * (1 - gini(ascending)))


def atkinson(ascending: FloatArray, aversion: float = 0.5) -> float:
    """Atkinson's index for an aversion below 1: the share of the total that equal holdings of the same worth could do without."""
    relative = ascending / ascending.mean()
    return float(1 - np.mean(relative ** (1 - aversion)) ** (1 / (1 - aversion)))


def lorenz_asymmetry(ascending: FloatArray) -> float:
    """Above 1 where a few large holders make the inequality, below 1 where many small ones do."""
    n, mean, total = len(ascending), float(ascending.mean()), float(ascending.sum())
    below = int(np.searchsorted(ascending, mean, side="left"))
    not_above = int(np.searchsorted(ascending, mean, side="right"))
    held = float(ascending[:below].sum())
    if not_above > below:  # holders of exactly the mean: the middle of the stretch where the curve has slope one
        return ((below + not_above) / 2) / n + (held + (not_above - below) * mean / 2) / total
    if below in (0, n):  # all hold the same, but for the last bit of their mean
        return 1.0
    step = (mean - float(ascending[below - 1])) / (float(ascending[below]) - float(ascending[below - 1]))
    return (below + step) / n + (held + step * float(ascending[below])) / total
