"""What an upload costs from a real browser: 1.2 GB chosen on the overview, by how much the service grows, and the rate.

Prints the rate in MB/s, the growth of the service's greatest resident memory, and that of the browser's processes together, read
while it sends. The number of megabytes may be given.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.upload import MEGABYTES, MOST_GROWTH_MB, ROOT, rss_mb, write_source
from tests.browser.conftest import chromium

PATIENCE_MS = 30_000
LOOK_MS = 200


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "large.csv"
        write_source(source, megabytes)
        command = [sys.executable, "-m", "harness_api.cli", "serve", "--port", "0", "--no-worker", "--home", f"{folder}/home"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                found = re.search(r"http://\S+", process.stderr.readline())
                assert found
                measure(found[0], source, megabytes, process.pid)
            finally:
                process.terminate()


def measure(url: str, source: Path, megabytes: int, pid: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        page.locator("#file").set_input_files(source)
        service, idle = rss_mb(pid), browser_mb()
        whole: list[float] = []
        page.on("request", lambda request: whole.append(time.perf_counter()) if "/start?upload=" in request.url else None)
        began = time.perf_counter()
        page.get_by_role("button", name="Upload and look at it").click(no_wait_after=True)
        most = followed(page, whole)
        took = whole[0] - began
        print(f"{'rate':<28} {megabytes / took:9.1f} MB/s")
        print(f"{'growth of the service':<28} {rss_mb(pid) - service:9.1f} MB  (at most {MOST_GROWTH_MB:.0f})")
        print(f"{'growth of the browser':<28} {most - idle:9.1f} MB")
        browser.close()


def followed(page: Page, whole: list[float]) -> float:
    """The most that the browser held while it sent; returns when it asks for the page of the whole file."""
    most = 0.0
    while not whole:
        most = max(most, browser_mb())
        page.wait_for_timeout(LOOK_MS)
    return most


def browser_mb() -> float:
    """The proportional memory of all processes of the browser."""
    children = psutil.Process().children(recursive=True)
    found = 0.0
    for child in children:
        try:
            found += child.memory_full_info().pss / 1e6 if "chrom" in child.name() else 0.0
        except psutil.Error:
            continue
    return found


if __name__ == "__main__":
    main()
