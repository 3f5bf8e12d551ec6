"""The process sequence: exact counts against a plain count in Python, planted loops and bottlenecks, evidence, and silence."""

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.plugins.event_logs import USUAL, analysed, process_log, quiet_log, seconds, stands

PLUGIN = "analysis_process_sequence"


def traces(table: Any) -> dict[str, list[tuple[Any, ...]]]:
    found = defaultdict(list)
    for row, (case, what, when) in enumerate(zip(*(table[name].to_pylist() for name in ("order", "what", "when")), strict=True)):
        found[case].append((when, row, what))
    return {case: sorted(events) for case, events in found.items()}


def by_kind(answer: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for finding in answer["findings"]:
        found[finding["kind"]].append(finding)
    return found


@pytest.fixture(scope="module")
def log() -> Any:
    return process_log()


@pytest.fixture(scope="module")
def answer(log: Any) -> dict[str, Any]:
    return analysed(PLUGIN, log)


def test_counts_are_those_of_a_plain_count(log: Any, answer: dict[str, Any]) -> None:
    """Guards exactness: variants, directly-follows, starts, ends and durations, counted once more without the plugin's code."""
    cases, metrics = traces(log), answer["metrics"]
    paths = Counter(tuple(what for *_, what in events) for events in cases.values())
    steps = Counter((a, b) for path in paths.elements() for a, b in pairwise(path))
    assert (metrics["cases"], metrics["events"], metrics["variants"]) == (len(cases), len(log), len(paths))
    assert {(e["from"], e["to"]): e["count"] for e in metrics["directly_follows"]} == steps
    assert metrics["start_activities"] == {"receive": len(cases)}
    assert metrics["end_activities"] == Counter(path[-1] for path in paths.elements())
    lasted = [(events[-1][0] - events[0][0]).total_seconds() for events in cases.values()]
    assert metrics["median_case_duration_s"] == pytest.approx(np.median(lasted), rel=1e-9)
    assert metrics["top_variants"][0]["cases"] == paths.most_common(1)[0][1]


def test_the_planted_truth_is_told(answer: dict[str, Any]) -> None:
    """Guards the four findings: the usual path, what is repeated and that it is slow, and the bottleneck before shipping."""
    found = by_kind(answer)
    usual = found["process_variant"][0]
    assert usual["subject"] == "usual_path"
    assert " → ".join(USUAL) in usual["statement"]
    (rework,) = found["rework"]
    assert rework["statistics"]["share"] == pytest.approx(0.3, abs=0.06)
    assert '"check"' in rework["statement"]
    (bottleneck,) = found["bottleneck"]
    assert bottleneck["subject"] == "decide > ship"
    assert bottleneck["statistics"]["effect"]["low"] < bottleneck["statistics"]["effect"]["value"]


def test_every_number_comes_from_a_query(log: Any, answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives every result again, windows and quotes included."""
    awkward = pa.table({f'{name} "x"': log[name] for name in log.column_names})
    assert stands(log, answer, tmp_path) >= 5
    assert stands(awkward, analysed(PLUGIN, awkward), tmp_path) >= 5


def test_the_order_of_rows_changes_nothing(log: Any, answer: dict[str, Any]) -> None:
    """Guards determinism under permutation: the same metrics and statistics."""
    moved = analysed(PLUGIN, log.take(np.random.default_rng(5).permutation(len(log))))
    assert {**moved["metrics"], "cases_with_unsorted_rows": 0} == {**answer["metrics"], "cases_with_unsorted_rows": 0}
    assert [f["statistics"] for f in moved["findings"]] == [f["statistics"] for f in answer["findings"]]


def test_slow_departures_are_told() -> None:
    """Guards departures: a rare extra step that makes cases far longer, and is no repetition."""
    rng = np.random.default_rng(4)
    rows = []
    for case in range(400):
        extra = rng.random() < 0.15
        path = ["open", "review", *(["escalate"] if extra else []), "close"]
        at = case * 5000.0
        for activity in path:
            at += rng.gamma(3, 20_000 if extra else 2000)
            rows.append((f"c{case}", activity, at))
    case, what, at = zip(*rows, strict=True)
    found = by_kind(analysed(PLUGIN, pa.table({"case": case, "what": what, "at": seconds(at)})))
    assert [f["subject"] for f in found["process_variant"]] == ["usual_path", "add:escalate"]
    assert found["process_variant"][1]["statistics"]["effect"]["value"] > 0.8
    assert "rework" not in found


def test_equal_steps_have_no_bottleneck_and_random_extras_no_cost() -> None:
    """Guards the floors: with equal steps and extras that cost nothing beside the rest, only the usual path is told."""
    rng = np.random.default_rng(8)
    rows = []
    for case in range(500):
        path = ["a", "b", "c", "d", *(["x"] if rng.random() < 0.2 else []), "e", "f", "g"]
        lasts, at = rng.gamma(4, 1000), case * 300.0
        for place, activity in enumerate(path):
            rows.append((case, activity, at + lasts * place / (len(path) - 1)))
    case, what, at = zip(*rows, strict=True)
    answer = analysed(PLUGIN, pa.table({"case": case, "what": what, "at": seconds(at)}))
    assert [f["subject"] for f in answer["findings"]] == ["usual_path"]


def test_only_ends_count_where_starts_are_marked() -> None:
    """Guards the lifecycle: an activity with a start and an end row is done once, not twice."""
    log = process_log(4, 200)
    both = {name: pa.concat_arrays([log[name].combine_chunks()] * 2) for name in ("order", "what")}
    times = np.concatenate([log["when"].to_numpy(), log["when"].to_numpy() + np.timedelta64(60, "s")])
    table = pa.table({**both, "mark": ["B"] * len(log) + ["E"] * len(log), "at": times})
    answer = analysed(PLUGIN, table)
    assert answer["metrics"]["events"] == 2 * len(log)
    assert answer["metrics"]["completions"]["events"] == len(log)
    (rework,) = by_kind(answer)["rework"]
    assert rework["statistics"]["extra_events"] == by_kind(analysed(PLUGIN, log))["rework"][0]["statistics"]["extra_events"]


def test_what_is_no_log_is_left() -> None:
    """Guards the applicability: no sequences without cases, said in a sentence."""
    answer = analysed(PLUGIN, quiet_log(1))
    assert (answer["status"], answer["reason_code"]) == ("na", "not_an_event_log")
