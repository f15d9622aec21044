"""Accounts: sign up, look up, change, disable, delete. Who may see and do what is decided here."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import IntegrityError
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import violates
from app.errors import (
    FieldError,
    FieldsRefused,
    InviteRequired,
    LastAdmin,
    LinkInvalid,
    SignupClosed,
    UidTaken,
    UserNotFound,
)
from app.models import LinkPurpose, Role, User, utc_now
from app.principals import Actor
from app.resources import Resources
from app.schemas import UserAdminUpdate, UserCreate, UserUpdate, fold
from app.services import audit, credentials, links, pictures, proof, throttling
from app.services.adding import add_row
from app.services.audit.changes import record_account_changes
from app.services.cursors import make_cursor, read_cursor

MAX_PAGE = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users in order of their folded uid, and the cursor of what follows."""

    users: Sequence[User]
    next: str | None


async def sign_up(
    session: AsyncSession, actor: Actor, *, new: UserCreate, resources: Resources
) -> User:
    """Create an account: for oneself, where sign-up allows it, or by an admin for somebody.

    Raises:
        SignupClosed, InviteRequired, LinkInvalid: sign-up does not allow it.
        FieldsRefused: the password is too weak, or `role` was sent by somebody who is no admin.
        UidTaken: another account has this uid, in whatever case.
        TooManyAttempts: so many have signed up from this address. Admins are not counted.
    """
    secret, admit = None, None
    if not actor.is_admin:
        secret = await _check_signup(resources, actor, new=new)
        attempt = throttling.signup_attempt(resources, actor)
        await attempt.check()
        admit = attempt.count
    password_hash = await credentials.hash_new_password(
        resources, password=new.password, uid=new.uid, name=new.name, admit=admit
    )
    if secret is not None:
        await links.redeem_link(session, purpose=LinkPurpose.INVITE, secret=secret, now=utc_now())
    role = Role(new.role) if new.role else Role.USER
    return await _insert(session, actor, new=new, role=role, password_hash=password_hash)


async def _check_signup(resources: Resources, actor: Actor, *, new: UserCreate) -> str | None:
    """Raise unless somebody may sign up; return the secret of their invitation, if they have one.

    That it holds is seen before the password is hashed: the work is for people who are invited.
    """
    if new.role is not None:
        raise FieldsRefused(FieldError("/role", "Only an admin chooses a role.", "forbidden"))
    mode = resources.settings.signup_mode
    if mode == "closed":
        raise SignupClosed
    if mode == "invite" and new.invite is None:
        raise InviteRequired
    if new.invite is None:
        return None
    secret = new.invite.get_secret_value()
    await links.check_link(resources, actor, purpose=LinkPurpose.INVITE, secret=secret)
    return secret


async def set_up_first_admin(
    session: AsyncSession, actor: Actor, *, token: str, new: UserCreate, resources: Resources
) -> User:
    """Create the first admin with the link that the server printed.

    Raises:
        LinkInvalid: the link does not hold, or there is an admin already.
        FieldsRefused, UidTaken, TooManyAttempts: as for any sign-up.
    """
    await links.check_link(resources, actor, purpose=LinkPurpose.SETUP, secret=token)
    password_hash = await credentials.hash_new_password(
        resources, password=new.password, uid=new.uid, name=new.name
    )
    await links.redeem_link(session, purpose=LinkPurpose.SETUP, secret=token, now=utc_now())
    if await has_admin(session):
        raise LinkInvalid
    return await _insert(session, actor, new=new, role=Role.ADMIN, password_hash=password_hash)


async def _insert(
    session: AsyncSession, actor: Actor, *, new: UserCreate, role: Role, password_hash: str
) -> User:
    names = {"uid_folded": fold(new.uid), "name": new.name, "name_folded": fold(new.name)}
    own = {"email": new.email, "password_hash": password_hash, "role": role}
    user = await _unless_taken(add_row(session, table=User, uid=new.uid, **names, **own))
    audit.record(session, actor, "account-created", subject=user.public_id, role=role.value)
    return user


async def _unless_taken(writing: Awaitable[T]) -> T:
    """Write, or raise UidTaken if another account has this uid."""
    try:
        return await writing
    except IntegrityError as error:
        if violates(error, "user", "uid_folded"):
            raise UidTaken from error
        raise


async def has_admin(session: AsyncSession) -> bool:
    """Whether anybody active can administer this site."""
    query = select(User.id).where(User.role == Role.ADMIN, col(User.is_active)).limit(1)
    return (await session.exec(query)).first() is not None


async def get_user(session: AsyncSession, *, uid: str) -> User:
    """Return the account with this uid, in whatever case.

    Raises:
        UserNotFound: there is none.
    """
    query = select(User).where(User.uid_folded == fold(uid))
    user = (await session.exec(query)).one_or_none()
    if user is None:
        raise UserNotFound
    return user


async def list_users(
    session: AsyncSession, *, search: str = "", cursor: str | None = None, limit: int = 50
) -> UserPage:
    """Return a page of users whose uid or name contains `search`, ordered by uid.

    Raises:
        FieldsRefused: the cursor is not one that an earlier page gave.
    """
    limit = min(limit, MAX_PAGE)
    query = select(User).order_by(col(User.uid_folded)).limit(limit + 1)
    if cursor is not None:
        query = query.where(User.uid_folded > read_cursor(cursor))
    if search:
        needle = fold(search)
        query = query.where(
            or_(
                col(User.uid_folded).contains(needle, autoescape=True),
                col(User.name_folded).contains(needle, autoescape=True),
            )
        )
    users = (await session.exec(query)).all()
    if len(users) <= limit:
        return UserPage(users, None)
    return UserPage(users[:limit], make_cursor(users[limit - 1].uid_folded))


async def update_self(
    session: AsyncSession, actor: Actor, *, changes: UserUpdate, is_proved: bool = False
) -> User:
    """Change one's own uid, name or e-mail; fields that were not sent stay.

    Raises:
        UidTaken: another account has the new uid.
        PasswordNeeded: uid or e-mail would change, and the password was not given.
    """
    user = await _lock(session, actor.user_id)
    return await _apply(session, actor, user, changes, is_proved=is_proved)


async def update_user(
    session: AsyncSession,
    actor: Actor,
    *,
    uid: str,
    changes: UserAdminUpdate,
    is_proved: bool = False,
) -> User:
    """Change anybody's account, role or state, as an admin.

    Raises:
        AdminRequired, UserNotFound, UidTaken: as named.
        LastAdmin: nobody would be left to administer the site.
        PasswordNeeded: it is their own uid or e-mail, and the password was not given.
    """
    actor.require_admin()
    user = await get_user(session, uid=uid)
    if (changes.role or user.role) != Role.ADMIN or changes.is_active is False:
        await _spare_last_admin(session, user.id)
    user = await _lock(session, user.id)
    return await _apply(session, actor, user, changes, is_proved=is_proved)


async def _apply(
    session: AsyncSession, actor: Actor, user: User, changes: UserUpdate, *, is_proved: bool
) -> User:
    sent = changes.model_dump(exclude_unset=True, exclude={"current_password"})
    # Only the e-mail can be taken away; null for another field says nothing.
    sent = {name: value for name, value in sent.items() if value is not None or name == "email"}
    proof.protect(actor, user, sent, is_proved=is_proved)
    was = {name: getattr(user, name) for name in sent}
    if "uid" in sent:
        sent["uid_folded"] = fold(sent["uid"])
    if "name" in sent:
        sent["name_folded"] = fold(sent["name"])
    if "role" in sent:
        sent["role"] = Role(sent["role"])
    if sent.get("is_active") is False:
        # Sessions from before do not come back to life when the account does.
        sent["auth_epoch"] = user.auth_epoch + 1
    user.sqlmodel_update({**sent, "updated_at": utc_now()})
    await _unless_taken(session.flush())
    record_account_changes(session, actor, user=user, was=was)
    return user


async def delete_self(session: AsyncSession, actor: Actor, *, resources: Resources) -> None:
    """Delete one's own account. The caller has had the password confirmed before.

    Raises:
        LastAdmin: nobody would be left to administer the site.
    """
    await _delete(session, actor, actor.user_id, resources)


async def delete_user(
    session: AsyncSession, actor: Actor, *, uid: str, resources: Resources
) -> None:
    """Delete anybody's account, as an admin.

    Raises:
        AdminRequired, UserNotFound, LastAdmin: as named.
    """
    actor.require_admin()
    user = await get_user(session, uid=uid)
    await _delete(session, actor, user.id, resources)


async def _delete(
    session: AsyncSession, actor: Actor, user_id: int | None, resources: Resources
) -> None:
    await _spare_last_admin(session, user_id)
    user = await _lock(session, user_id)
    await pictures.remove_files(session, user_id=user.id, resources=resources)
    audit.record(session, actor, "account-deleted", subject=user.public_id)
    await session.delete(user)
    await session.flush()


async def _lock(session: AsyncSession, user_id: int | None) -> User:
    """Return an account as it is now and make others wait with their changes to it.

    Raises:
        UserNotFound: somebody has just deleted it.
    """
    user = None
    if user_id is not None:
        user = await session.get(User, user_id, populate_existing=True, with_for_update=True)
    if user is None:
        raise UserNotFound
    return user


async def _spare_last_admin(session: AsyncSession, user_id: int | None) -> None:
    """Refuse to take away the last active admin, not even by two requests at once.

    All admins and the account itself are locked in one order, so a second remover waits and then
    sees one less. In one statement, because whoever was an admin a moment ago is so no longer: with
    the account locked after the others, two removers of each other could wait for ever.
    """
    is_admin = and_(col(User.role) == Role.ADMIN, col(User.is_active))
    query = (
        select(User)
        .where(or_(is_admin, col(User.id) == user_id))
        .order_by(col(User.id))
        .with_for_update()
    )
    found = (await session.exec(query.execution_options(populate_existing=True))).all()
    admins = [user.id for user in found if user.role is Role.ADMIN and user.is_active]
    if admins == [user_id]:
        raise LastAdmin
