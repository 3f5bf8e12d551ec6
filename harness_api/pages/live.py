"""Pages while they are open: fragments of what changed, as server-sent events that carry the sequence of the events table."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from harness_api.pages.home import home_state, signature
from harness_api.pages.rendering import Pages, pages_of
from harness_api.pages.run_frame import run_frame
from harness_api.pages.views import run_results, run_state
from harness_api.routes.events import STREAM_HEADERS, EventStream, position
from harness_api.service import Service, service_of
from harness_api.streams import HEARTBEAT_S, frame
from harness_core.domain.errors import HarnessError
from harness_core.domain.runs import RUN_ENDED, Event, RunId

COALESCE_S = 0.25
HOME_POLL_S = 0.5
router = APIRouter()


@router.get("/runs/{run_id}/live", response_class=EventStream)
async def run_live(
    request: Request, run_id: str, after: Annotated[int, Query(ge=0)] = 0, last_event_id: Annotated[str | None, Header()] = None
) -> EventStream:
    service = service_of(request)
    run = await asyncio.to_thread(service.core.runs.get, run_id)
    frames = _run_frames(service, pages_of(request), run.run_id, position(after, last_event_id))
    return EventStream(frames, headers=STREAM_HEADERS)


async def _run_frames(service: Service, pages: Pages, run_id: RunId, start: int) -> AsyncIterator[bytes]:
    """At most four updates a second; each holds the state of the run, and only the events that were not sent yet."""
    service.meter.stream_opened(1)
    try:
        yield b": connected\n\n"
        async for batch in service.hub.follow(run_id, start):
            if not batch:
                yield b": still here\n\n"
                continue
            yield frame(await asyncio.to_thread(_run_update, service, pages, run_id, batch), id_=batch[-1].seq)
            await asyncio.sleep(COALESCE_S)
        if not service.leaving.is_set():
            yield frame("ended", event="end")
    finally:
        service.meter.stream_opened(-1)


def _run_update(service: Service, pages: Pages, run_id: RunId, events: Sequence[Event]) -> str:
    run = service.core.overview.run(run_id)
    state = run_state(service, run)
    results = run_results(service, run) if run.status in RUN_ENDED else None
    return pages.text("run_update.html", **run_frame(service, run, "") | state, events=events, results=results)


@router.get("/live", response_class=EventStream)
async def home_live(request: Request) -> EventStream:
    return EventStream(_home_frames(service_of(request), pages_of(request)), headers=STREAM_HEADERS)


async def _home_frames(service: Service, pages: Pages) -> AsyncIterator[bytes]:
    """The overview, whenever something on it differs."""
    service.meter.stream_opened(1)
    sent, quiet_s = None, 0.0
    try:
        yield b": connected\n\n"
        while not service.leaving.is_set():
            try:
                state = await asyncio.to_thread(home_state, service)
            except HarnessError:
                state = None
            if state is not None and signature(state) != sent:
                sent, quiet_s = signature(state), 0.0
                yield frame(await asyncio.to_thread(pages.text, "home_update.html", **state))
            elif quiet_s >= HEARTBEAT_S:
                quiet_s = 0.0
                yield b": still here\n\n"
            await asyncio.sleep(HOME_POLL_S)
            quiet_s += HOME_POLL_S
    finally:
        service.meter.stream_opened(-1)
