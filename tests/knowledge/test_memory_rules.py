"""The memory of insights as pure rules: new, known, changed, gone; accepted and suppressed, until a day."""

from dataclasses import replace
from typing import Any

import pytest

from harness_core.domain.errors import UsageError
from harness_core.domain.memory import (
    Decision,
    RememberedInsight,
    check_decision,
    day_of,
    end_of_day,
    novelties,
    what_changed,
)


def insight(name: str, run: str = "now", columns: tuple[str, ...] = ("a",), **parts: Any) -> RememberedInsight:
    known = {"severity": "notice", "title": name, "statement": f"{name} is so.", "effect": None, **parts}
    return RememberedInsight(run, name, 1, "p", "outlier", columns, **known)


def test_new_known_changed_and_gone() -> None:
    """Each insight is told apart by its finding's id; where it was seen first is the oldest run that had it."""
    before = [
        [insight("kept", "r2"), insight("worse", "r2"), insight("left", "r2"), insight("other", "r2", ("z",))],
        [insight("kept", "r1"), insight("old", "r1")],
    ]
    now = [insight("kept"), insight("worse", severity="warning"), insight("fresh"), insight("old")]
    seen = {item.insight.finding_id: (str(item.novelty), item.first_run) for item in novelties(now, before, ["a"])}
    assert seen == {
        "kept": ("known", "r1"), "worse": ("changed", "r2"), "fresh": ("new", None), "old": ("known", "r1"), "left": ("gone", "r2"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ({"value": 0.5, "low": 0.4, "high": 0.6}, {"value": 0.59}, False),
        ({"value": 0.5, "low": 0.4, "high": 0.6}, {"value": 0.61}, True),
        ({"value": -2.0}, {"value": -2.19}, False),
        ({"value": -2.0}, {"value": -2.21}, True),
        ({"value": 0.0}, {"value": 0.0}, False),
        (None, {"value": 1.0}, False),
    ],
)
def test_an_effect_has_changed_beyond_its_interval(before: Any, now: Any, changed: bool) -> None:
    """Within the stated interval, or a tenth where there is none, it is the same effect."""
    assert bool(what_changed(insight("x", effect=before), insight("x", effect=now))) is changed


def test_without_an_effect_the_words_decide() -> None:
    """A count in the statement that is another is a change."""
    assert what_changed(insight("x"), insight("x", statement="other")) == "its numbers are others"


DECISION = Decision("d", "suppressed", "known", kind="outlier", columns=("a",), pattern="^Out")


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({}, True),
        ({"title": "In"}, True),
        ({"title": "In", "statement": "An Out"}, False),
        ({"columns": ("b",)}, False),
        ({"columns": ("a", "b")}, True),
        ({"kind": "trend"}, False),
    ],
)
def test_all_that_a_decision_names_must_fit(change: dict[str, Any], covered: bool) -> None:
    """Kind, columns and pattern are joined by and; the pattern may be in the title or in the statement."""
    assert DECISION.covers(replace(insight("Out"), **change)) is covered


def test_a_decision_holds_through_its_last_day() -> None:
    """The day that is named is the last one, in UTC."""
    until = end_of_day("2027-03-31")
    assert until is not None
    assert replace(DECISION, expires_at=until).holds(until - 1)
    assert not replace(DECISION, expires_at=until).holds(until)
    assert day_of(until) == "2027-03-31"
    assert end_of_day("never") is None


@pytest.mark.parametrize("day", ["tomorrow", "2027-02-30", "", "2027-3-1", "9999-12-31x"])
def test_no_other_day_is_taken(day: str) -> None:
    """A mistyped day is no decision for ever."""
    with pytest.raises(UsageError):
        end_of_day(day)


@pytest.mark.parametrize("given", [("", (), "", "r"), ("outlire", (), "", "r"), ("", (), "(", "r"), ("outlier", (), "", " ")])
def test_a_decision_says_what_and_why(given: Any) -> None:
    """Too wide, unknown, unreadable or without a reason: refused."""
    with pytest.raises(UsageError):
        check_decision(*given)
