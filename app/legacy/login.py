"""Logging in and out and "who am I" as the old front ends do it.

The login sets the cookie and answers a token as well, for pages whose browser sends no cookie back;
both belong to one session. The log-out ends it, and leaves the door open a moment for one thing:
see password.py.
"""

from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import SecretStr

from app.cookies import CookieProfile, set_cookie
from app.dependencies import (
    ActorDep,
    AnyUser,
    CookieSessionDep,
    CookieUser,
    CurrentUser,
    ResourcesDep,
    SessionDep,
)
from app.enrollment import EnrollingActor
from app.errors import BadRequest, Unauthenticated
from app.incoming import read_session_cookie
from app.legacy import bodies, password, people
from app.legacy.bodies import BodyDep
from app.legacy.routing import LegacyRouter
from app.models import SessionKind, utc_now
from app.schemas import MAX_UID
from app.services import logins, profiles, sessions
from app.tokens import Purpose

router = LegacyRouter()

# As long as the newest of the old servers let its token live. The session is asked every time.
TOKEN_LIFE = timedelta(hours=12)
_EXAMPLE = {"uid": "ada", "password": "correct horse battery"}


@router.both("POST", "/api/authenticate", refuses=(401, 429, 503), takes=_EXAMPLE, is_open=True)
@router.both(
    "POST",
    "/api/users/authenticate",
    name="authenticate_2023",
    refuses=(401, 429, 503),
    takes=_EXAMPLE,
    is_open=True,
)
async def authenticate(
    body: BodyDep,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> dict[str, Any]:
    """Log in. Sets the cookie, and answers a token for where no cookie comes back."""
    if not isinstance(body, dict) or not body:
        raise BadRequest("Please provide user details")
    uid = bodies.text(body, "uid")
    if not uid:
        raise Unauthenticated("User ID is missing")
    secret = bodies.text(body, "password")
    if not secret:
        raise Unauthenticated("Password is missing")
    # One character more than any uid has: it matches nobody, and costs what any other does.
    user = await logins.authenticate(
        resources, actor, uid=uid[: MAX_UID + 1], password=SecretStr(secret), may_follow=True
    )
    user_session = await cookie.open(session, actor, user, kind=SessionKind.EITHER)
    profile = await profiles.find_profile(session, user_id=user_session.user_id)
    cookie.set(user, user_session)
    now = user_session.created_at
    return {
        "message": f"Authentication for {user.uid} successful",
        "user": {
            "uid": user.uid,
            "name": user.name,
            "role": people.ROLE_NAMES[user.role],
            "class": profile.classes,
        },
        "token": resources.codec.issue(
            Purpose.ACCESS,
            sub=user.public_id,
            sid=user_session.sid,
            now=now,
            expires_at=min(now + TOKEN_LIFE, user_session.ends_at),
        ),
    }


@router.both("DELETE", "/api/authenticate", is_open=True, response_class=PlainTextResponse)
@router.both(
    "DELETE",
    "/api/users/authenticate",
    name="end_authentication_2023",
    is_open=True,
    response_class=PlainTextResponse,
)
async def end_authentication(
    request: Request,
    session: SessionDep,
    actor: EnrollingActor,
    user: AnyUser,
    cookie_user: CookieUser,
    cookie: CookieSessionDep,
) -> Response:
    """Log out. Without a login, do nothing."""
    now = utc_now()
    for sid in {found.session.sid for found in (user, cookie_user) if found is not None}:
        ended = await sessions.revoke_by_token(session, actor, sid=sid, now=now)
        if ended is not None:
            password.allow_late_change(ended, now=now)
    cookie.clear()
    token = read_session_cookie(request) if cookie_user is not None else None
    if cookie_user is not None and token is not None:
        # It opens nothing any more, and a late change of the password has to say whose it is.
        kept = set_cookie(
            CookieProfile(cookie_user.session.cookie_profile), token, password.LATE_CHANGE
        )
        request.state.cookies[:] = [kept]
    return PlainTextResponse("Token invalidated successfully")


@router.both("GET", "/api/id", refuses=(401,))
async def get_id(session: SessionDep, viewer: CurrentUser) -> dict[str, Any]:
    """Say who is asking."""
    person = await people.find_person(session, user_id=viewer.user_id)
    return people.show_own(person)
