"""Who somebody proves to be: one `authenticate` stands behind every way to log in.

Where an account has a second factor, a code of it is asked for once the password is right, and not
before: nobody else learns that there is one.
"""

from pydantic import SecretStr
from sqlalchemy import bindparam, select
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.codes import Ticket, split
from app.errors import (
    CodeRefused,
    LoginFailed,
    LoginTimedOut,
    SecondFactorNeeded,
    TooManyAttempts,
)
from app.models import SecondFactor, User, utc_now
from app.models.columns import table_of
from app.pauses import let_others_in
from app.plain_statements import PlainStatement
from app.principals import Actor
from app.resources import Resources
from app.schemas import fold
from app.services import metrics, second_factors, throttling
from app.services.audit import failures
from app.services.credentials import compare_password

# Whichever it is, and whether or not the account wants a code.
_ONE_IS_WRONG = "User name, password or code is wrong."

_USERS, _FACTORS = table_of(User), table_of(SecondFactor)
_COUNTS = (_FACTORS.c.user_id == _USERS.c.id) & _FACTORS.c.confirmed_at.is_not(None)
_ALL = select(*_USERS.c, *_FACTORS.c).select_from(_USERS.outerjoin(_FACTORS, _COUNTS)).limit(1)
_BY_UID = PlainStatement(_ALL.where(_USERS.c.uid_folded == bindparam("key")))
_BY_PUBLIC_ID = PlainStatement(_ALL.where(_USERS.c.public_id == bindparam("key")))


@metrics.counted
async def authenticate(
    resources: Resources,
    actor: Actor,
    *,
    uid: str,
    password: SecretStr,
    code: SecretStr | None = None,
    may_follow: bool = False,
) -> User:
    """Return the account that a uid, a password and, if it has a second factor, a code prove.

    Unknown uid, wrong password, disabled account and account without a password are one answer
    after the same work; a wrong code is the same answer. What failures count for,
    `throttling.login_attempt` says. With `may_follow` the code of an account that wants one may
    stand right behind its password, for where there is no field for it.

    Raises:
        LoginFailed: they prove nothing.
        SecondFactorNeeded: the password is right, and no code was sent.
        TooManyAttempts: too many failures lately; nothing was compared.
        HashingBusy: too many hashes wait already.
    """
    await let_others_in()
    refusal = LoginFailed() if code is None else LoginFailed(_ONE_IS_WRONG)
    user, factor = await _find(resources, _BY_UID, fold(uid))
    if may_follow and factor is not None and code is None:
        word, behind = split(password.get_secret_value())
        password, code = SecretStr(word), SecretStr(behind) if behind is not None else None
    attempt = throttling.login_attempt(
        resources, actor, uid=uid, device=_find_device(resources, actor, user)
    )
    is_match, stronger = await compare_password(
        resources, actor, attempt=attempt, password=password, uid=uid, user=user
    )
    if user is None or not is_match or not user.is_active:
        await failures.record_failure(resources, actor, action="login-failed", user=user)
        raise refusal
    if factor is not None:
        if code is None:
            # Neither a failure nor a success, which would forgive the wrong codes before it.
            await attempt.undo()
            ticket = Ticket(user.public_id, user.auth_epoch)
            raise SecondFactorNeeded(ticket=resources.codes.issue_ticket(ticket, now=utc_now()))
        if not await second_factors.use_code(resources, actor, user=user, factor=factor, code=code):
            raise refusal
    await attempt.succeed()
    await throttling.count_login(resources, user=user)
    if stronger is not None:
        async with resources.database.transaction() as session:
            await _replace_hash(session, user, stronger)
    return user


@metrics.counted
async def go_on(resources: Resources, actor: Actor, *, ticket: str, code: SecretStr) -> User:
    """Return the account that a code proves, and a ticket for its password of a moment ago.

    Raises:
        LoginTimedOut: the ticket does not hold any more, or what it was for has changed.
        CodeRefused: it is none.
        TooManyAttempts: too many failures lately; nothing was compared.
    """
    given = resources.codes.read_ticket(ticket, now=utc_now())
    if given is None:
        raise LoginTimedOut
    user, factor = await _find(resources, _BY_PUBLIC_ID, given.public_id)
    if user is None or factor is None or not user.is_active or user.auth_epoch != given.epoch:
        raise LoginTimedOut
    device = _find_device(resources, actor, user)
    attempt = throttling.login_attempt(resources, actor, uid=user.uid, device=device)
    try:
        await attempt.count()
    except TooManyAttempts:
        await failures.record_throttled(resources, actor, uid=user.uid, user=user)
        raise
    if not await second_factors.use_code(resources, actor, user=user, factor=factor, code=code):
        raise CodeRefused
    await attempt.succeed()
    await throttling.count_login(resources, user=user)
    return user


async def _find(
    resources: Resources, query: PlainStatement, key: str
) -> tuple[User | None, SecondFactor | None]:
    """Return an account and its second factor, if that counts; in one query, whatever is found."""
    rows = await resources.database.read_rows(query, key=key)
    if not rows:
        return None, None
    own, other = rows[0][: len(_USERS.c)], rows[0][len(_USERS.c) :]
    user = User.model_construct(**dict(zip(_USERS.c.keys(), own, strict=True)))
    if other[0] is None:
        return user, None
    return user, SecondFactor.model_construct(**dict(zip(_FACTORS.c.keys(), other, strict=True)))


def _find_device(resources: Resources, actor: Actor, user: User | None) -> str | None:
    return resources.devices.find(
        actor.marks,
        # Of an account that is not there, no browser has a mark.
        public_id=user.public_id if user is not None else "",
        epoch=user.auth_epoch if user is not None else 0,
        now=utc_now(),
    )


async def _replace_hash(session: AsyncSession, user: User, password_hash: str) -> None:
    """Store a hash if the one that was read still stands."""
    statement = (
        update(User)
        .where(col(User.id) == user.id, col(User.password_hash) == user.password_hash)
        .values(password_hash=password_hash)
    )
    await session.exec(statement)
