"""Whether runs with the same fingerprint gave the same bytes: what the determinism badge says, for a page of runs at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness_core.domain.runs import RUN_ENDED, Run, RunId
from harness_core.ports.state import Runs


@dataclass(frozen=True)
class Twins:
    """``runs`` with the fingerprint ended alike, at least two; ``same`` says that their reports have one hash."""

    runs: int
    same: bool


def twins_of(runs: Runs, shown: Sequence[Run]) -> Mapping[RunId, Twins]:
    """For each ended run of which another with its fingerprint ended in the same status."""
    ended = [run for run in shown if run.status in RUN_ENDED]
    hashes = runs.report_hashes({run.fingerprint for run in ended})
    found = {}
    for run in ended:
        counts = [number for (status, _), number in hashes.get(run.fingerprint, {}).items() if status == run.status]
        if sum(counts) > 1:
            found[run.run_id] = Twins(sum(counts), len(counts) == 1)
    return found
