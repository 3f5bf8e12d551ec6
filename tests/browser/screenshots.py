"""The pictures of the documentation: real pages of a real run of the example, taken by `make screenshots`.

The run and the service live in a folder of their own that is removed again. Each picture stays under 200 kB.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.api.serving import Served
from tests.browser.conftest import EXAMPLE, chromium
from tests.browser.places import remember
from tests.fakes.running import until

WIDTH, HEIGHT = 1280, 780
MOST_BYTES = 200_000
RUN_S = 300
ATTEMPTS = 3


def main() -> int:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Served(Path(folder) / "home", "--product-plugins") as service:
        upload_id = service.upload(EXAMPLE.read_bytes(), EXAMPLE.name)
        run_id = completed(service, upload_id)
        findings = service.client.get(f"/api/v1/runs/{run_id}/findings?kind=sentinel").json()["findings"]
        remember(service)
        completed(service, upload_id)
        pictures = {
            "overview": ("/", "light", None),
            "erp": ("/erps/north", "light", None),
            "start": (f"/start?upload={upload_id}&choice=manual&plugin=analysis_outliers", "light", None),
            "insights": (f"/runs/{run_id}", "light", ".insights > li:has(.picture)"),
            "finding": (f"/runs/{run_id}/findings/{findings[0]['id']}", "dark", None),
            "columns": (f"/runs/{run_id}/columns", "light", None),
        }
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for name, (path, scheme, place) in pictures.items():
                size = taken(browser, service.url + path, scheme, place, target / f"{name}.png")
                print(f"{target / name}.png {size / 1000:.0f} kB")  # noqa: T201 - what was made
            browser.close()
    return 0


def completed(service: Served, upload_id: str) -> str:
    """The id of a run that completed; begun again where somebody edited a plugin meanwhile. Any other failure is told."""
    told: dict[str, str] = {}
    for _ in range(ATTEMPTS):
        run_id = service.start(upload_id, force=True)
        until(lambda run_id=run_id: service.client.get(f"/api/v1/runs/{run_id}").json()["ended"], "the end of the run", RUN_S)
        run = service.client.get(f"/api/v1/runs/{run_id}").json()
        if run["status"] == "COMPLETED":
            return run_id
        told = {item["plugin_id"]: item["error"] for item in run["executions"] if item["error"]}
        if "PluginChanged" not in {error["type"] for error in told.values()}:
            break
        assert service.client.post("/api/v1/runs/delete", json={"run_ids": [run_id]}).is_success
    raise AssertionError(f"no run of the example completed: {told}")


def taken(browser: Browser, url: str, scheme: str, place: str | None, path: Path) -> int:
    """One picture; its size in bytes. Fails where it is too large for a page of documentation."""
    page: Page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url)
    if place is not None:
        page.locator(place).first.evaluate("e => window.scrollTo(0, e.getBoundingClientRect().top + window.scrollY - 24)")
    page.screenshot(path=path)
    page.close()
    size = path.stat().st_size
    assert size < MOST_BYTES, f"{path} has {size:,} bytes"
    return size


if __name__ == "__main__":
    sys.exit(main())
