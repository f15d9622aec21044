"""Second factors: set one up, use its codes, make new recovery codes, take it away.

A code is proved in a transaction of its own, which also notes that it was used: it holds once,
however many send it at once and whatever becomes of the request. A wrong one is counted for the
account, by whomever it is sent; only who has the password gets that far.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr
from sqlmodel import col, delete, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.codes import (
    CodeKeys,
    find_step,
    new_recovery_codes,
    read_app_code,
    read_recovery_code,
    write_secret,
    write_uri,
)
from app.errors import (
    CodeRefused,
    Forbidden,
    SecondFactorOff,
    SecondFactorOn,
    TooManyAttempts,
    UserNotFound,
)
from app.models import RecoveryCode, SecondFactor, User, utc_now
from app.principals import Actor
from app.resources import Resources
from app.services import audit, epochs, throttling
from app.services.audit import failures


@dataclass(frozen=True, slots=True)
class NewFactor:
    """What an app is told, once: the secret for typing, and the address for a QR code."""

    secret: str
    uri: str


async def find_factor(session: AsyncSession, *, user_id: int) -> SecondFactor | None:
    """Return an account's second factor, perhaps one that waits for its first code."""
    return await session.get(SecondFactor, user_id)


async def count_recovery_codes(session: AsyncSession, *, user_id: int) -> int:
    """Return how many recovery codes an account has left."""
    query = select(func.count()).select_from(RecoveryCode)
    return (await session.exec(query.where(col(RecoveryCode.user_id) == user_id))).one()


async def count_factors(session: AsyncSession) -> int:
    """Return how many second factors count."""
    query = select(func.count()).select_from(SecondFactor)
    return (await session.exec(query.where(col(SecondFactor.confirmed_at).is_not(None)))).one()


async def list_stranded(session: AsyncSession, *, codes: CodeKeys) -> Sequence[str]:
    """Return the uids of accounts that are shut, since the key of their second factor is gone."""
    query = (
        select(User.uid)
        .join(SecondFactor, col(SecondFactor.user_id) == col(User.id))
        .where(col(SecondFactor.confirmed_at).is_not(None))
        .where(col(SecondFactor.kid).not_in(codes.kids))
        .order_by(col(User.uid_folded))
    )
    return (await session.exec(query)).all()


async def list_kids(session: AsyncSession) -> set[str]:
    """Return the keys that second factors were made with: without theirs they are worth nothing."""
    return set((await session.exec(select(SecondFactor.kid).distinct())).all())


async def begin(session: AsyncSession, actor: Actor, *, resources: Resources) -> NewFactor:
    """Make a new secret, which counts once a code of it is confirmed. Asked for before: a password.

    One that was begun earlier and not confirmed is replaced.

    Raises:
        SecondFactorOn: there is one that counts.
        UserNotFound: the account has just been deleted.
    """
    user = await _lock(session, actor.user_id)
    factor = await session.get(SecondFactor, user.id, populate_existing=True)
    if factor is not None and factor.confirmed_at is not None:
        raise SecondFactorOn
    if factor is None:
        factor = SecondFactor(user_id=user.id or 0, kid="", seed="")
    factor.kid, factor.seed = resources.codes.kid, resources.codes.new_seed()
    factor.last_step, factor.created_at = 0, utc_now()
    session.add(factor)
    await session.flush()
    secret = resources.codes.secret(factor.kid, factor.seed)
    issuer = resources.settings.site_name
    return NewFactor(write_secret(secret), write_uri(secret, issuer=issuer, account=user.uid))


async def confirm(
    session: AsyncSession, actor: Actor, *, code: SecretStr, resources: Resources
) -> tuple[User, list[str]]:
    """Let a second factor count from now on and end all other logins.

    Return whose it is, and its recovery codes.

    Raises:
        SecondFactorOff, SecondFactorOn: none was begun, or it counts already.
        CodeRefused, TooManyAttempts: as named.
    """
    proved = await _prove_own(resources, actor, code=code, is_on=False)
    user, factor = await _lock_proved(session, actor, proved)
    factor.confirmed_at = utc_now()
    codes = await _replace_codes(session, factor, resources)
    audit.record(session, actor, "second-factor-added", subject=actor.public_id)
    # Whoever logged in elsewhere did so without a code.
    await epochs.end_others(session, actor, user=user)
    return user, codes


async def renew_codes(
    session: AsyncSession, actor: Actor, *, code: SecretStr, resources: Resources
) -> list[str]:
    """Replace all recovery codes and return the new ones. Asked for before: a password.

    Raises:
        SecondFactorOff, CodeRefused, TooManyAttempts: as named.
    """
    proved = await _prove_own(resources, actor, code=code, is_on=True)
    _, factor = await _lock_proved(session, actor, proved)
    audit.record(session, actor, "recovery-codes-made", subject=actor.public_id)
    return await _replace_codes(session, factor, resources)


async def remove(
    session: AsyncSession, actor: Actor, *, code: SecretStr, resources: Resources
) -> User:
    """Take one's own second factor away, end all other logins, return the account.

    Asked for before: a password.

    Raises:
        SecondFactorOff, CodeRefused, TooManyAttempts: as named.
    """
    proved = await _prove_own(resources, actor, code=code, is_on=True)
    user, factor = await _lock_proved(session, actor, proved)
    await _delete(session, factor)
    audit.record(session, actor, "second-factor-removed", subject=actor.public_id)
    await epochs.end_others(session, actor, user=user)
    return user


async def remove_from(session: AsyncSession, actor: Actor, *, user_id: int | None) -> User:
    """Take somebody's second factor away, as an admin, and end all their logins.

    Raises:
        AdminRequired, UserNotFound, SecondFactorOff: as named.
        Forbidden: it is the admin's own.
    """
    actor.require_admin()
    if user_id == actor.user_id:
        raise Forbidden("Your own second factor goes away on your account, with a code of it.")
    user = await _lock(session, user_id)
    factor = await session.get(SecondFactor, user.id, populate_existing=True)
    if factor is None:
        raise SecondFactorOff
    await _delete(session, factor)
    user.auth_epoch += 1
    audit.record(session, actor, "second-factor-removed", subject=user.public_id)
    await session.flush()
    return user


async def use_code(
    resources: Resources, actor: Actor, *, user: User, factor: SecondFactor, code: SecretStr
) -> bool:
    """Use a code up, of the app or for recovery; return whether it was one. Runs by itself.

    What fails is counted and written down. A recovery code cannot be guessed, so it is not held up
    by what others have tried.

    Raises:
        TooManyAttempts: too many codes of the app were wrong lately; none was compared.
    """
    typed = code.get_secret_value()
    app_code, recovery_code = read_app_code(typed), read_recovery_code(typed)
    if factor.kid not in resources.codes:
        # Without its key nothing is a code of it any more; an admin can take it away.
        is_good = False
    elif recovery_code is not None:
        is_good = await _use_recovery_code(resources, actor, user, factor, recovery_code)
    else:
        attempt = throttling.code_attempt(resources, user)
        try:
            await attempt.count()
        except TooManyAttempts:
            await failures.record_throttled(resources, actor, uid=user.uid, user=user)
            raise
        is_good = await _use_app_code(resources, factor, app_code or "")
        if is_good:
            await attempt.succeed()
    if not is_good:
        await failures.record_failure(resources, actor, action="code-refused", user=user)
    return is_good


async def _use_app_code(resources: Resources, factor: SecondFactor, code: str) -> bool:
    secret = resources.codes.secret(factor.kid, factor.seed)
    step = find_step(secret, code, now=utc_now(), after=factor.last_step)
    if step is None:
        return False
    # Of two who send it at once, one finds that it is used.
    statement = (
        update(SecondFactor)
        .where(col(SecondFactor.user_id) == factor.user_id, col(SecondFactor.seed) == factor.seed)
        .where(col(SecondFactor.last_step) < step)
        .values(last_step=step)
    )
    async with resources.database.transaction() as session:
        return (await session.exec(statement)).rowcount == 1


async def _use_recovery_code(
    resources: Resources, actor: Actor, user: User, factor: SecondFactor, code: str
) -> bool:
    digest = resources.codes.digest(factor.kid, factor.seed, code)
    statement = delete(RecoveryCode).where(
        col(RecoveryCode.user_id) == factor.user_id, col(RecoveryCode.digest) == digest
    )
    async with resources.database.transaction() as session:
        is_good = (await session.exec(statement)).rowcount == 1
        if is_good:
            audit.record(session, actor, "recovery-code-used", subject=user.public_id)
    return is_good


async def _prove_own(
    resources: Resources, actor: Actor, *, code: SecretStr, is_on: bool
) -> SecondFactor:
    """Return the actor's own second factor after a code of it was used up."""
    async with resources.database.transaction(read_only=True) as session:
        user = await session.get(User, actor.user_id)
        factor = await session.get(SecondFactor, actor.user_id)
    if user is None:
        raise UserNotFound
    if factor is None:
        raise SecondFactorOff
    if (factor.confirmed_at is not None) != is_on:
        raise SecondFactorOff if is_on else SecondFactorOn
    if not await use_code(resources, actor, user=user, factor=factor, code=code):
        raise CodeRefused
    return factor


async def _lock_proved(
    session: AsyncSession, actor: Actor, proved: SecondFactor
) -> tuple[User, SecondFactor]:
    """Return an account and its second factor as they are now, and make others wait with them."""
    user = await _lock(session, actor.user_id)
    factor = await session.get(SecondFactor, user.id, populate_existing=True)
    if factor is None or factor.seed != proved.seed:
        raise CodeRefused
    if factor.confirmed_at != proved.confirmed_at:
        raise SecondFactorOn
    return user, factor


async def _lock(session: AsyncSession, user_id: int | None) -> User:
    user = None
    if user_id is not None:
        user = await session.get(User, user_id, populate_existing=True, with_for_update=True)
    if user is None:
        raise UserNotFound
    return user


async def _replace_codes(
    session: AsyncSession, factor: SecondFactor, resources: Resources
) -> list[str]:
    await session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == factor.user_id))
    codes = new_recovery_codes()
    for code in codes:
        digest = resources.codes.digest(factor.kid, factor.seed, read_recovery_code(code) or "")
        session.add(RecoveryCode(user_id=factor.user_id, digest=digest))
    await session.flush()
    return codes


async def _delete(session: AsyncSession, factor: SecondFactor) -> None:
    await session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == factor.user_id))
    await session.delete(factor)
    await session.flush()
