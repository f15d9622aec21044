"""Pure ASGI middleware: what every request and answer gets, whatever route it meets.

main.py adds them in this order, outermost first: CORS, so that even a crash carries its headers;
SecurityHeaders; RequestContext, which turns every exception into an answer; RequestGuard, which
refuses wrong hosts, oversized bodies and other sites' writes; ConditionalGet.
"""

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import Settings
from app.cookies import Visit
from app.errors import BodyTooLarge, CrossOriginRefused, UnknownHost
from app.incoming import get_visit
from app.observability import request_id
from app.origins import OriginPolicy

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
access_log = logging.getLogger("portfolio.access")
error_log = logging.getLogger("portfolio.error")
security_log = logging.getLogger("portfolio.security")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,32}")
_CSP_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class CORS(CORSMiddleware):
    """Starlette's, asking our origin policy, for the API and the files that other sites load."""

    def __init__(self, app: ASGIApp, policy: OriginPolicy) -> None:
        super().__init__(
            app,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"),
            allow_headers=("*",),
            allow_credentials=True,
            expose_headers=("Location", "Retry-After", "X-Request-ID"),
        )
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._policy.covers(scope["path"]):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        return self._policy.allows(origin)


class SecurityHeaders:
    """Headers that take away what a browser would otherwise allow. A response may set its own."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self._defaults = {
            "Content-Security-Policy": _CSP_NOTHING,
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
            self._defaults["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_wrapper(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._defaults.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_wrapper if scope["type"] == "http" else send)


class RequestContext:
    """Gives a request its id, its cookies and its log line, and answers every exception."""

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
        state["cookies"] = []
        token = request_id.set(_choose_id(scope))
        started, status = time.perf_counter(), 0

        async def send_wrapper(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _finish_headers(message, state["cookies"])
            await send(message)

        try:
            await self.app(scope, receive, send_wrapper)
        except Exception as error:
            if status:  # the answer is on its way; only the connection can tell of the failure
                raise
            response = await self._respond(Request(scope, receive), error)
            await response(scope, receive, send_wrapper)
        finally:
            elapsed = round((time.perf_counter() - started) * 1000, 1)
            # The path alone: a query may hold a one-time secret.
            access_log.info(
                "%s %s", scope["method"], scope["path"], extra={"status": status, "ms": elapsed}
            )
            request_id.reset(token)


def _choose_id(scope: Scope) -> str:
    offered = Headers(scope=scope).get("x-request-id", "")
    return offered if _REQUEST_ID.fullmatch(offered) else secrets.token_hex(8)


def _finish_headers(start: Message, cookies: list[str]) -> None:
    headers = MutableHeaders(scope=start)
    headers["X-Request-ID"] = request_id.get()
    for cookie in cookies:
        headers.append("Set-Cookie", cookie)


class RequestGuard:
    """Refuses, before any route: unknown hosts, bodies declared too large, other sites' writes.

    The last follows the idea of Go 1.25's CrossOriginProtection: browsers say where a request comes
    from, in `Sec-Fetch-Site` or at least in `Origin`, and no page can change that. A request with
    neither comes from no browser and carries nobody's cookies. Unlike there, a request without
    cookies is checked too, so that no page can log a visitor in to somebody else's account.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, policy: OriginPolicy) -> None:
        self.app = app
        self._hosts = settings.hosts if settings.is_production else None
        self._max_body = settings.max_body_bytes
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            visit = get_visit(request)
            if self._hosts is not None and visit.hostname not in self._hosts:
                raise UnknownHost
            declared = request.headers.get("content-length", "")
            if declared.isascii() and declared.isdigit() and int(declared) > self._max_body:
                raise BodyTooLarge
            if scope["method"] not in SAFE_METHODS:
                self._check_origin(visit, scope["path"])
        await self.app(scope, receive, send)

    def _check_origin(self, visit: Visit, path: str) -> None:
        if visit.fetch_site in {"same-origin", "none"}:
            return
        if visit.fetch_site is None and (visit.origin is None or visit.is_same_origin):
            return
        if visit.origin and self._policy.covers(path) and self._policy.allows(visit.origin):
            return
        security_log.warning(
            "Refused a write from another origin", extra={"origin": visit.origin, "path": path}
        )
        raise CrossOriginRefused


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
    return start["status"] == 200 and "no-cache" in control and "etag" not in headers  # noqa: PLR2004


def _tag(start: Message, body: Message, known: str) -> Message:
    tag = f'W/"{hashlib.blake2b(body.get("body", b""), digest_size=12).hexdigest()}"'
    headers = MutableHeaders(scope=start)
    headers["ETag"] = tag
    if tag not in [part.strip() for part in known.split(",")]:
        return body
    start["status"] = 304
    del headers["content-length"]
    return {"type": "http.response.body", "body": b""}
