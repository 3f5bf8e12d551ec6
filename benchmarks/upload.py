"""What an upload costs: 1.2 GB through `harness serve`, in one request and in pieces, beside curl writing the same bytes to disk.

Prints the rate of each in MB/s, as a ratio to curl's, and by how much the memory of the service grew while it took the file.
The number of megabytes may be given.
"""

import base64
import hashlib
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
MEGABYTES, PIECE = 1200, 8 << 20
MOST_GROWTH_MB = 100.0


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
                base = found[0].rstrip("/")
                before = rss_mb(process.pid)
                curl = rate("curl, disk to disk", megabytes, None, lambda: copied(source, Path(folder) / "copy"))
                for name, send in (("in one request, by curl", in_one), ("in pieces of 8 MiB", in_pieces)):
                    with source.open("r+b") as file:  # other bytes each time: the same ones would be known
                        file.write(name.encode())
                    rate(name, megabytes, curl, lambda send=send: send(base, source))  # type: ignore[misc]
                    print(f"{'  growth of the service':<28} {rss_mb(process.pid) - before:9.1f} MB  (at most {MOST_GROWTH_MB:.0f})")
            finally:
                process.terminate()


def write_source(path: Path, megabytes: int) -> None:
    block = os.urandom(1_000_000)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)


def rate(name: str, megabytes: int, curl: float | None, work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    found = megabytes / (time.perf_counter() - began)
    print(f"{name:<28} {found:9.1f} MB/s" + (f"  {found / curl:5.2f} of curl" if curl else ""))
    return found


def copied(source: Path, target: Path) -> None:
    subprocess.run(["curl", "-s", "-o", str(target), source.as_uri()], check=True)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    target.unlink()


def in_one(base: str, source: Path) -> None:
    url = f"{base}/api/v1/uploads?filename=large.csv"
    subprocess.run(["curl", "-sf", "-o", os.devnull, "-X", "POST", "-T", str(source), url], check=True)


def in_pieces(base: str, source: Path) -> None:
    """As a browser does: each piece hashed and sent over one connection, the next when the last is safe."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    name = base64.b64encode(b"large.csv").decode()
    head = {"Tus-Resumable": "1.0.0"}
    connection.request("POST", "/api/v1/tus", headers={
        **head, "Upload-Length": str(source.stat().st_size), "Upload-Metadata": f"filename {name}", "Content-Length": "0",
    })  # fmt: skip
    answer = connection.getresponse()
    answer.read()
    place, offset = str(answer.headers["Location"]), 0
    with source.open("rb") as file:
        while piece := file.read(PIECE):
            digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
            connection.request("PATCH", place, piece, {
                **head, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset),
                "Upload-Checksum": f"sha256 {digest}",
            })  # fmt: skip
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204, answer.status
            offset += len(piece)
    connection.close()


def rss_mb(pid: int) -> float:
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0


if __name__ == "__main__":
    main()
