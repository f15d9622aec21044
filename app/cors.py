"""Pages of other origins: what a browser lets them read, its question before, its lost cookies.

`CORS=on` takes CORS, `CORS=off` takes Preflights: a reverse proxy adds the headers then, and may
hand the browser's question on. LostCookies stands further in, and only looks.
"""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.assets import PREFIX
from app.cookies import COOKIE_NAME
from app.incoming import get_visit, heads_of
from app.middleware import security_headers
from app.notices import Browser, Notices
from app.origins import OriginPolicy

_MAX_USER_AGENT = 200
# Where front ends ask who is logged in, on every page.
_WHO_AM_I = frozenset({"/api/v1/auth/session", "/api/id", "/api/id/"})
_ALLOWED: Mapping[str, Any] = {
    "allow_methods": ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"),
    "allow_headers": ("*",),
    "allow_credentials": True,
    "expose_headers": ("Location", "Retry-After", "X-Request-ID"),
}


class CORS(CORSMiddleware):
    """Starlette's, asking our origin policy, for the API; and the files for everybody.

    An origin that is not allowed gets none of the headers, not even those that tell about others.
    The files hold nobody's data: they say `*`, without credentials, to all alike. So also a page
    that is refused loads portfolio.js, which then says why.
    """

    def __init__(
        self, app: ASGIApp, *, policy: OriginPolicy, notices: Notices, is_https: bool
    ) -> None:
        super().__init__(app, **_ALLOWED)
        self._policy = policy
        self._notices = notices
        self._defaults = security_headers(is_https=is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._policy.covers(scope["path"]):
            await self.app(scope, receive, send)
        elif scope["path"].startswith(PREFIX) and scope["method"] in {"GET", "HEAD"}:
            await self.app(scope, receive, partial(_send_to_everybody, send))
        elif b"origin" not in heads_of(scope):
            await self._answer_without(scope, receive, send)
        else:
            self._look_at(Request(scope))
            await super().__call__(scope, receive, send)

    async def _answer_without(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A cache must not hand this answer, which lacks the headers, to a page that needs them.
        scope["state"]["varies_by_origin"] = True
        await self.app(scope, receive, send)

    def _look_at(self, request: Request) -> None:
        origin = request.headers["origin"]
        if self._policy.allows(origin):
            return
        # A browser names our own pages' origin too, with every write.
        is_ours = request.headers.get("sec-fetch-site") == "same-origin"
        if not is_ours and not get_visit(request).is_same_origin:
            self._notices.refuse_origin(origin, request.scope["path"])

    def is_allowed_origin(self, origin: str) -> bool:
        return self._policy.allows(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        if self.is_allowed_origin(request_headers["origin"]):
            answer = super().preflight_response(request_headers)
        else:
            headers = {"Vary": "Origin"}
            answer = PlainTextResponse("This origin is not allowed here.", 403, headers)
        answer.headers.update(self._defaults)
        return answer

    async def simple_response(
        self, scope: Scope, receive: Receive, send: Send, request_headers: Headers
    ) -> None:
        if self.is_allowed_origin(request_headers["origin"]):
            await super().simple_response(scope, receive, send, request_headers)
        else:
            await self._answer_without(scope, receive, send)


async def _send_to_everybody(send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        MutableHeaders(scope=message)["Access-Control-Allow-Origin"] = "*"
    await send(message)


class Preflights:
    """Answers OPTIONS for the API and the files with nothing: no login, no redirect, no headers."""

    def __init__(self, app: ASGIApp, *, policy: OriginPolicy, is_https: bool) -> None:
        self.app = app
        self._policy = policy
        self._defaults = security_headers(is_https=is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_question = scope["type"] == "http" and scope["method"] == "OPTIONS"
        if is_question and self._policy.covers(scope["path"]):
            await Response(status_code=204, headers=self._defaults)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class LostCookies:
    """Notices browsers that are given a cookie for another site's page and do not return it."""

    def __init__(self, app: ASGIApp, *, notices: Notices) -> None:
        self.app = app
        self._notices = notices

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or b"origin" not in heads_of(scope):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = scope.get("client")
        browser = Browser(
            origin=headers["origin"],
            address=client[0] if client else "",
            user_agent=headers.get("user-agent", "")[:_MAX_USER_AGENT],
        )
        if "authorization" in headers or COOKIE_NAME in ";".join(headers.getlist("cookie")):
            self._notices.see_credentials(browser)
            await self.app(scope, receive, send)
            return

        async def send_wrapper(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._look_at(message, scope["path"], browser)
            await send(message)

        await self.app(scope, receive, send_wrapper)

    def _look_at(self, start: Message, path: str, browser: Browser) -> None:
        cookies = Headers(raw=start["headers"]).getlist("set-cookie")
        if any("Partitioned" in cookie and "Max-Age=0" not in cookie for cookie in cookies):
            self._notices.expect_cookie(browser)
        elif start["status"] == HTTPStatus.UNAUTHORIZED and path in _WHO_AM_I:
            self._notices.miss_cookie(browser)
