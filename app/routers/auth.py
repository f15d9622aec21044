"""`/api/v1/auth`: log in by cookie or token, refresh, log out, and look after one's sessions."""

from datetime import timedelta
from typing import Annotated

from fastapi import Form, Request, Response

from app.dependencies import (
    UNHURRIED,
    ActorDep,
    AnyUser,
    CookieSessionDep,
    CookieUser,
    CurrentUser,
    ResourcesDep,
    SessionDep,
)
from app.enrollment import EnrollingActor
from app.error_handlers import respond
from app.errors import (
    HashingBusy,
    LinkInvalid,
    LoginFailed,
    PasswordNeeded,
    RefreshTokenInvalid,
    SecondFactorNeeded,
    SessionNotFound,
    TokenInvalid,
    TooManyAttempts,
    Unauthenticated,
    WrongPassword,
)
from app.models import SessionKind, User, UserSession, utc_now
from app.openapi import refusals
from app.principals import Actor, Principal
from app.resources import Resources
from app.routing import Router
from app.schemas import (
    CookieLogin,
    CurrentSession,
    Login,
    PasswordGrant,
    PasswordProof,
    PasswordReset,
    RefreshRequest,
    Revocation,
    SessionPublic,
    Token,
    UserAccount,
)
from app.services import credentials, logins, proof, sessions, throttling
from app.tokens import Purpose

router = Router(prefix="/api/v1/auth", tags=["auth"])
# By itself, since PASSWORD_GRANT=false takes it away.
password_grant = Router(prefix="/api/v1/auth", tags=["auth"])

LOGIN_REFUSALS = (LoginFailed, SecondFactorNeeded, TooManyAttempts, HashingBusy)
NO_PROOF = PasswordProof()
END_REFUSALS = (
    *(Unauthenticated, TokenInvalid),
    *(PasswordNeeded, WrongPassword, TooManyAttempts, HashingBusy),
)


@password_grant.post("/token", responses=refusals(*LOGIN_REFUSALS), dependencies=[UNHURRIED])
async def create_token(
    form: Annotated[PasswordGrant, Form()],
    response: Response,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
) -> Token:
    """Exchange a uid and a password for an access and a refresh token. Sets no cookie."""
    user = await logins.authenticate(
        resources,
        actor,
        uid=form.username,
        password=form.password,
        code=form.code,
        # The API documentation's form has no field for it.
        may_follow=True,
    )
    token = await _open_for_tokens(session, actor, user, resources)
    response.headers["Pragma"] = "no-cache"  # RFC 6749, section 5.1
    return token


async def _open_for_tokens(
    session: SessionDep, actor: Actor, user: User, resources: Resources
) -> Token:
    user_session = await sessions.open_session(
        session,
        actor,
        user=user,
        kind=SessionKind.BEARER,
        settings=resources.settings,
        now=utc_now(),
    )
    return _token(resources, user, user_session)


def _token(resources: Resources, user: User, user_session: UserSession) -> Token:
    now = utc_now()
    life = timedelta(minutes=resources.settings.access_token_minutes)
    expires_at = min(now + life, user_session.ends_at)
    access = resources.codec.issue(
        Purpose.ACCESS, sub=user.public_id, sid=user_session.sid, now=now, expires_at=expires_at
    )
    return Token(
        access_token=access,
        expires_in=int((expires_at - now).total_seconds()),
        refresh_token=resources.codec.issue_refresh(user_session.sid, user_session.refresh_counter),
    )


@router.post(
    "/refresh",
    response_model=Token,
    responses=refusals(RefreshTokenInvalid, TooManyAttempts),
)
async def refresh_token(
    body: RefreshRequest,
    request: Request,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
) -> Token | Response:
    """Exchange a refresh token for a new pair. Using an older one again ends the whole login."""
    limit = resources.limits.refresh
    failure = RefreshTokenInvalid
    async with throttling.count_failure(resources, actor, limit=limit, failure=failure):
        sid, counter = resources.codec.read_refresh(body.refresh_token.get_secret_value())
        refreshed = await sessions.refresh_session(
            session, actor, sid=sid, counter=counter, settings=resources.settings, now=utc_now()
        )
    if refreshed.is_reused:
        # Returned, not raised: raising would undo the end of the session.
        return await respond(request, RefreshTokenInvalid())
    return _token(resources, refreshed.user, refreshed.user_session)


@router.post("/revoke", status_code=200)
async def revoke_token(
    form: Annotated[Revocation, Form()],
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
) -> None:
    """End the login a token belongs to, access or refresh (RFC 7009). Unknown ones are fine."""
    text = form.token.get_secret_value()
    try:
        if text.startswith("prt_"):
            sid, _ = resources.codec.read_refresh(text)
        else:
            sid = resources.codec.verify(text, Purpose.ACCESS, now=utc_now()).sid
    except (RefreshTokenInvalid, TokenInvalid):
        return
    await sessions.revoke_by_token(session, actor, sid=sid, now=utc_now())


@router.post("/login", responses=refusals(*LOGIN_REFUSALS), dependencies=[UNHURRIED])
async def login(
    body: Login,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> CookieLogin:
    """Log in and get the session cookie, set so that this page's browser sends it back."""
    user = await logins.authenticate(
        resources, actor, uid=body.uid, password=body.password, code=body.code
    )
    user_session = await cookie.open(session, actor, user)
    cookie.set(user, user_session)
    token = await _open_for_tokens(session, actor, user, resources) if body.with_token else None
    return CookieLogin(
        user=UserAccount.model_validate(user),
        session=_public(user_session, current_id=user_session.id),
        authenticated_by="cookie",
        token_expires_at=user_session.expires_at,
        token=token,
    )


@router.post("/logout", status_code=204)
async def logout(
    session: SessionDep,
    actor: EnrollingActor,
    user: AnyUser,
    cookie_user: CookieUser,
    cookie: CookieSessionDep,
) -> None:
    """End the current login, by cookie or token, and remove the cookie. Without one, do nothing."""
    for found in (user, cookie_user):
        if found is not None:
            await sessions.revoke_by_token(session, actor, sid=found.session.sid, now=utc_now())
    cookie.clear()


@router.get(
    "/session", response_model=CurrentSession, responses=refusals(Unauthenticated, TokenInvalid)
)
async def get_session(user: CurrentUser) -> Response:
    """Say who is asking, how they proved it, and when that ends."""
    answer: Response | None = user.answers.get("session")
    if answer is None:
        text = _describe(user).model_dump_json()
        answer = user.answers["session"] = Response(text, media_type="application/json")
    return answer


def _describe(user: Principal) -> CurrentSession:
    return CurrentSession(
        user=UserAccount.model_validate(user),
        session=_public(user.session, current_id=user.session.id),
        authenticated_by=user.carrier.value,
        token_expires_at=user.claims.exp,
    )


def _public(source: object, *, current_id: int | None) -> SessionPublic:
    public = SessionPublic.model_validate(source)
    public.is_current = getattr(source, "id", None) == current_id
    return public


@router.get("/sessions", responses=refusals(Unauthenticated, TokenInvalid))
async def list_sessions(
    session: SessionDep, user: CurrentUser, actor: ActorDep
) -> list[SessionPublic]:
    """List one's own living logins, the latest used first."""
    found = await sessions.list_sessions(session, actor, now=utc_now())
    return [_public(item, current_id=user.session.id) for item in found]


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    responses=refusals(*END_REFUSALS, SessionNotFound),
)
async def delete_session(
    session_id: str,
    session: SessionDep,
    resources: ResourcesDep,
    _user: CurrentUser,
    actor: ActorDep,
    body: PasswordProof = NO_PROOF,
) -> None:
    """End one of one's own logins.

    Any but this one takes `current_password`, if this one is older than ten minutes.
    """
    is_proved = await proof.has_proof(resources, actor, password=body.current_password)
    await sessions.end_session(session, actor, sid=session_id, is_proved=is_proved, now=utc_now())


@router.delete("/sessions", status_code=204, responses=refusals(*END_REFUSALS))
async def delete_other_sessions(
    session: SessionDep,
    resources: ResourcesDep,
    _user: CurrentUser,
    actor: ActorDep,
    body: PasswordProof = NO_PROOF,
) -> None:
    """End all of one's logins but this one.

    It takes `current_password`, if this one is older than ten minutes.
    """
    is_proved = await proof.has_proof(resources, actor, password=body.current_password)
    await sessions.end_other_sessions(session, actor, is_proved=is_proved, now=utc_now())


@router.post(
    "/reset", status_code=204, responses=refusals(LinkInvalid, TooManyAttempts, HashingBusy)
)
async def reset_password(
    body: PasswordReset,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> None:
    """Choose a new password with a reset link's token. Every login of the account ends."""
    user = await credentials.reset_password(
        session, actor, token=body.token, new=body.new_password, resources=resources
    )
    cookie.remember(user)
