"""The rules of retention as a table, and what holds for every history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_core.domain.retention import (
    DAY_S,
    KeptRun,
    Policy,
    References,
    dataset_needed_by,
    needed_by,
    plan,
    waiting_since,
)
from harness_core.domain.runs import RunId

NOW = 1e9


def run(name: str, days: float, **more: object) -> KeptRun:
    return KeptRun(RunId(name), f"{name}.csv", NOW - days * DAY_S, **{"ended": True, "parts": {name: 10}, **more})  # type: ignore[arg-type]


def expired(runs: list[KeptRun], policy: Policy) -> dict[str, str]:
    return {item.run.run_id: item.reason for item in plan(runs, policy, NOW).expire}


FIVE = [run("a", 1), run("b", 20), run("c", 59.9), run("d", 60.1), run("e", 400)]


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (Policy(newest=0), "de"),
        (Policy(newest=4), "e"),
        (Policy(newest=10), ""),
        (Policy(newest=0, days=10), "bcde"),
        (Policy(newest=0, days=1e4), ""),
        (Policy(newest=0, days=1e4, runs=2), "cde"),
        (Policy(newest=3, days=1e4, runs=2), "de"),
        (Policy(newest=0, days=1e4, size_bytes=30), "de"),
        (Policy(newest=0, days=1e4, size_bytes=29), "cde"),
        (Policy(newest=0, days=30, size_bytes=1000, runs=9), "cde"),
    ],
)
def test_age_number_and_size_take_the_oldest(policy: Policy, gone: str) -> None:
    """And never one of the newest."""
    assert "".join(expired(FIVE, policy)) == gone


def test_the_reason_says_which_bound() -> None:
    """A person sees why."""
    assert expired(FIVE, Policy(newest=0, runs=3))["d"] == "older than 60 days"
    assert expired(FIVE, Policy(newest=0, days=1e4, runs=3))["d"] == "beyond the newest 3 runs"
    assert expired(FIVE, Policy(newest=0, days=1e4, size_bytes=30))["d"] == "beyond 30 bytes"


def test_what_is_pinned_or_under_way_stays_whatever_its_age() -> None:
    """It counts for the bounds, and is never ended by them."""
    runs = [run("a", 1), run("b", 300, pinned=True), run("c", 301, ended=False), run("d", 302)]
    assert "".join(expired(runs, Policy(newest=0, days=1e4, runs=1))) == "d"
    assert dict(plan(runs, Policy(newest=0), NOW).kept) == {
        "under way": 1, "pinned": 1, "newest": 0, "within the policy": 1, "deleted": 0,
    }  # fmt: skip


def test_what_runs_share_counts_once() -> None:
    """Two runs of one large file are not twice as large."""
    runs = [run("a", 1, parts={"a": 1, "file": 100}), run("b", 2, parts={"b": 1, "file": 100}), run("c", 3, parts={"c": 1})]
    assert expired(runs, Policy(newest=0, days=1e4, size_bytes=103)) == {}
    assert "".join(expired(runs, Policy(newest=0, days=1e4, size_bytes=102))) == "c"


def test_a_deletion_has_its_days_of_grace() -> None:
    """Only then is it the end."""
    runs = [run("a", 90, deleted_at=NOW - 6.9 * DAY_S), run("b", 90, deleted_at=NOW - 7 * DAY_S)]
    found = plan(runs, Policy(newest=0), NOW)
    assert ([item.run_id for item in found.purge], found.expire, found.kept["deleted"]) == (["b"], [], 1)


@given(
    st.lists(
        st.tuples(st.floats(0, 500), st.booleans(), st.booleans(), st.integers(0, 50), st.one_of(st.none(), st.floats(0, 30))), max_size=12
    ),
    st.floats(0, 400), st.integers(0, 5), st.integers(0, 8), st.integers(0, 200),
)  # fmt: skip
def test_no_history_ends_what_must_stay(
    facts: list[tuple[float, bool, bool, int, float | None]], days: float, newest: int, most: int, size: int
) -> None:
    """Never a pinned run, one under way or one of the newest; what stays beside them keeps every bound; older goes first."""
    runs = [
        run(f"r{n}", age, pinned=pinned, ended=ended, parts={f"r{n}": bytes_},
            deleted_at=None if deleted is None else NOW - deleted * DAY_S)
        for n, (age, pinned, ended, bytes_, deleted) in enumerate(facts)
    ]  # fmt: skip
    policy = Policy(days=days, newest=newest, runs=most, size_bytes=size)
    found = plan(runs, policy, NOW)
    gone = {item.run.run_id for item in found.expire}
    present = sorted((item for item in runs if item.deleted_at is None), key=lambda item: (-item.at, item.run_id))
    protected = {item.run_id for place, item in enumerate(present) if place < newest or item.pinned or not item.ended}
    assert not gone & protected
    assert not gone & {item.run_id for item in found.purge}
    kept = [item for item in present if item.run_id not in gone]
    free = [item for item in kept if item.run_id not in protected]
    assert all(item.at >= NOW - days * DAY_S for item in free)
    if free and most:
        assert kept.index(free[-1]) < most
    if free and size:
        assert sum(next(iter(item.parts.values())) for item in kept[: kept.index(free[-1]) + 1]) <= size


@pytest.mark.parametrize(
    ("references", "deleted_days", "who"),
    [
        (References(), None, ""),
        (References(kept=2), None, "a run"),
        (References(pinned=1, kept=2), None, "a pinned run"),
        (References(under_way=1), None, "a run under way"),
        (References(kept=2), 8, ""),
        (References(kept=2), 6, "its deletion can still be taken back"),
        (References(), 6, "its deletion can still be taken back"),
        (References(pinned=1), 8, "a pinned run"),
        (References(under_way=1), 8, "a run under way"),
    ],
)
def test_who_needs_a_dataset_version(references: References, deleted_days: float | None, who: str) -> None:
    """One that was deleted goes after its grace although ended runs read it; never from under a run at work or a pinned one."""
    deleted_at = None if deleted_days is None else NOW - deleted_days * DAY_S
    assert dataset_needed_by(references, deleted_at, Policy(), NOW) == who


def test_who_needs_an_upload() -> None:
    """Runs whose files are kept, and its own first run that is still to come; for that it waits an hour at least."""
    assert needed_by(References(waiting=1)) == "an upload that no run has used yet"
    assert needed_by(References()) == ""
    assert waiting_since(Policy(days=0), NOW) == NOW - 3600
    assert waiting_since(Policy(), NOW) == NOW - 60 * DAY_S
