"""Tables of noise with one effect of one kind and size in them, for studies of what is found and from which size on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

ROWS = 800
Columns = dict[str, Any]


@dataclass(frozen=True)
class Effect:
    """How an effect is put into the columns, the five sizes that are tried, and what a finding must be to count as its discovery:
    one of ``kinds`` that names all of ``columns``."""

    plant: Callable[[np.random.Generator, Columns, float], None]
    sizes: tuple[float, ...]
    unit: str
    kinds: frozenset[str]
    columns: frozenset[str]

    def is_told_by(self, finding: Mapping[str, Any]) -> bool:
        return finding["kind"] in self.kinds and self.columns <= set(finding["columns"])


def planted_table(name: str, size: float, seed: int) -> pa.Table:
    """800 rows, one a day, four measures and three categories that depend on nothing but the effect."""
    rng = np.random.default_rng([77, seed])
    columns: Columns = {
        "day": np.datetime64("2022-01-01") + np.arange(ROWS),
        "weight": rng.normal(100, 15, ROWS),
        "length": rng.normal(20, 4, ROWS),
        "price": np.round(rng.lognormal(3, 0.6, ROWS), 2),
        "score": rng.integers(0, 100, ROWS),
        "region": np.array(["North", "South", "East", "West"])[rng.integers(0, 4, ROWS)],
        "channel": np.array(["Web", "Phone", "Partner"])[rng.integers(0, 3, ROWS)],
        "open": rng.random(ROWS) < 0.3,
    }
    EFFECTS[name].plant(rng, columns, size)
    return pa.table(columns)


def _correlated(rng: np.random.Generator, columns: Columns, size: float) -> None:
    z = (columns["weight"] - 100) / 15
    columns["length"] = 20 + 4 * (size * z + np.sqrt(1 - size**2) * rng.normal(size=ROWS))


def _copied(rng: np.random.Generator, columns: Columns, size: float) -> None:
    pairs = {"North": "Web", "South": "Phone", "East": "Partner", "West": "Web"}
    copied = np.array([pairs[name] for name in columns["region"]])
    columns["channel"] = np.where(rng.random(ROWS) < size, copied, columns["channel"])


def _group(rng: np.random.Generator, columns: Columns, size: float) -> None:
    columns["weight"] = columns["weight"] + 15 * size * (columns["region"] == "West")


def _slice(rng: np.random.Generator, columns: Columns, size: float) -> None:
    inside = (columns["region"] == "West") & (columns["channel"] == "Phone")
    columns["weight"] = columns["weight"] + 15 * size * inside


def _step(rng: np.random.Generator, columns: Columns, size: float) -> None:
    columns["weight"] = columns["weight"] + 15 * size * (np.arange(ROWS) >= 500)


def _trend(rng: np.random.Generator, columns: Columns, size: float) -> None:
    columns["weight"] = columns["weight"] + 15 * size * np.arange(ROWS) / ROWS


def _week(rng: np.random.Generator, columns: Columns, size: float) -> None:
    columns["weight"] = columns["weight"] + 15 * size * (np.arange(ROWS) % 7 >= 5)


def _gaps(rng: np.random.Generator, columns: Columns, size: float) -> None:
    gone = rng.random(ROWS) < np.where(columns["region"] == "West", size, 0.02)
    columns["price"] = pa.array(columns["price"], mask=gone)


def _outliers(rng: np.random.Generator, columns: Columns, size: float) -> None:
    columns["weight"][rng.choice(ROWS, 3, replace=False)] += 15 * size


def _repeats(rng: np.random.Generator, columns: Columns, size: float) -> None:
    taken = rng.integers(0, ROWS - 2, int(size))
    for name, values in columns.items():
        values[taken + 1] = values[taken]
        columns[name] = values


def _kinds(*names: str) -> frozenset[str]:
    return frozenset(names)


SHIFTS, STANDARD = (0.2, 0.35, 0.5, 0.8, 1.2), "standard deviations"
CHANGES = _kinds("changepoint", "trend", "drift", "control_signal")
EFFECTS: Mapping[str, Effect] = {
    "two measures correlate": Effect(
        _correlated, (0.1, 0.2, 0.3, 0.4, 0.6), "correlation", _kinds("dependence"), frozenset({"weight", "length"})
    ),
    "a category decides another": Effect(
        _copied, (0.1, 0.2, 0.3, 0.4, 0.6), "share of rows", _kinds("dependence", "association_rule"), frozenset({"region", "channel"})
    ),
    "a group is higher": Effect(_group, SHIFTS, STANDARD, _kinds("group_difference", "dependence"), frozenset({"weight", "region"})),
    "a slice of two columns is higher": Effect(
        _slice, (0.5, 0.8, 1.2, 2.0, 3.0), STANDARD, _kinds("interaction", "group_difference"), frozenset({"weight", "region", "channel"})
    ),
    "the level changes": Effect(_step, SHIFTS, STANDARD, CHANGES, frozenset({"weight"})),
    "the level rises slowly": Effect(_trend, (0.3, 0.5, 0.8, 1.2, 2.0), STANDARD, CHANGES, frozenset({"weight"})),
    "weekends are higher": Effect(_week, SHIFTS, STANDARD, _kinds("seasonality", "period_effect"), frozenset({"weight"})),
    "a group lacks values": Effect(
        _gaps, (0.08, 0.12, 0.2, 0.3, 0.5), "share of its rows", _kinds("missingness"), frozenset({"price", "region"})
    ),
    "three values are too high": Effect(
        _outliers, (4.0, 5.0, 6.0, 8.0, 12.0), STANDARD, _kinds("outlier", "control_signal", "anomaly"), frozenset({"weight"})
    ),
    "rows stand there twice": Effect(_repeats, (1, 2, 4, 8, 16), "rows", _kinds("duplicate_rows"), frozenset()),
}  # fmt: skip
