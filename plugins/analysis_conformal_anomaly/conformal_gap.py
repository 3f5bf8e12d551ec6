"""Do the largest scores stand apart from the rest, more than the tail of the rest explains?

Ranks cannot say: in any table some row is the oddest, and its conformal p-value is one over the number of rows. What makes a
finding is a gap, judged by the generalised Pareto law of the scores below it (see ``tail_gap`` of the SDK). In a tail that
falls off exponentially the steps between ordered scores, each times its rank, are independent and alike (Renyi 1953); the
largest of them is the gap that is tested. As it could have been anywhere, the p-value below k scores is multiplied by 2.62
times k to the power 1.5, whose inverses add up to one (weighted Bonferroni; Holm 1979).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.robust import tail_gap

Floats = NDArray[np.float64]

TAIL_LEAST, TAIL_POWER, TAIL_MOST = 30, 0.65, 1_000
MOST_TOGETHER = 300
WEIGHT = 2.62
EVENTS_TOGETHER, EVENTS_TAIL, EVENTS_LEAST = 30, 1 / 3, 45


@dataclass(frozen=True)
class Verdict:
    """How many of the largest scores stand apart, the chance of such a gap, and the scores on both sides of it."""

    count: int
    p_value: float
    nearest: float
    rest: float


def judge(scores: Floats, max_share: float, least: float) -> Verdict:
    """``scores`` in any order; only those of at least ``least`` can stand apart."""
    looked_at = min(len(scores), MOST_TOGETHER + TAIL_MOST + 1)
    descending = np.sort(np.partition(scores, len(scores) - looked_at)[len(scores) - looked_at :])[::-1]
    most = min(MOST_TOGETHER, max(3, int(max_share * len(scores))), len(scores) // 4, int((scores >= least).sum()))
    if most < 1 or len(scores) < 2 * TAIL_LEAST:
        return Verdict(0, 1.0, 0.0, 0.0)
    steps = np.arange(1, most + 1) * (descending[:most] - descending[1 : most + 1])
    places = np.arange(1, most + 1)
    unit = float(np.median(steps)) or 1.0
    count = int(np.argmax(steps / unit - 1.5 * np.log(places))) + 1
    size = max(TAIL_LEAST, min(int(len(scores) ** TAIL_POWER), TAIL_MOST))
    below = descending[count : count + size + 1]
    nearest, rest = float(descending[count - 1]), float(below[0])
    if nearest <= rest:
        return Verdict(0, 1.0, 0.0, 0.0)
    return Verdict(count, min(1.0, WEIGHT * count**1.5 * tail_gap(below, nearest, count).p_value), nearest, rest)


def judge_events(scores: Floats, least: float) -> Verdict:
    """As :func:`judge`, of the events of a series, of which there are few: every number of them, up to 30 or one in ten, is tried
    as the place of the gap, and a third of the others makes the tail. The smallest p-value, corrected in the same way, counts."""
    descending = np.sort(scores)[::-1]
    most = min(EVENTS_TOGETHER, len(scores) // 10, int((scores >= least).sum()))
    verdict = Verdict(0, 1.0, 0.0, 0.0)
    if len(scores) < EVENTS_LEAST:
        return verdict
    for count in range(1, most + 1):
        below, nearest = descending[count : count + 1 + int(EVENTS_TAIL * len(scores))], float(descending[count - 1])
        if nearest > below[0]:
            p_value = min(1.0, WEIGHT * count**1.5 * tail_gap(below, nearest, count).p_value)
            if p_value < verdict.p_value:
                verdict = Verdict(count, p_value, nearest, float(below[0]))
    return verdict
