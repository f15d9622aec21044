"""Reverse proxies: whom a request comes from, when a proxy in front of the server says so.

`X-Forwarded-For` is a list to which each proxy adds at the end whom it heard from; anybody can send
one with anything in it. So it is read from the end, and only as far as proxies that are trusted
wrote it: the first address that is none of theirs is the visitor's.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.hosts import ANYBODY, read_address, read_proxies
from app.incoming import Forwarding, heads_of

# More proxies than anybody puts in a row.
_MAX_HOPS = 20
_MAX_LENGTH = 4096
_MAX_PORT_DIGITS = 5


class TrustedProxies:
    """Puts the visitor's address and scheme in place of a trusted proxy's own."""

    def __init__(self, app: ASGIApp, *, trusted: Iterable[str]) -> None:
        self.app = app
        entries = tuple(trusted)
        self._trusts_all = ANYBODY in entries
        self._networks = [read_proxies(entry) for entry in entries if entry != ANYBODY]
        # The same few addresses with every request.
        self._is_trusted = lru_cache(maxsize=1024)(self._look_up)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._look_behind(scope)
        await self.app(scope, receive, send)

    def _look_behind(self, scope: Scope) -> None:
        state: dict[str, Any] = scope.setdefault("state", {})
        state["forwarding"] = Forwarding.ABSENT
        host, _ = scope.get("client") or ("", 0)
        is_trusted = self._is_trusted(host)
        if not is_trusted and b"x-forwarded-for" not in heads_of(scope):
            return
        headers = Headers(scope=scope)
        told = ",".join(headers.getlist("x-forwarded-for"))
        if told.strip(", "):
            state["forwarding"] = Forwarding.IGNORED
        if not is_trusted:
            return
        schemes = headers.getlist("x-forwarded-proto")
        if len(schemes) == 1 and schemes[0] in {"http", "https"}:
            scope["scheme"] = schemes[0]
        visitor = self._find_visitor(told)
        if visitor is not None:
            state["forwarding"] = Forwarding.BELIEVED
            scope["client"] = (visitor, 0)

    def _find_visitor(self, told: str) -> str | None:
        """Return whom the outermost trusted proxy heard from; None if it does not say."""
        visitor = None
        for address in _read_from_the_end(told):
            visitor = address
            if not self._is_trusted(address):
                break
        return visitor

    def _look_up(self, host: str) -> bool:
        address = read_address(host)
        if address is None or self._trusts_all:
            # A proxy on the same machine may come by a socket that has no address.
            return self._trusts_all
        found = ipaddress.ip_address(address)
        return any(found in network for network in self._networks)


def _read_from_the_end(told: str) -> Iterator[str]:
    """Yield the addresses of a list, the last one first, as far as it is one.

    What stands before something that is no address was written by nobody who is trusted.
    """
    for entry in reversed(told[-_MAX_LENGTH:].rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
        if entry.strip():
            address = read_address(_without_port(entry.strip()))
            if address is None:
                return
            yield address


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        host, bracket, port = entry[1:].partition("]")
        return host if bracket and (not port or _is_port(port)) else ""
    host, colon, port = entry.rpartition(":")
    return host if ":" not in host and colon and _is_port(f":{port}") else entry


def _is_port(text: str) -> bool:
    digits = text.removeprefix(":")
    is_number = digits.isascii() and digits.isdigit()
    return text.startswith(":") and is_number and len(digits) <= _MAX_PORT_DIGITS
