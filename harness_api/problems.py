"""Every failure of a request as one document, ``application/problem+json`` (RFC 9457): here errors become answers."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harness_core.domain.errors import HarnessError
from harness_core.domain.suggestions import did_you_mean

log = logging.getLogger("harness.api")

MEDIA_TYPE = "application/problem+json"
STATUS_OF_CODE = {"too_large": 413, "longer_than_promised": 413}
REASONS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request cannot be understood.", "Compare it with the API's description at /api/v1/openapi.json."),
    404: ("not_found", "There is nothing at this address.", "See /api/v1/openapi.json for the addresses there are."),
    405: ("method_not_allowed", "This address does not take this method.", "The header Allow names the methods it takes."),
    406: ("not_acceptable", "This cannot be given in the form asked for.", "Ask for another media type."),
    413: ("too_large", "The request is too large.", "Send less, or upload the file in pieces."),
    415: ("unsupported_media_type", "This kind of content is not taken here.", "See /api/v1/openapi.json for what is."),
}


def problem_document(
    status: int, code: str, title: str, *, detail: str = "", next_step: str = "", problems: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """The document. ``code`` is stable; ``title`` and ``detail`` are sentences for people; ``next_step`` is what to do."""
    return {
        **more,
        "type": f"urn:harness:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "code": code,
        "next_step": next_step,
        "problems": [dict(problem) for problem in problems],
    }


def problem_of(failure: HarnessError) -> dict[str, Any]:
    """A failure of the core as a document."""
    status = STATUS_OF_CODE.get(failure.code, failure.http_status)
    problems = [problem.as_dict() for problem in failure.problems]
    return problem_document(
        status, failure.code, failure.what, detail=" ".join(part for part in (failure.what, failure.why) if part),
        next_step=failure.next_step, problems=problems, **failure.details,
    )  # fmt: skip


def problem_of_status(status: int, detail: str = "") -> dict[str, Any]:
    """What the framework itself refuses, in our words."""
    fallback = (HTTPStatus(status).phrase.lower().replace(" ", "_"), f"{HTTPStatus(status).phrase}.", "")
    code, title, next_step = REASONS.get(status, fallback)
    return problem_document(status, code, title, detail="" if detail == HTTPStatus(status).phrase else detail, next_step=next_step)


def problem_of_crash() -> dict[str, Any]:
    """An error nobody foresaw: nothing of it is told to the client but where to look."""
    return problem_document(
        500, "internal_error", "Something went wrong inside the service.",
        detail="The service's log has the details, under the id in the header X-Request-ID.",
        next_step="Try again; if it stays, run `harness doctor` and report what it says.",
    )  # fmt: skip


def problem_of_validation(failure: RequestValidationError, known: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What is wrong with a request's parameters or body, field by field. ``known`` are the keys a place may have."""
    problems = [_field_problem(error, known) for error in failure.errors()]
    first = f"{problems[0]['where']}: {problems[0]['field']} {problems[0]['reason']}" if problems else ""
    return problem_document(
        422, "invalid_request", "The request is not valid.", detail=first.strip(": "),
        next_step="Correct the fields named in problems.", problems=problems,
    )  # fmt: skip


def _field_problem(error: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    place, *rest = [str(part) for part in error["loc"]] or ["body"]
    field, kind = ".".join(rest), error["type"]
    if kind == "extra_forbidden":
        remedy = did_you_mean(rest[-1], known.get(place, ()))
        return {"where": place, "field": field, "reason": "is not a key of this request", "remedy": remedy}
    if kind == "json_invalid":
        return {
            "where": place,
            "field": "",
            "reason": f"is not JSON: {error.get('ctx', {}).get('error', '')}",
            "remedy": "send JSON",
        }
    message = str(error["msg"])
    reason = "is missing" if kind == "missing" else message[:1].lower() + message[1:]
    return {"where": place, "field": field, "reason": reason, "remedy": ""}


def as_response(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(document, ensure_ascii=False).encode("utf-8")
    return Response(body, status_code=document["status"], media_type=MEDIA_TYPE, headers=dict(headers or {}))


def document_of(failure: Exception, known: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The document and the headers for whatever a handler raised; an unforeseen one is logged with its traceback."""
    if isinstance(failure, HarnessError):
        return problem_of(failure), {}
    if isinstance(failure, RequestValidationError):
        return problem_of_validation(failure, known), {}
    if isinstance(failure, HTTPException):
        if isinstance(failure.__cause__, HarnessError):  # the framework wraps what stopped it reading a body
            return problem_of(failure.__cause__), {}
        return problem_of_status(failure.status_code, str(failure.detail)), failure.headers or {}
    log.error("a request failed", exc_info=failure)
    return problem_of_crash(), {}


def wants_page(request: Request) -> bool:
    """A browser that asked for a page gets its errors as one."""
    path = request.url.path
    return "text/html" in request.headers.get("accept", "") and not path.startswith(("/api/", "/static/"))
