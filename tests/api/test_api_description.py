"""The API's description is true, and the reference page is made from it."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness_api.http_reference import http_page
from tests.api.conftest import Archive

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "http.md"
Document = dict[str, Any]


@pytest.fixture
def description(archive: Archive) -> Document:
    return dict(archive.client.get("/api/v1/openapi.json").json())


def test_the_reference_is_made_from_the_description(description: Document) -> None:
    """A changed route, parameter or shape changes its page in the same commit."""
    assert PAGE.read_text(encoding="utf-8") == http_page(description), "make it anew: python -m harness_api.http_reference"


def test_it_is_openapi_31_and_promises_problems(description: Document) -> None:
    """Every operation has a name of its own, a sentence, and problems as its errors; the framework's own shapes are gone."""
    assert description["openapi"].startswith("3.1")
    operations = [item for path in description["paths"].values() for item in path.values()]
    assert len({item["operationId"] for item in operations}) == len(operations)
    for item in operations:
        assert item["summary"]
        assert item["description"].rstrip().endswith(".")
        assert list(item["responses"]["default"]["content"]) == ["application/problem+json"]
        assert "422" not in item["responses"]
    assert "HTTPValidationError" not in description["components"]["schemas"]


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/v1/runs", "RunList"),
        ("/api/v1/runs/{run}", "Run"),
        ("/api/v1/runs/{run}/artifacts", "ArtifactList"),
        ("/api/v1/datasets", "DatasetList"),
        ("/api/v1/datasets/{dataset}", "Dataset"),
        ("/api/v1/datasets/{dataset}/rows", "Rows"),
        ("/api/v1/plugins", "PluginList"),
        ("/api/v1/runs/run_none", "Problem"),
        ("/api/v1/runs?limit=x", "Problem"),
    ],
)
def test_answers_are_what_is_described(archive: Archive, description: Document, path: str, shape: str) -> None:
    """Real answers validate against the shapes that are promised."""
    client = archive.client
    dataset = client.get("/api/v1/datasets").json()["datasets"][0]["dataset_version_id"]
    answer = client.get(path.format(run=archive.run_id, dataset=dataset)).json()
    schema = {"$ref": f"#/components/schemas/{shape}", "components": description["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)


def test_every_address_is_described(archive: Archive, description: Document) -> None:
    """What is served below /api/v1 is in the document."""
    served = {getattr(route, "path", "") for route in archive.client.app.routes}  # type: ignore[attr-defined]
    described = {path.replace("{path}", "{path:path}") for path in description["paths"]}
    assert {path for path in served if path.startswith("/api/v1/")} - {"/api/v1/openapi.json"} <= described
