"""The token page: the anatomy of a JWT of the visitor's login, and a box to take any other apart.

The cookie's own is never in a page: scripts cannot read it, and neither can whoever looks at the
screen. For a login by cookie an access token is made here instead; see docs/decisions/0008.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request, Response

from app.cookies import COOKIE_NAME, SECURE_COOKIE_NAME, CookieProfile, read_cookies
from app.dependencies import OptionalUser, ResourcesDep, find_principal
from app.errors import CredentialsDisagree, TokenInvalid
from app.incoming import read_bearer, read_session_cookie
from app.models import SessionKind, utc_now
from app.principals import Principal, SessionRow
from app.rendering import page
from app.resources import Resources
from app.routers.pages.claims import COOKIE_ATTRIBUTES, WORDS, Row, explain
from app.routing import Router
from app.tokens import Purpose, b64decode

router = Router(include_in_schema=False)
SHOWN_OF_SIGNATURE = 6


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token of ours taken apart. Without a session, its login has ended.

    Of a cookie whose login has ended there are no parts: it is explained, and not shown.
    """

    parts: dict[str, str] | None
    is_masked: bool
    header: Sequence[Row]
    claims: Sequence[Row]
    carrier: SessionKind
    session: SessionRow | None
    cookie_name: str
    cookie_ends_at: datetime | None
    attributes: Sequence[tuple[str, str]]


def _sent(request: Request) -> tuple[str, SessionKind] | None:
    """Return the token this request carries, alive or not.

    Raises:
        TokenInvalid: there are two, or it has no shape of a token.
    """
    bearer = read_bearer(request)
    if bearer is not None:
        return bearer, SessionKind.BEARER
    cookie = read_session_cookie(request)
    return None if cookie is None else (cookie, SessionKind.COOKIE)


def _take_apart(
    resources: Resources,
    viewer: Principal | None,
    text: str,
    carrier: SessionKind,
    *,
    is_masked: bool,
) -> TokenView:
    """Explain a token.

    Raises:
        TokenInvalid: this server did not write it.
    """
    purpose = Purpose.COOKIE if carrier is SessionKind.COOKIE else Purpose.ACCESS
    if resources.codec.inspect(text, purpose) is None:
        raise TokenInvalid
    is_cookie = carrier is SessionKind.COOKIE
    if is_cookie and viewer is not None:
        text = _make_another(resources, viewer)
    header, payload, signature = text.split(".")
    hidden = "·" * (len(signature) - SHOWN_OF_SIGNATURE)
    shown = signature[:SHOWN_OF_SIGNATURE] + hidden if is_masked else signature
    parts = {"header": header, "payload": payload, "signature": shown}
    # Only the session remembers how its cookie was set; the browser does not say.
    profile = viewer.session.cookie_profile if viewer is not None else ""
    attributes = CookieProfile(profile).attributes.split("; ") if profile else []
    return TokenView(
        parts=None if is_cookie and viewer is None else parts,
        is_masked=is_masked,
        header=list(explain("header", json.loads(b64decode(header)))),
        claims=list(explain("payload", json.loads(b64decode(payload)))),
        carrier=carrier,
        session=viewer.session if viewer is not None else None,
        cookie_name=CookieProfile(profile).name_on_wire if profile else "",
        cookie_ends_at=viewer.claims.exp if is_cookie and viewer is not None else None,
        attributes=[(name, COOKIE_ATTRIBUTES[name]) for name in attributes],
    )


def _make_another(resources: Resources, viewer: Principal) -> str:
    """Return an access token of the login that a cookie stands for, as short-lived as any."""
    now = utc_now()
    life = timedelta(minutes=resources.settings.access_token_minutes)
    return resources.codec.issue(
        Purpose.ACCESS,
        sub=viewer.public_id,
        sid=viewer.session.sid,
        now=now,
        expires_at=min(now + life, viewer.session.ends_at),
    )


async def _answer(
    request: Request, resources: Resources, viewer: Principal | None, *, is_masked: bool
) -> Response:
    await _refuse_disagreement(request)
    view, state = None, "none"
    try:
        sent = _sent(request)
        if sent is not None:
            view = _take_apart(resources, viewer, *sent, is_masked=is_masked)
            state = "open" if viewer is not None else "ended"
    except TokenInvalid:
        state = "foreign"
    return page(
        request,
        "token.html",
        is_secret=True,
        token=view,
        state=state,
        cookies_sent=_cookies_sent(request),
        words=WORDS,
    )


async def _refuse_disagreement(request: Request) -> None:
    """Of a cookie and a header of two people neither is shown: it would be the wrong one."""
    try:
        await find_principal(request)
    except CredentialsDisagree:
        raise
    except TokenInvalid:
        pass


def _cookies_sent(request: Request) -> list[str]:
    """Return the names of our cookies that the browser sent, once for each value."""
    headers = request.headers.getlist("cookie")
    return [
        name
        for name, scheme in ((COOKIE_NAME, "http"), (SECURE_COOKIE_NAME, "https"))
        for _ in read_cookies(headers, scheme)
    ]


@router.get("/token")
async def show_token(request: Request, resources: ResourcesDep, viewer: OptionalUser) -> Response:
    """Explain the visitor's token, with most of its signature hidden."""
    return await _answer(request, resources, viewer, is_masked=True)


@router.post("/token")
async def show_whole_token(
    request: Request, resources: ResourcesDep, viewer: OptionalUser
) -> Response:
    """Explain the token with its whole signature, for whoever asks for it here and now."""
    return await _answer(request, resources, viewer, is_masked=False)
