"""Logs in which each row is a job of its own: when it was asked for, begun and ended, and by which server."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from eventlog_candidates import Candidates, coded
from eventlog_order import Integers
from eventlog_roles import busy_resource, time_chain
from eventlog_setting import Setting

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.events import Roles
from harness_core.sdk.statistics.series import view_name

MOST_MIDNIGHTS = 0.9
MOST_LEVELS = 1000
LEAST_EXPLAINED = 0.1
LEAST_JOBS = 30


def jobs(dataset: Dataset, profile: Sequence[Mapping[str, Any]], found: Candidates, settings: Mapping[str, Any]) -> Setting | None:
    """The roles of a job log, or None: three times in a fixed order, or two with a column whose values do one job at a time."""
    known = {entry["name"]: entry for entry in profile}
    given = settings["roles"]
    chain = time_chain(dataset, [column for column in found.times if _has_clock(column, known[column.name])])
    if {"started", "ended"} <= set(given):
        chain = [dataset.column(given[role]) for role in ("queued", "started", "ended") if role in given]
    if len(chain) < 2 or dataset.row_count < LEAST_JOBS:
        return None
    labels = [column for column in dataset.columns if _is_label(column, known.get(column.name, {}))][: settings["max_candidates"]]
    start, end, columns = _read(dataset, chain, labels, settings["compared_rows"])
    coded_labels = [(column, coded(values)) for column, values in zip(labels, columns, strict=True)]
    resource = busy_resource(coded_labels, start, end)
    if len(chain) == 2 and resource is None and not {"started", "ended"} <= set(given):
        return None
    roles = {"queued": chain[0].name if len(chain) == 3 else None, "started": chain[-2].name, "ended": chain[-1].name}
    reasons = [
        {"role": role, "column": name, "reason": _order_reason(role, chain)} for role, name in roles.items() if name is not None
    ]
    if resource is not None:
        roles["resource"] = resource.column.name
        reasons.append({"role": "resource", "column": resource.column.name, "reason": resource.reason})
    kind = _kind_of_work([item for item in coded_labels if resource is None or item[0].name != resource.column.name], end - start)
    if kind is not None:
        roles["activity"] = kind[0].name
        reasons.append(
            {"role": "activity", "column": kind[0].name, "reason": f"it explains {kind[1]:.0%} of how long the jobs take"}
        )
    reasons = [entry for entry in reasons if entry["role"] not in given]
    reasons += [{"role": role, "column": name, "reason": "the settings say so"} for role, name in sorted(given.items())]
    return Setting(Roles(**{**roles, **given}), reasons)


def _has_clock(column: Column, entry: Mapping[str, Any]) -> bool:
    """Whether a column says the time of day: days alone are too coarse to see one job wait for another."""
    return column.type == "timestamp" and entry.get("midnight_count", 0) < MOST_MIDNIGHTS * max(1, entry["count"])


def _is_label(column: Column, entry: Mapping[str, Any]) -> bool:
    return column.type in ("text", "integer") and 2 <= entry.get("distinct_count", 0) <= MOST_LEVELS


def _order_reason(role: str, chain: Sequence[Column]) -> str:
    place = {"queued": 0, "started": len(chain) - 2, "ended": len(chain) - 1}[role]
    if place:
        return f'it is never before "{chain[place - 1].name}" in 99 % of the rows'
    return f'it is never after "{chain[1].name}" in 99 % of the rows'


def _read(dataset: Dataset, chain: Sequence[Column], labels: Sequence[Column], rows: int) -> tuple[Integers, Integers, list[Any]]:
    """Begin, end and labels of the first ``rows`` jobs by their beginning: jobs that overlap must stay together."""
    start, end = view_name(chain[-2].name), view_name(chain[-1].name)
    listed = "".join(f", {view_name(column.name)} AS c{index}" for index, column in enumerate(labels))
    table = dataset.sql(
        f"SELECT epoch_us({start}) AS s, epoch_us({end}) AS e{listed} FROM data "
        f"WHERE {start} IS NOT NULL AND {end} IS NOT NULL ORDER BY s, row_index LIMIT {rows}"
    ).to_arrow_table()
    times = [np.asarray(table.column(index).to_numpy(), dtype=np.int64) for index in (0, 1)]
    return times[0], times[1], [table.column(2 + index) for index in range(len(labels))]


def _kind_of_work(labels: Sequence[tuple[Column, Integers]], took: Integers) -> tuple[Column, float] | None:
    """The column whose values explain most of the ranks of how long the work took, corrected for their number (Ezekiel 1930)."""
    if len(took) < LEAST_JOBS:
        return None
    ranks = np.empty(len(took))
    ranks[np.argsort(took, kind="stable")] = np.arange(len(took))
    ranks -= ranks.mean()
    best: tuple[Column, float] | None = None
    for column, codes in labels:
        sums, sizes = np.bincount(codes + 1, weights=ranks), np.bincount(codes + 1)
        groups = int((sizes > 0).sum())
        if groups * 5 > len(took):
            continue
        explained = float((sums[sizes > 0] ** 2 / sizes[sizes > 0]).sum() / (ranks**2).sum())
        share = 1 - (1 - explained) * (len(took) - 1) / (len(took) - groups)
        if share >= LEAST_EXPLAINED and (best is None or share > best[1] + 1e-9):
            best = (column, share)
    return best
