"""A queue replayed: the log's own arrivals and service times through servers that take jobs in the order of arrival.

Kiefer and Wolfowitz (1955): a job begins when it has arrived and the first of the servers is free. Times are whole microseconds, so
the same log gives the same waits on any machine.
"""

import heapq
from dataclasses import dataclass

import numpy as np

from harness_core.sdk.statistics.blocked import ranks_within
from harness_core.sdk.statistics.events import Floats, Integers
from harness_core.sdk.statistics.work import Work, servers, time_at_level, total_s

CHUNK = 500_000
LEAST_JOBS = 200


def replay(arrival: Integers, service: Integers, count: int) -> Integers:
    """The waiting of each job with ``count`` servers; ``arrival`` ascends. Takes time in proportion to jobs times log(servers)."""
    waits = np.empty(len(arrival), dtype=np.int64)
    free: list[int] = []
    for start in range(0, len(arrival), CHUNK):
        arrived, needed = arrival[start : start + CHUNK].tolist(), service[start : start + CHUNK].tolist()
        out = []
        for at, length in zip(arrived, needed, strict=True):
            if len(free) < count:
                heapq.heappush(free, at + length)
                out.append(0)
            else:
                begun = max(at, free[0])
                heapq.heapreplace(free, begun + length)
                out.append(begun - at)
        waits[start : start + CHUNK] = out
    return waits


@dataclass(frozen=True)
class Fit:
    """A queue of its own: its jobs in the order of arrival, the servers seen at work, and the replayed waiting."""

    name: str | None
    jobs: Work
    servers: int
    replayed: Integers
    agreement: float

    @property
    def measured_mean_s(self) -> float:
        return mean_s(self.jobs.waiting)

    @property
    def replayed_mean_s(self) -> float:
        return mean_s(self.replayed)

    def fits(self, max_misfit: float, min_agreement: float) -> bool:
        measured = self.measured_mean_s
        return measured > 0 and abs(self.replayed_mean_s - measured) <= max_misfit * measured and self.agreement >= min_agreement


def fit(name: str | None, work: Work) -> Fit | None:
    """None where fewer than 200 jobs say since when they waited, or none of them takes time."""
    known = work.of(work.waited)
    if len(known) < LEAST_JOBS:
        return None
    count = servers(time_at_level(known.start, known.end))
    if count < 1:
        return None
    order = np.lexsort((known.rows, known.start, known.queued))
    jobs = known.of(order)
    waits = replay(jobs.queued, jobs.service, count)
    return Fit(name, jobs, count, waits, spearman(waits, jobs.waiting))


def spearman(one: Integers, other: Integers) -> float:
    """Spearman's correlation; 0 where either does not vary."""
    same = np.zeros(len(one), dtype=np.int64)
    first, second = (_centred(ranks_within(values, same)) for values in (one, other))
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return round(float((first * second).sum()) / size, 9) if size else 0.0


def _centred(ranks: Floats) -> Floats:
    return np.asarray(ranks - ranks.mean())


def mean_s(values: Integers) -> float:
    return total_s(values) / len(values) if len(values) else 0.0
