"""Waiting, service, load and their relation, measured on the pieces of work of a log."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.blocked import Comparison, compare, compare_ranked, even_blocks, ranks_within, ratio_of_sums
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.events import MICROSECONDS, Integers
from harness_core.sdk.statistics.wording import rounded
from harness_core.sdk.statistics.work import Work, busy_time, seconds, servers, time_at_level, total_s, under_way

MOST_LEVELS_SHOWN = 101
EDGE = 0.1
LEAST_FULL = 0.01


@dataclass(frozen=True)
class Waiting:
    """All waiting beside all work: medians and ninth deciles in seconds; ``share`` is waiting over waiting and work, its interval
    over blocks of time."""

    jobs: int
    median_s: float
    ninth_decile_s: float
    service_median_s: float
    share: Effect


def waiting(work: Work, blocks: int) -> Waiting | None:
    """Of the pieces of work that say since when they waited; None where that is none, or nothing takes time."""
    known = work.of(work.waited)
    if not len(known) or int((known.end - known.queued).max()) == 0:
        return None
    block = even_blocks(len(known), blocks)
    waits, whole = seconds(known.waiting), seconds(known.end - known.queued)
    share = ratio_of_sums(
        "share of waiting",
        np.bincount(block, weights=waits).astype(np.float64),
        np.bincount(block, weights=whole).astype(np.float64),
    )
    ordered = np.sort(known.waiting)
    ninth = float(ordered[-(-9 * len(ordered) // 10) - 1]) / MICROSECONDS
    return Waiting(len(known), median_s(known.waiting), ninth, median_s(known.service), share)


def median_s(values: Integers) -> float:
    return float(np.median(values)) / MICROSECONDS if len(values) else 0.0


@dataclass(frozen=True)
class Load:
    """How much is under way: the seconds at each level, and the number of servers that this shows."""

    held_s: Sequence[float]
    servers: int

    @property
    def full_share(self) -> float:
        """The share of the busy time in which all servers are taken."""
        busy = math.fsum(self.held_s[1:])
        return math.fsum(self.held_s[self.servers :]) / busy if busy and self.servers else 0.0

    @property
    def mean(self) -> float:
        total = math.fsum(self.held_s)
        return math.fsum(level * held for level, held in enumerate(self.held_s)) / total if total else 0.0


def load(work: Work) -> Load:
    held = time_at_level(work.start, work.end)
    return Load([value / MICROSECONDS for value in held.tolist()], servers(held))


@dataclass(frozen=True)
class Capacity:
    """Waiting of work that came when all servers were taken, beside work that came when one was free. ``found`` compares the two
    where that happens often enough."""

    full: int
    free: int
    full_median_s: float
    free_median_s: float
    free_waiting_share: float
    found: Comparison | None


def capacity(work: Work, found: Load, blocks: int) -> Capacity | None:
    """None where nothing says since when work waits."""
    known = work.of(work.waited)
    if found.servers < 1 or not len(known):
        return None
    full = under_way(work.start, work.end, known.queued) >= found.servers
    order = np.lexsort((known.rows, known.queued))
    often = found.full_share >= LEAST_FULL
    compared = compare(known.waiting[order], full[order], even_blocks(len(known), blocks)) if often else None
    waits = known.waiting
    total = total_s(waits)
    share = total_s(waits[~full]) / total if total else 0.0
    return Capacity(int(full.sum()), int((~full).sum()), median_s(waits[full]), median_s(waits[~full]), share, compared)


@dataclass(frozen=True)
class Group:
    """One resource or activity beside all others: its waiting, and how busy it is while it has work."""

    name: str
    jobs: int
    others: int
    median_s: float
    others_median_s: float
    found: Comparison


def slowest_group(work: Work, role: str, settings: Mapping[str, Any]) -> tuple[Group | None, int]:
    """The resource or activity that makes for the longest waits, and how many were compared.

    Resources are compared with the others that do the same activities, activity by activity, where the log has activities.
    """
    codes, names = (work.resource, work.resources) if role == "resource" else (work.activity, work.activities)
    order = np.lexsort((work.rows, np.where(work.waited, work.queued, 0)))
    usable = work.waited & (codes >= 0)
    if role == "resource" and work.activities:
        usable &= work.activity >= 0
    order = order[usable[order]]
    member, waits = codes[order], work.waiting[order]
    kinds = work.activity[order] + 1 if role == "resource" else np.zeros(len(order), dtype=np.int64)
    block = even_blocks(len(order), settings["blocks"]) * (len(work.activities) + 1) + kinds
    ranks = ranks_within(waits, block) if len(order) else np.empty(0)
    counts = np.bincount(member, minlength=len(names))
    compared: list[tuple[int, Comparison]] = []
    for code in np.argsort(-counts, kind="stable")[: settings["max_groups"]].tolist():
        found = compare_ranked(ranks, member == code, block) if counts[code] >= settings["min_jobs"] else None
        if found is not None:
            compared.append((code, found))
    if not compared:
        return None, 0
    code, found = min(compared, key=lambda item: (-round(item[1].effect.value, 9), names[item[0]]))
    chosen = member == code
    others = ~chosen & np.isin(kinds, np.unique(kinds[chosen]))
    numbers = int(chosen.sum()), int(others.sum())
    return Group(names[code], *numbers, median_s(waits[chosen]), median_s(waits[others]), found), len(compared)


@dataclass(frozen=True)
class Crowding:
    """How long work takes that begins beside many others, and beside few: the upper and the lower third of the level."""

    few: int
    many: int
    few_jobs: int
    many_jobs: int
    few_median_s: float
    many_median_s: float
    found: Comparison


def crowding(work: Work, blocks: int) -> Crowding | None:
    """None where the level hardly varies. Equal beginnings count as beginning one after another, in row order."""
    level = np.arange(len(work)) - np.searchsorted(np.sort(work.end), work.start, side="right")
    if not len(work):
        return None
    low, high = (int(value) for value in np.quantile(level, [1 / 3, 2 / 3], method="inverted_cdf"))
    few, many = level <= low, level > high
    if high <= low or not few.any() or not many.any():
        few, many = level <= low, level > low
    if min(int(few.sum()), int(many.sum())) < blocks:
        return None
    either = few | many
    compared = compare(work.service[either], many[either], even_blocks(len(work), blocks)[either])
    if compared is None:
        return None
    beside = low, int(level[many].min())
    sizes = int(few.sum()), int(many.sum())
    return Crowding(*beside, *sizes, median_s(work.service[few]), median_s(work.service[many]), compared)


def little(work: Work) -> dict[str, float] | None:
    """Little's law over the middle four fifths of the time: the number in the system against arrivals times time in the system.

    A product far from the number says that the log is not in balance there: the backlog grows or shrinks, or times are wrong.
    """
    known = work.of(work.waited)
    if len(known) < 100:
        return None
    first, last = int(known.queued.min()), int(known.end.max())
    begin, end = first + int(EDGE * (last - first)), last - int(EDGE * (last - first))
    if end <= begin:
        return None
    inside = np.clip(known.end, begin, end) - np.clip(known.queued, begin, end)
    arrived = (known.queued >= begin) & (known.queued < end)
    length = (end - begin) / MICROSECONDS
    number = total_s(inside) / length
    rate = int(arrived.sum()) / length
    took = total_s((known.end - known.queued)[arrived]) / max(1, int(arrived.sum()))
    facts = {"number_in_system": number, "arrivals_per_s": rate, "mean_time_in_system_s": took, "product": rate * took}
    return {name: float(rounded(value, 6) or 0.0) for name, value in facts.items()}


def resource_table(work: Work, most: int) -> list[dict[str, Any]]:
    """Per resource, those with most work first: jobs, the share of its time from first to last job in which it works, how many jobs
    it has at once while it does, and its medians."""
    counts = np.bincount(work.resource[work.resource >= 0], minlength=len(work.resources))
    order = np.argsort(work.resource, kind="stable")
    ends = np.cumsum(counts) + int((work.resource < 0).sum())
    table = []
    for code in np.argsort(-counts, kind="stable")[:most].tolist():
        own = work.of(order[int(ends[code] - counts[code]) : int(ends[code])])
        if len(own):
            table.append({"name": work.resources[code], "jobs": len(own), **_busyness(own)})
    return table


def _busyness(own: Work) -> dict[str, Any]:
    busy, whole = busy_time(own.start, own.end), int(own.end.max() - own.start.min())
    known: NDArray[np.bool_] = own.waited
    return {
        "busy_share": rounded(busy / whole) if whole else 0.0,
        "at_once": rounded(total_s(own.service) * MICROSECONDS / busy) if busy else 0.0,
        "median_waiting_s": median_s(own.waiting[known]) if known.any() else None,
        "median_service_s": median_s(own.service),
    }
