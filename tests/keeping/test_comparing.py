"""Two runs side by side: only what differs, each thing once, in words and as data."""

import copy
from pathlib import Path
from typing import Any

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.errors import Conflict, NotFound, Tampered
from harness_core.domain.runs import RunId
from harness_core.services.comparing import Side, compare
from tests.cli.conftest import Harness, forked
from tests.fakes.running import run_to_end, submit
from tests.keeping.conftest import TwoRuns


def test_a_run_equals_itself_computed_again(core: Core, old: RunId, two_runs: TwoRuns) -> None:
    """The same file and settings: nothing is listed."""
    again = run_to_end(core, two_runs.table("old.csv"), reuse=False)
    _, _, found = core.comparing.compare(old, again.run_id)
    assert found.equal
    document = found.as_dict()
    assert [document[key] for key in ("configuration", "schema", "columns")] == [[], [], []]
    assert document["insights"] == {"new": [], "gone": [], "changed": [], "same": 0}
    assert "Every result is the same." in found.verdict


def test_another_file_shows_in_its_data_and_claims(core: Core, old: RunId, new: RunId) -> None:
    """What is the same is not told again."""
    _, _, found = core.comparing.compare(old, new)
    assert not found.equal
    where = {(item.where, item.name) for item in found.configuration}
    assert ("input", "sha256") in where
    assert ("input", "file") in where
    assert not {"plugin", "engine", "run"} & {item.where for item in found.configuration}
    assert [(item.before["statement"], item.after["statement"]) for item in found.changed] == [
        ("There are 3 rows.", "There are 4 rows.")
    ] * 2
    assert (list(found.added), list(found.removed)) == ([], [])


def side(core: Core, run_id: RunId, **report: Any) -> Side:
    run = core.runs.get(run_id)
    base = core.comparing._side(run_id).report
    return Side(run, core.runs.executions(run_id), {**copy.deepcopy(dict(base or {})), **report})


def claim(name: str, statement: str, **more: Any) -> dict[str, Any]:
    return {"id": f"f_{name}", "plugin_id": "p", "kind": "outlier", "columns": [name], "subject": None, "severity": "notice",
            "title": name, "statement": statement, **more}  # fmt: skip


def test_insights_are_new_gone_or_changed(core: Core, old: RunId) -> None:
    """By what they claim, not by their wording; a severity that rose is a change."""
    before = [claim("a", "a is odd"), claim("b", "b is 3"), claim("c", "c stays"), claim("d", "d is bad")]
    after = [
        claim("b", "b is 4", id="f_other"),
        claim("c", "c stays"),
        claim("d", "d is bad", severity="critical"),
        claim("e", "e"),
    ]
    found = compare(side(core, old, insights=before), side(core, old, insights=after)).as_dict()["insights"]
    assert [item["statement"] for item in found["new"]] == ["e"]
    assert [item["statement"] for item in found["gone"]] == ["a is odd"]
    assert [(item["before"]["statement"], item["after"]["severity"]) for item in found["changed"]] == [
        ("b is 3", "notice"), ("d is bad", "critical"),
    ]  # fmt: skip
    assert found["same"] == 1


def test_what_cannot_be_compared_is_refused(core: Core, old: RunId, two_runs: TwoRuns) -> None:
    """A run under way, one without a name, one that was altered."""
    waiting = submit(core, two_runs.table("new.csv"))
    for other, error in ((waiting.run_id, Conflict), ("run_that_is_not_there", NotFound)):
        with pytest.raises(error):
            core.comparing.compare(old, other)
    report = core.store.run_folder(old) / "report.json"
    report.write_bytes(report.read_bytes() + b" ")
    with pytest.raises(Tampered):
        core.comparing.compare(old, old)


def test_the_command_shows_only_what_differs(two_runs: TwoRuns, tmp_path: Path) -> None:
    """Equal is one line; different is a list; both end with 0, and the document says which."""
    two_runs.copy(tmp_path / "home")
    harness = Harness(tmp_path / "home", two_runs.plugins, tmp_path)
    equal = forked(harness, "runs", "compare", two_runs.old, two_runs.old)
    assert (equal.code, equal.out.count("\n"), equal.err) == (0, 1, "")
    done = forked(harness, "runs", "compare", two_runs.old, two_runs.new)
    assert done.code == 0
    assert "input: file: old.csv → new.csv" in done.out
    assert "→ There are 4 rows." in done.out
    document = forked(harness, "runs", "compare", two_runs.old, two_runs.new, "--json").document
    assert (document["equal"], document["before"], document["after"]) == (False, two_runs.old, two_runs.new)
    assert forked(harness, "runs", "compare", two_runs.old).code == 2
