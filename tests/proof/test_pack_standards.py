"""Packs against the standards' own schemas, shapes and classes, without a network: Data Package, RO-Crate, OpenLineage, in-toto."""

import json
import subprocess
import zipfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import attr
import jsonschema
import pyshacl
import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from openlineage.client import event_v2, facet_v2
from rdflib import Graph
from rdflib.namespace import SH

from tests.fakes.ended_homes import make_ended_home
from tests.fakes.running import ended, run_to_end, submit

STANDARDS = Path(__file__).parents[1] / "data" / "standards"
CRATE = "file:///crate/"
FAILS = "def run(ctx):\n    raise ValueError('the column ü has no \\'end\\'')\n"
# What nobody can say for a user: who ran it, who wrote the data, who publishes them.
NOT_KNOWN = ("have an agent that is a Person or Organization", "representing the `author`", "The `publisher` property")
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    """What is in the packs of runs that ended in each way; the names of file and columns are awkward ones."""
    folder = tmp_path_factory.mktemp("standards")
    home = make_ended_home(folder, {"analysis_fails": FAILS}, 'ä b,"c/d"\n1,x\n2,y\n')
    awkward = folder / "für jeden #1 %20.csv"
    awkward.write_bytes(home.table.read_bytes())
    ragged = folder / "ragged.csv"
    ragged.write_text("a,b\n1\n")
    with closing(home.open(home.home)) as core:
        partial, failed = run_to_end(core, awkward), run_to_end(core, ragged)
        cancelled = submit(core, awkward, seed=5)
        core.controlling.cancel(cancelled.run_id)
        ended(core, cancelled)
        assert (partial.status, failed.status) == ("PARTIAL", "FAILED")
        made = {}
        for name, run, raw in (
            ("plain", partial, False),
            ("raw", partial, True),
            ("failed", failed, False),
            ("cancelled", cancelled, False),
        ):
            pack = core.exporting.export(run.run_id, folder / f"{name}.zip", include_raw=raw)
            with zipfile.ZipFile(pack.path) as archive:
                made[name] = {item: archive.read(item) for item in archive.namelist()}
    return made


@pytest.fixture(params=["plain", "raw", "failed", "cancelled"])
def files(packs: dict[str, Files], request: pytest.FixtureRequest) -> Files:
    return packs[request.param]


def test_data_package_2(files: Files) -> None:
    """Descriptor, resources and table schemas against the published JSON Schema."""
    schema = json.loads((STANDARDS / "data-package" / "datapackage.json").read_bytes())
    validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    package = json.loads(files["datapackage.json"])
    assert [error.message for error in validator.iter_errors(package)] == []
    assert [error.message for error in validator.iter_errors({**package, "resources": [{"path": "/etc/passwd"}]})]


def crate_findings(crate: Mapping[str, Any]) -> set[str]:
    """What the shapes of RO-Crate 1.1 and Process Run Crate 0.5 have against it, and keys that the context does not know."""
    (named, own) = crate["@context"]
    assert named == "https://w3id.org/ro/crate/1.1/context"
    published = json.loads((STANDARDS / "ro-crate" / "context.json").read_bytes())["@context"]
    unknown = {key for entity in crate["@graph"] for key in entity if not key.startswith("@")} - {*published, *own}
    data = Graph().parse(data=json.dumps({**crate, "@context": [published, own]}), format="json-ld", publicID=CRATE, base=CRATE)
    shapes = Graph()
    for path in [*STANDARDS.glob("*/must/*.ttl"), *STANDARDS.glob("*/should/*.ttl"), STANDARDS / "ro-crate" / "prefixes.ttl"]:
        shapes.parse(path, format="turtle", publicID=CRATE)
    known = Graph().parse(STANDARDS / "ro-crate" / "ontology.ttl", format="turtle", publicID=CRATE)
    _, found, _ = pyshacl.validate(data, shacl_graph=shapes, ont_graph=known, advanced=True, inplace=True, inference="owlrl")
    assert isinstance(found, Graph)
    messages = {f"{found.value(item, SH.focusNode)}: {message}" for item, message in found.subject_objects(SH.resultMessage)}
    return unknown | messages


def test_ro_crate_with_the_process_run_profile(files: Files) -> None:
    """Everything that must be and that should be, except what only the user knows."""
    crate = json.loads(files["ro-crate-metadata.json"])
    assert [item for item in crate_findings(crate) if not any(words in item for words in NOT_KNOWN)] == []


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("CreateAction", {"endTime": "yesterday"}),
        ("CreateAction", {"instrument": "a hand"}),
        ("SoftwareApplication", {"@type": "Thing"}),
        ("Dataset", {"conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"}}),
        ("Dataset", {"hasParts": []}),
    ],
)
def test_the_shapes_are_not_blind(packs: dict[str, Files], kind: str, changed: dict[str, Any]) -> None:
    """A crate that says something else, or in words that the standard does not have, is found out."""
    crate = json.loads(packs["plain"]["ro-crate-metadata.json"])
    for entity in crate["@graph"]:
        if entity["@type"] == kind:
            entity.update(changed)
    assert [item for item in crate_findings(crate) if not any(words in item for words in NOT_KNOWN)]


def built(kind: type, raw: Mapping[str, Any]) -> Any:
    """An object of a class of the standard: every key must be one of its own, every required one must be there."""
    inner = {key: value for key, value in raw.items() if key not in ("_producer", "_schemaURL", "facets")}
    facets = {name: facet(value) for name, value in raw.get("facets", {}).items()}
    return kind(**inner, **({"facets": facets} if facets else {}))


def facet(raw: Mapping[str, Any]) -> Any:
    """A facet as the class that its schema's address names; the address must be one that this class has had."""
    name = str(raw["_schemaURL"]).rsplit("/", 1)[-1]
    modules = [getattr(facet_v2, module) for module in dir(facet_v2)]
    kind = next(found for module in modules if isinstance(found := getattr(module, name, None), type))
    version = raw["_schemaURL"].removeprefix("https://openlineage.io/spec/facets/").split("/")[0]
    current = str(kind._get_schema())  # type: ignore[attr-defined]
    assert raw["_schemaURL"] == current.replace(current.removeprefix("https://openlineage.io/spec/facets/").split("/")[0], version)
    made = built(kind, raw)
    for field in attr.fields(kind):
        value = getattr(made, field.name)
        assert not (str(field.type) == "str" and not isinstance(value, str)), (name, field.name)
    return made


def test_openlineage(files: Files) -> None:
    """Every event fits into the classes of the standard's own client: keys, required values, moments, run ids, facets."""
    lines = files["lineage.openlineage.jsonl"].splitlines()
    for raw in map(json.loads, lines):
        event = event_v2.RunEvent(
            eventTime=raw["eventTime"], producer=raw["producer"], eventType=event_v2.RunState[raw["eventType"]],
            run=built(event_v2.Run, raw["run"]), job=built(event_v2.Job, raw["job"]),
            inputs=[built(event_v2.InputDataset, item) for item in raw["inputs"]],
            outputs=[built(event_v2.OutputDataset, item) for item in raw["outputs"]],
        )  # fmt: skip
        assert raw["schemaURL"] == event._get_schema()
        assert raw.keys() <= {field.name for field in attr.fields(event_v2.RunEvent)}
    assert len(lines) >= 2


def test_failed_steps_are_told_in_the_lineage(packs: dict[str, Files]) -> None:
    """With the words of the failure."""
    events = [json.loads(line) for line in packs["plain"]["lineage.openlineage.jsonl"].splitlines()]
    (failed,) = [event for event in events if event["eventType"] == "FAIL" and event["job"]["name"] == "analysis_fails"]
    assert "has no 'end'" in failed["run"]["facets"]["errorMessage"]["message"]


def test_in_toto_with_slsa_provenance(files: Files) -> None:
    """The statement and its predicate are messages of the standard, with no key beside, and the statement is valid."""
    raw = json.loads(files["statement.intoto.json"])
    statement = json_format.ParseDict(raw, statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    provenance = json_format.ParseDict(raw["predicate"], provenance_pb2.Provenance())
    assert provenance.build_definition.build_type
    assert provenance.run_details.builder.id
    with pytest.raises(json_format.ParseError):
        json_format.ParseDict({**raw["predicate"], "extra": 1}, provenance_pb2.Provenance())


@pytest.fixture
def unpacked(files: Files, tmp_path: Path) -> Path:
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_sha256sums(files: Files, unpacked: Path) -> None:
    """Coreutils take every line, and every file but the list has one."""
    checked = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=unpacked, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == len(files) - 1
