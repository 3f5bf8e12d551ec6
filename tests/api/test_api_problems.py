"""Whatever goes wrong, a client is told in one form: what, why, and what to do next."""

import re

import pytest
from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from harness_core.domain.errors import Unhealthy

KEYS = {"type", "title", "status", "detail", "code", "next_step", "problems"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/static/nothing.css", 404, "not_found"),
        ("GET", "/api/v1/runs/", 404, "not_found"),
        ("GET", "/api/v1/runs/run_none", 404, "no_such_run"),
        ("GET", "/api/v1/runs/run_none/events", 404, "no_such_run"),
        ("GET", "/api/v1/runs/run_none/report", 404, "no_such_run"),
        ("GET", "/api/v1/datasets/dv_none", 404, "no_such_dataset_version"),
        ("GET", "/api/v1/uploads/upload_none", 404, "no_such_upload"),
        ("GET", "/api/v1/plugins/none", 404, "no_such_plugin"),
        ("DELETE", "/api/v1/runs", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("FETCH", "/api/v1/runs", 405, "method_not_allowed"),
        ("GET", "/api/v1/runs?limit=x", 422, "invalid_request"),
        ("GET", "/api/v1/runs?limit=100000", 422, "invalid_request"),
        ("POST", "/api/v1/runs", 422, "invalid_request"),
    ],
)
def test_every_refusal_is_a_problem(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    """The framework's own refusals and ours have the same form, a stable code and a next step."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem.keys() >= KEYS
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["next_step"] or problem["problems"]


def test_a_refused_method_names_the_ones_that_are_taken(client: TestClient) -> None:
    """405 comes with Allow, which has the methods of every route at that address."""
    assert set(client.delete("/api/v1/runs").headers["allow"].split(", ")) == {"GET", "POST"}


def test_a_body_that_is_not_json(client: TestClient) -> None:
    """The place where reading stopped is told."""
    answer = client.post("/api/v1/runs", content=b'{"upload_id": ', headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "is not JSON" in answer.json()["problems"][0]["reason"]


def test_a_body_that_is_too_large(client: TestClient) -> None:
    """Only uploads may be large: a mebibyte is enough for anything else."""
    for headers in ({}, {"transfer-encoding": "chunked"}):
        answer = client.post("/api/v1/runs", content=iter([b" " * (1 << 19)] * 3) if headers else b" " * (3 << 19))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_unforeseen_error_tells_nothing_of_the_inside(client: TestClient, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 is a problem too, with the id under which the log has the rest, and nothing of the rest."""

    def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(core.overview, "page", broken)
    answer = client.get("/api/v1/runs", headers={"X-Request-ID": "my-request.1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "my-request.1"
    assert "secret" not in answer.text


def test_a_database_that_is_away_is_503(client: TestClient, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure with a sentence keeps its sentence and its status."""

    def away(*_args: object, **_options: object) -> None:
        raise Unhealthy("database_away", "The state database does not answer.", next_step="Run `harness doctor`.")

    monkeypatch.setattr(core.overview, "page", away)
    answer = client.get("/api/v1/runs")
    assert (answer.status_code, answer.json()["code"], answer.json()["next_step"]) == (
        503,
        "database_away",
        "Run `harness doctor`.",
    )


def test_a_browser_gets_its_errors_as_pages(client: TestClient) -> None:
    """Who asked for a page is answered with one, in the same words and with the same status; an API address stays JSON."""
    html = {"accept": "text/html,application/xhtml+xml"}
    page = client.get("/runs/run_none", headers=html)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no run" in page.text
    assert re.search(r"<title>404 .*· Harness</title>", page.text)
    assert client.get("/api/v1/runs/run_none", headers=html).headers["content-type"] == "application/problem+json"


def test_what_a_client_made_up_is_escaped(client: TestClient) -> None:
    """Nothing of an address becomes markup."""
    page = client.get("/plugins/%3Cscript%3Ealert(1)%3C%2Fscript%3E".replace("%2F", "-"), headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text


def test_an_id_of_a_request_that_is_no_id_is_not_echoed(client: TestClient) -> None:
    """Nobody writes into our headers or logs by naming a request."""
    answer = client.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
