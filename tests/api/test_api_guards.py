"""Who is answered: this service's names only, and changes only from its own pages or from no page at all."""

import pytest
from fastapi.testclient import TestClient

from harness_api.app import create_app
from harness_api.guards import is_loopback
from harness_core.bootstrap import Core
from tests.api.conftest import BASE, client_of

NETWORK = ("192.0.2.7", 50000)


def change(client: TestClient, **headers: str) -> int:
    """The status of a change that is harmless; 404 means it was let through."""
    return client.post("/api/v1/runs/run_none/cancel", headers=headers).status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "LOCALHOST", "127.0.0.1:1", "[::1]:8765"])
def test_its_own_names_are_answered(client: TestClient, host: str) -> None:
    """Loopback in every notation, with any port."""
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8765", "127.0.0.1.nip.example", "192.0.2.1", "", "[::2]"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/runs", "/static/base.css"])
def test_a_name_that_was_bound_to_us_is_refused(client: TestClient, host: str, path: str) -> None:
    """A page elsewhere that points its own name at this address reads nothing, whatever it asks for."""
    answer = client.get(path, headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")


def test_open_to_a_network_addresses_are_answered_and_foreign_names_are_not(core: Core) -> None:
    """Rebinding needs a name, so numbers are safe; the address comes from the command, not from the setting."""
    client = TestClient(create_app(core, host="0.0.0.0"), base_url=BASE, client=NETWORK)  # noqa: S104 - that is the case here
    assert client.get("/healthz", headers={"host": "192.0.2.1:8765"}).status_code == 200
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400
    one = TestClient(create_app(core, host="192.0.2.1"), base_url=BASE, client=NETWORK)
    assert one.get("/healthz", headers={"host": "192.0.2.1:8765"}).status_code == 200
    assert one.get("/healthz", headers={"host": "192.0.2.2:8765"}).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"sec-fetch-site": "same-origin"}, 404),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost"}, 403),
        ({"origin": "http://localhost"}, 404),
        ({"origin": "http://localhost:8766"}, 403),
        ({"origin": "https://localhost"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"x-csrf-token": "guessed", "origin": "http://evil.example"}, 403),
    ],
)
def test_a_change_must_come_from_our_pages(client: TestClient, headers: dict[str, str], status: int) -> None:
    """What a browser says of where a request comes from decides; what is no browser is served on loopback."""
    assert change(client, **headers) == status


def test_reading_needs_no_proof(client: TestClient) -> None:
    """A link from elsewhere opens."""
    assert client.get("/runs", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_a_client_that_says_nothing_is_refused_over_the_network(core: Core) -> None:
    """No header is a proof on loopback only."""
    client = TestClient(create_app(core), base_url=BASE, client=NETWORK)
    assert change(client) == 403
    assert change(client, **{"sec-fetch-site": "same-origin"}) == 404


def test_the_token_goes_with_its_cookie_and_its_process(client: TestClient, core: Core) -> None:
    """Token and cookie together are a proof; either alone, or those of another process, are not."""
    cross = {"sec-fetch-site": "cross-site"}
    answer = client.get("/api/v1/csrf-token")
    token = answer.json()["token"]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert change(client, **cross, **{"x-csrf-token": token}) == 404
    assert change(client, **cross) == 403
    assert change(client_of(core), **cross, **{"x-csrf-token": token}) == 403
    other = client_of(core)
    other.cookies.update(client.cookies)
    assert change(other, **cross, **{"x-csrf-token": token}) == 403


def test_a_form_of_another_site_starts_nothing(client: TestClient, upload_id: str) -> None:
    """The pages' own forms are under the same guard."""
    form = {"upload": upload_id}
    assert client.post("/runs", data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/api/v1/runs").json()["runs"] == []


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/runs", "/healthz", "/metrics", "/static/base.css", "/nothing", "/api/v1/openapi.json"]
)
def test_every_answer_carries_the_headers(client: TestClient, path: str) -> None:
    """Also errors and static files; nothing inline, nothing from elsewhere, no framing."""
    headers = client.get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_a_refused_host_gets_the_headers_too(client: TestClient) -> None:
    """What the gate itself answers is no exception."""
    assert "content-security-policy" in client.get("/", headers={"host": "evil.example"}).headers


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False)],  # noqa: S104 - asked about, not bound
)  # fmt: skip
def test_what_loopback_is(host: str, alone: bool) -> None:
    """IPv4 as it arrives at an IPv6 socket counts; every address does not."""
    assert is_loopback(host) is alone
