"""The bell: JSON on disk, heard at once, and never the truth."""

import json
import sqlite3
import threading
from pathlib import Path

import pytest

from harness_core.adapters import queue
from harness_core.adapters.queue import HueyBell, JsonSerializer, open_bell
from harness_worker.consumer import RingConsumer


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'queue.sqlite'}"


class Heard:
    """Collects what a consumer hears, and when."""

    def __init__(self, bell: HueyBell) -> None:
        self.jobs: list[int] = []
        self.any = threading.Event()
        bell.listen(self._hear)
        self._consumer = RingConsumer(bell)
        self._consumer.start()

    def _hear(self, job_id: int) -> None:
        self.jobs.append(job_id)
        self.any.set()

    def stop(self) -> None:
        self._consumer.halt()
        assert self._consumer.join(5.0)


def test_messages_are_json(url: str, tmp_path: Path) -> None:
    """Whoever can write the queue file cannot make anybody run code: there is no pickle in it."""
    open_bell(url).ring(42)
    with sqlite3.connect(tmp_path / "queue.sqlite") as connection:
        ((data,),) = connection.execute("SELECT data FROM task").fetchall()
    assert [42] in json.loads(data)


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_a_ring_is_heard_at_once(url: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle worker is woken, not polled awake: it hears while it would still sleep for a minute."""
    monkeypatch.setattr(queue, "IDLE_WAIT_S", 60.0)
    bell = open_bell(url if kind == "sqlite" else "memory://")
    heard = Heard(bell)
    try:
        bell.ring(7)
        assert heard.any.wait(20.0)
        assert heard.jobs == [7]
    finally:
        heard.stop()


def test_a_ring_from_another_bell_on_the_same_file_is_heard(url: str) -> None:
    """The API process rings, the worker process hears."""
    listening, ringing = open_bell(url), open_bell(url)
    heard = Heard(listening)
    try:
        ringing.ring(8)
        assert heard.any.wait(5.0)
        assert heard.jobs == [8]
    finally:
        heard.stop()


def test_nonsense_in_the_queue_is_survived(url: str, tmp_path: Path) -> None:
    """A message that is not ours is dropped, and the next one is heard."""
    bell = open_bell(url)
    bell.ring(1)
    with sqlite3.connect(tmp_path / "queue.sqlite") as connection:
        connection.execute("UPDATE task SET data = ?", (b"\x80\x04 not json",))
    heard = Heard(bell)
    try:
        bell.ring(9)
        assert heard.any.wait(5.0)
        assert heard.jobs == [9]
    finally:
        heard.stop()


def test_the_serializer_refuses_pickles() -> None:
    """Reading a message can only give plain values."""
    with pytest.raises(UnicodeDecodeError):
        JsonSerializer()._deserialize(b"\x80\x04\x95")
