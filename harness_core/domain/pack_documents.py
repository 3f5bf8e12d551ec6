"""A run in the words of four standards: Data Package, RO-Crate, OpenLineage and in-toto. Pure, and the same bytes every time.

Sources: Data Package 2.0 (Frictionless, 2024); RO-Crate 1.1 with the profile Process Run Crate 0.5 (Workflow Run RO-Crate group);
OpenLineage 2-0-2; in-toto Statement 1 with the predicate SLSA Provenance 1.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from harness_core.domain.packs import RUN, PackFile
from harness_core.sdk.canonical import canonical_bytes, compact_bytes

HOME = "https://statistic-harness.invalid"
DATA_PACKAGE, RO_CRATE = "datapackage.json", "ro-crate-metadata.json"
LINEAGE, STATEMENT = "lineage.openlineage.jsonl", "statement.intoto.json"
FIELD_TYPES = {
    "text": "string", "integer": "integer", "float": "number", "decimal": "number", "boolean": "boolean", "date": "date",
    "time": "time", "timestamp": "datetime", "datetime": "datetime",
}  # fmt: skip
NAMESPACE = "statistic-harness"
ENDED_AS = {"OK": "COMPLETE", "NA": "COMPLETE", "REUSED": "COMPLETE", "CANCELLED": "ABORT"}
RUN_ENDED_AS = {"COMPLETED": "COMPLETE", "PARTIAL": "COMPLETE", "FAILED": "FAIL", "CANCELLED": "ABORT"}
NO_LICENCE = {
    "@id": "#no-licence", "@type": "CreativeWork", "name": "No licence is stated",
    "description": "The rights in the data stay with their owner.",
}  # fmt: skip
SHA256_TERM = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}

Report = Mapping[str, Any] | None


def documents(
    manifest: Mapping[str, Any], report: Report, schemas: Mapping[str, Any], files: Sequence[PackFile]
) -> dict[str, bytes]:
    """All four by their names in a pack. ``schemas`` maps dataset version ids to facts, ``files`` are the run's in the pack."""
    files = sorted(files, key=lambda item: item.path)
    return {
        DATA_PACKAGE: canonical_bytes(data_package(manifest, schemas, files)),
        RO_CRATE: canonical_bytes(ro_crate(manifest, files)),
        LINEAGE: b"".join(compact_bytes(event) + b"\n" for event in lineage_events(manifest, report, schemas)),
        STATEMENT: canonical_bytes(provenance(manifest)),
    }


def data_package(manifest: Mapping[str, Any], schemas: Mapping[str, Any], files: Sequence[PackFile]) -> dict[str, Any]:
    """``datapackage.json``: every file with size and hash, dataset versions as tables with their columns."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": _slug(manifest["run_id"]),
        "id": manifest["run_fingerprint"],
        "title": _title(manifest),
        "created": _ended(manifest),
        "version": _version(manifest),
        "resources": [_resource(item, schemas) for item in files],
        "sources": [{"title": item["filename"], "sha256": item["sha256"]} for item in manifest["inputs"]],
    }


def _resource(item: PackFile, schemas: Mapping[str, Any]) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "$schema": "https://datapackage.org/profiles/2.0/dataresource.json", "name": _slug(item.path), "path": item.path,
        "bytes": item.size_bytes, "hash": f"sha256:{item.sha256}", "mediatype": item.media_type,
    }  # fmt: skip
    parts = item.path.split("/")
    if parts[-1] == "data.parquet" and parts[1] in schemas:
        resource |= {"type": "table", "format": "parquet", "schema": _table_schema(schemas[parts[1]])}
    return resource


def _table_schema(facts: Mapping[str, Any]) -> dict[str, Any]:
    fields = [{"name": column["name"], "type": FIELD_TYPES.get(str(column["type"]), "any")} for column in facts["columns"]]
    return {"$schema": "https://datapackage.org/profiles/2.0/tableschema.json", "fields": fields}


def ro_crate(manifest: Mapping[str, Any], files: Sequence[PackFile]) -> dict[str, Any]:
    """``ro-crate-metadata.json``: the run as one action by this program, from its inputs to the files in the pack."""
    parts = [_file_entity(item) for item in files]
    inputs = [_input_entity(item) for item in _unique(manifest["inputs"])]
    action = f"#{manifest['run_id']}"
    root = {
        "@id": "./", "@type": "Dataset", "name": _title(manifest), "datePublished": _ended(manifest),
        "license": {"@id": NO_LICENCE["@id"]},
        "description": f"What a run of Statistic Harness found in {_filenames(manifest)}, with what is needed to check it.",
        "conformsTo": {"@id": "https://w3id.org/ro/wfrun/process/0.5"}, "hasPart": _references(parts), "mentions": {"@id": action},
    }  # fmt: skip
    descriptor = {
        "@id": RO_CRATE, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }  # fmt: skip
    profile = {
        "@id": "https://w3id.org/ro/wfrun/process/0.5", "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5",
    }  # fmt: skip
    done = _action(manifest, action, inputs, parts)
    graph = [descriptor, root, NO_LICENCE, profile, _software(manifest), *inputs, *parts, done]
    return {"@context": ["https://w3id.org/ro/crate/1.1/context", SHA256_TERM], "@graph": graph}


def _file_entity(item: PackFile) -> dict[str, Any]:
    return {
        "@id": quote(item.path), "@type": "File", "name": item.path.rsplit("/", 1)[-1], "contentSize": str(item.size_bytes),
        "encodingFormat": item.media_type, "sha256": item.sha256,
    }  # fmt: skip


def _input_entity(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@id": f"#input-{item['sha256']}", "@type": "CreativeWork", "name": item["filename"], "sha256": item["sha256"],
        "contentSize": str(item["size_bytes"]),
    }  # fmt: skip


def _software(manifest: Mapping[str, Any]) -> dict[str, Any]:
    engine = manifest["config"]["engine"]
    return {
        "@id": _producer(manifest), "@type": "SoftwareApplication", "name": "Statistic Harness", "url": HOME,
        "version": _version(manifest),
        "softwareRequirements": [f"{name} {engine[name]}" for name in sorted(engine) if name != "harness"],
    }  # fmt: skip


def _action(manifest: Mapping[str, Any], name: str, inputs: Sequence[Any], parts: Sequence[Any]) -> dict[str, Any]:
    ended_well = manifest["status"] in ("COMPLETED", "PARTIAL")
    action = {
        "@id": name, "@type": "CreateAction", "name": f"Run {manifest['run_id']}", "instrument": {"@id": _producer(manifest)},
        "object": _compact(_references(inputs)),
        "result": _compact(_references([part for part in parts if part["@id"].startswith(RUN)])),
        "startTime": _offset(manifest["times"]["started"] or manifest["times"]["queued"]), "endTime": _offset(_ended(manifest)),
        "actionStatus": f"http://schema.org/{'CompletedActionStatus' if ended_well else 'FailedActionStatus'}",
        "description": f"Run fingerprint {manifest['run_fingerprint']}, seed {manifest['seeds']['run_seed']}.",
    }  # fmt: skip
    return action if ended_well else {**action, "error": f"The run ended {manifest['status']}."}


def lineage_events(manifest: Mapping[str, Any], report: Report, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OpenLineage: a START and an end for the run and for every attempt, in the order of time."""
    timed = [*_run_events(manifest), *(pair for plugin in manifest["plugins"] for pair in _attempt_events(plugin, manifest))]
    edges = (report or {}).get("lineage", {}).get("edges", ())
    events = [_with_datasets(event, manifest, edges, schemas) for event in timed]
    whole = _run_uuid(manifest)

    def place(event: Mapping[str, Any]) -> tuple[Any, ...]:
        """In time; at the same moment the run starts before its attempts and ends after them."""
        ends, inner = event["eventType"] != "START", event["run"]["runId"] != whole
        return (event["eventTime"], ends, inner != ends, event["job"]["name"])

    return sorted(events, key=place)


def _run_events(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    run = {"runId": _run_uuid(manifest), "facets": {"processing_engine": _facet(
        manifest, "1-1-1/ProcessingEngineRunFacet", version=_version(manifest), name="Statistic Harness")}}  # fmt: skip
    times = manifest["times"]
    yield _event(manifest, "START", times["started"] or times["queued"], run, NAMESPACE)
    yield _event(manifest, RUN_ENDED_AS[manifest["status"]], _ended(manifest), run, NAMESPACE)


def _attempt_events(plugin: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = plugin["plugin_id"]
    parent = _facet(
        manifest, "1-0-1/ParentRunFacet", run={"runId": _run_uuid(manifest)}, job={"namespace": NAMESPACE, "name": NAMESPACE}
    )
    last = plugin["attempts"][-1]["fence"] if plugin["attempts"] else None
    for attempt in plugin["attempts"]:
        ended_as = ENDED_AS.get(plugin["status"], "FAIL") if attempt["fence"] == last else "FAIL"
        facets = {"parent": parent}
        start = {"runId": _uuid(f"{manifest['run_id']}/{name}/{attempt['fence']}"), "facets": facets}
        yield _event(manifest, "START", attempt["started"], start, name)
        if ended_as == "FAIL":
            said = (plugin["error"] or {}).get("message") if attempt["fence"] == last else None
            words = str(said or attempt["reason"])
            error = _facet(manifest, "1-0-1/ErrorMessageRunFacet", message=words, programmingLanguage="Python")
            facets = facets | {"errorMessage": error}
        yield _event(manifest, ended_as, attempt["ended"], {**start, "facets": facets}, name)


def _event(manifest: Mapping[str, Any], type_: str, at: str, run: Mapping[str, Any], job: str) -> dict[str, Any]:
    return {
        "eventType": type_, "eventTime": at, "run": run, "job": {"namespace": NAMESPACE, "name": job}, "inputs": [], "outputs": [],
        "producer": _producer(manifest), "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }  # fmt: skip


def _with_datasets(
    event: dict[str, Any], manifest: Mapping[str, Any], edges: Sequence[Mapping[str, str]], schemas: Mapping[str, Any]
) -> dict[str, Any]:
    """The event with what its job read, and, once it ended, what it wrote."""
    me = f"execution:{event['job']['name']}"
    read = [edge["from"] for edge in edges if edge["to"] == me]
    wrote = [edge["to"] for edge in edges if edge["from"] == me and event["eventType"] != "START"]
    return {
        **event,
        "inputs": [_dataset(name, manifest, schemas) for name in read if name.startswith(("input:", "dataset:", "artifact:"))],
        "outputs": [_dataset(name, manifest, schemas) for name in wrote if name.startswith(("dataset:", "artifact:"))],
    }


def _dataset(name: str, manifest: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    kind, _, key = name.partition(":")
    dataset: dict[str, Any] = {"namespace": NAMESPACE, "name": f"{manifest['run_id']}/{key}" if kind == "artifact" else name}
    if key in schemas:
        fields = [{"name": column["name"], "type": str(column["type"])} for column in schemas[key]["columns"]]
        dataset["facets"] = {
            "schema": _facet(manifest, "1-1-1/SchemaDatasetFacet", fields=fields),
            "version": _facet(manifest, "1-0-1/DatasetVersionDatasetFacet", datasetVersion=key),
        }
    return dataset


def _facet(manifest: Mapping[str, Any], schema: str, /, **parts: Any) -> dict[str, Any]:
    version, _, type_ = schema.partition("/")
    url = f"https://openlineage.io/spec/facets/{version}/{type_}.json#/$defs/{type_}"
    return {"_producer": _producer(manifest), "_schemaURL": url, **parts}


def provenance(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto statement about the run's files as recorded, with SLSA provenance as its predicate. Nobody has signed it."""
    config = manifest["config"]
    code = [{"name": f"plugin:{name}", "digest": {"sha256": digest}} for name, digest in sorted(config["code"].items())]
    inputs = [{"name": item["filename"], "digest": {"sha256": item["sha256"]}} for item in _unique(manifest["inputs"])]
    subjects = [{"name": f"{RUN}{item['path']}", "digest": {"sha256": item["sha256"]}} for item in manifest["artifacts"]]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects or inputs,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{HOME}/run/v1",
                "externalParameters": {key: config[key] for key in ("selection", "settings", "seed", "sample")},
                "internalParameters": {"run_fingerprint": manifest["run_fingerprint"], "run_seed": manifest["seeds"]["run_seed"]},
                "resolvedDependencies": [*inputs, *code],
            },
            "runDetails": {
                "builder": {"id": _producer(manifest), "version": dict(config["engine"])},
                "metadata": {
                    "invocationId": manifest["run_id"],
                    "startedOn": manifest["times"]["started"] or manifest["times"]["queued"],
                    "finishedOn": _ended(manifest),
                },
            },
        },
    }


def _references(entities: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"@id": entity["@id"]} for entity in entities]


def _compact(references: list[dict[str, str]]) -> list[dict[str, str]] | dict[str, str]:
    """RO-Crate 1.1 asks for the value itself where there is only one."""
    return references[0] if len(references) == 1 else references


def _offset(moment: str) -> str:
    """The profile's checks know a moment by its offset, not by the letter Z."""
    return moment.replace("Z", "+00:00")


def _unique(inputs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({item["sha256"]: item for item in inputs}.values())


def _slug(text: str) -> str:
    """Letters, digits, dots, dashes, underscores and slashes, so that it can stand in an address; unique as the text is."""
    return quote(text, safe="/").replace("%", "-")


def _filenames(manifest: Mapping[str, Any]) -> str:
    return ", ".join(item["filename"] for item in manifest["inputs"])


def _title(manifest: Mapping[str, Any]) -> str:
    return f"What is in {_filenames(manifest)}"


def _ended(manifest: Mapping[str, Any]) -> str:
    return str(manifest["times"]["ended"])


def _version(manifest: Mapping[str, Any]) -> str:
    return str(manifest["config"]["engine"]["harness"])


def _producer(manifest: Mapping[str, Any]) -> str:
    return f"{HOME}/{_version(manifest)}"


def _run_uuid(manifest: Mapping[str, Any]) -> str:
    return _uuid(manifest["run_id"])


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}/runs/{name}"))
