"""The stream of a run's events: whole, in order, each once, for everybody, however often a connection breaks."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from fastapi.testclient import TestClient

from harness_api import streams
from harness_api.streams import EventHub
from harness_core.bootstrap import Core
from harness_core.domain.runs import RunId
from tests.api.serving import Served

Frame = tuple[int | None, dict[str, object]]
KINDS = {"run.queued", "run.started", "run.planned", "execution.queued", "execution.started", "execution.ended", "run.ended"}


def frames(answer: httpx.Response) -> Iterator[Frame]:
    """The events of a stream with their ids; the last one, ``end``, has none."""
    seen: int | None = None
    for line in answer.iter_lines():
        if line.startswith("id: "):
            seen = int(line[4:])
        elif line.startswith("data: "):
            yield seen, json.loads(line[6:])
            seen = None


def follow(served: Served, run_id: str, after: int = 0, limit: int | None = None) -> list[Frame]:
    headers = {"Last-Event-ID": str(after)} if after else {}
    with served.client.stream("GET", f"/api/v1/runs/{run_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        found: list[Frame] = []
        for item in frames(answer):
            found.append(item)
            if len(found) == limit:
                break
        return found


@pytest.fixture(scope="module")
def run_id(served: Served) -> str:
    """A run that is followed while it goes on, and ends."""
    return served.start(served.upload(), plugins=["analysis_count"])


def test_it_is_gapless_and_ends(served: Served, run_id: str) -> None:
    """Ids count from 1, each event says what the id says, and the end is told by name, without an id."""
    *events, (last_id, last) = follow(served, run_id)
    assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
    assert all(event["seq"] == seq for seq, event in events)
    assert {str(event["type"]) for _, event in events} >= KINDS - {"run.planned"}
    assert (last_id, last) == (None, {"status": "COMPLETED"})


def test_it_goes_on_where_it_broke_off(served: Served) -> None:
    """A client that is cut off after every second event, and comes back with the last id, sees all of them once."""
    run = served.start(served.upload(), plugins=["analysis_count"], force=True)
    seen: list[int] = []
    while True:
        part = follow(served, run, after=seen[-1] if seen else 0, limit=2)
        seen += [seq for seq, _ in part if seq is not None]
        if part[-1][0] is None:
            break
    assert seen == [seq for seq, _ in follow(served, run)[:-1]]


def test_what_was_seen_last_wins_over_the_address(served: Served, run_id: str) -> None:
    """A browser reconnects to the address it was given first; an id that is none is not believed."""
    everything = follow(served, run_id)
    url = f"/api/v1/runs/{run_id}/events?after=2"
    with served.client.stream("GET", url, headers={"Last-Event-ID": "4"}) as answer:
        assert next(frames(answer))[0] == 5
    with served.client.stream("GET", url, headers={"Last-Event-ID": "x"}) as answer:
        assert next(frames(answer))[0] == 3
    assert follow(served, run_id, after=len(everything) - 1) == everything[-1:]


def test_twenty_watchers_see_the_same(served: Served) -> None:
    """Everybody is told everything, whenever they came."""
    run = served.start(served.upload(), plugins=["analysis_count"], force=True)
    found: list[list[Frame]] = []
    watchers = [threading.Thread(target=lambda: found.append(follow(served, run))) for _ in range(20)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join(30)
    assert len(found) == 20
    assert all(item == found[0] for item in found)
    assert found[0][-1][0] is None


def test_more_events_than_are_kept_and_a_late_watcher(
    client: TestClient, core: Core, upload_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who begins at the first event when the others are at the last, and memory begins in between, loses nothing."""
    monkeypatch.setattr(streams, "KEPT_EVENTS", 100)
    document = client.post("/api/v1/runs", json={"upload_id": upload_id}).json()
    first = core.runs.get(document["run_id"])
    run_id = RunId("run_many")
    core.runs.create(replace(first, run_id=run_id, event_seq=0), [])

    async def watch() -> list[list[int]]:
        hub = EventHub(core.runs, threading.Event())
        seen: list[list[int]] = [[], []]

        async def read(place: int) -> None:
            async for batch in hub.follow(run_id, 0):
                seen[place] += [event.seq for event in batch]

        early = asyncio.create_task(read(0))
        for number in range(600):
            core.runs.note(run_id, "execution.progress", done=number)
            if number % 50 == 0:
                await asyncio.sleep(0.1)
        while len(seen[0]) < 600:
            await asyncio.sleep(0.01)
        late = asyncio.create_task(read(1))
        core.controlling.cancel(run_id)
        await asyncio.wait_for(asyncio.gather(early, late), 20)
        return seen

    early, late = asyncio.run(watch())
    assert early == list(range(1, len(early) + 1))
    assert late == early
    assert len(early) > 600
