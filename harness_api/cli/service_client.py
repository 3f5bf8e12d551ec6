"""A running service, spoken to over HTTP with the standard library: upload, start, follow, fetch."""

import http.client
import json
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from harness_core.domain.errors import Conflict, HarnessError, InputRefused, NotFound, PolicyRefused, Problem, Unhealthy, UsageError

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 300.0
SILENCE_TIMEOUT_S = 45.0
BLOCK_BYTES = 1 << 20
POLL_S = 0.1

Event = Mapping[str, Any]


class Service:
    """One service at ``url``. Every method raises Unhealthy when it cannot be reached, or what the service refused."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:  # the port is no number, or too large for one
            usable = False
        if not usable:
            raise UsageError("bad_url", f"{url} is not the address of a service.",
                             why="It is not http:// or https://, a name or number of a machine, and a port up to 65535.",
                             next_step="Write it like http://127.0.0.1:8765.")  # fmt: skip
        self.url = url.rstrip("/")
        self._parts, self._prefix = parts, parts.path.rstrip("/")

    def upload(self, path: Path, on_bytes: Callable[[int], None]) -> dict[str, Any]:
        """Send a file as it is read; its size in memory does not matter."""
        try:
            with path.open("rb") as file:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
                target = f"/api/v1/uploads?filename={quote(path.name, errors='surrogateescape')}"
                return self._json("POST", target, _blocks(file, on_bytes), headers, refusal=InputRefused)
        except (PermissionError, IsADirectoryError) as reason:
            raise InputRefused("file_unreadable", f"{path} cannot be read.", why=f"{reason.strerror}.",
                               next_step="Give the path of a file that you may read.") from reason  # fmt: skip

    def start(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Record a run. The key makes asking again after a broken connection harmless, so that is done once."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        data = json.dumps(body).encode("utf-8")
        try:
            return self._json("POST", "/api/v1/runs", data, headers)
        except Unhealthy as broken:
            if broken.code != "service_gone":
                raise
            return self._json("POST", "/api/v1/runs", data, headers)

    def run(self, run_id: str) -> dict[str, Any]:
        return self._json("GET", f"/api/v1/runs/{run_id}")

    def has_worker(self) -> bool:
        """Whether the service says that somebody works there; a service that does not answer counts as one that may have."""
        try:
            connection, response = self._ask("GET", "/readyz", None, {})
            with connection:
                checks = json.loads(response.read())["checks"]
        except (HarnessError, OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return True
        return all(check["level"] == "ok" for check in checks if check["name"] == "workers")

    def fetch(self, run_id: str, what: str) -> bytes | None:
        """The bytes of ``report``, ``manifest`` or ``artifacts/…``; None where the run has no such file."""
        connection, response = self._ask("GET", f"/api/v1/runs/{run_id}/{what}", None, {})
        with connection:
            data = response.read()
            if response.status == http.client.NOT_FOUND:
                return None
            return data if response.status == http.client.OK else self._refuse(response.status, data)

    def events(self, run_id: str, after: int) -> Iterator[Event]:
        """Server-sent events beyond ``after`` until the service ends the stream or the connection breaks."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        try:
            connection, response = self._ask("GET", f"/api/v1/runs/{run_id}/events", None, headers, SILENCE_TIMEOUT_S)
            with connection:
                if response.status != http.client.OK:
                    self._refuse(response.status, response.read())
                yield from parse_events(line.decode("utf-8", "replace") for line in response)
        except (OSError, http.client.HTTPException):
            return

    def _json(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None,
        refusal: type[HarnessError] = UsageError,
    ) -> dict[str, Any]:  # fmt: skip
        connection, response = self._ask(method, path, body, headers or {})
        with connection:
            try:
                data = response.read()
                if response.status >= http.client.BAD_REQUEST:
                    self._refuse(response.status, data, refusal)
                answer = json.loads(data)
            except (OSError, http.client.HTTPException) as reason:
                raise self._gone(reason) from reason
            except ValueError as reason:
                raise self._stranger() from reason
        return dict(answer)

    def _ask(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], timeout_s: float = ANSWER_TIMEOUT_S
    ) -> "tuple[_Connection, http.client.HTTPResponse]":
        connection = _Connection(self._connect())
        try:
            connection.inner.request(method, self._prefix + path, body=body, headers={"Accept": "application/json", **headers})
        except (BrokenPipeError, ConnectionResetError):
            pass  # the service answered before it had read everything: its answer says why
        except OSError as reason:
            connection.inner.close()
            raise self._gone(reason) from reason
        try:
            if connection.inner.sock is not None:
                connection.inner.sock.settimeout(timeout_s)
            return connection, connection.inner.getresponse()
        except (OSError, http.client.HTTPException) as reason:
            connection.inner.close()
            raise self._gone(reason) from reason

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(str(self._parts.hostname), self._parts.port, timeout=CONNECT_TIMEOUT_S)
        try:
            connection.connect()
        except OSError as reason:
            raise Unhealthy(
                "no_service", f"No service answers at {self.url}.", why=f"{reason.strerror or reason}.",
                next_step="Start one with `harness serve`, or leave --url away to use the local queue.",
            ) from reason  # fmt: skip
        return connection

    def _refuse(self, status: int, data: bytes, refusal: type[HarnessError] = UsageError) -> Any:
        """Raise what the service's problem document says."""
        try:
            raise refused_by(status, json.loads(data), refusal)
        except (ValueError, TypeError, AttributeError) as reason:
            raise self._stranger() from reason

    def _gone(self, reason: Exception) -> Unhealthy:
        return Unhealthy("service_gone", f"The service at {self.url} stopped answering.", why=f"{type(reason).__name__}: {reason}.",
                         next_step="Look at the service's log, then try again.")  # fmt: skip

    def _stranger(self) -> Unhealthy:
        return Unhealthy("not_our_service", f"What answers at {self.url} is not Statistic Harness.",
                         why="Its answer is not one of ours.",
                         next_step="Check the address and the port.")  # fmt: skip


class _Connection:
    """Closes its connection at the end of a with block."""

    def __init__(self, inner: http.client.HTTPConnection) -> None:
        self.inner = inner

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_exception: object) -> None:
        self.inner.close()


def _blocks(file: BinaryIO, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    while block := file.read(BLOCK_BYTES):
        yield block
        done += len(block)
        on_bytes(done)


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """The JSON events of a stream of lines; comments, heartbeats and events of other kinds carry none."""
    data: list[str] = []
    for line in lines:
        text = line.rstrip("\r\n")
        if text.startswith("data:"):
            data.append(text[5:].removeprefix(" "))
        elif not text and data:
            event = json.loads("\n".join(data))
            data.clear()
            if isinstance(event, Mapping) and "seq" in event:
                yield event


REFUSALS: Mapping[int, type[HarnessError]] = {
    403: PolicyRefused,
    404: NotFound,
    409: Conflict,
    413: InputRefused,
    415: InputRefused,
}
REFUSED_INPUT = frozenset({"unreadable", "file_unreadable", "too_large", "longer_than_promised"})


def refused_by(status: int, document: Mapping[str, Any], refusal: type[HarnessError]) -> HarnessError:
    """A problem document as the error it was in the service; ``refusal`` is what 422 means where the document does not say.

    What is said of a file names the ``line`` in it, if only to say that there is none.
    """
    of_input = document.get("code") in REFUSED_INPUT or "line" in document
    kind = InputRefused if of_input else REFUSALS.get(status) or (Unhealthy if status >= 500 else refusal)
    title, detail = str(document["title"]), str(document.get("detail") or "")
    problems = [
        Problem(**{key: str(item.get(key, "")) for key in ("where", "field", "reason", "remedy")})
        for item in document.get("problems") or ()
    ]
    why = detail.removeprefix(title).strip()
    return kind(str(document["code"]), title, why=why, next_step=str(document.get("next_step") or ""), problems=problems)


class EventReader:
    """Reads a run's events in a thread of its own, reconnecting where it stopped, so that the command can look up meanwhile."""

    def __init__(self, service: Service, run_id: str) -> None:
        self._service, self._run_id = service, run_id
        self._found: queue.Queue[Event | None] = queue.Queue()
        self._ended = threading.Event()
        threading.Thread(target=self._read, name="events", daemon=True).start()

    def _read(self) -> None:
        seen = 0
        while not self._ended.is_set():
            try:
                for event in self._service.events(self._run_id, seen):
                    seen = int(event["seq"])
                    self._found.put(event)
            except HarnessError:
                pass  # the stream cannot be opened now; the command asks for the run itself and tells what is wrong
            self._found.put(None)
            self._ended.wait(POLL_S * 5)

    def next(self) -> tuple[Event | None, bool]:
        """The next event, or None after a short while; and whether the stream was interrupted (the run may have ended)."""
        try:
            event = self._found.get(timeout=POLL_S)
        except queue.Empty:
            return None, False
        return event, event is None

    def close(self) -> None:
        self._ended.set()
