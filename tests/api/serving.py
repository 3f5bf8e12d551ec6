"""A real service in a process of its own, with the small plugins of the tests; run as a module it is that process."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

import httpx

from harness_core.adapters.catalog.folders import FolderCatalog
from tests.fakes.plugins import small_catalog

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import time
from harness_core.sdk import PluginResult

def run(ctx):
    for step in range(600):
        ctx.progress(step, 600, "waiting")
        time.sleep(0.1)
    return PluginResult.ok("Waited.")
"""
CSV = b"a,b\n1,x\n2,y\n3,x\n"


class Served:
    """Starts, waits for the line that says it is ready, and always ends the process it started."""

    def __init__(self, home: Path, *options: str, **environ: str) -> None:
        self.home, self._options, self._environ = home, options, environ

    def __enter__(self) -> "Served":
        plugins = _plugins_beside(self.home)
        if not plugins.exists():
            small_catalog(plugins, analysis_slow=SLOW)
        environ = {**os.environ, **{f"HARNESS_{name.upper()}": value for name, value in self._environ.items()}}
        self._log = tempfile.TemporaryFile("w+")
        command = [sys.executable, "-m", "tests.api.serving", str(self.home), *self._options]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + self.process.stderr.read()
        self.url = found[0].rstrip("/")
        self.client = httpx.Client(base_url=self.url, timeout=20)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if self.process.stderr is not None:
            self.process.stderr.close()
        self._log.close()

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 20) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def rss_bytes(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024  # type: ignore[index]

    def upload(self, data: bytes = CSV, name: str = "table.csv") -> str:
        answer = self.client.post("/api/v1/uploads", params={"filename": name}, content=data)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["upload_id"])

    def start(self, upload_id: str, **body: object) -> str:
        answer = self.client.post("/api/v1/runs", json={"upload_id": upload_id, **body})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])


def _plugins_beside(home: Path) -> Path:
    return home.parent / "small_plugins"


def main() -> int:
    from harness_api import server
    from harness_core.bootstrap import open_core
    from harness_core.settings import read_settings

    home, options = Path(sys.argv[1]), sys.argv[2:]
    if "--product-plugins" not in options:
        catalog = FolderCatalog([(_plugins_beside(home), "path")], check_interval_s=0.0)
        server.open_core = lambda settings: open_core(settings, catalog=catalog)  # type: ignore[attr-defined,misc,assignment]
    port = next((int(option.removeprefix("--port=")) for option in options if option.startswith("--port=")), 0)
    return server.serve(
        read_settings(home=home), host="127.0.0.1", port=port, with_worker="--no-worker" not in options, open_to_network=False
    )


if __name__ == "__main__":
    sys.exit(main())
