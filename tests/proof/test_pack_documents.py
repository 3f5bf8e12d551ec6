"""The documents of a pack keep what their standards ask for, and say what the run's own records say."""

import json
import uuid
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.runs import RunId
from harness_core.sdk.canonical import sha256_hex


@pytest.fixture(params=[False, True], ids=["without raw", "with raw"])
def files(request: pytest.FixtureRequest, core: Core, run_id: RunId, tmp_path: Path) -> dict[str, bytes]:
    made = core.exporting.export(run_id, tmp_path / "run.zip", include_raw=request.param)
    with zipfile.ZipFile(made.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def manifest_of(files: dict[str, bytes]) -> dict[str, Any]:
    return dict(json.loads(files["run/run_manifest.json"]))


def is_address(text: str) -> bool:
    parts = urlparse(text)
    return parts.scheme == "https" and bool(parts.netloc)


def is_moment(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


def test_the_data_package_lists_every_file_of_the_run(files: dict[str, bytes]) -> None:
    """Data Package 2: unique names, relative paths that are there, sizes and hashes that are theirs."""
    package = json.loads(files["datapackage.json"])
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert is_moment(package["created"])
    resources = package["resources"]
    assert len({item["name"] for item in resources}) == len(resources) > 0
    assert {item["path"] for item in resources} == {name for name in files if name.startswith(("run/", "datasets/", "inputs/"))}
    for item in resources:
        data = files[item["path"]]
        assert (item["bytes"], item["hash"]) == (len(data), f"sha256:{sha256_hex(data)}")
        assert "/" in item["mediatype"]
    for table in (item for item in resources if item.get("type") == "table"):
        assert [field["name"] for field in table["schema"]["fields"]] == ["a", "b"]


def test_the_crate_is_a_process_run_crate(files: dict[str, bytes]) -> None:
    """RO-Crate 1.1: a flat graph in which every reference is defined or an address; and one action from inputs to results."""
    crate = json.loads(files["ro-crate-metadata.json"])
    assert crate["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert entities["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = entities["./"]
    assert {"name", "description", "datePublished", "license", "hasPart", "mentions"} <= root.keys()
    assert root["conformsTo"] == {"@id": "https://w3id.org/ro/wfrun/process/0.5"}
    for reference in references(crate["@graph"]):
        assert reference in entities or is_address(reference) or reference.startswith("http://schema.org/"), reference
    parts = [entities[item["@id"]] for item in root["hasPart"]]
    for part in parts:
        data = files[unquote(part["@id"])]
        assert (part["@type"], part["contentSize"], part["sha256"]) == ("File", str(len(data)), sha256_hex(data))
    (action,) = [entity for entity in crate["@graph"] if entity["@type"] == "CreateAction"]
    assert root["mentions"] == {"@id": action["@id"]}
    assert entities[action["instrument"]["@id"]]["@type"] == "SoftwareApplication"
    assert entities[action["object"]["@id"]]["name"] == "table.csv"
    assert {"run/report.json", "run/report.md"} <= {item["@id"] for item in action["result"]}
    assert is_moment(action["startTime"])
    assert is_moment(action["endTime"])


def references(value: Any) -> set[str]:
    """Every ``@id`` that points at something."""
    if isinstance(value, dict):
        own = {value["@id"]} if set(value) == {"@id"} else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_lineage_has_a_beginning_and_an_end_for_every_attempt(files: dict[str, bytes]) -> None:
    """OpenLineage: required keys, one START and one end per run id, in time, attempts under their run, datasets with their schema."""
    events = [json.loads(line) for line in files["lineage.openlineage.jsonl"].splitlines()]
    manifest = manifest_of(files)
    by_run: dict[str, list[str]] = {}
    for event in events:
        assert {"eventTime", "eventType", "producer", "schemaURL", "run", "job", "inputs", "outputs"} == event.keys()
        assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        assert is_address(event["producer"])
        assert is_moment(event["eventTime"])
        by_run.setdefault(str(uuid.UUID(event["run"]["runId"])), []).append(event["eventType"])
        for facet in facets(event):
            assert is_address(facet["_producer"])
            assert is_address(facet["_schemaURL"])
    assert all(types == ["START", "COMPLETE"] for types in by_run.values())
    assert len(by_run) == 1 + sum(len(plugin["attempts"]) for plugin in manifest["plugins"])
    assert [event["eventTime"] for event in events] == sorted(event["eventTime"] for event in events)
    first, last = events[0], events[-1]
    assert (first["job"]["name"], last["job"]["name"]) == ("statistic-harness", "statistic-harness")
    parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in events[1:-1]}
    assert parents == {first["run"]["runId"]}
    (ingested,) = [event for event in events if event["job"]["name"] == "ingest_small" and event["eventType"] == "COMPLETE"]
    (dataset,) = [item for item in ingested["outputs"] if item["name"].startswith("dataset:")]
    assert [field["name"] for field in dataset["facets"]["schema"]["fields"]] == ["a", "b"]
    assert [item["name"] for item in ingested["inputs"]] == [f"input:{manifest['inputs'][0]['sha256']}"]


def facets(event: dict[str, Any]) -> list[dict[str, Any]]:
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    return [facet for holder in holders for facet in holder.get("facets", {}).values()]


def test_the_statement_is_about_the_files_as_recorded(files: dict[str, bytes]) -> None:
    """in-toto Statement 1 with SLSA provenance 1: subjects and dependencies with digests, who, what, when."""
    statement, manifest = json.loads(files["statement.intoto.json"]), manifest_of(files)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    subjects = {item["name"]: item["digest"]["sha256"] for item in statement["subject"]}
    assert subjects == {f"run/{item['path']}": item["sha256"] for item in manifest["artifacts"]}
    definition, details = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert is_address(definition["buildType"])
    assert definition["externalParameters"]["settings"] == manifest["config"]["settings"]
    dependencies = {item["name"]: item["digest"]["sha256"] for item in definition["resolvedDependencies"]}
    assert dependencies["table.csv"] == manifest["inputs"][0]["sha256"]
    assert dependencies["plugin:analysis_count"] == manifest["config"]["code"]["analysis_count"]
    assert is_address(details["builder"]["id"])
    assert details["metadata"] == {
        "invocationId": manifest["run_id"], "startedOn": manifest["times"]["started"], "finishedOn": manifest["times"]["ended"],
    }  # fmt: skip
