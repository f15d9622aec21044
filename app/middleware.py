"""Pure ASGI middleware: what every request and answer gets, whatever route it meets.

main.py adds them in this order, outermost first: that of proxies.py, which says whom a request is
from; SecurityHeaders; those of cors.py, so that even a crash carries their headers; RequestContext,
which turns every exception into an answer; RequestGuard, which refuses wrong hosts, oversized
bodies and other sites' writes; Departures, for whoever has to wait; ConditionalGet.
"""

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import Settings
from app.cookies import Visit
from app.departures import receiving
from app.errors import BadRequest, BodyTooLarge, CrossOriginRefused, UnknownHost
from app.incoming import get_visit
from app.notices import Notices
from app.observability import conceal, request_id
from app.origins import OriginPolicy

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
access_log = logging.getLogger("portfolio.access")
error_log = logging.getLogger("portfolio.error")

_ASCII = "".join(map(chr, range(128)))
_MAX_LENGTH_DIGITS = 18
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,32}")
CSP_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def security_headers(*, is_https: bool) -> dict[str, str]:
    """Return the headers that take away what a browser would otherwise allow."""
    headers = {
        "Content-Security-Policy": CSP_NOTHING,
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # Not `no-referrer`: with that, browsers send `Origin: null` even to ourselves.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers


class SecurityHeaders:
    """Adds `security_headers` to every answer. A response may set its own."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self._defaults = security_headers(is_https=is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_wrapper(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._defaults.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_wrapper if scope["type"] == "http" else send)


class RequestContext:
    """Gives a request its id, its cookies and its log line, and answers every exception.

    Routes see HEAD as GET, so that every page and address answers it; the server drops the body.
    """

    def __init__(
        self, app: ASGIApp, respond: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self.app = app
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state["cookies"], state["login_ended"] = [], False
        inner = _normalise(scope)
        token = request_id.set(_choose_id(scope))
        started, status = time.perf_counter(), 0

        async def send_wrapper(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _finish_headers(message, state)
            await send(message)

        try:
            await self.app(inner, receive, send_wrapper)
        except Exception as error:
            if status:  # the answer is on its way; only the connection can tell of the failure
                raise
            response = await self._respond(Request(inner, receive), error)
            await response(inner, receive, send_wrapper)
        finally:
            _log(scope, status, time.perf_counter() - started)
            request_id.reset(token)


def _normalise(scope: Scope) -> Scope:
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    # Raw bytes are no URL (RFC 3986, section 2); decoded as UTF-8 they could break a reader.
    return {
        **scope,
        "method": method,
        "query_string": quote(scope["query_string"], _ASCII).encode(),
    }


def _log(scope: Scope, status: int, seconds: float) -> None:
    said: dict[str, Any] = {"status": status, "ms": round(seconds * 1000, 1)}
    principal = scope["state"].get("principal")
    if principal is not None:
        # A random id: a log alone tells nobody's name.
        said["user"] = principal.public_id
    # The path alone: a query may hold a one-time secret.
    access_log.info("%s %s", scope["method"], conceal(scope["path"]), extra=said)


def _choose_id(scope: Scope) -> str:
    offered = Headers(scope=scope).get("x-request-id", "")
    return offered if _REQUEST_ID.fullmatch(offered) else secrets.token_hex(8)


def _finish_headers(start: Message, state: Mapping[str, Any]) -> None:
    headers = MutableHeaders(scope=start)
    headers["X-Request-ID"] = request_id.get()
    # A refusal undoes its transaction, and with it the session a cookie would name.
    if start["status"] < HTTPStatus.BAD_REQUEST:
        for cookie in state["cookies"]:
            headers.append("Set-Cookie", cookie)
        if state["login_ended"]:
            # Pictures are kept for a year: not for the next who sits down at this machine.
            headers["Clear-Site-Data"] = '"cache"'


class Departures:
    """Lets whoever makes a request wait see whether its sender still waits for the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reading = receiving.set(receive if scope["type"] == "http" else None)
        try:
            await self.app(scope, receive, send)
        finally:
            receiving.reset(reading)


class RequestGuard:
    """Refuses, before any route: unknown hosts, bodies declared too large, other sites' writes.

    The last follows the idea of Go 1.25's CrossOriginProtection: browsers say where a request comes
    from, in `Sec-Fetch-Site` or at least in `Origin`, and no page can change that. A request with
    neither comes from no browser and carries nobody's cookies. Unlike there, a request without
    cookies is checked too, so that no page can log a visitor in to somebody else's account.
    """

    def __init__(
        self, app: ASGIApp, *, settings: Settings, policy: OriginPolicy, notices: Notices
    ) -> None:
        self.app = app
        self._hosts = settings.hosts if settings.is_production else None
        self._policy = policy
        self._notices = notices

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            visit = get_visit(request)
            if self._hosts is not None and visit.hostname not in self._hosts:
                raise UnknownHost
            self._check_length(request.headers.get("content-length", "0"), _body_limit(scope))
            if scope["method"] not in SAFE_METHODS:
                self._check_origin(visit, scope["path"])
        await self.app(scope, receive, send)

    def _check_length(self, declared: str, limit: int) -> None:
        if not (declared.isascii() and declared.isdigit()):
            raise BadRequest("Content-Length is not a number.")
        # Python refuses to read numbers of thousands of digits.
        if len(declared) > _MAX_LENGTH_DIGITS or int(declared) > limit:
            raise BodyTooLarge

    def _check_origin(self, visit: Visit, path: str) -> None:
        if visit.fetch_site in {"same-origin", "none"}:
            return
        if visit.fetch_site is None and (visit.origin is None or visit.is_same_origin):
            return
        is_allowed = bool(visit.origin) and self._policy.allows(visit.origin or "")
        if is_allowed and self._policy.covers(path):
            return
        if visit.origin and not is_allowed:
            self._notices.refuse_origin(visit.origin, path)
        else:
            self._notices.refuse_write(visit.origin, path)
        raise CrossOriginRefused


def _body_limit(scope: Scope) -> int:
    """Return what a route says it takes, or what all others do."""
    state = scope["app"].state
    limits = cast("Mapping[tuple[str, str], int]", state.body_limits)
    settings = cast("Settings", state.settings)
    return limits.get((scope["method"], scope["path"]), settings.max_body_bytes)


class ConditionalGet:
    """Answers 304 where a page has not changed since the browser saw it (RFC 9110, 13.1.2).

    Only whole bodies of pages and of the API document are compared; anything marked `no-store`, or
    sent in several pieces, passes untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def send_wrapper(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_comparable(message):
                start = message
                return
            if start is not None:
                if not message.get("more_body", False):
                    message = _tag(start, message, known)
                await send(start)
                start = None
            await send(message)

        await self.app(scope, receive, send_wrapper)


def _is_comparable(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    control = headers.get("cache-control", "")
    return start["status"] == HTTPStatus.OK and "no-cache" in control and "etag" not in headers


def _tag(start: Message, body: Message, known: str) -> Message:
    tag = f'W/"{hashlib.blake2b(body.get("body", b""), digest_size=12).hexdigest()}"'
    headers = MutableHeaders(scope=start)
    headers["ETag"] = tag
    # Compared weakly (RFC 9110, section 13.1.2): with or without the W/.
    tags = [part.strip().removeprefix("W/") for part in known.split(",")]
    if "*" not in tags and tag.removeprefix("W/") not in tags:
        return body
    start["status"] = 304
    del headers["content-length"]
    return {"type": "http.response.body", "body": b""}
