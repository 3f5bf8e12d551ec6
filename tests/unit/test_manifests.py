"""The manifest parser: every mistake at once, each with its place and its remedy; and its schema and reference say the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness_core.domain.errors import Problem
from harness_core.domain.field_reader import kind_of
from harness_core.domain.manifest_schema import manifest_schema
from harness_core.domain.manifests import (
    CAPABILITIES,
    DENIED_BY_DEFAULT,
    LIMIT_KEYS,
    NEEDS,
    OPTIONAL_KEYS,
    REQUIRED_KEYS,
    SANDBOX_KEYS,
    parse_manifest,
)
from harness_core.domain.plugins import PLUGIN_TYPES, Limits
from harness_core.domain.schemas import validate
from harness_core.domain.yaml_documents import read_yaml
from harness_core.sdk.canonical import canonical_bytes

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "plugin-manifest.md"
SCHEMA = ROOT / "docs" / "schemas" / "plugin.v1.schema.json"


def manifest(**changes: Any) -> dict[str, Any]:
    """The example of the contract, with changes; a value of ``...`` takes the key away."""
    raw: dict[str, Any] = {
        "id": "analysis_example", "name": "Example", "version": "1.0.0", "type": "analysis", "entrypoint": "plugin.py:run",
        "depends_on": ["profile_basic"], "capabilities": [], "config_schema": "config.schema.json",
        "output_schema": "output.schema.json", "requires": {"engine": ">=1.0,<2"},
        "sandbox": {"no_network": True, "fs_allowlist": ["run_dir"]},
        "limits": {"timeout_s": 600, "memory_mb": 2048, "concurrency": "cpu"},
    }  # fmt: skip
    return {key: value for key, value in {**raw, **changes}.items() if value is not ...}


def problems_of(raw: Any) -> list[Problem]:
    return parse_manifest(raw, "plugin.yaml", folder_name="analysis_example")[1]


def test_the_contracts_example_is_read_as_it_stands() -> None:
    """Guards the promise of the contract: its own example is a valid manifest, with the defaults it leaves out."""
    parsed, problems = parse_manifest(manifest(), "plugin.yaml", folder_name="analysis_example")
    assert problems == []
    assert parsed is not None
    assert (parsed.id, parsed.module, parsed.function) == ("analysis_example", "plugin.py", "run")
    assert parsed.limits == Limits(600, 2048, None, "cpu")
    assert (parsed.retries, parsed.accepts, dict(parsed.needs), parsed.description) == (2, (), {}, "")


@pytest.mark.parametrize("key", REQUIRED_KEYS)
def test_each_required_key_is_missed_by_name(key: str) -> None:
    """Guards that no required key can be left out, and that its absence is the only complaint."""
    assert [(problem.field, problem.reason) for problem in problems_of(manifest(**{key: ...}))] == [(key, "missing")]


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"id": "Analysis-Example"}, "id", "analysis_example"),
    ({"id": "ab"}, "id", "letter"),
    ({"id": "analysis_other"}, "id", "folder"),
    ({"name": ""}, "name", "empty"),
    ({"name": None}, "name", "empty"),
    ({"name": "two\nlines"}, "name", "line breaks"),
    ({"name": "red \x1b[31m"}, "name", "invisible"),
    ({"name": "x" * 1001}, "name", "1,001"),
    ({"version": "1.0"}, "version", "1.0.0"),
    ({"version": 1.0}, "version", "quotes"),
    ({"version": "01.0.0"}, "version", "1.0.0"),
    ({"type": "anlysis"}, "type", "did you mean analysis?"),
    ({"type": None}, "type", "none of"),
    ({"entrypoint": "plugin.py"}, "entrypoint", "plugin.py:run"),
    ({"entrypoint": "../plugin.py:run"}, "entrypoint", "plugin.py:run"),
    ({"entrypoint": "/plugin.py:run"}, "entrypoint", "plugin.py:run"),
    ({"entrypoint": "./plugin.py:run"}, "entrypoint", "plugin.py:run"),
    ({"entrypoint": "plugin.so:run"}, "entrypoint", "plugin.py:run"),
    ({"depends_on": "profile_basic"}, "depends_on", "list"),
    ({"depends_on": None}, "depends_on", "list"),
    ({"depends_on": ["analysis_example"]}, "depends_on", "itself"),
    ({"depends_on": ["profile_basic", "profile_basic"]}, "depends_on[1]", "twice"),
    ({"depends_on": ["no id"]}, "depends_on", "no plugin id"),
    ({"depends_on": [3]}, "depends_on[0]", "number 3"),
    ({"capabilities": ["netwrk"]}, "capabilities", "did you mean network?"),
    ({"config_schema": "/etc/x.json"}, "config_schema", "config.schema.json"),
    ({"config_schema": "a/../../x.json"}, "config_schema", "config.schema.json"),
    ({"output_schema": "C:\\x.json"}, "output_schema", "output.schema.json"),
    ({"output_schema": "schema.yaml"}, "output_schema", "output.schema.json"),
    ({"requires": {}}, "requires.engine", "missing"),
    ({"requires": {"engine": "1 or 2"}}, "requires.engine", "no range"),
    ({"requires": {"engine": ">=1", "engin": ">=1"}}, "requires.engin", "did you mean engine?"),
    ({"requires": ">=1"}, "requires", "mapping"),
    ({"sandbox": {"no_network": "no"}}, "sandbox.no_network", "true or false"),
    ({"sandbox": {"no_network": False}}, "sandbox.no_network", "capability network"),
    ({"sandbox": {"fs_allowlist": ["/etc"]}}, "sandbox.fs_allowlist", "/etc"),
    ({"sandbox": {"fs_allowlist": ["run_dir/../.."]}}, "sandbox.fs_allowlist", "leads out"),
    ({"sandbox": {"write": True}}, "sandbox.write", "unknown key"),
    ({"limits": {"timeout_s": 0}}, "limits.timeout_s", "above 0"),
    ({"limits": {"timeout_s": True}}, "limits.timeout_s", "number"),
    ({"limits": {"timeout_s": float("inf")}}, "limits.timeout_s", "number"),
    ({"limits": {"memory_mb": 63}}, "limits.memory_mb", "at least 64"),
    ({"limits": {"memory_mb": 64.5}}, "limits.memory_mb", "whole number"),
    ({"limits": {"cpu_s": -1}}, "limits.cpu_s", "above 0"),
    ({"limits": {"concurrency": "gpu"}}, "limits.concurrency", "cpu, io"),
    ({"limits": {"memory": 64}}, "limits.memory", "did you mean memory_mb?"),
    ({"limits": None}, "limits", "empty"),
    ({"needs": {"numerics": 1}}, "needs.numerics", "did you mean numeric?"),
    ({"needs": {"rows": -1}}, "needs.rows", "at least 0"),
    ({"accepts": [".csv"]}, "accepts", "reads no files"),
    ({"retries": 6}, "retries", "within 0 and 5"),
    ({"schema_version": "plugin.v2"}, "schema_version", "plugin.v1"),
    ({"descripton": "x"}, "descripton", "did you mean description?"),
]


@pytest.mark.parametrize(("changes", "field", "words"), MISTAKES)
def test_each_mistake_is_named_with_field_and_remedy(changes: dict[str, Any], field: str, words: str) -> None:
    """Guards every rule of the format: one mistake gives one problem, at its field, in words that help."""
    parsed, problems = parse_manifest(manifest(**changes), "plugin.yaml", folder_name="analysis_example")
    assert parsed is None
    assert [problem.field for problem in problems] == [field]
    assert words in str(problems[0])
    assert problems[0].where == "plugin.yaml"


def test_all_mistakes_come_at_once() -> None:
    """Guards that a person mends a manifest in one go: no problem hides another."""
    found = problems_of(manifest(version="1", type="x", limits={"memory_mb": 1, "timeout_s": -1}, nam="x", requires=...))
    assert {problem.field for problem in found} == {"version", "type", "limits.memory_mb", "limits.timeout_s", "nam", "requires"}


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_what_is_no_mapping_is_one_problem(raw: Any) -> None:
    """Guards that an empty or upside-down file is explained, not crashed on."""
    assert [problem.reason for problem in problems_of(raw)] == [f"a manifest is a mapping of keys, and this is {kind_of(raw)}"]


def test_optional_keys_arrive() -> None:
    """Guards that what a manifest says beyond the required keys reaches the kernel."""
    parsed, problems = parse_manifest(
        manifest(type="ingest", accepts=[".csv", ".csv.gz"], needs={"rows": 2}, retries=0, description="Why?", limits={"cpu_s": 5}),
        "plugin.yaml",
    )
    assert problems == []
    assert parsed is not None
    assert (parsed.accepts, parsed.needs, parsed.retries, parsed.description) == ((".csv", ".csv.gz"), {"rows": 2}, 0, "Why?")
    assert parsed.limits == Limits(cpu_s=5)


@pytest.mark.parametrize(("suffix", "remedy"), [("CSV", "write .csv"), ("*.Csv", "write .csv"), (".c v", "such as .csv")])
def test_suffixes_are_lower_case_with_their_dot(suffix: str, remedy: str) -> None:
    """Guards that a suffix can only be written in the one way in which files are matched."""
    assert [problem.remedy for problem in problems_of(manifest(type="ingest", accepts=[suffix]))] == [remedy]


def test_risky_capabilities_are_denied_by_default() -> None:
    """Guards the default: nothing that reaches out of the wall, or that makes results differ, is granted unasked."""
    assert {"network", "gpu", "subprocess", "state"} == DENIED_BY_DEFAULT
    assert all(capability.sentence.endswith(".") for capability in CAPABILITIES.values())


def test_the_schema_in_the_docs_is_made_from_the_parser() -> None:
    """Guards the published schema; write ``canonical_bytes(manifest_schema())`` into it after a change."""
    assert SCHEMA.read_bytes() == canonical_bytes(manifest_schema())


BEYOND_A_SCHEMA = (
    "folder", "itself", "no range", "leads out", "capability network", "reads no files", "line breaks", "invisible", "/etc",
    "plugin.py:run", ".schema.json",
)  # fmt: skip
SEEN_BY_SCHEMA = [changes for changes, _, words in MISTAKES if not words.endswith(BEYOND_A_SCHEMA) and "inf" not in str(changes)]


@pytest.mark.parametrize("changes", SEEN_BY_SCHEMA)
def test_the_schema_refuses_what_the_parser_refuses(changes: dict[str, Any]) -> None:
    """Guards that an editor that holds a manifest to the schema finds what the product will find, as far as a schema can."""
    assert validate(json.loads(SCHEMA.read_text(encoding="utf-8")), manifest(**changes), "x")


def test_the_schema_accepts_what_the_parser_accepts() -> None:
    """Guards the other direction: no valid manifest is called wrong by an editor."""
    valid = manifest(type="ingest", accepts=[".csv"], needs={"rows": 2}, retries=5, description="Why?", schema_version="plugin.v1")
    assert problems_of(valid) == []
    assert validate(manifest_schema(), valid, "x") == []


def test_the_reference_describes_every_key_and_nothing_else() -> None:
    """Guards the reference page: each key, capability and type stands in it, and no key that is gone."""
    rows = [
        line.split("|")[1].strip().strip("`")
        for line in REFERENCE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert sorted(rows) == sorted([*REQUIRED_KEYS, *OPTIONAL_KEYS, *CAPABILITIES, *SANDBOX_KEYS, *LIMIT_KEYS, *NEEDS])
    text = REFERENCE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in PLUGIN_TYPES)
    assert all(capability.sentence in text for capability in CAPABILITIES.values())


def test_the_example_in_the_reference_is_valid() -> None:
    """Guards that the reference's own example can be copied."""
    example = REFERENCE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    document, problems = read_yaml(example, "example")
    assert problems == []
    assert document is not None
    assert problems_of(document.value) == []
