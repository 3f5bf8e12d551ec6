"""The planner: every candidate is taken or left, with a reason in the data's own words."""

from pathlib import Path

import numpy as np
import pytest

from harness_core.sdk.testing import run_plugin

PLUGINS = Path(__file__).parents[2] / "plugins"


def entry(plugin_id, needs=None, kind="analysis", depends_on=("profile_basic",)):
    return {
        "plugin_id": plugin_id, "name": plugin_id, "version": "1.0.0", "type": kind, "depends_on": list(depends_on),
        "needs": dict(needs or {}), "description": "",
    }  # fmt: skip


@pytest.fixture(scope="module")
def sales():
    draw, n = np.random.default_rng(1), 300
    table = {"order_id": np.arange(n), "region": draw.choice(["N", "S"], n), "amount": draw.lognormal(3, 1, n)}
    return run_plugin(PLUGINS / "profile_basic", table)


def plan(profile, *entries, eventlog=None, **settings):
    upstream = {"profile_basic": profile} | ({"profile_eventlog": eventlog} if eventlog else {})
    answer = run_plugin(PLUGINS / "planner_basic", {"x": [1]}, upstream=upstream, plan=entries, settings=settings)
    assert answer["status"] == "ok", answer["error"]
    return {row["plugin_id"]: (row["selected"], row["reason"]) for row in answer["metrics"]["selection"]}, answer


def test_reasons_name_the_columns(sales):
    """What is taken says what serves it; what is left says what is missing and what there is instead."""
    chosen, _ = plan(
        sales,
        entry("analysis_outliers", {"numeric": 1, "rows": 20}),
        entry("analysis_dependence", {"numeric": 2}),
        entry("analysis_trend", {"temporal": 1}),
        entry("analysis_groups", {"groups": 1, "numeric": 1}),
        entry("analysis_large", {"rows": 1_000}),
        entry("analysis_quality"),
    )
    assert chosen == {
        "analysis_outliers": (True, 'taken: there is one numeric measure, "amount"'),
        "analysis_dependence": (False, 'left: needs at least two numeric measures; there is one, "amount"'),
        "analysis_trend": (False, "left: needs one date or time column; there is none"),
        "analysis_groups": (True, 'taken: there is one column with groups, "region" and one numeric measure, "amount"'),
        "analysis_large": (False, "left: needs at least 1,000 rows; there are 300"),
        "analysis_quality": (True, "taken: it applies to every table"),
    }


def test_an_event_log_is_needed_or_its_absence_is_explained(sales):
    """What needs an event log is taken only where the profile found one, with its columns; else with the profile's own reason."""
    log = {"status": "ok", "summary": "This is an event log.", "findings": [], "metrics": {
        "is_event_log": True, "roles": {"case": "order", "activity": "step", "time": "at", "resource": None, "lifecycle": "mark"},
    }}  # fmt: skip
    none = {"status": "na", "summary": "No column holds dates or times.", "findings": [], "metrics": {"is_event_log": False}}
    process = entry("analysis_process", {"event_log": 1})
    assert plan(sales, process, eventlog=log)[0]["analysis_process"] == (
        True, 'taken: there is one event log ("order", "step", "at")',
    )  # fmt: skip
    assert plan(sales, process, eventlog=none)[0]["analysis_process"] == (
        False, "left: needs one event log; there is none. No column holds dates or times",
    )  # fmt: skip
    assert plan(sales, process)[0]["analysis_process"] == (
        False, "left: needs one event log; there is none. No profile looked for one",
    )  # fmt: skip


def test_only_analyses_transforms_and_prompts_are_decided(sales):
    """Ingest, profile and report plugins are not the planner's to choose."""
    kinds = ["ingest", "profile", "planner", "transform", "analysis", "report", "llm"]
    chosen, _ = plan(sales, *(entry(f"{kind}_x", kind=kind) for kind in kinds))
    assert list(chosen) == ["transform_x", "analysis_x", "llm_x"]


def test_settings_include_and_exclude(sales):
    """Asked for is taken whatever the profile says, and excluded is left even then."""
    entries = entry("analysis_a", {"temporal": 3}), entry("analysis_b"), entry("analysis_c")
    chosen, _ = plan(sales, *entries, include=["analysis_a", "analysis_c"], exclude=["analysis_b", "analysis_c"])
    assert [chosen[name] for name in ("analysis_a", "analysis_b", "analysis_c")] == [
        (True, "taken: the settings ask for it"),
        (False, "left: the settings exclude it"),
        (False, "left: the settings exclude it"),
    ]


def test_what_builds_on_a_left_plugin_is_left(sales):
    """A chain falls with its first link, in whatever order the plan lists it."""
    chosen, _ = plan(
        sales,
        entry("analysis_third", depends_on=["analysis_second"]),
        entry("analysis_second", depends_on=["analysis_first"]),
        entry("analysis_first", {"temporal": 1}),
    )
    assert chosen["analysis_third"] == (False, "left: it builds on analysis_second, which was left")
    assert chosen["analysis_second"] == (False, "left: it builds on analysis_first, which was left")


def test_roles_can_be_corrected(sales):
    """A role given in the settings counts instead of the profile's, and an unknown column is named."""
    chosen, answer = plan(sales, entry("analysis_dependence", {"numeric": 2}), roles={"order_id": "measure", "nope": "time"})
    assert chosen["analysis_dependence"] == (True, 'taken: there are two numeric measures ("order_id", "amount")')
    assert answer["metrics"]["roles"] == {"order_id": "measure", "region": "category", "amount": "measure"}
    assert '"order_id" is a measure' in answer["summary"]
    assert 'no column "nope"' in answer["summary"]


def test_levels_bound_what_is_a_group(sales):
    """A column with more levels than allowed has no groups."""
    table = {"shop": [f"shop {i % 60}" for i in range(600)]}
    profile = run_plugin(PLUGINS / "profile_basic", table)
    assert plan(profile, entry("analysis_g", {"groups": 1}))[0]["analysis_g"][0]
    assert plan(profile, entry("analysis_g", {"groups": 1}), max_group_levels=50)[0]["analysis_g"] == (
        False,
        "left: needs one column with groups; there is none",
    )


def test_without_a_profile_it_says_so():
    """A missing prerequisite is an error with a name, never an empty plan."""
    answer = run_plugin(PLUGINS / "planner_basic", {"x": [1]}, plan=[entry("analysis_a")])
    assert (answer["status"], answer["error"]["type"]) == ("error", "MissingProfile")


def test_the_empty_table_feeds_nothing():
    profile = run_plugin(PLUGINS / "profile_basic", {"x": []})
    chosen, _ = plan(profile, entry("analysis_a", {"rows": 1}), entry("analysis_b", {"numeric": 1}))
    assert chosen["analysis_a"] == (False, "left: needs one row; the table is empty")
    assert not chosen["analysis_b"][0]
