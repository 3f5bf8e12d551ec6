"""A level that leaves and comes back: two change points that bound an odd stretch are its two ends, and no change for good."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from insight_claims import Claim

BACK = 0.5  # of the way out: a level that comes back by more than half is rather the old one than a new one


@dataclass(frozen=True)
class Excursion:
    """The change points ``ids`` between which a measure had another level than before and after."""

    ids: frozenset[str]
    begin: datetime
    end: datetime


def excursions(claims: Sequence[Claim]) -> list[Excursion]:
    """All of them: of neighbouring changes of the level of one measure, those of which the second undoes the first."""
    by_measure: dict[frozenset[str], list[tuple[datetime, Claim]]] = {}
    for claim in claims:
        time = _moment(claim.statistics.get("time"))
        if claim.kind == "changepoint" and claim.statistics.get("change") == "level" and time is not None:
            by_measure.setdefault(claim.columns, []).append((time, claim))
    found = []
    for changes in by_measure.values():
        ordered = sorted(changes, key=lambda item: (item[0], item[1].id))
        found += [_excursion(*pair) for pair in pairwise(ordered) if _undoes(pair[0][1], pair[1][1])]
    return sorted(found, key=lambda item: (item.begin, item.end, sorted(item.ids)))


def _excursion(first: tuple[datetime, Claim], second: tuple[datetime, Claim]) -> Excursion:
    return Excursion(frozenset({first[1].id, second[1].id}), first[0], second[0])


def _undoes(first: Claim, second: Claim) -> bool:
    levels = [claim.statistics.get(key) for claim in (first, second) for key in ("before", "after")]
    if not all(isinstance(level, int | float) for level in levels):
        return False
    before, left, came, after = (float(level) for level in levels if level is not None)
    return abs(after - before) <= BACK * min(abs(left - before), abs(after - came))


def stretches(anomaly: Claim) -> list[tuple[datetime, datetime]]:
    """From when to when the odd stretches of a series run; none for odd rows."""
    return list(_stretches(anomaly))


def _stretches(anomaly: Claim) -> Iterator[tuple[datetime, datetime]]:
    listed = anomaly.statistics.get("stretches")
    for item in listed if isinstance(listed, list) else ():
        begin, end = (_moment(time) for time in item)
        if begin is not None and end is not None:
            yield begin, end


def bounds(anomaly: Claim, changepoint: Claim, known: Sequence[Excursion]) -> bool:
    """Whether the change point is one end of an excursion that the anomaly tells: both ends are no farther from one of its
    stretches than that is long."""
    ends = [item for item in known if changepoint.id in item.ids]
    return any(
        begin - (end - begin) <= item.begin and item.end <= end + (end - begin)
        for item in ends
        for begin, end in stretches(anomaly)
    )


def is_at(changepoint: Claim, anomaly: Claim) -> bool:
    """Whether every odd stretch of the anomaly, as long again on both sides, has the change in it; odd rows have no place of
    their own."""
    time, told = _moment(changepoint.statistics.get("time")), stretches(anomaly)
    if not told or time is None:
        return not told
    return all(begin - (end - begin) <= time <= end + (end - begin) for begin, end in told)


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=None) if isinstance(text, str) else None
    except ValueError:
        return None
