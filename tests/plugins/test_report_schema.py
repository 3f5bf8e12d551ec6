"""The published schema of report.json: a complete report conforms, and each promise of the contract is one that it enforces."""

import copy
import json
import runpy
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "report.v1.schema.json").read_text("utf-8"))
MAKE = runpy.run_path(str(Path(__file__).with_name("report_documents.py")))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def problems(document):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def changed(path, value):
    """The complete report with one place changed; ``...`` removes it."""
    document = copy.deepcopy(MAKE["document"]())
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


def test_the_schema_is_one():
    """It is itself valid JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", ["document", "wide", "failed"])
def test_complete_reports_conform(name):
    """A partial run, a wide table and a failed run are all reports."""
    assert problems(MAKE[name]()) == []


def test_additions_are_welcome():
    """A key that the contract does not name breaks nobody."""
    for path in (("extra",), ("findings", 0, "extra"), ("dataset", "extra"), ("insights", 0, "extra"), ("coverage", "extra")):
        assert problems(changed(path, {"new": 1})) == []


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_every_key_of_the_contract_is_required(key):
    """A report without one of them is none."""
    assert problems(changed((key,), ...))


@pytest.mark.parametrize("key", SCHEMA["$defs"]["finding"]["required"])
def test_every_key_of_a_finding_is_required(key):
    """Also where the finding is an insight."""
    assert problems(changed(("findings", 0, key), ...))
    assert problems(changed(("insights", 0, key), ...))


WRONG = {
    "a schema version of another report": (("schema_version",), "report.v2"),
    "a fingerprint without its kind": (("run_fingerprint",), "5c" * 32),
    "an unknown status": (("status",), "DONE"),
    "a dataset id of another length": (("dataset", "dataset_version_id"), "dv_1"),
    "a negative number of rows": (("dataset", "row_count"), -1),
    "an unknown type of column": (("dataset", "columns", 0, "type"), "varchar"),
    "a finding id that is no hash": (("findings", 0, "id"), "f_1"),
    "an unknown severity": (("findings", 0, "severity"), "high"),
    "a confidence beyond one": (("findings", 0, "confidence"), 1.5),
    "a measure of its own": (("findings", 0, "measure"), "GUESSED"),
    "a q-value beyond one": (("findings", 0, "statistics"), {"q_value": 2}),
    "evidence of no kind": (("findings", 0, "evidence"), [{"type": "hearsay"}]),
    "a row that is cited otherwise": (("findings", 0, "evidence"), [{"type": "rows", "refs": ["row 7"]}]),
    "a query without its result": (("findings", 0, "evidence"), [{"type": "query", "sql": "SELECT 1"}]),
    "a rank before the first": (("insights", 0, "rank"), 0),
    "an insight without a reason": (("insights", 0, "why"), ...),
    "a sample without its seed": (("coverage", "sampled"), True),
    "an unknown status of a plugin": (("plugins", "profile_basic", "status"), "FINE"),
    "an error without a remedy": (("errors", 0, "remedy"), ...),
}


@pytest.mark.parametrize(("path", "value"), WRONG.values(), ids=WRONG)
def test_what_the_contract_excludes_is_refused(path, value):
    """Each of these would mislead a reader of the contract."""
    assert problems(changed(path, value))
