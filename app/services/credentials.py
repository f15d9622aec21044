"""Passwords in use: prove one, change it, reset it. Logging in with one is `logins.py`'s business.

A hash takes long, so no function here hashes while it holds a transaction: it reads in a short one
of its own, hashes, and only then touches the request's session, checking that what it read still
holds.
"""

from pydantic import SecretStr
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import (
    FieldError,
    FieldsRefused,
    LinkInvalid,
    PasswordNeeded,
    TooManyAttempts,
    UserNotFound,
    WrongPassword,
)
from app.models import LinkPurpose, User, utc_now
from app.passwords import Admit
from app.principals import Actor
from app.rate_limit import Attempt
from app.resources import Resources
from app.services import audit, epochs, links, throttling
from app.services.audit import failures


async def hash_new_password(
    resources: Resources,
    *,
    password: SecretStr,
    uid: str,
    name: str,
    pointer: str = "/password",
    admit: Admit | None = None,
) -> str:
    """Check a new password against the policy and return its hash. Needs no transaction.

    `admit` is asked when it is this one's turn to be hashed, and may refuse.

    Raises:
        FieldsRefused: it is too short, guessed early, or built from the uid, the name or the
            site's name.
        HashingBusy: too many hashes wait already.
    """
    settings = resources.settings
    text = password.get_secret_value()
    personal = (uid, *name.split(), name, settings.site_name)
    weakness = await resources.hasher.judge(
        text, min_length=settings.password_min_length, personal=personal
    )
    if weakness is not None:
        raise FieldsRefused(FieldError(pointer, weakness, "weak_password"))
    return await resources.hasher.hash(text, admit=admit)


async def compare_password(
    resources: Resources,
    actor: Actor,
    *,
    attempt: Attempt,
    password: SecretStr,
    uid: str,
    user: User | None,
) -> tuple[bool, str | None]:
    """Return whether a password is somebody's, and a stronger hash if theirs is weak by now.

    The attempt is counted when its turn to be hashed has come, so that many at once do not slip
    through, and one that the site was too busy for does not count.

    Raises:
        TooManyAttempts: too many failures lately; no password was compared.
        HashingBusy: too many hashes wait already.
    """
    known_hash = user.password_hash if user is not None else None
    try:
        await attempt.check()
        return await resources.hasher.verify(
            password.get_secret_value(), known_hash, admit=attempt.count
        )
    except TooManyAttempts:
        await failures.record_throttled(resources, actor, uid=uid, user=user)
        raise


async def confirm_password(resources: Resources, actor: Actor, *, password: SecretStr) -> User:
    """Return the actor's account if the password is theirs; asked before what cannot be undone.

    Raises:
        WrongPassword, TooManyAttempts, HashingBusy: as named.
    """
    async with resources.database.transaction(read_only=True) as session:
        user = await session.get(User, actor.user_id)
    if user is None:
        raise UserNotFound
    attempt = throttling.confirmation_attempt(resources, actor)
    is_match, _ = await compare_password(
        resources, actor, attempt=attempt, password=password, uid=user.uid, user=user
    )
    if not is_match:
        await failures.record_failure(resources, actor, action="password-refused", user=user)
        raise WrongPassword
    await attempt.succeed()
    return user


async def change_password(
    session: AsyncSession,
    actor: Actor,
    *,
    current: SecretStr,
    new: SecretStr,
    resources: Resources,
) -> User:
    """Replace one's password, end all other sessions, keep the current one; return the account.

    Raises:
        WrongPassword: the current one is not right, or was just changed elsewhere.
        FieldsRefused, TooManyAttempts, HashingBusy: as named.
    """
    user = await confirm_password(resources, actor, password=current)
    new_hash = await hash_new_password(
        resources, password=new, uid=user.uid, name=user.name, pointer="/new_password"
    )
    fresh = await session.get(User, actor.user_id, with_for_update=True)
    if fresh is None or fresh.password_hash != user.password_hash:
        raise WrongPassword
    await _replace_password(session, actor, fresh, new_hash)
    return fresh


async def set_password(
    session: AsyncSession, actor: Actor, *, user_id: int, password_hash: str
) -> User:
    """Give oneself, or as an admin anybody, a new password without being asked for the old one.

    Returns the account. All its sessions end but the actor's own. `password_hash` is what
    `hash_new_password` returned.

    Raises:
        AdminRequired: it is somebody else's account, and the actor is no admin.
        UserNotFound: somebody has just deleted it.
    """
    if actor.user_id != user_id:
        actor.require_admin()
    user = await session.get(User, user_id, populate_existing=True, with_for_update=True)
    if user is None:
        raise UserNotFound
    await _replace_password(session, actor, user, password_hash)
    return user


async def _replace_password(
    session: AsyncSession, actor: Actor, user: User, password_hash: str
) -> None:
    """Store a hash in a locked account and keep, of its sessions, the actor's own."""
    _set_password(user, password_hash)
    await epochs.end_others(session, actor, user=user)
    audit.record(session, actor, "password-changed", subject=user.public_id)
    await session.flush()


def _set_password(user: User, password_hash: str) -> None:
    user.password_hash = password_hash
    user.updated_at = utc_now()


async def create_reset_link(
    session: AsyncSession,
    actor: Actor,
    *,
    user: User,
    resources: Resources,
    is_proved: bool = False,
) -> links.NewLink:
    """Make a link with which a person chooses a new password; nobody else learns it.

    Raises:
        AdminRequired: the actor is no admin.
        PasswordNeeded: it is for themselves, and the password was not given.
        UserNotFound: somebody has just deleted the account.
    """
    actor.require_admin()
    if user.id == actor.user_id and not is_proved:
        raise PasswordNeeded
    if await session.get(User, user.id, populate_existing=True, with_for_update=True) is None:
        raise UserNotFound
    audit.record(session, actor, "reset-link-created", subject=user.public_id)
    return await links.create_link(
        session,
        purpose=LinkPurpose.RESET,
        settings=resources.settings,
        now=utc_now(),
        user_id=user.id,
    )


async def create_invite(
    session: AsyncSession, actor: Actor, *, resources: Resources
) -> links.NewLink:
    """Make a link with which one person may sign up.

    Raises:
        AdminRequired: the actor is no admin.
    """
    actor.require_admin()
    audit.record(session, actor, "invite-created")
    return await links.create_link(
        session, purpose=LinkPurpose.INVITE, settings=resources.settings, now=utc_now()
    )


async def reset_password(
    session: AsyncSession,
    actor: Actor,
    *,
    token: SecretStr,
    new: SecretStr,
    resources: Resources,
) -> User:
    """Set the password that a reset link allows, end every session, and return the account.

    A disabled account stays disabled.

    Raises:
        LinkInvalid: the link does not hold. It still holds after a refused password.
        FieldsRefused, TooManyAttempts, HashingBusy: as named.
    """
    secret = token.get_secret_value()
    link = await links.check_link(resources, actor, purpose=LinkPurpose.RESET, secret=secret)
    async with resources.database.transaction(read_only=True) as reading:
        owner = await reading.get(User, link.user_id or 0)
    if owner is None:
        raise LinkInvalid
    new_hash = await hash_new_password(
        resources, password=new, uid=owner.uid, name=owner.name, pointer="/new_password"
    )
    # The account before the link: the order in which deleting an account takes them.
    user = await session.get(User, owner.id, with_for_update=True)
    if user is None:
        raise LinkInvalid
    await links.redeem_link(session, purpose=LinkPurpose.RESET, secret=secret, now=utc_now())
    _set_password(user, new_hash)
    user.auth_epoch += 1
    audit.record(session, actor, "password-reset", subject=user.public_id)
    await session.flush()
    return user
