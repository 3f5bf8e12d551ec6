"""The events of runs as they happen, for many clients: each watched run is read ten times a second by one reader, whoever watches.

Events come from the events table and their ids are its gapless sequence, so a client that shows its last id misses nothing.
"""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Sequence

from harness_core.domain.errors import HarnessError
from harness_core.domain.run_manifests import iso_time
from harness_core.domain.runs import RUN_ENDED, Event, RunId
from harness_core.ports.state import Runs

log = logging.getLogger("harness.api")

POLL_S = 0.08
HEARTBEAT_S = 15.0
KEPT_EVENTS = 2000


class _Tail:
    """The newest events of one run, shared by all who watch it. ``floor`` is the sequence number before the first one kept."""

    def __init__(self, floor: int) -> None:
        self.floor = self.seq = floor
        self.events: list[Event] = []
        self.over_at: int | None = None
        self.changed = asyncio.Event()
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None

    def take(self, events: Sequence[Event], over_at: int | None) -> None:
        self.events.extend(events)
        if events:
            self.seq = events[-1].seq
        if len(self.events) > KEPT_EVENTS:
            del self.events[: KEPT_EVENTS // 2]
            self.floor = self.events[0].seq - 1
        self.over_at = over_at
        self.changed.set()
        self.changed = asyncio.Event()

    def since(self, position: int) -> list[Event]:
        return self.events[max(0, position - self.floor) :]


class EventHub:
    """Hands out events. Everything here runs in the service's event loop; the database is read in threads."""

    def __init__(self, runs: Runs, leaving: threading.Event) -> None:
        self._runs, self._leaving = runs, leaving
        self._tails: dict[RunId, _Tail] = {}

    async def follow(self, run_id: RunId, after: int) -> AsyncIterator[Sequence[Event]]:
        """Batches of events beyond ``after``, in order, none twice; an empty batch is a sign of life.

        Ends when the run has ended and everything was handed out, or when the service is leaving.
        """
        position = after
        tail = self._join(run_id, after)
        try:
            while not self._leaving.is_set():
                changed = tail.changed
                batch = await self._beyond(tail, run_id, position)
                if batch:
                    position = batch[-1].seq
                    yield batch
                elif tail.over_at is not None and position >= tail.over_at:
                    return
                elif not await self._wait(changed):
                    yield ()
        finally:
            self._part(run_id, tail)

    async def _beyond(self, tail: _Tail, run_id: RunId, position: int) -> Sequence[Event]:
        if position >= tail.floor:
            return tail.since(position)
        return await asyncio.to_thread(self._runs.events, run_id, after=position)

    async def _wait(self, changed: asyncio.Event) -> bool:
        """Until something changes, or the service leaves; False after the time of a heartbeat."""
        try:
            await asyncio.wait_for(changed.wait(), HEARTBEAT_S)
        except TimeoutError:
            return False
        return True

    def _join(self, run_id: RunId, after: int) -> _Tail:
        tail = self._tails.get(run_id)
        if tail is None:
            tail = self._tails[run_id] = _Tail(after)
            tail.task = asyncio.create_task(self._read(run_id, tail))
        tail.watchers += 1
        return tail

    def _part(self, run_id: RunId, tail: _Tail) -> None:
        tail.watchers -= 1
        if tail.watchers == 0:
            if self._tails.get(run_id) is tail:
                del self._tails[run_id]
            if tail.task is not None:
                tail.task.cancel()

    async def _read(self, run_id: RunId, tail: _Tail) -> None:
        """Reads until nobody watches. On leaving, everybody is woken once."""
        first = True
        while not self._leaving.is_set():
            try:
                events = await asyncio.to_thread(self._runs.events, run_id, after=tail.seq)
                if events or first:
                    tail.take(events, await asyncio.to_thread(self._over_at, run_id))
                    first = False
            except HarnessError as failure:
                log.warning("the events of %s could not be read, they are read again: %s", run_id, failure)
            await asyncio.sleep(POLL_S)
        tail.changed.set()

    def _over_at(self, run_id: RunId) -> int | None:
        """The number of the last event when the run has ended; None while it may go on."""
        run = self._runs.get(run_id)
        return run.event_seq if run.status in RUN_ENDED else None


def as_document(event: Event) -> dict[str, object]:
    """An event as clients see it."""
    return {"seq": event.seq, "at": iso_time(event.at), "type": event.type, "plugin_id": event.plugin_id, "data": dict(event.data)}


def frame(data: str, *, id_: int | None = None, event: str | None = None) -> bytes:
    """One server-sent event; every line of ``data`` becomes a data line."""
    head = ([f"id: {id_}"] if id_ is not None else []) + ([f"event: {event}"] if event else [])
    return ("\n".join([*head, *(f"data: {line}" for line in data.split("\n"))]) + "\n\n").encode("utf-8")


def json_frame(event: Event) -> bytes:
    return frame(json.dumps(as_document(event), ensure_ascii=False, separators=(",", ":")), id_=event.seq)
