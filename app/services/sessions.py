"""Login sessions: opened at login, renewed while used, ended one by one or all at once.

A session is a row. Its cookie or its access and refresh tokens only name it, so ending the row ends
them all, everywhere, at once. It ends by itself when unused (`expires_at`) and in any case after
its longest life (`ends_at`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.config import Settings
from app.errors import (
    LoginFailed,
    PasswordNeeded,
    RefreshTokenInvalid,
    SessionNotFound,
    UserNotFound,
)
from app.models import SessionKind, User, UserSession
from app.models.columns import table_of
from app.pauses import let_others_in
from app.plain_statements import PlainStatement
from app.principals import Actor
from app.schemas import storable
from app.services import audit
from app.services.adding import add_row
from app.tokens import CLOCK_SKEW
from app.transactions import run

# Two tabs may refresh at the same moment; the token just replaced is good for this long.
REFRESH_GRACE = timedelta(seconds=10)
MAX_LISTED = 200

_SESSIONS = table_of(UserSession)
_IS_ENDED = (_SESSIONS.c.user_id == bindparam("ended_user_id")) & (
    _SESSIONS.c.ends_at < bindparam("ended_before")
)
_ENDED = PlainStatement(select(_SESSIONS.c.id).where(_IS_ENDED).limit(1))
_DELETE_ENDED = PlainStatement(delete(_SESSIONS).where(_IS_ENDED))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome of a refresh. `is_reused` means the token was stolen or lost: all has ended."""

    user: User
    user_session: UserSession
    is_reused: bool = False


def _idle_limit(settings: Settings, ends_at: datetime, now: datetime) -> datetime:
    return min(now + timedelta(days=settings.session_idle_days), ends_at)


async def open_session(
    session: AsyncSession,
    actor: Actor,
    *,
    user: User,
    kind: SessionKind,
    settings: Settings,
    now: datetime,
    cookie_profile: str = "",
) -> UserSession:
    """Open a session for a user who has just proved who they are. Always a new one.

    Raises:
        LoginFailed: the account was deleted since.
    """
    await let_others_in()
    ends_at = now + timedelta(days=settings.session_max_days)
    try:
        user_session = await add_row(
            session,
            table=UserSession,
            user_id=user.id,
            kind=kind,
            auth_epoch=user.auth_epoch,
            cookie_profile=cookie_profile,
            user_agent=actor.user_agent[:200],
            client_address=actor.client_address,
            created_at=now,
            renewed_at=now,
            ends_at=ends_at,
            expires_at=_idle_limit(settings, ends_at, now),
        )
    except IntegrityError as error:
        raise LoginFailed from error
    audit.record(session, actor, "login", subject=user.public_id, kind=kind.value)
    # What ended long ago is of no use to anybody; the audit trail remembers it. Not before the new
    # row, which takes the account's: whoever wants an account and its sessions has this order.
    ended = {"ended_user_id": user.id, "ended_before": now}
    if await run(session, _ENDED, **ended):
        await run(session, _DELETE_ENDED, **ended)
    return user_session


async def refresh_session(
    session: AsyncSession,
    actor: Actor,
    *,
    sid: str,
    counter: int,
    settings: Settings,
    now: datetime,
) -> Refreshed:
    """Move a bearer session on by one count.

    The count's immediate parent is accepted for ten seconds and gets the same successor, so that
    fifty refreshes of one token at once have one child. Anything older ends the session (RFC 9700,
    section 4.14.2); that outcome is returned, not raised, because its trace must be kept.

    Raises:
        RefreshTokenInvalid: the session is unknown, ended, or its account disabled.
    """
    query = (
        select(UserSession, User)
        .where(UserSession.sid == sid, UserSession.user_id == User.id)
        .with_for_update(of=UserSession)
    )
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise RefreshTokenInvalid
    user_session, user = found
    if not is_alive(user_session, user, now) or user_session.kind is not SessionKind.BEARER:
        raise RefreshTokenInvalid
    if counter == user_session.refresh_counter:
        user_session.refresh_counter += 1
        user_session.renewed_at = now
        user_session.expires_at = _idle_limit(settings, user_session.ends_at, now)
    elif not _is_parallel(user_session, counter, now):
        user_session.revoked_at = now
        audit.record(session, actor, "refresh-reuse", subject=user.public_id)
        return Refreshed(user, user_session, is_reused=True)
    await session.flush()
    return Refreshed(user, user_session)


def _is_parallel(user_session: UserSession, counter: int, now: datetime) -> bool:
    is_parent = counter == user_session.refresh_counter - 1
    return is_parent and abs(now - user_session.renewed_at) <= REFRESH_GRACE


def is_alive(user_session: UserSession, user: User, now: datetime) -> bool:
    """Whether a session may still be used. The same conditions as in `principals`, and one more.

    What a clock that was ahead has opened would outlive its limits by as much. Its cookie and its
    access tokens are refused for their dates; here it gets no others.
    """
    return (
        user_session.created_at <= now + CLOCK_SKEW
        and user_session.revoked_at is None
        and user.is_active
        and user_session.auth_epoch == user.auth_epoch
        and now < min(user_session.expires_at, user_session.ends_at)
    )


async def renew_session(
    session: AsyncSession, *, session_id: int, settings: Settings, now: datetime
) -> datetime | None:
    """Push the idle limit of a cookie session on; return it, or None if the session just ended."""
    user_session = await session.get(UserSession, session_id, with_for_update=True)
    if user_session is None or user_session.revoked_at is not None:
        return None
    user_session.renewed_at = now
    user_session.expires_at = _idle_limit(settings, user_session.ends_at, now)
    return user_session.expires_at


async def list_sessions(
    session: AsyncSession, actor: Actor, *, now: datetime
) -> Sequence[UserSession]:
    """Return the actor's living sessions, the latest used first."""
    query = (
        select(UserSession)
        .join(User)
        .where(
            UserSession.user_id == actor.user_id,
            col(UserSession.revoked_at).is_(None),
            UserSession.auth_epoch == User.auth_epoch,
            UserSession.expires_at > now,
            UserSession.ends_at > now,
        )
        .order_by(col(UserSession.renewed_at).desc(), col(UserSession.id).desc())
        .limit(MAX_LISTED)
    )
    return (await session.exec(query)).all()


async def end_session(
    session: AsyncSession, actor: Actor, *, sid: str, now: datetime, is_proved: bool = False
) -> None:
    """End one of the actor's own sessions. `is_proved` is what `proof.has_proof` said.

    Raises:
        SessionNotFound: there is no such living session, or it is somebody else's.
        PasswordNeeded: it is not the current one, and the password was not given.
    """
    query = select(UserSession).where(
        UserSession.sid == storable(sid),
        UserSession.user_id == actor.user_id,
        col(UserSession.revoked_at).is_(None),
    )
    user_session = (await session.exec(query.with_for_update())).one_or_none()
    if user_session is None:
        raise SessionNotFound
    is_current = user_session.id == actor.session_id
    if not (is_current or is_proved):
        raise PasswordNeeded
    user_session.revoked_at = now
    action = "logout" if is_current else "session-ended"
    audit.record(session, actor, action, subject=actor.public_id)


async def end_replaced(
    session: AsyncSession, actor: Actor, *, session_id: int, now: datetime
) -> None:
    """End the session whose cookie a new login is about to overwrite."""
    user_session = await session.get(UserSession, session_id, with_for_update=True)
    if user_session is not None and user_session.revoked_at is None:
        user_session.revoked_at = now
        audit.record(session, actor, "session-replaced", subject=actor.public_id)


async def end_other_sessions(
    session: AsyncSession, actor: Actor, *, now: datetime, is_proved: bool = False
) -> int:
    """End all of the actor's sessions but the current one; return how many had not been ended.

    Those that have run out are among them: if the clock is set back, they would live again.
    `is_proved` is what `proof.has_proof` said.

    Raises:
        PasswordNeeded: the password was not given.
    """
    if not is_proved:
        raise PasswordNeeded
    statement = (
        update(UserSession)
        .where(
            col(UserSession.user_id) == actor.user_id,
            col(UserSession.id) != (actor.session_id or 0),
            col(UserSession.revoked_at).is_(None),
        )
        .values(revoked_at=now)
    )
    ended = (await session.exec(statement)).rowcount
    audit.record(session, actor, "sessions-ended", subject=actor.public_id, count=str(ended))
    return ended


async def revoke_by_token(
    session: AsyncSession, actor: Actor, *, sid: str, now: datetime
) -> UserSession | None:
    """End the session that a token of ours names (RFC 7009), and return it.

    Unknown or ended ones are fine: None.
    """
    query = (
        select(UserSession, User)
        .where(UserSession.sid == sid, UserSession.user_id == User.id)
        .where(col(UserSession.revoked_at).is_(None))
        .with_for_update(of=UserSession)
    )
    found = (await session.exec(query)).one_or_none()
    if found is None:
        return None
    user_session, user = found
    user_session.revoked_at = now
    audit.record(session, actor, "logout", subject=user.public_id)
    return user_session


async def end_all_sessions(session: AsyncSession, actor: Actor, *, user_id: int) -> None:
    """End every session of an account, the actor's own among them.

    Raises:
        UserNotFound: somebody has just deleted the account.
    """
    user = await session.get(User, user_id, with_for_update=True)
    if user is None:
        raise UserNotFound
    user.auth_epoch += 1
    audit.record(session, actor, "sessions-ended", subject=user.public_id, count="all")
    await session.flush()
