"""What the requests of one service share: the core, the embedded worker, the streams, and how it is going. Made once per app."""

import secrets
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from harness_api.meters import RequestMeter
from harness_api.reports import Reports
from harness_api.streams import EventHub
from harness_core import __version__
from harness_core.bootstrap import Core
from harness_core.services.health import Examining
from harness_core.services.local_files import LocalFiles
from harness_core.services.metrics import Measuring
from harness_core.services.picturing import read_figures
from harness_core.services.reading_logs import LogReading
from harness_core.services.resumable import ResumableUploads

if TYPE_CHECKING:
    from harness_worker.runtime import WorkerRuntime


@dataclass
class Service:
    """One running service. ``leaving`` is set when it stops: streams end, and no new work is taken."""

    core: Core
    runtime: "WorkerRuntime | None"
    hub: EventHub
    meter: RequestMeter
    resumable: ResumableUploads
    examining: Examining
    measuring: Measuring
    reports: Reports
    local_files: LocalFiles
    logs: LogReading = field(default_factory=LogReading)
    leaving: threading.Event = field(default_factory=threading.Event)
    csrf_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def draining(self) -> bool:
        return self.leaving.is_set() or (self.runtime is not None and self.runtime.draining)

    def leave(self) -> None:
        """Begin to stop: open streams end at once. Safe to call twice and from a signal handler."""
        self.leaving.set()


def open_service(core: Core, runtime: "WorkerRuntime | None" = None) -> Service:
    """The service over a core; nothing is started."""
    settings = core.settings
    leaving = threading.Event()
    return Service(
        core=core,
        runtime=runtime,
        hub=EventHub(core.runs, leaving),
        meter=RequestMeter(),
        resumable=core.resumable,
        examining=Examining(
            core.jobs, core.database, core.migrations, core.store, core.overview, core.catalog, core.home.root,
            settings.min_free_bytes,
        ),
        measuring=Measuring(core.runs, core.jobs, core.overview, core.store, {"version": __version__}),
        reports=Reports(core.runs, core.store, partial(read_figures, core.guests, core.store, core.names)),
        local_files=LocalFiles(settings.import_path),
        leaving=leaving,
    )  # fmt: skip


def service_of(connection: HTTPConnection) -> Service:
    """The service a request belongs to."""
    service: Service = connection.app.state.service
    return service
