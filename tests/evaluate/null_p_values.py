"""The p-values of all tests that a run made, by plugin, and whether they are smaller than chance allows where nothing is to be found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Where a plugin lists its tests, told or not: key of the list in its metrics, key of the p-value. Of tests that are not listed the
# told ones are known, and the rest count as 1, so that only the small p-values are judged, which are those that matter.
LISTED: Mapping[str, Sequence[tuple[str, str]]] = {
    "analysis_conformal_anomaly": [("searched", "gap_p_value")],
    "analysis_dependence": [("pairs", "p_value")],
    "analysis_group_differences": [("pairs", "p_value")],
    "analysis_missingness": [("mcar", "p_value")],
    "analysis_outliers": [("columns", "p_value"), ("joint", "p_value")],
    "analysis_period_effect": [("quantities", "p_value")],
    "analysis_scan_statistics": [("scans", "p_value")],
    "analysis_trend_seasonality": [("cycles", "p_value"), ("trends", "p_value")],
}
# What noise has: columns drawn at random may have two humps or few large values.
SHAPES = frozenset({"analysis_distribution", "analysis_concentration"})


def p_values(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float]]:
    """One p-value per test by plugin; a test that is not listed and gave no finding counts as 1."""
    found = {}
    for plugin, answer in answers.items():
        tests = answer["metrics"].get("tests")
        if isinstance(tests, int) and tests and plugin not in SHAPES:
            known = list(_known(plugin, answer))
            found[plugin] = known + [1.0] * (tests - len(known))
    return found


def _known(plugin: str, answer: Mapping[str, Any]) -> Iterator[float]:
    metrics = answer["metrics"]
    listed = [(metrics.get(name), key) for name, key in LISTED.get(plugin, ())]
    if plugin == "analysis_drift":
        listed = [(comparison["columns"], "p_value") for comparison in metrics["comparisons"]]
    known = [
        float(entry[key])
        for entries, key in listed
        for entry in ([entries] if isinstance(entries, Mapping) else entries or ())
        if entry[key] is not None
    ]
    yield from known
    told: dict[Any, float] = {}
    for finding in answer["findings"]:
        question = (finding["kind"], *finding["columns"])
        told[question] = min(told.get(question, 1.0), float(finding["statistics"].get("p_value", 1.0)))
    seen = {f"{value:.3g}" for value in known}
    yield from (value for value in told.values() if f"{value:.3g}" not in seen)


@dataclass(frozen=True)
class Uniformity:
    """How far the share of p-values up to t exceeds t at most, and the chances of as much, and of as small a smallest p-value, where
    they are uniform and independent."""

    tests: int
    excess: float
    chance: float
    smallest: float
    chance_of_smallest: float
    shares: Mapping[float, float]


def uniformity(values: Sequence[float], levels: Sequence[float] = (0.001, 0.01, 0.05, 0.2, 0.5)) -> Uniformity:
    """Kolmogorov and Smirnov's one-sided test against uniform p-values: those that are larger than uniform are no fault.

    It sees little of the far tail, where a single p-value makes a false alarm; the smallest one is judged by itself.
    """
    from scipy import stats

    ascending = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ascending)
    excess = max(0.0, float((np.arange(1, n + 1) / n - ascending).max()))
    shares = {level: float((ascending <= level).mean()) for level in levels}
    smallest = float(ascending[0])
    of_smallest = -float(np.expm1(n * np.log1p(-min(smallest, 1 - 1e-16))))
    return Uniformity(n, excess, float(stats.ksone.sf(excess, n)), smallest, of_smallest, shares)
