"""Reading a request: where it comes from, what it carries, and whether it wants a page or JSON.

The one place that looks at `Host`, `Origin`, `Cookie`, `Authorization` and `Accept`, so that
middleware, dependencies and error handlers cannot come to different conclusions.
"""

import re
from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from app.config import Settings
from app.cookies import DEVICE_COOKIE_NAME, Visit, read_cookies
from app.errors import TokenInvalid
from app.hosts import is_loopback, read_address
from app.notices import Notices
from app.observability import request_id
from app.principals import Actor, Principal
from app.resources import Resources

MAX_BEARER_LENGTH = 4096
# What nearly every host looks like; taking a text apart as an address costs ten times as much.
_USUAL_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?")
# What proxies add, beside X-Forwarded-For and the like.
_PASSED_ON = frozenset({b"forwarded", b"via", b"x-real-ip"})
_FORMS = (b"application/x-www-form-urlencoded", b"multipart/form-data")
# As wide as the columns that keep them.
_MAX_ADDRESS, _MAX_USER_AGENT = 45, 200


class Forwarding(StrEnum):
    """What was made of `X-Forwarded-For`."""

    ABSENT = "absent"
    BELIEVED = "believed"
    IGNORED = "ignored"


def get_settings(request: HTTPConnection) -> Settings:
    return cast("Settings", request.app.state.settings)


def get_resources(request: HTTPConnection) -> Resources:
    return cast("Resources", request.app.state.resources)


def get_notices(request: HTTPConnection) -> Notices:
    return cast("Notices", request.app.state.notices)


def heads_of(scope: MutableMapping[str, Any]) -> Mapping[bytes, bytes]:
    """Return a request's headers by name; where a name comes twice, the first counts."""
    state: dict[str, Any] = scope.setdefault("state", {})
    heads: dict[bytes, bytes] | None = state.get("heads")
    if heads is None:
        heads = state["heads"] = dict(reversed(scope["headers"]))
    return heads


def sends_form(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request says that its body is a form."""
    return heads_of(scope).get(b"content-type", b"").strip().lower().startswith(_FORMS)


def get_visit(request: HTTPConnection) -> Visit:
    """Describe where a request comes from and goes to, read from it once."""
    state: dict[str, Any] = request.scope.setdefault("state", {})
    visit: Visit | None = state.get("visit")
    if visit is None:
        visit = state["visit"] = _read_visit(request)
    return visit


def _read_visit(request: HTTPConnection) -> Visit:
    """Read where a request comes from and goes to.

    Behind a proxy that ends TLS the scheme seen here is http; a request to the host of PUBLIC_URL
    is taken to have come by PUBLIC_URL's scheme.
    """
    heads = heads_of(request.scope)
    host = heads.get(b"host", b"").decode("latin-1")
    origin, site = heads.get(b"origin"), heads.get(b"sec-fetch-site")
    # Not `request.url`, which fails on a query that is not UTF-8.
    scheme = request.scope["scheme"]
    public_url = get_settings(request).public_url
    if public_url and host == urlsplit(public_url).netloc:
        scheme = urlsplit(public_url).scheme
    return Visit(
        scheme=scheme,
        host=host if _is_authority(host) else "",
        origin=None if origin is None else _read_origin(origin.decode("latin-1")),
        fetch_site=None if site is None else site.decode("latin-1"),
    )


def is_from_this_machine(request: HTTPConnection) -> bool:
    """Whether a program on this machine asks for itself, and for no visitor of its own.

    A reverse proxy that stands here too comes from loopback with everybody's requests. It says so
    in a header; whoever is behind it can add such headers and take none away.
    """
    heads = heads_of(request.scope)
    is_passed_on = any(name in _PASSED_ON or name.startswith(b"x-forwarded-") for name in heads)
    peer = read_address(request.client.host) if request.client else None
    is_near = peer is not None and is_loopback(peer)
    return is_near and not is_passed_on and is_loopback(get_visit(request).hostname)


def get_forwarding(request: HTTPConnection) -> Forwarding:
    """Say whether a visitor's address was taken from a proxy that TRUSTED_PROXIES names."""
    return cast("Forwarding", request.state.forwarding)


def _read_origin(origin: str) -> str:
    """Return an Origin that can be taken apart; what cannot is as foreign as `null`."""
    return origin if _is_authority(origin.partition("://")[2]) else "null"


def _is_authority(text: str) -> bool:
    """Whether a text is a host, perhaps with a port, and nothing else."""
    if _USUAL_HOST.fullmatch(text):
        return True
    try:
        return "@" not in text and urlsplit(f"//{text}").netloc == text
    except ValueError:
        return False


def get_actor(request: HTTPConnection, principal: Principal | None = None) -> Actor:
    """Return on whose behalf this request acts; without a principal, an anonymous visitor."""
    user_agent = request.headers.get("user-agent", "")
    if not user_agent.isprintable():
        # Control characters would forge lines where it is shown; PostgreSQL refuses NUL.
        user_agent = "".join(filter(str.isprintable, user_agent))
    asking = partial(
        Actor,
        client_address=_read_peer(request),
        user_agent=user_agent[:_MAX_USER_AGENT],
        request_id=request_id.get(),
        marks=read_marks(request),
    )
    if principal is None:
        return asking()
    return asking(
        user_id=principal.user_id,
        public_id=principal.public_id,
        role=principal.role,
        session_id=principal.session.id,
        logged_in_at=principal.session.created_at,
    )


def _read_peer(request: HTTPConnection) -> str:
    """Return the visitor's address, in the form that is counted and kept."""
    host = request.client.host if request.client else ""
    return (read_address(host) or host)[:_MAX_ADDRESS]


def read_bearer(request: HTTPConnection) -> str | None:
    """Return the token of the Authorization header (RFC 6750, section 2.1), or None without one.

    Raises:
        TokenInvalid: there are two such headers, or another scheme or shape.
    """
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not 0 < len(token) <= MAX_BEARER_LENGTH:
        raise TokenInvalid
    return token


def read_session_cookie(request: HTTPConnection) -> str | None:
    """Return our cookie's value, or None without one.

    Raises:
        TokenInvalid: there are two of that name, and which is ours cannot be known.
    """
    scheme = get_visit(request).scheme
    values = read_cookies(request.headers.getlist("cookie"), scheme)
    if len(values) > 1:
        raise TokenInvalid
    return values[0] if values else None


def read_marks(request: HTTPConnection) -> str:
    """Return which accounts this browser says that it is known to; nothing if it says so twice."""
    scheme = get_visit(request).scheme
    headers = request.headers.getlist("cookie")
    values = read_cookies(headers, scheme, name=DEVICE_COOKIE_NAME)
    return values[0] if len(values) == 1 else ""


def wants_html(request: HTTPConnection) -> bool:
    """Whether the caller asks for HTML by name and not rather for JSON (RFC 9110, 12.5.1)."""
    html = json = 0.0
    for item in ",".join(request.headers.getlist("accept")).split(","):
        kind, _, parameters = item.partition(";")
        weight = _quality(parameters)
        if kind.strip().lower() in {"text/html", "application/xhtml+xml"}:
            html = max(html, weight)
        elif kind.strip().lower().endswith("json"):
            json = max(json, weight)
    return html > 0 and html >= json


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
