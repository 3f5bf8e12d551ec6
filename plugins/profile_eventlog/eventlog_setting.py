"""All roles of a log of cases, with the reason for each in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from eventlog_candidates import Candidates, Slice, whole_cases
from eventlog_order import Integers, Sequences, sequences
from eventlog_roles import (
    MANY_AT_ONCE,
    Marks,
    Resource,
    at_once,
    busy_resource,
    handing_resource,
    lifecycle,
    time_chain,
    varies_within_cases,
)
from eventlog_search import Pair

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.events import Roles

ONE_AFTER_ANOTHER = 0.5
MOST_OTHERS = 40


@dataclass(frozen=True)
class Setting:
    """The roles, and why each column has its role."""

    roles: Roles
    reasons: list[dict[str, str]]


def case_roles(dataset: Dataset, found: Candidates, best: Pair, settings: Mapping[str, Any]) -> Setting:
    others = _others(dataset, best)
    wanted = list({column.name: column for column in (best.activity, best.time, *found.times, *others)}.values())
    part = whole_cases(dataset, best.case, wanted, settings["compared_rows"])
    seen = sequences(part.case, part.times(best.time)[0])
    activity = part.labels(best.activity) + 1
    chosen: dict[str, str | None] = {"case": best.case.name, "activity": best.activity.name, "time": best.time.name}
    reasons = [_reason(role, column, text) for role, column, text in _main_reasons(best)]
    chain = time_chain(dataset, [column for column in found.times if varies_within_cases(part.times(column)[0], seen)])
    chain = chain if len(chain) > 1 and _one_after_another(part, seen, chain) else []
    marks = None if chain else lifecycle(part, seen, activity, others)
    others = [column for column in others if marks is None or column.name != marks.column.name]
    resource = _resource(part, seen, activity, others, chain, marks)
    if resource is not None:
        chosen["resource"] = resource.column.name
        reasons.append(_reason("resource", resource.column, resource.reason))
    for role, column, text in _time_reasons(part, chain, resource):
        chosen[role] = column.name
        reasons.append(_reason(role, column, text))
    if marks is not None:
        chosen |= {"lifecycle": marks.column.name, "start_mark": marks.start, "end_mark": marks.end}
        text = f'in {marks.share:.0%} of cases and activities with "{marks.start}" the next row has "{marks.end}"'
        reasons.append(_reason("lifecycle", marks.column, text))
    given = settings["roles"]
    reasons = [entry for entry in reasons if entry["role"] not in given]
    reasons += [{"role": role, "column": name, "reason": "the settings say so"} for role, name in sorted(given.items())]
    return Setting(Roles(**{**chosen, **given}), reasons)


def _others(dataset: Dataset, best: Pair) -> list[Column]:
    """The columns of labels that are neither case nor activity, in column order; equal columns are told apart later."""
    taken = {best.case.name, best.activity.name}
    found = [column for column in dataset.columns if column.type in ("text", "integer") and column.name not in taken]
    return found[:MOST_OTHERS]


def _reason(role: str, column: Column, text: str) -> dict[str, str]:
    return {"role": role, "column": column.name, "reason": text}


def _main_reasons(best: Pair) -> list[tuple[str, Column, str]]:
    spread = f"its rows lie close together in time: cases last {best.spread:.2g} times as long as rows put together at random"
    steps = (
        f"within cases its values follow an order: steps go one way and not both (directionality {best.found.directionality:.2g} "
        f"of 1), and {best.found.start_share:.0%} of the cases begin with the same value"
    )
    moves = f"in {best.advancing:.0%} of the steps within cases it moves on, and it is there in nearly every row"
    return [("case", best.case, spread), ("activity", best.activity, steps), ("time", best.time, moves)]


def _one_after_another(part: Slice, seen: Sequences, chain: list[Column]) -> bool:
    """Whether the next event of a case mostly begins after this one has ended, as work does and due dates do not."""
    start, there = part.times(chain[-2])
    end, done = part.times(chain[-1])
    order = np.lexsort((start, part.case))
    known = there[order][1:] & done[order][:-1] & (part.case[order][1:] == part.case[order][:-1])
    after = start[order][1:] >= end[order][:-1]
    return bool(known.any()) and float(after[known].mean()) >= ONE_AFTER_ANOTHER


def _resource(
    part: Slice, seen: Sequences, activity: Integers, others: list[Column], chain: list[Column], marks: Marks | None
) -> Resource | None:
    found = None
    if chain:
        start, there = part.times(chain[-2])
        end, done = part.times(chain[-1])
        known = there & done
        found = busy_resource([(column, part.labels(column)[known]) for column in others], start[known], end[known])
    return found or handing_resource(part, seen, activity, others)


def _time_reasons(part: Slice, chain: list[Column], resource: Resource | None) -> list[tuple[str, Column, str]]:
    if not chain:
        return []
    never = 'it is never before "{}" in 99 % of the rows'
    ended = ("ended", chain[-1], never.format(chain[-2].name))
    if len(chain) == 3:
        middle = ("started", chain[1], f'it lies between "{chain[0].name}" and "{chain[2].name}"')
        return [("queued", chain[0], f'it is never after "{chain[1].name}" in 99 % of the rows'), middle, ended]
    (start, there), (end, done) = part.times(chain[0]), part.times(chain[1])
    if resource is not None:
        many = at_once(part.labels(resource.column)[there & done], start[there & done], end[there & done])
        if many > MANY_AT_ONCE:
            text = f'each "{resource.column.name}" has {many:.2g} events open at once from then on, so waiting is part of it'
            return [("queued", chain[0], text), ended]
    return [("started", chain[0], f'it is never after "{chain[1].name}" in 99 % of the rows'), ended]
