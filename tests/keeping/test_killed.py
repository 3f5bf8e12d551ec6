"""Killed at any step of retention, everything that is kept is whole, and the next call finishes what was begun."""

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness_core.adapters.db.keeping import SqlKeeping
from harness_core.adapters.discarding import FolderDiscards
from harness_core.domain.retention import Policy
from tests.fakes.running import run_to_end
from tests.keeping.conftest import TwoRuns, rows, stored

AT_ONCE = Policy(newest=0, grace_days=0)
STEPS: dict[type, tuple[str, ...]] = {
    SqlKeeping: ("expire", "purge", "collect_dataset", "collect_upload"),
    FolderDiscards: ("set_aside", "clear"),
    Path: ("rename",),
}


class Trap:
    """Counts the calls of every step, and ends the process by SIGKILL before or after one of them."""

    def __init__(self, point: str | None) -> None:
        self.point, self.counts, self.seen = point, Counter[str](), list[str]()

    @contextmanager
    def set(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for owner, names in STEPS.items():
                for name in names:
                    patch.setattr(owner, name, self._wrapped(f"{owner.__name__}.{name}", getattr(owner, name)))
            yield

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def trapped(*arguments: Any, **options: Any) -> Any:
            self.counts[name] += 1
            here = f"{name}#{self.counts[name]}"
            self._spring(f"{here}-before")
            answer = function(*arguments, **options)
            self._spring(f"{here}-after")
            return answer

        return trapped

    def _spring(self, here: str) -> None:
        self.seen.append(here)
        if here == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def moments(seen: list[str]) -> list[str]:
    """Where one call has ended and the next begins nothing changes in between: one death is enough for both."""
    return [point for before, point in pairwise(["", *seen]) if not (before.endswith("-after") and point.endswith("-before"))]


def ending(home: Path) -> tuple[dict[str, set[str]], list[tuple[Any, ...]]]:
    """What is on disk, and what the record says is gone."""
    gone = [
        rows(home, f"SELECT {key} FROM {table} WHERE purged_at IS NOT NULL ORDER BY 1")
        for table, key in (("run", "run_id"), ("dataset_version", "dataset_version_id"), ("upload", "upload_id"))
    ]
    return stored(home), [tuple(part) for part in gone]


def killed(two_runs: TwoRuns, home: Path, point: str) -> bool:
    """Apply retention in a process that dies at ``point``; whether it did."""
    pid = os.fork()
    if pid == 0:
        try:
            core = two_runs.open(home)
            with Trap(point).set():
                core.retaining.apply(AT_ONCE)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_killed_at_every_step_it_leaves_nothing_broken(two_runs: TwoRuns) -> None:
    """A fresh home for each step: after the kill every file and record agrees, the run that is kept verifies, and the next call
    comes to the same end as one that nobody killed."""
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, trap = Path(folder) / "undisturbed", Trap(None)
        two_runs.copy(undisturbed)
        with closing(two_runs.open(undisturbed)) as core, trap.set():
            assert len(core.retaining.apply(AT_ONCE).purged) == 1
        expected = ending(undisturbed)
        assert expected[0]["runs"] == {two_runs.new}
        assert len(trap.seen) > 25
        for number, point in enumerate(moments(trap.seen)):
            home = Path(folder) / str(number)
            two_runs.copy(home)
            assert killed(two_runs, home, point), point
            with closing(two_runs.open(home)) as core:
                found = core.checking.check(full=True)
                assert found.mismatches == [], point
                assert core.replaying.replay(two_runs.new).not_kept == [], point
                core.retaining.apply(AT_ONCE)
                assert ending(home) == expected, point
                assert core.checking.check(full=True).leftovers == [], point
            shutil.rmtree(home)


def test_after_a_kill_in_the_middle_of_a_removal_the_same_file_is_read_again(two_runs: TwoRuns, tmp_path: Path) -> None:
    """The data were renamed away and the record does not say so yet: whoever needs them makes them anew."""
    home = tmp_path / "home"
    two_runs.copy(home)
    assert killed(two_runs, home, "FolderDiscards.set_aside#2-after")
    with closing(two_runs.open(home)) as core:
        run = run_to_end(core, two_runs.table("old.csv"))
        assert (run.status, core.replaying.replay(run.run_id).not_kept) == ("COMPLETED", [])
