"""A finding as the ranking sees it: how severe, how strong, how much of the table, how surprising, all between 0 and 1."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SEVERITY_WEIGHT: Mapping[str, float] = {"info": 0.15, "notice": 0.4, "warning": 0.75, "critical": 1.0}

# How little a person who knows the table would have expected it. What the design of a table explains (keys, constants) is small.
SURPRISE: Mapping[str, float] = {
    "identity": 0.9, "known_issue": 0.9, "changepoint": 0.9, "duplicate_rows": 0.8, "sentinel": 0.8, "interaction": 0.8,
    "scan_cluster": 0.8, "period_effect": 0.8, "group_difference": 0.7, "dependence": 0.7, "drift": 0.7, "outlier": 0.7,
    "anomaly": 0.6, "mixed_type": 0.6, "format_violation": 0.6, "bottleneck": 0.7, "rework": 0.6, "queueing": 0.6,
    "waiting_time": 0.6, "concurrency": 0.6, "burst": 0.6, "gap": 0.6, "trend": 0.6, "benford": 0.5, "digit_preference": 0.5,
    "control_signal": 0.5, "process_variant": 0.8, "missingness": 0.5, "functional_dependency": 0.5, "pii": 0.5,
    "association_rule": 0.4, "duplicate_columns": 0.5, "seasonality": 0.4, "concentration": 0.4, "multimodality": 0.4,
    "heavy_tail": 0.3, "distribution_shape": 0.2, "key": 0.2, "constant": 0.2,
}  # fmt: skip
SURPRISE_OF_OTHERS = 0.5

RELATIONS = frozenset({
    "dependence", "group_difference", "interaction", "association_rule", "trend", "seasonality", "changepoint", "scan_cluster",
    "drift", "period_effect",
})  # fmt: skip
FACTS = frozenset({
    "constant", "key", "duplicate_rows", "duplicate_columns", "identity", "functional_dependency", "missingness", "mixed_type",
    "format_violation", "sentinel", "pii",
})  # fmt: skip

SHAPES = frozenset({"distribution_shape", "heavy_tail", "multimodality", "digit_preference", "benford", "concentration"})

# Words in an effect's name that tell its scale. What is on no known scale counts as middling, never as strong.
IN_STANDARD_DEVIATIONS = ("cohen", "hedges", "glass", "standardi", "sigma", "_sd", "sd_", "robust_z", "z_score")
AS_RATIO = ("ratio", "fold", "times", "factor", "odds", "lift", "_over_")
LARGE_SHIFT_SD = 0.8  # Cohen's "large"
MIDDLING = 0.4

COUNT_KEYS = ("affected_rows", "violations", "broken", "repeats", "others", "rows", "count", "missing")

NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


@dataclass(frozen=True)
class Claim:
    """One finding with its q-value (None for a deterministic fact)."""

    raw: Mapping[str, Any]
    q_value: float | None
    row_count: int | None

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def kind(self) -> str:
        return str(self.raw["kind"])

    @property
    def severity(self) -> str:
        return str(self.raw.get("severity") or "info")

    @cached_property
    def columns(self) -> frozenset[str]:
        return frozenset(str(name) for name in self.raw.get("columns") or ())

    @property
    def statistics(self) -> Mapping[str, Any]:
        found = self.raw.get("statistics")
        return found if isinstance(found, Mapping) else {}

    @cached_property
    def strength(self) -> float:
        """0..1. The effect of a fact is a share of rows, which counts as coverage and not a second time as strength."""
        return MIDDLING if self.kind in FACTS else effect_strength(self.statistics.get("effect"))

    @cached_property
    def coverage(self) -> float | None:
        """The share of the table's rows that the claim touches, where the finding says so."""
        for key in ("share", "share_of_rows", "affected_share"):
            share = _number(self.statistics.get(key))
            if share is not None and 0 <= share <= 1:
                return share
        total = _number(self.statistics.get("n")) or self.row_count
        for key in COUNT_KEYS:
            count = _number(self.statistics.get(key))
            if count is not None and total and 0 <= count <= total:
                return count / total
        return None

    @cached_property
    def rows(self) -> frozenset[int]:
        return frozenset(
            int(reference.rpartition("=")[2])
            for item in self.raw.get("evidence") or ()
            if item.get("type") == "rows"
            for reference in item.get("refs") or ()
        )

    @cached_property
    def numbers(self) -> frozenset[float]:
        """Every number that stands anywhere in the statistics, apart from probabilities and sizes, and those of the subject."""
        plain = {key: value for key, value in self.statistics.items() if key not in ("p_value", "q_value", "n", "effect")}
        named = [float(text) for text in NUMBER.findall(str(self.raw.get("subject") or ""))]
        return frozenset(_numbers([plain, named]))

    @cached_property
    def score(self) -> float:
        """0..1, to six digits: how much a person would miss without it. See the README for the weights."""
        surprise = SURPRISE.get(self.kind, SURPRISE_OF_OTHERS)
        coverage = 0.3 if self.coverage is None else self.coverage
        weighed = 0.6 * SEVERITY_WEIGHT[self.severity] + 0.2 * self.strength + 0.15 * surprise + 0.05 * coverage
        confidence = _number(self.raw.get("confidence"))
        sureness = 0.9 if confidence is None else 0.6 + 0.4 * confidence
        return round(weighed * sureness * (0.9 if self.raw.get("measure") == "MODELED" else 1.0), 6)


def effect_strength(effect: Any) -> float:
    """An effect on a scale from 0 to 1, whatever its own scale was; ``MIDDLING`` where the scale is not known."""
    if not isinstance(effect, Mapping) or (value := _number(effect.get("value"))) is None:
        return MIDDLING
    name, size = re.sub(r"[^a-z]+", "_", str(effect.get("name", "")).lower()), abs(value)
    if any(word in name for word in IN_STANDARD_DEVIATIONS):
        return size / (size + LARGE_SHIFT_SD)
    if any(word in name for word in AS_RATIO) and value > 0:
        doublings = abs(math.log2(value))
        return doublings / (doublings + 1)
    return size if size <= 1 else MIDDLING


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif (number := _number(value)) is not None:
        yield number


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
