"""Who may ask: names of this service against rebinding, and proof that a state change comes from our own pages or from no page.

A browser always says where a state change comes from (``Sec-Fetch-Site`` or ``Origin``); what says neither is no page, and is
served on loopback only. The token is for clients that a browser lets say something else.
"""

import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping

from harness_core.domain.errors import PolicyRefused, UsageError

UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
COOKIE = "harness_csrf"
TOKEN_HEADER = "x-csrf-token"  # noqa: S105 - the name of a header
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class HostRefused(UsageError):
    """The request names a host that is not this service."""

    http_status = 400


class Hosts:
    """The names this service answers to, with any port.

    Listening on every address, it also answers to addresses in numbers: rebinding needs a name.
    """

    def __init__(self, host: str) -> None:
        self._open = host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
        own = {f"[{host}]" if ":" in host else host.lower()}
        self._names = LOOPBACK_NAMES | own | ({socket.gethostname().lower()} if self._open else set())

    def check(self, header: str | None) -> None:
        """Raises HostRefused."""
        name = host_name(header or "")
        if name in self._names or (self._open and _is_address(name)):
            return
        raise HostRefused(
            "host_not_allowed", f"This service does not answer to the name {name[:80]!r}.",
            why="The request's Host is not one of its names.", next_step="Use http://localhost with the port.",
        )  # fmt: skip


def host_name(header: str) -> str:
    """A Host header without its port, lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.rpartition(":")[0] if ":" in header else header


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether an address, or every address of a name, is this machine alone."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)} if not _is_address(host) else {host.strip("[]")}
    except OSError:
        return False
    return bool(found) and all(_is_loopback_address(address.partition("%")[0]) for address in found)


def _is_loopback_address(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)  # how IPv4 arrives at a socket of both families
    return bool((mapped or address).is_loopback)


def check_origin(
    method: str, headers: Mapping[str, str], cookies: Mapping[str, str], *, scheme: str, client: str, secret: bytes
) -> None:
    """Raises PolicyRefused unless a state change comes from our own pages, a token's holder, or loopback without a browser."""
    if method not in UNSAFE_METHODS or _has_token(headers, cookies, secret):
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        allowed = site == "same-origin"
    elif origin is not None:
        allowed = origin.lower() == f"{scheme}://{headers.get('host', '').lower()}"
    else:
        allowed = is_loopback(client)
    if not allowed:
        raise PolicyRefused(
            "cross_site_request", "A change was asked for from another place than this service's own pages.",
            why="Its Sec-Fetch-Site or Origin is another one, or it came over the network without either.",
            next_step="Use the pages of this service, or send the token of /api/v1/csrf-token as X-CSRF-Token.",
        )  # fmt: skip


def fresh_token(secret: bytes) -> tuple[str, str]:
    """A cookie's value and the token that goes with it, for this process."""
    nonce = secrets.token_urlsafe(24)
    return nonce, token_of(nonce, secret)


def token_of(nonce: str, secret: bytes) -> str:
    return hmac.new(secret, nonce.encode("utf-8"), hashlib.sha256).hexdigest()


def _has_token(headers: Mapping[str, str], cookies: Mapping[str, str], secret: bytes) -> bool:
    token, nonce = headers.get(TOKEN_HEADER), cookies.get(COOKIE)
    return bool(token and nonce) and hmac.compare_digest(str(token).encode(), token_of(str(nonce), secret).encode())
