"""The gate every request passes: host, origin, size and time limits, security headers, a correlation id, and no traceback.

Plain ASGI, so that streams stay streams.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness_api.bodies import BodyTooLarge, BodyTooSlow
from harness_api.guards import Hosts, check_origin
from harness_api.service import Service

log = logging.getLogger("harness.api")

MAX_BODY_BYTES = 1 << 20
CLIENT_LEFT = 499
BODY_TIMEOUT_S = 30.0
PIECE_TIMEOUT_S = 60.0
UPLOADS = re.compile(r"/api/v1/(uploads|tus(/[^/]+)?)\Z")
STREAMS = re.compile(r"/(events|live)\Z")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # "no-referrer" would make browsers send "Origin: null" with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    "cache-control": "no-store",
}
Explain = Callable[[Request, Exception], Response]


class Gate:
    """Wraps an app. ``explain`` turns what a handler raised into an answer."""

    def __init__(self, app: ASGIApp, service: Service, hosts: Hosts, explain: Explain) -> None:
        self._app, self._service, self._hosts, self._explain = app, service, hosts, explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, receive, send)
        started = time.perf_counter()
        try:
            self._check(Request(scope))
            await self._app(scope, passage.receive, passage.send)
        except ClientDisconnect:
            passage.status = CLIENT_LEFT
        except Exception as failure:
            await self._answer(failure, scope, passage)
        finally:
            route = getattr(scope.get("route"), "path", "(none)")
            stream = STREAMS.search(scope["path"]) is not None
            self._service.meter.count(passage.method, route, passage.status, time.perf_counter() - started, stream=stream)

    def _check(self, request: Request) -> None:
        self._hosts.check(request.headers.get("host"))
        client = request.client.host if request.client else ""
        check_origin(
            request.method, request.headers, request.cookies, scheme=request.url.scheme, client=client,
            secret=self._service.csrf_secret,
        )  # fmt: skip
        length = request.headers.get("content-length", "")
        limit = _body_limit(request.url.path, self._service.core.settings.max_upload_bytes)
        if length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        request.scope["harness.body_limit"] = limit

    async def _answer(self, failure: Exception, scope: Scope, passage: "_Passage") -> None:
        if passage.started:
            log.warning("an answer broke off (%s %s, id %s): %r", passage.method, scope["path"], passage.id, failure)
            return
        await self._explain(Request(scope), failure)(scope, passage.receive, passage.send)


class _Passage:
    """One request on its way through: what is received is limited, what is sent gets its headers; HEAD is GET without a body."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.started, self.status, self._received = False, 500, 0
        self.method = scope["method"] if scope["method"] in KNOWN_METHODS else "(other)"
        self._upload = UPLOADS.match(scope["path"]) is not None
        self._head = self.method == "HEAD" and not self._upload and not STREAMS.search(scope["path"])
        if self._head:
            scope["method"] = "GET"
        asked = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        self.id = asked if REQUEST_ID.match(asked) else secrets.token_hex(8)
        scope["harness.request_id"] = self.id
        self._deadline = time.monotonic() + BODY_TIMEOUT_S

    async def receive(self) -> Message:
        if self.started:
            return await self._receive()
        timeout_s = PIECE_TIMEOUT_S if self._upload else max(0.001, self._deadline - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), timeout_s)
        except TimeoutError as reason:
            raise BodyTooSlow("body_too_slow", "The request's body did not arrive in time.", next_step="Send it again.") from reason
        self._received += len(message.get("body", b""))
        limit = self._scope.get("harness.body_limit", MAX_BODY_BYTES)
        if self._received > limit:
            raise _too_large(limit)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            message = {**message, "headers": self._with_ours(message.get("headers", []))}
        elif message["type"] == "http.response.body" and self._head:
            message = {**message, "body": b""}
        await self._send(message)

    def _with_ours(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in headers}
        ours = {**HEADERS, "x-request-id": self.id}
        return [*headers, *((name.encode(), value.encode()) for name, value in ours.items() if name.encode() not in there)]


KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _body_limit(path: str, max_upload_bytes: int) -> int:
    return max_upload_bytes if UPLOADS.match(path) else MAX_BODY_BYTES


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge("too_large", f"The request's body is larger than {limit:,} bytes.",
                        next_step="Send less; a larger file needs a higher HARNESS_MAX_UPLOAD_BYTES.")  # fmt: skip
