"""A new password as the old pages send it: without the old one, and in a race with the log-out.

Fifteen of the old front ends send the new password and the log-out at once and wait for neither.
Where the log-out arrives first, an old server refused the password and nobody was told. Here a
session that was ended by the old log-out, and by nothing else, may for ten seconds more change its
account's password, once, from the address it was ended from, if the login was a fresh one (see
services/proof.py). It is good for nothing else meanwhile: every other request with it is refused as
always.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.config import Settings
from app.errors import SecondFactorRequired, TokenInvalid
from app.models import SecondFactor, User, UserSession
from app.principals import Actor, wants_second_factor
from app.services import proof
from app.tokens import Claims

LATE_CHANGE = timedelta(seconds=10)


def allow_late_change(user_session: UserSession, *, now: datetime) -> None:
    """Let a session that this transaction has just ended change the password for a moment.

    It is one UPDATE with the end of the session. A second one of the same row would make PostgreSQL
    look at the account as well, which a change of the password holds while it waits for this row.
    """
    user_session.password_grace_until = now + LATE_CHANGE


async def find_late_changer(
    session: AsyncSession,
    actor: Actor,
    *,
    claims: Claims,
    now: datetime,
    settings: Settings,
    lock: bool = False,
) -> User:
    """Return whose password the token of a session that was just ended may still change.

    With `lock` the account is held until the transaction ends, so that of two changes one finds
    that its session has been used up.

    Raises:
        TokenInvalid: nobody's.
        PasswordNeeded: the session was not fresh any more.
        SecondFactorRequired: while it lived, all it could do was to set one up.
    """
    query = (
        select(User, UserSession.created_at, SecondFactor.confirmed_at)
        .join(UserSession, col(UserSession.user_id) == col(User.id))
        .outerjoin(SecondFactor, col(SecondFactor.user_id) == col(User.id))
        .where(UserSession.sid == claims.sid, User.public_id == claims.sub, col(User.is_active))
        .where(UserSession.auth_epoch == User.auth_epoch)
        .where(col(UserSession.password_grace_until) > now)
        .where(UserSession.client_address == actor.client_address)
    )
    if lock:
        query = query.with_for_update(of=User)
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise TokenInvalid
    user, logged_in_at, has_factor_since = found
    if has_factor_since is None and wants_second_factor(settings, user.role):
        raise SecondFactorRequired
    proof.require_fresh(logged_in_at)
    return user


def acting_for(actor: Actor, user: User) -> Actor:
    """Return the actor as this user, without a session: there is none to be kept."""
    return replace(actor, user_id=user.id, public_id=user.public_id, role=user.role)
