"""Uploads in one request: stored by hash, bounded, and nothing left of what broke."""

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from tests.api.conftest import client_of
from tests.api.serving import CSV, Served
from tests.conftest import OpenCore

MEBIBYTE = 1 << 20


def quarantined(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "quarantine").glob("upload.*"))


def test_an_upload_is_stored_by_its_hash(client: TestClient, core: Core) -> None:
    """The answer names the hash of exactly the bytes that were sent, and they are kept under it."""
    answer = client.post("/api/v1/uploads?filename=t.csv", content=CSV)
    document = answer.json()
    assert answer.status_code == 201
    assert document["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert (document["bytes"], document["filename"]) == (len(CSV), "t.csv")
    assert core.blobs.path(document["sha256"]).read_bytes() == CSV
    assert client.get(answer.headers["location"]).json() == document


def test_a_path_in_the_name_is_cut_off(client: TestClient) -> None:
    """A name cannot lead anywhere."""
    assert client.post("/api/v1/uploads?filename=..%2F..%2Fetc%2Fx.csv", content=CSV).json()["filename"] == "x.csv"


def test_a_name_is_needed(client: TestClient) -> None:
    """Without a name nobody knows how to read the file, so nothing is stored."""
    answer = client.post("/api/v1/uploads", content=CSV)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["field"] == "filename"


def test_too_large_is_refused_with_and_without_a_length(open_home: OpenCore) -> None:
    """The limit holds for a promised length and for a stream that promises nothing; neither leaves a byte."""
    core = open_home(queue_url="memory://", max_upload_bytes=str(MEBIBYTE))
    client = client_of(core)

    def stream() -> Iterator[bytes]:
        for _ in range(5):
            yield bytes(MEBIBYTE // 2)

    for body in (bytes(MEBIBYTE + 1), stream()):
        answer = client.post("/api/v1/uploads?filename=big.csv", content=body)
        assert answer.status_code == 413
        assert answer.json()["code"] == "too_large"
    assert quarantined(core.settings.home) == []
    assert list((core.settings.home / "blobs").iterdir()) == []


def test_a_large_upload_passes_through_little_memory(served: Served) -> None:
    """300 MB go to disk while the service grows by less than 40 MB."""
    block = os.urandom(MEBIBYTE)
    served.upload(block * 2)
    before = served.rss_bytes()
    peak = before

    def stream() -> Iterator[bytes]:
        nonlocal peak
        for index in range(300):
            if index % 10 == 0:
                peak = max(peak, served.rss_bytes())
            yield block

    answer = served.client.post("/api/v1/uploads?filename=big.bin", content=stream(), timeout=60)
    assert answer.json()["bytes"] == 300 * MEBIBYTE
    assert max(peak, served.rss_bytes()) - before < 40 * MEBIBYTE


def test_a_client_that_leaves_leaves_nothing_behind(served: Served) -> None:
    """A connection that breaks in the middle of a file: its quarantine is empty afterwards."""
    before = len(list((served.home / "blobs").rglob("*")))
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = "POST /api/v1/uploads?filename=x.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head.encode() + bytes(3_000_000))
        while not quarantined(served.home):
            assert served.process.poll() is None
    while quarantined(served.home):
        assert served.process.poll() is None
    assert len(list((served.home / "blobs").rglob("*"))) == before
