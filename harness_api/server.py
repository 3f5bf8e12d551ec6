"""The running service: binds, starts the embedded worker, serves, and stops in time, whatever streams are open."""

import contextlib
import errno
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from harness_api.app import create_app
from harness_api.guards import is_loopback
from harness_api.service import Service
from harness_core.bootstrap import Core, open_core
from harness_core.domain.errors import PolicyRefused, Unhealthy, UsageError
from harness_core.settings import Settings

if TYPE_CHECKING:
    from harness_worker.runtime import WorkerRuntime

log = logging.getLogger("harness.api")

CONNECTIONS_CLOSE_S = 3
SIGNALS = (signal.SIGINT, signal.SIGTERM)
BACKLOG = 512


def serve(settings: Settings, *, host: str, port: int, with_worker: bool, open_to_network: bool) -> int:
    """Serve until SIGTERM or SIGINT; returns 143 or 130 after a graceful stop, within ``settings.drain_s`` and a few seconds.

    Raises PolicyRefused for an address that others can reach, unless ``open_to_network``; Unhealthy when the port is taken.
    A second signal stops at once; executions under way are then handed back.
    """
    if not open_to_network and not is_loopback(host):
        raise PolicyRefused(
            "bind_not_loopback", f"{host} is not an address of this machine alone.",
            why="There is no login: whoever reaches the service can read and change everything in it.",
            next_step="Listen on 127.0.0.1, or say that you mean it with --allow-network.",
        )  # fmt: skip
    listener = bind(host, port)
    try:
        core = open_core(settings)
    except BaseException:
        listener.close()
        raise
    try:
        return _serve(core, listener, host=host, with_worker=with_worker)
    finally:
        listener.close()
        core.close()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Unhealthy when somebody listens there already, UsageError for an address that is none."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as reason:
        raise UsageError("bad_host", f"{host} is no address to listen on.", why=str(reason), next_step="Use 127.0.0.1.") from reason
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as reason:
        listener.close()
        raise _cannot_listen(host, port, reason) from reason
    return listener


def _cannot_listen(host: str, port: int, reason: OSError) -> Unhealthy:
    if reason.errno == errno.EADDRINUSE:
        return Unhealthy("port_in_use", f"Port {port} of {host} is in use.", why="Another program listens there.",
                         next_step=f"Stop that one, or choose another port, such as --port {port + 1}.")  # fmt: skip
    return Unhealthy("cannot_listen", f"The service cannot listen on {host}, port {port}.", why=reason.strerror or str(reason),
                     next_step="Choose another address or port.")  # fmt: skip


def _serve(core: Core, listener: socket.socket, *, host: str, with_worker: bool) -> int:
    runtime = _worker(core) if with_worker else None
    app = create_app(core, runtime, host=host)
    gc.collect()
    gc.freeze()  # a full collection over all that was loaded took 80 ms, in the middle of some request
    server = GracefulServer(
        uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, lifespan="off", timeout_keep_alive=30,
            timeout_graceful_shutdown=CONNECTIONS_CLOSE_S, ws="none", proxy_headers=False,
        ),
        app.state.service,
        url_of(host, listener),
    )  # fmt: skip
    with server.hearing_signals(runtime):
        if runtime is not None:
            runtime.start()
        try:
            server.run(sockets=[listener])
        finally:
            server.leave()
            if runtime is not None:
                runtime.stop(0.0 if server.hurried else core.settings.drain_s)
    return server.exit_code


def _worker(core: Core) -> "WorkerRuntime":
    from harness_worker.runtime import WorkerRuntime

    return WorkerRuntime(core, kind="serve", places=core.settings.workers)


def url_of(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class GracefulServer(uvicorn.Server):
    """Says when it is ready, and tells the streams to end as soon as a signal comes."""

    def __init__(self, config: uvicorn.Config, service: Service, url: str) -> None:
        super().__init__(config)
        self._service, self._url, self._signals = service, url, list[int]()

    @property
    def hurried(self) -> bool:
        return len(self._signals) > 1

    @property
    def exit_code(self) -> int:
        return 128 + self._signals[0] if self._signals else 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"Statistic Harness is ready: {self._url}", file=sys.stderr, flush=True)  # noqa: T201 - what a person waits for

    def leave(self) -> None:
        self._service.leave()

    @contextlib.contextmanager
    def hearing_signals(self, runtime: "WorkerRuntime | None") -> Iterator[None]:
        """While inside: the first signal begins a graceful stop, a second one ends the patience with connections and executions."""

        def hear(number: int, _frame: FrameType | None) -> None:
            self._signals.append(number)
            self.leave()
            self.should_exit, self.force_exit = True, self.hurried
            if self.hurried and runtime is not None:
                threading.Thread(target=runtime.stop, args=(0.0,), name="hurry", daemon=True).start()

        previous: dict[int, Any] = {}
        with contextlib.suppress(ValueError):  # signals are for the main thread
            previous = {number: signal.signal(number, hear) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: they are heard for longer than the server serves."""
        yield
