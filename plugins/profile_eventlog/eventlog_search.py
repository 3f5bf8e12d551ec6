"""The search for case, activity and time over all candidate columns, and which of the pairs that qualify is the log's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventlog_candidates import Candidates, Slice, whole_cases
from eventlog_order import Direction, Integers, Sequences, direction, sequences

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.series import view_name
from harness_core.sdk.statistics.wording import rounded

LEAST_VARIED = 0.2
LEAST_ADVANCING = 0.3
SHOWN = 10


@dataclass(frozen=True)
class Pair:
    """A case, an activity and a time that were compared, with what was found."""

    case: Column
    activity: Column
    time: Column
    spread: float
    advancing: float
    found: Direction
    p_value: float
    qualifies: bool

    @property
    def score(self) -> float:
        return self.found.directionality * self.found.start_share * max(0.0, 1 - self.spread)

    def as_metrics(self) -> dict[str, Any]:
        return {
            "case": self.case.name, "activity": self.activity.name, "time": self.time.name,
            "directionality": rounded(self.found.directionality, 4), "spread": rounded(min(self.spread, 1e9), 4),
            "start_share": rounded(self.found.start_share, 4), "p_value": rounded(self.p_value, 4),
            "score": rounded(self.score, 4), "qualifies": self.qualifies,
        }  # fmt: skip


@dataclass(frozen=True)
class Search:
    """All pairs, the best first; ``best`` is the one taken, ``rows`` the number of rows that were compared at most."""

    pairs: Sequence[Pair]
    best: Pair | None
    rows: int

    def as_metrics(self) -> list[dict[str, Any]]:
        return [pair.as_metrics() for pair in self.pairs[:SHOWN]]


def search(dataset: Dataset, found: Candidates, settings: Mapping[str, Any]) -> Search:
    total = len(found.cases) * len(found.activities) * len(found.complete_times)
    pairs: list[Pair] = []
    rows = 0
    for case in found.cases:
        columns = [column for column in (*found.activities, *found.complete_times) if column.name != case.name]
        part = whole_cases(dataset, case, columns, settings["compared_rows"])
        rows = max(rows, len(part.case))
        for time in found.complete_times:
            pairs += _of_case(part, case, time, found.activities, total, settings)
    places = {column.name: place for place, column in enumerate(dataset.columns)}
    pairs.sort(key=lambda pair: (not pair.qualifies, -round(pair.score, 9), *_place(pair, places)))
    best = pairs[0] if pairs and pairs[0].qualifies else None
    return Search(pairs, _coarsest(dataset, pairs, best) if best else None, rows)


def _place(pair: Pair, places: Mapping[str, int]) -> tuple[int, int, int]:
    return places[pair.case.name], places[pair.activity.name], places[pair.time.name]


def _of_case(
    part: Slice, case: Column, time: Column, activities: Sequence[Column], total: int, settings: Mapping[str, Any]
) -> list[Pair]:
    stamps, present = part.times(time)
    if present.sum() < 2:
        return []
    seen = sequences(part.case[present], stamps[present])
    pairs = []
    for activity in activities:
        if activity.name != case.name:
            direct = _direction(part.labels(activity)[present], seen)
            p_value = min(1.0, direct.p_value * total)
            fits = _fits(seen, direct, p_value, settings)
            pairs.append(Pair(case, activity, time, seen.spread, seen.advancing, direct, p_value, fits))
    return pairs


def _direction(labels: Integers, seen: Sequences) -> Direction:
    """Missing activities, where there are any, count as one of their own."""
    return direction(labels + 1 if (labels < 0).any() else labels, seen)


def _fits(seen: Sequences, direct: Direction, p_value: float, settings: Mapping[str, Any]) -> bool:
    if {"case", "activity"} <= set(settings["roles"]):
        return True
    return (
        direct.directionality >= settings["min_directionality"]
        and seen.spread <= settings["max_spread"]
        and seen.advancing >= LEAST_ADVANCING
        and direct.varied_cases >= LEAST_VARIED
        and p_value <= settings["significance"]
    )


def _coarsest(dataset: Dataset, pairs: Sequence[Pair], best: Pair) -> Pair:
    """Where each case of the best pair lies within one larger case that qualifies too (a step within an order), the larger one."""
    for pair in pairs:
        if pair.qualifies and pair.case.name != best.case.name and _within(dataset, best.case, pair.case):
            return _coarsest(dataset, [other for other in pairs if other.case.name != best.case.name], pair)
    return best


def _within(dataset: Dataset, finer: Column, coarser: Column) -> bool:
    fine, coarse = view_name(finer.name), view_name(coarser.name)
    count = dataset.sql(
        f"SELECT count(*) FROM (SELECT 1 FROM data WHERE {fine} IS NOT NULL AND {coarse} IS NOT NULL "
        f"GROUP BY {fine} HAVING min({coarse}) <> max({coarse}))"
    ).scalar()
    return bool(count == 0)
