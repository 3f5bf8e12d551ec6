"""Pages while they are open: what changes is shown by itself, each event once, through lost connections and services."""

import hashlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.serving import CSV, Served
from tests.browser.conftest import Open, opening
from tests.fakes.running import until


def numbers(page: Page) -> list[int]:
    """The numbers of the events as the page lists them, newest first."""
    return [int(text) for text in page.locator("#run-events td:first-child").all_inner_texts()]


def slow_run(served: Served, name: str = "slow.csv") -> str:
    settings = {"analysis_slow": {"seconds": 60}}
    return served.start(served.upload(CSV, name), plugins=["analysis_slow"], settings=settings, force=True)


def test_the_overview_shows_a_run_as_it_comes_and_goes(open_page: Open, service: Served) -> None:
    """A run started elsewhere appears within a second or two, and so does its end."""
    page = open_page("/")
    run_id = slow_run(service, "elsewhere.csv")
    row = page.locator("tr", has=page.locator(f'a[href="/runs/{run_id}"]'))
    expect(row.locator(".badge")).to_have_text(re.compile("Running"), timeout=10_000)
    service.client.post(f"/api/v1/runs/{run_id}/cancel")
    expect(row.locator(".badge")).to_have_text(re.compile("Cancelled"), timeout=10_000)


def test_a_slow_script_does_not_cost_the_live_updates(open_page: Open, service: Served) -> None:
    """The extension that opens the stream is waited for, however late it comes."""
    page = open_page("/runs")
    page.route("**/hx-sse*", lambda route: (time.sleep(0.5), route.continue_()))
    with page.expect_request("**/live"):
        page.goto("/")


def test_cancelling_is_asked_confirmed_and_seen(open_page: Open, service: Served) -> None:
    """A link, a question, a button; the page shows the end by itself."""
    run_id = slow_run(service)
    page = open_page(f"/runs/{run_id}")
    expect(page.locator("#run-state .badge").first).to_have_text(re.compile("Running"))
    expect(page).to_have_title(re.compile(r"^Running \d+ % · slow.csv · Harness$"))
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the run").click()
    page.wait_for_url(f"**/runs/{run_id}")
    expect(page.locator("#run-state .badge").first).to_have_text(re.compile("Cancelled"), timeout=10_000)


def test_pausing_is_asked_confirmed_and_taken_back(open_page: Open, service: Served) -> None:
    """The page says by itself that the run is paused, offers to go on, and does."""
    run_id = slow_run(service)
    page = open_page(f"/runs/{run_id}")
    page.get_by_role("link", name="Pause…", exact=True).click()
    page.get_by_role("button", name="Pause the run").click()
    page.wait_for_url(f"**/runs/{run_id}")
    paused = page.locator("#run-state .badge", has_text="Paused")
    expect(paused).to_be_visible()
    expect(page.get_by_role("link", name="Pause…", exact=True)).to_have_count(0)
    service.client.post(f"/api/v1/runs/{run_id}/resume")
    expect(paused).to_have_count(0, timeout=10_000)
    service.client.post(f"/api/v1/runs/{run_id}/pause")
    expect(paused).to_be_visible(timeout=10_000)
    page.get_by_role("link", name="Resume…").click()
    page.get_by_role("button", name="Resume the run").click()
    page.wait_for_url(f"**/runs/{run_id}")
    expect(paused).to_have_count(0, timeout=10_000)
    service.client.post(f"/api/v1/runs/{run_id}/cancel")
    expect(page.locator("#run-state .badge").first).to_have_text(re.compile("Cancelled"), timeout=10_000)


def test_live_updates_can_be_paused(open_page: Open, service: Served) -> None:
    """While paused nothing moves; going on shows what was missed, without a gap."""
    run_id = slow_run(service)
    page = open_page(f"/runs/{run_id}")
    expect(page.get_by_text("analysis_slow").first).to_be_visible()
    page.get_by_role("button", name="Pause live updates").click()
    before = numbers(page)
    until(lambda: service.client.get(f"/api/v1/runs/{run_id}").json()["event_seq"] > before[0] + 3, "more events")
    assert numbers(page) == before
    page.get_by_role("button", name="Show what is new and go on").click()
    expect(page.locator(f"#event-{before[0] + 3}")).to_be_visible()
    service.client.post(f"/api/v1/runs/{run_id}/cancel")
    expect(page.locator("#run-state .badge").first).to_have_text(re.compile("Cancelled"), timeout=10_000)
    found = numbers(page)
    assert found == list(range(found[0], 0, -1))


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def open_at(browser: Browser, port: int) -> Iterator[Open]:
    yield from opening(browser, f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("watched", [True, False])
def test_a_killed_service_costs_the_page_nothing(open_at: Open, port: int, tmp_path: Path, watched: bool) -> None:
    """SIGKILL, before or after the page opened its stream, and a new service on the same port: it goes on, each event once."""
    home, options = tmp_path / "home", {"lease_s": "1", "drain_s": "1"}
    with Served(home, f"--port={port}", **options) as served:
        run_id = served.start(served.upload(), plugins=["analysis_slow"])
        page = open_at(f"/runs/{run_id}", offline_stream=not watched)
        page.evaluate("window.same = true")
        if watched:
            expect(page.locator("#run-events")).to_contain_text("analysis_slow started")
        until(lambda: "analysis_slow" in served.client.get(f"/api/v1/runs/{run_id}").json()["progress"]["running"], "it runs")
        served.stop(signal.SIGKILL)
    with Served(home, f"--port={port}", **options) as served:
        expect(page.locator("#run-events")).to_contain_text("lost its worker", timeout=30_000)
        served.client.post(f"/api/v1/runs/{run_id}/cancel")
        expect(page.locator("#run-state .badge").first).to_have_text(re.compile("Cancelled"), timeout=30_000)
        last = served.client.get(f"/api/v1/runs/{run_id}").json()["event_seq"]
        expect(page.locator(f"#event-{last}")).to_be_visible()
        assert numbers(page) == list(range(last, 0, -1))
        assert page.evaluate("window.same") is True


def test_an_upload_goes_on_after_lost_connections(open_page: Open, service: Served, tmp_path: Path) -> None:
    """Pieces that never arrive, or whose answer does, are asked about and sent again; the file is the same at the end."""
    data = os.urandom(300_000)
    (tmp_path / "large.csv").write_bytes(data)
    page = open_page("/")
    page.evaluate("document.getElementById('upload').dataset.pieceBytes = 100_000")
    sent = 0

    def stumble(route: Route) -> None:
        nonlocal sent
        if route.request.method == "PATCH":
            sent += 1
            if sent == 2:
                route.abort("connectionreset")
                return
            if sent == 4:
                route.fetch()
                route.abort("connectionreset")
                return
        route.continue_()

    page.route("**/api/v1/tus/*", stumble)
    page.locator("#file").set_input_files(tmp_path / "large.csv")
    with page.expect_request("**/start?upload=*") as asked:
        page.get_by_role("button", name="Upload and look at it").click()
    upload_id = re.search(r"upload=([^&]+)", asked.value.url)
    assert upload_id
    assert service.client.get(f"/api/v1/uploads/{upload_id[1]}").json()["sha256"] == hashlib.sha256(data).hexdigest()
    assert sent >= 4


def test_an_upload_goes_on_after_its_service_was_killed(open_at: Open, port: int, tmp_path: Path) -> None:
    """SIGKILL while a piece is on its way at 60 %, and a new service: it goes on by itself, and sends at most that piece again."""
    data, piece, home = os.urandom(2_000_000), 100_000, tmp_path / "home"
    (tmp_path / "large.csv").write_bytes(data)
    offsets: list[int] = []
    with Served(home, f"--port={port}", "--no-worker", drain_s="1") as served:
        page = open_at("/")
        page.evaluate(f"document.getElementById('upload').dataset.pieceBytes = {piece}")

        def kill_at_sixty(route: Route) -> None:
            if route.request.method == "PATCH":
                offsets.append(int(route.request.headers["upload-offset"]))
            route.continue_()
            if offsets and offsets[-1] >= 0.6 * len(data) and served.process.poll() is None:
                served.stop(signal.SIGKILL)

        page.route("**/api/v1/tus/*", kill_at_sixty)
        page.locator("#file").set_input_files(tmp_path / "large.csv")
        with page.expect_event("requestfailed", lambda request: request.method == "PATCH"):
            page.get_by_role("button", name="Upload and look at it").click()
    with Served(home, f"--port={port}", "--no-worker", drain_s="1") as again:
        page.wait_for_url("**/start?upload=*", wait_until="commit")
        upload_id = re.search(r"upload=([^&]+)", page.url)
        assert upload_id
        assert again.client.get(f"/api/v1/uploads/{upload_id[1]}").json()["sha256"] == hashlib.sha256(data).hexdigest()
    assert offsets[:13] == list(range(0, 1_200_001, piece)), "killed at 60 %, and nothing was sent twice until then"
    assert sorted(set(offsets)) == list(range(0, len(data), piece))
    assert len(offsets) <= len(data) // piece + 1


def test_a_file_that_is_too_large_is_refused_in_words(open_page: Open, tmp_path: Path) -> None:
    """What the service says stands on the page, and another file can be tried."""
    (tmp_path / "any.csv").write_bytes(CSV)
    page = open_page("/")
    page.route(
        "**/api/v1/tus",
        lambda route: route.continue_(headers={**route.request.headers, "upload-length": str(10**15)}),
    )
    page.locator("#file").set_input_files(tmp_path / "any.csv")
    page.get_by_role("button", name="Upload and look at it").click()
    expect(page.get_by_role("alert")).to_contain_text("HARNESS_MAX_UPLOAD_BYTES")
    expect(page.get_by_role("button", name="Upload and look at it")).to_be_enabled()
