"""`run_manifest.json` keeps its schema, and the events alone tell what happened."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from harness_core.bootstrap import Core
from harness_core.domain.runs import RunId
from harness_core.sdk.canonical import canonical_bytes
from tests.fakes.ended_homes import EndedHome
from tests.fakes.running import ended, run_to_end, submit

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "run_manifest.v1.schema.json").read_bytes())


def conforms(core: Core, run_id: RunId) -> None:
    data = (core.store.run_folder(run_id) / "run_manifest.json").read_bytes()
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(data))
    assert canonical_bytes(json.loads(data)) == data


def test_the_schema_is_one() -> None:
    """It is a JSON Schema of the dialect it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_manifests_of_all_endings_conform(core: Core, ended_home: EndedHome, run_id: RunId) -> None:
    """Completed, reused and cancelled."""
    conforms(core, run_id)
    conforms(core, run_to_end(core, ended_home.table).run_id)
    waiting = submit(core, ended_home.table, seed=11)
    core.controlling.cancel(waiting.run_id)
    conforms(core, ended(core, waiting).run_id)


def query() -> str:
    """The query that the documentation gives."""
    page = (ROOT / "docs" / "how-to" / "verify-a-report.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```sql\n(WITH .*?)```", page, re.DOTALL)
    return str(found)


def test_one_query_over_the_events_rebuilds_a_run(core: Core, run_id: RunId) -> None:
    """Each step with its times, attempts and ending, and the time to the first result, as the tables have them."""
    run = core.runs.get(run_id)
    with closing(sqlite3.connect(core.settings.home / "state.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        rows = {row["step"]: row for row in connection.execute(query(), {"run": run_id})}
    executions = {item.plugin_id: item for item in core.runs.executions(run.run_id)}
    assert rows.keys() == {"run", *executions}
    for name, item in executions.items():
        row = rows[name]
        assert (row["status"], row["attempts"]) == (str(item.status), item.attempts)
        for column, at in (("queued_s", item.queued_at), ("started_s", item.started_at), ("ended_s", item.ended_at)):
            assert at is not None
            assert row[column] == pytest.approx(at - run.created_at, abs=0.002)
    assert rows["run"]["status"] == run.status
    assert run.first_result_at is not None
    assert rows["run"]["first_result_s"] == pytest.approx(run.first_result_at - run.created_at, abs=1.0)
    assert rows["analysis_count"]["first_result_s"] is not None
