"""A real browser on a real service with the product's own plugins; whatever a test does, the policy and the origin are watched."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.api.serving import Served
from tests.browser.places import places, remember
from tests.fakes.plugins import make_plugin
from tests.fakes.running import until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sales_orders.csv"
WATCH = "document.addEventListener('securitypolicyviolation', (e) => reportViolation(e.violatedDirective + ' ' + e.blockedURI))"
PATIENCE_MS = 30_000
SECONDS = {"type": "object", "properties": {"seconds": {"type": "number", "default": 0}}, "additionalProperties": False}
SLOW = """
import time
from harness_core.sdk import PluginResult

def run(ctx):
    steps = int(ctx.settings["seconds"] * 10)
    for step in range(steps):
        ctx.progress(step, steps, "waiting")
        time.sleep(0.1)
    return PluginResult.na("nothing", "It only waits.")
"""


@dataclass
class Watched:
    """A page's context and what must stay empty: violations of the policy, errors of scripts, requests to other origins."""

    context: BrowserContext
    origin: str
    wrong: list[str] = field(default_factory=list)

    def page(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda failure: self.wrong.append(f"script: {failure}"))
        page.on("console", lambda message: self._hear(message.text))
        return page

    def _hear(self, text: str) -> None:
        if "Content Security Policy" in text or "Refused to" in text:
            self.wrong.append(text)

    def look_at(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.wrong.append(f"request to {url}")


Open = Callable[..., Page]


def chromium() -> str:
    """Where Debian's browser is."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "the browser tests need chromium: apt-get install chromium"
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file: its loop lives in the main thread and must be gone when another file's tests begin."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`harness serve` with its worker, the product's plugins, and one that takes as long as it is told to."""
    root = tmp_path_factory.mktemp("browser")
    make_plugin(root / "slow", "analysis_slow", "analysis", SLOW, config=SECONDS)
    options = {"plugin_path": str(root / "slow"), "import_path": str(EXAMPLE.parent), "drain_s": "1"}
    with Served(root / "home", "--product-plugins", **options) as served:
        yield served


@pytest.fixture(scope="session")
def example_run(service: Served) -> str:
    """The id of an ended run of the example."""
    run_id = service.start(service.upload(EXAMPLE.read_bytes(), EXAMPLE.name), plugins=["analysis_outliers"])
    until(lambda: service.client.get(f"/api/v1/runs/{run_id}").json()["ended"], "the run of the example has ended")
    return run_id


@pytest.fixture(scope="session")
def all_places(service: Served, example_run: str) -> list[str]:
    """The address of every page, none of them empty."""
    remember(service)
    return list(places(service, example_run))


@pytest.fixture
def open_page(browser: Browser, service: Served) -> Iterator[Open]:
    """Opens pages of the service; at the end nothing may have gone wrong on any of them."""
    yield from opening(browser, service.url)


def opening(browser: Browser, url: str) -> Iterator[Open]:
    opened: list[Watched] = []

    def open_one(path: str = "/", *, offline_stream: bool = False, **options: Any) -> Page:
        context = browser.new_context(base_url=url, **{"viewport": {"width": 1440, "height": 900}, **options})
        watched = Watched(context, url)
        opened.append(watched)
        context.expose_binding("reportViolation", lambda _source, text: watched.wrong.append(f"policy: {text}"))
        context.add_init_script(WATCH)
        context.on("request", lambda request: watched.look_at(request.url))
        if offline_stream:  # the first request for a stream does not get through
            context.route("**/live*", lambda route: route.abort("connectionrefused"), times=1)
        page = watched.page()
        page.goto(path)
        return page

    yield open_one
    for watched in opened:
        watched.context.close()
        assert watched.wrong == []
