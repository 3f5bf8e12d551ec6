"""The API's own description (OpenAPI 3.1): what the framework writes, with our errors in place of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from harness_api.models import Problem, RunRequest

KNOWN_KEYS: Mapping[str, Sequence[str]] = {"body": tuple(RunRequest.model_fields)}
ABOUT = (
    "A run turns a file into a report. Upload a file, start a run, follow its events, read its report.\n\n"
    "Every error is `application/problem+json` with a stable `code`, a sentence and a `next_step`. Lists are paged by `after`."
)
PROBLEM: Mapping[str, Any] = {
    "description": "An error: what happened, why, and what to do.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What ``app.openapi`` is to be: made once, when it is first asked for."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    return describe


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, openapi_version="3.1.0", summary="Reports about tables, with evidence.",
        description=ABOUT, routes=app.routes, license_info=None,
    )  # fmt: skip
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = PROBLEM["content"]
            operation["responses"]["default"] = PROBLEM
    return document
