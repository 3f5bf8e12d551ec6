"""The events of a run as server-sent events: nothing is lost between a page and its stream, and nothing comes twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from harness_api.service import Service, service_of
from harness_api.streams import frame, json_frame
from harness_core.domain.runs import RUN_ENDED, RunId

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])
DESCRIPTION = {
    200: {
        "description": "Events as they happen. Their ids count from 1 without a gap; a last one named `end` has none.",
        "content": {
            "text/event-stream": {"schema": {"type": "string"}, "example": 'id: 1\ndata: {"seq":1,"type":"run.queued"}\n\n'}
        },
    }
}
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """A stream of server-sent events."""

    media_type = "text/event-stream"


@router.get("/{run_id}/events", response_class=EventStream, responses=dict(DESCRIPTION), summary="Follow a run")  # type: ignore[arg-type]
async def events(
    request: Request,
    run_id: str,
    after: Annotated[int, Query(ge=0, description="Begin after this event.")] = 0,
    last_event_id: Annotated[str | None, Header(description="What a browser sends when it connects again.")] = None,
) -> EventStream:
    """Ends with an event named `end` when the run has ended and everything was sent."""
    service = service_of(request)
    run = await asyncio.to_thread(service.core.runs.get, run_id)
    start = position(after, last_event_id)
    return EventStream(_frames(service, run.run_id, start), headers=STREAM_HEADERS)


def position(after: int, last_event_id: str | None) -> int:
    """Where to begin: what a browser saw last wins over what the address says."""
    return int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else after


async def _frames(service: Service, run_id: RunId, start: int) -> AsyncIterator[bytes]:
    service.meter.stream_opened(1)
    try:
        yield b"retry: 1000\n\n"
        async for batch in service.hub.follow(run_id, start):
            yield b"".join(json_frame(event) for event in batch) or b": still here\n\n"
        run = await asyncio.to_thread(service.core.runs.get, run_id)
        if run.status in RUN_ENDED:
            yield frame(json.dumps({"status": str(run.status)}), event="end")
    finally:
        service.meter.stream_opened(-1)
