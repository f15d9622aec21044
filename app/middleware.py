"""Pure ASGI middleware: what every request and answer gets, whatever route it meets.

main.py adds them in this order, outermost first: that of proxies.py, which says whom a request is
from; those of cors.py, so that even a crash carries their headers; RequestContext, which turns
every exception into an answer; RequestGuard, which refuses wrong hosts, oversized bodies and other
sites' writes; last, that of conditional_get.py.
"""

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from opentelemetry.trace import get_current_span
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import Settings
from app.cookies import Visit
from app.departures import receiving
from app.errors import BadRequest, BodyTooLarge, CrossOriginRefused, UnknownHost
from app.incoming import get_visit, heads_of, sends_form
from app.metrics import UNMATCHED, Metrics
from app.notices import Notices
from app.observability import AnswerRecord, conceal, is_traced, request_id
from app.origins import OriginPolicy

RawHeaders = list[tuple[bytes, bytes]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
access_log = logging.getLogger("portfolio.access")
error_log = logging.getLogger("portfolio.error")

_ASCII = "".join(map(chr, range(128)))
_IDS_AT_ONCE = 256
_MAX_LENGTH_DIGITS = 18
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,32}")
# Forms hold a few short fields; whoever fills one with a million `&` keeps their reader busy.
MAX_FORM_BYTES = 64 * 1024
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


def encode(headers: Mapping[str, str]) -> RawHeaders:
    """Return headers as ASGI has them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class RequestContext:
    """Gives a request its id, its cookies and its log line, counts it, and answers every exception.

    Every answer carries `security_headers`; one may set its own.

    Routes see HEAD as GET, so that every page and address answers it; the server drops the body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        respond: Callable[[Request, Exception], Awaitable[Response]],
        metrics: Metrics,
        is_https: bool,
    ) -> None:
        self.app = app
        self._respond = respond
        self._metrics = metrics
        self._defaults = encode(security_headers(is_https=is_https))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = _begin(scope)
        inner = _normalise(scope)
        token = request_id.set(_choose_id(scope))
        # Whoever makes a request wait can see whether its sender still waits for the answer.
        reading = receiving.set(receive)
        started, status = time.perf_counter(), 0

        async def send_wrapper(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _finish_headers(message, state, self._defaults)
            await send(message)

        try:
            await self.app(inner, receive, send_wrapper)
        except Exception as error:
            if status:  # the answer is on its way; only the connection can tell of the failure
                raise
            response = await self._respond(Request(inner, receive), error)
            await response(inner, receive, send_wrapper)
        finally:
            self._end(scope, inner.get("route"), status, time.perf_counter() - started)
            receiving.reset(reading)
            request_id.reset(token)

    def _end(self, scope: Scope, route: Any, status: int, seconds: float) -> None:
        # A route's path has the names of its parameters, not what stood in their place.
        template = UNMATCHED if route is None else route.path
        self._metrics.count_answer(scope["method"], template, status, seconds)
        _log(scope, status, seconds)


def _make_ids() -> Iterator[str]:
    """Yield names for requests, to tell them apart; some from one system call."""
    while True:
        names = secrets.token_hex(8 * _IDS_AT_ONCE)
        yield from (names[start : start + 16] for start in range(0, len(names), 16))


_ids = _make_ids()


def _begin(scope: Scope) -> dict[str, Any]:
    state: dict[str, Any] = scope.setdefault("state", {})
    state["cookies"], state["login_ended"] = [], False
    return state


def _normalise(scope: Scope) -> Scope:
    if scope["method"] != "HEAD" and scope["query_string"].isascii():
        return scope
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    # Raw bytes are no URL (RFC 3986, section 2); decoded as UTF-8 they could break a reader.
    return {
        **scope,
        "method": method,
        "query_string": quote(scope["query_string"], _ASCII).encode(),
    }


def _log(scope: Scope, status: int, seconds: float) -> None:
    if not access_log.isEnabledFor(logging.INFO):
        return
    said: dict[str, Any] = {"status": status, "ms": round(seconds * 1000, 1)}
    principal = scope["state"].get("principal")
    if principal is not None:
        # A random id: a log alone tells nobody's name.
        said["user"] = principal.public_id
    # The path alone: a query may hold a one-time secret.
    access_log.handle(AnswerRecord(scope["method"], conceal(scope["path"]), said))


def _choose_id(scope: Scope) -> str:
    offered = heads_of(scope).get(b"x-request-id", b"")
    is_fit = offered and _REQUEST_ID.fullmatch(offered)
    chosen = offered.decode() if is_fit else next(_ids)
    if is_traced(scope):
        # So that a line of the log leads to its trace.
        get_current_span().set_attribute("portfolio.request_id", chosen)
    return chosen


def _finish_headers(start: Message, state: Mapping[str, Any], defaults: RawHeaders) -> None:
    own = start.get("headers", [])
    if state.get("varies_by_origin"):
        own = _add_to_vary(own, b"Origin")
    names = dict(own)
    further = [pair for pair in defaults if pair[0] not in names]
    further.append((b"x-request-id", request_id.get().encode()))
    # A refusal undoes its transaction, and with it the session a cookie would name.
    if start["status"] < HTTPStatus.BAD_REQUEST:
        further += [(b"set-cookie", cookie.encode("latin-1")) for cookie in state["cookies"]]
        if state["login_ended"]:
            # Pictures are kept for a year: not for the next who sits down at this machine.
            further.append((b"clear-site-data", b'"cache"'))
    start["headers"] = [*own, *further]


def _add_to_vary(headers: RawHeaders, name: bytes) -> RawHeaders:
    found = [value for key, value in headers if key == b"vary"]
    others = [pair for pair in headers if pair[0] != b"vary"]
    return [*others, (b"vary", b", ".join([*found, name]))]


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
        # Counts what comes in. Without a declared body there is none: the server sees to that.
        self._counting = RequestBodyLimitMiddleware(app, max_body_size=settings.max_body_bytes)
        longest_form = min(MAX_FORM_BYTES, settings.max_body_bytes)
        self._counting_form = RequestBodyLimitMiddleware(app, max_body_size=longest_form)
        self._hosts = settings.hosts if settings.is_production else None
        self._policy = policy
        self._notices = notices

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] == "http":
            visit = get_visit(HTTPConnection(scope))
            if self._hosts is not None and visit.hostname not in self._hosts:
                raise UnknownHost
            names = heads_of(scope)
            if b"content-length" in names or b"transfer-encoding" in names:
                app = self._counting_form if sends_form(scope) else self._counting
                declared = names.get(b"content-length", b"0").decode("latin-1")
                self._check_length(declared, _body_limit(scope))
            if scope["method"] not in SAFE_METHODS:
                self._check_origin(visit, scope["path"])
        await app(scope, receive, send)

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
    usual = settings.max_body_bytes
    if sends_form(scope):
        usual = min(usual, MAX_FORM_BYTES)
    return limits.get((scope["method"], scope["path"]), usual)
