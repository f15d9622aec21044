"""The vocabulary of the routes: what a function asks for by naming it in its signature.

`CurrentUser` needs a login, `OptionalUser` looks for one, `PageUser` leads to the login page,
`AdminUser` needs an admin; `SessionDep` is the transaction of the request: it is kept when the
route returns, before the answer is sent, and undone when it raises.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyCookie, HTTPBearer, OAuth2PasswordBearer
from sqlmodel.ext.asyncio.session import AsyncSession

from app import openapi
from app.cookie_sessions import CookieSession
from app.cookies import COOKIE_NAME, CookieProfile, Visit, set_cookie
from app.errors import (
    AdminRequired,
    CredentialsDisagree,
    PageNeedsLogin,
    SecondFactorRequired,
    TokenInvalid,
    Unauthenticated,
    Unavailable,
)
from app.incoming import (
    get_actor,
    get_resources,
    get_settings,
    get_visit,
    read_bearer,
    read_session_cookie,
    wants_html,
)
from app.middleware import SAFE_METHODS
from app.models import SessionKind, utc_now
from app.pauses import let_others_in
from app.principals import Actor, Principal
from app.resources import Resources
from app.schemas import Digits, Storable
from app.services import sessions
from app.tokens import Purpose

# These only describe the two ways in for the OpenAPI document; the token is read in incoming.py,
# and where a route is called directly they are not asked (see routing.py).
_password_flow = OAuth2PasswordBearer(
    openapi.TOKEN_PATH,
    scheme_name=openapi.FORM_SCHEME,
    description="User name and password, with the code of a second factor, if there is one, right "
    "behind the password. Leave the client fields empty.",
    auto_error=False,
)
_cookie_scheme = APIKeyCookie(
    name=COOKIE_NAME,
    scheme_name="Cookie",
    description="Log in on the page or with `POST /api/v1/auth/login`: the browser then sends the "
    "cookie by itself, and there is nothing to fill in here. On https its name begins `__Host-`.",
    auto_error=False,
)
_bearer_scheme = HTTPBearer(
    scheme_name="Bearer",
    description="An access token.",
    auto_error=False,
)


async def _resources(request: Request) -> Resources:
    return get_resources(request)


ResourcesDep = Annotated[Resources, Depends(_resources)]


async def _visit(request: Request) -> Visit:
    return get_visit(request)


VisitDep = Annotated[Visit, Depends(_visit)]


# Before a log-in is read: a class that logs in holds up nobody who only asks who they are.
UNHURRIED = Depends(let_others_in)


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Yield the request's transaction. Safe methods get one that cannot write."""
    read_only = request.method in SAFE_METHODS
    async with get_resources(request).database.transaction(read_only=read_only) as session:
        yield session


# scope="function": the commit happens before the answer is sent. With FastAPI's default scope a
# commit that fails would come after a 200.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def find_principal(request: Request) -> Principal | None:
    """Return who the request's credentials stand for, or None if it carries none.

    A bearer token is meant, a cookie merely comes along: so a valid bearer token decides even
    beside a dead cookie, and a bad one is refused even beside a living cookie.

    Raises:
        TokenInvalid: credentials were sent and do not hold.
        CredentialsDisagree: both hold, for two different people.
    """
    bearer = read_bearer(request)
    if bearer is None:
        cookie = read_session_cookie(request)
        return None if cookie is None else await _load(request, cookie, SessionKind.COOKIE)
    principal = await _load(request, bearer, SessionKind.BEARER)
    try:
        cookie = read_session_cookie(request)
        other = cookie and await _load(request, cookie, SessionKind.COOKIE)
    except TokenInvalid:
        return principal
    if other and other.user_id != principal.user_id:
        raise CredentialsDisagree
    return principal


async def _load(request: Request, token: str, carrier: SessionKind) -> Principal:
    return await get_resources(request).principals.load(token, carrier, now=utc_now())


async def _renew_cookie(request: Request, principal: Principal) -> None:
    """Send a fresh cookie when more than half of the present one's life is over."""
    claims = principal.claims
    if principal.carrier is not SessionKind.COOKIE:
        return
    now = utc_now()
    is_fresh = now < claims.iat + (claims.exp - claims.iat) / 2
    # A cookie that lives as long as its session may has nothing to gain; `exp` has no fractions.
    if is_fresh or claims.exp > principal.session.ends_at - timedelta(seconds=1):
        return
    resources = get_resources(request)
    try:
        async with resources.database.transaction() as session:
            expires_at = await sessions.renew_session(
                session, session_id=principal.session.id, settings=resources.settings, now=now
            )
    except Unavailable:
        # A later request renews it: this one may only want to read.
        return
    if expires_at is not None and expires_at > claims.exp:
        token = resources.codec.issue(
            Purpose.COOKIE,
            sub=principal.public_id,
            sid=principal.session.sid,
            now=now,
            expires_at=expires_at,
        )
        profile = CookieProfile(principal.session.cookie_profile)
        request.state.cookies.append(set_cookie(profile, token, expires_at - now))


async def find_viewer(
    request: Request,
    _password: Annotated[str | None, Depends(_password_flow)] = None,
    _cookie: Annotated[str | None, Depends(_cookie_scheme)] = None,
    _bearer: Annotated[object, Depends(_bearer_scheme)] = None,
) -> Principal | None:
    """Return who is asking, if anybody, whatever may be open to them; a cookie is renewed."""
    try:
        principal = await find_principal(request)
    except TokenInvalid:
        return None
    if principal is not None:
        await _renew_cookie(request, principal)
    request.state.principal = principal
    return principal


AnyUser = Annotated[Principal | None, Depends(find_viewer)]


async def get_optional_user(
    request: Request,
    _password: Annotated[str | None, Depends(_password_flow)] = None,
    _cookie: Annotated[str | None, Depends(_cookie_scheme)] = None,
    _bearer: Annotated[object, Depends(_bearer_scheme)] = None,
) -> Principal | None:
    """Who is asking, if anybody; credentials that do not hold count as none.

    Nor do those of somebody who must set up a second factor first: they are nobody here, and pages
    lead them there.
    """
    principal = await find_viewer(request)
    if principal is None or not principal.is_held(get_settings(request)):
        return principal
    if request.method in SAFE_METHODS and wants_html(request):
        raise SecondFactorRequired
    request.state.principal = None
    return None


OptionalUser = Annotated[Principal | None, Depends(get_optional_user)]


async def get_current_user(request: Request, principal: OptionalUser) -> Principal:
    """Who is asking; refuses when nobody is."""
    if principal is None:
        # Once more, for its reason: credentials that do not hold raise theirs here.
        held = await find_principal(request)
        raise Unauthenticated if held is None else SecondFactorRequired
    return principal


CurrentUser = Annotated[Principal, Depends(get_current_user)]


async def get_page_user(request: Request, principal: OptionalUser) -> Principal:
    """Who is looking at a page; leads to the login page when nobody is."""
    if principal is None:
        raise PageNeedsLogin if await find_viewer(request) is None else SecondFactorRequired
    return principal


PageUser = Annotated[Principal, Depends(get_page_user)]


async def get_admin_user(principal: CurrentUser) -> Principal:
    """Who is asking, if an admin."""
    if not principal.is_admin:
        raise AdminRequired
    return principal


AdminUser = Annotated[Principal, Depends(get_admin_user)]


async def get_admin_page_user(principal: PageUser) -> Principal:
    """Who is looking at an admin's page."""
    if not principal.is_admin:
        raise AdminRequired
    return principal


AdminPageUser = Annotated[Principal, Depends(get_admin_page_user)]


async def _actor(request: Request, principal: OptionalUser) -> Actor:
    return get_actor(request, principal)


ActorDep = Annotated[Actor, Depends(_actor)]


async def _done(request: Request) -> str:
    return request.query_params.get("done", "")


# What a page says was done, after a form led there: a key of its own sentences, never shown itself.
Done = Annotated[str, Depends(_done)]

SearchText = Annotated[str, Query(max_length=100, description="Part of a name or uid."), Storable]
Cursor = Annotated[
    Annotated[str, Storable] | None,
    Query(max_length=200, description="The `next` of an earlier page."),
]
PageSize = Annotated[int, Query(ge=1, le=100, description="How many items at most."), Digits]


async def _cookie_user(request: Request) -> Principal | None:
    try:
        cookie = read_session_cookie(request)
        return None if cookie is None else await _load(request, cookie, SessionKind.COOKIE)
    except TokenInvalid:
        return None


# Whose cookie came along, also beside a bearer token: what a login replaces and a log-out ends.
CookieUser = Annotated[Principal | None, Depends(_cookie_user)]


# The class itself would be called in a thread, as everything that is not `async def`.
async def _cookie_session(
    request: Request, resources: ResourcesDep, visit: VisitDep, previous: CookieUser
) -> CookieSession:
    return CookieSession(request, resources, visit, previous)


CookieSessionDep = Annotated[CookieSession, Depends(_cookie_session)]
