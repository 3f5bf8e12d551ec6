"""What is said of a process, as numbers: slower cases, repeated activities and steps that take most of the time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sequence_paths import Edges, Variants, occurrences, path_of

from harness_core.sdk.statistics.blocked import ratio_of_sums
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.events import MICROSECONDS, Floats, Integers, OrderedEvents
from harness_core.sdk.statistics.ranks import dominance, kruskal_wallis

LEAST_GROUP = 10
MOST_BOTTLENECKS = 2


@dataclass(frozen=True)
class Slowness:
    """How cases of one sort last beside the others: medians in seconds, Cliff's delta, and the p-value by ranks."""

    cases: int
    others: int
    median_s: float
    others_median_s: float
    effect: Effect
    p_value: float


def slowness(durations: Integers, chosen: NDArray[np.bool_]) -> Slowness | None:
    """None where either sort has fewer than ten cases. Cases count as independent of one another."""
    inside, outside = durations[chosen], durations[~chosen]
    if min(len(inside), len(outside)) < LEAST_GROUP:
        return None
    values, places = np.unique(durations, return_inverse=True)
    first = np.bincount(places[chosen], minlength=len(values))
    second = np.bincount(places[~chosen], minlength=len(values))
    p_value = kruskal_wallis(np.stack([first, second]))[0]
    return Slowness(len(inside), len(outside), _median_s(inside), _median_s(outside), dominance(first, second), p_value)


def _median_s(durations: Integers) -> float:
    return float(np.median(durations)) / MICROSECONDS


@dataclass(frozen=True)
class Departure:
    """A way in which cases leave the usual path: an activity of it that they skip, or one that they add."""

    activity: str
    skipped: bool
    cases: int
    slower: Slowness | None


def departures(log: OrderedEvents, found: Variants, durations: Integers) -> list[Departure]:
    """All skipped and added activities, the most frequent first."""
    usual = set(path_of(log, int(found.example[0])))
    case, activity, _ = occurrences(log)
    ways = []
    for code, name in enumerate(log.names):
        has = np.zeros(log.cases, dtype=bool)
        has[case[activity == code]] = True
        chosen = ~has if name in usual else has
        if chosen.any():
            ways.append(Departure(name, name in usual, int(chosen.sum()), slowness(durations, chosen)))
    return sorted(ways, key=lambda way: (-way.cases, way.activity))


@dataclass(frozen=True)
class Rework:
    """Activities that are done again within a case: ``repeated`` lists (activity, extra times, cases), most extra times first."""

    cases: int
    extra: int
    repeated: Sequence[tuple[str, int, int]]
    slower: Slowness | None


def rework(log: OrderedEvents, durations: Integers) -> Rework:
    case, activity, times = occurrences(log)
    again = times > 1
    extra = np.bincount(activity[again], weights=(times - 1)[again], minlength=len(log.names)).astype(np.int64)
    cases = np.bincount(activity[again], minlength=len(log.names))
    chosen = np.zeros(log.cases, dtype=bool)
    chosen[case[again]] = True
    ranked = sorted(np.flatnonzero(extra).tolist(), key=lambda code: (-int(extra[code]), log.names[code]))
    repeated = [(log.names[code], int(extra[code]), int(cases[code])) for code in ranked]
    return Rework(int(chosen.sum()), int(extra.sum()), repeated, slowness(durations, chosen))


@dataclass(frozen=True)
class Bottleneck:
    """A step and its share of all the time that cases last, with a 95 % interval over cases; ``rest_median_s`` is the median of all
    other steps, ``step_share`` the step's share of the number of steps."""

    source: str
    target: str
    steps: int
    cases: int
    median_s: float
    ninth_decile_s: float
    rest_median_s: float
    share: Effect
    step_share: float


def bottlenecks(log: OrderedEvents, edges: Edges, settings: Mapping[str, Any]) -> list[Bottleneck]:
    """The steps that take at least the stated share of the time, and more than their share of the steps; longest first."""
    total = math.fsum(edges.total_s)
    if total <= 0:
        return []
    shares, frequency = edges.total_s / total, edges.count / edges.count.sum()
    found = []
    for edge in np.argsort(-shares, kind="stable")[:MOST_BOTTLENECKS]:
        if shares[edge] < settings["min_time_share"] or shares[edge] < settings["min_time_ratio"] * frequency[edge]:
            continue
        bottleneck = _bottleneck(log, edges, int(edge), float(frequency[edge]))
        if bottleneck.cases >= max(LEAST_GROUP, settings["min_case_share"] * log.cases):
            found.append(bottleneck)
    return found


def _bottleneck(log: OrderedEvents, edges: Edges, edge: int, frequency: float) -> Bottleneck:
    mine = edges.edge_of == edge
    steps = edges.steps[mine]
    case = np.searchsorted(log.offsets, steps, side="right") - 1
    gaps = log.times[edges.steps + 1] - log.times[edges.steps]
    rest = _median_s(gaps[~mine]) if not mine.all() else 0.0
    taken: Floats = np.bincount(case, weights=gaps[mine] / MICROSECONDS, minlength=log.cases).astype(np.float64)
    share = ratio_of_sums("share of time", taken, np.asarray(log.durations / MICROSECONDS, dtype=np.float64))
    names = log.names[int(edges.source[edge])], log.names[int(edges.target[edge])]
    ninth = float(np.sort(gaps[mine])[-(-9 * int(mine.sum()) // 10) - 1]) / MICROSECONDS
    return Bottleneck(*names, int(mine.sum()), len(np.unique(case)), _median_s(gaps[mine]), ninth, rest, share, frequency)
