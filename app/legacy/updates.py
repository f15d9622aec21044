"""Creating and changing a person on the old wire: who may, what changes, what ends with it.

Three old quirks meet here: one address changes account, profile and password, a password is changed
without the old one, and a new user name logs its owner out. The pages cannot ask for the present
password, so what takes it elsewhere takes a fresh login here.
"""

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import SecretStr
from sqlmodel.ext.asyncio.session import AsyncSession

from app.cookie_sessions import CookieSession
from app.dependencies import OptionalUser, find_principal
from app.errors import BadRequest, NotFound, TokenInvalid, UidTaken, Unauthenticated
from app.incoming import read_bearer, read_session_cookie
from app.legacy import bodies, changes, password, people
from app.legacy.bodies import ObjectDep
from app.legacy.texts import meant
from app.models import Role, User, utc_now
from app.principals import Actor, Principal
from app.resources import Resources
from app.schemas import UserAdminUpdate, UserUpdate, fold
from app.services import accounts, credentials, proof, sessions
from app.services.audit.changes import record_profile_changes
from app.tokens import Purpose

_ROLES = {name.lower(): role for role, name in people.ROLE_NAMES.items()}


async def create_person(
    session: AsyncSession, actor: Actor, *, body: dict[str, Any], resources: Resources
) -> dict[str, Any]:
    """Create the account that a body describes and return the person.

    Raises:
        BadRequest, FieldsRefused: something is missing, will not do, or is taken.
        SignupClosed, InviteRequired, HashingBusy: as named.
    """
    new = changes.read_new(body, min_password=resources.settings.password_min_length)
    try:
        user = await accounts.sign_up(session, actor, new=new, resources=resources)
    except UidTaken as error:
        raise BadRequest(changes.no_account(new.name, new.uid)) from error
    user_id = user.id or 0
    await changes.save_details(session, changes.read_details(body), user_id=user_id)
    return people.show_own(await people.find_person(session, user_id=user_id))


async def _find_writer(
    request: Request, body: ObjectDep, principal: OptionalUser
) -> Principal | None:
    """Return who wants to change something; None for a session that has just been logged out.

    Whether that one may change its password, which is all it asks for, is decided in password.py.
    """
    if principal is not None:
        return principal
    try:
        await find_principal(request)
    except TokenInvalid:
        if body.keys() == {"password"}:
            return None
        raise
    raise Unauthenticated


WriterDep = Annotated[Principal | None, Depends(_find_writer)]


async def choose_target(viewer: Principal, body: dict[str, Any], resources: Resources) -> User:
    """Return whom a change is about: an admin may name anybody by `uid`, others mean themselves.

    An admin who sends nothing but a uid that nobody has means to be called that.

    Raises:
        NotFound: an admin named somebody who is not there.
    """
    uid = bodies.text(body, "uid")
    async with resources.database.transaction(read_only=True) as session:
        own = await people.find_numbered(session, user_id=viewer.user_id)
        if own is None:
            raise NotFound(f"User {viewer.user_id} not found")
        if not viewer.is_admin or not uid or fold(uid) == fold(own.uid):
            return own
        found = await people.find_named(session, uid=uid)
    if found is None and body.keys() != {"uid"}:
        raise NotFound(f"User {uid} not found")
    return found or own


async def update_person(
    session: AsyncSession,
    actor: Actor,
    *,
    target: User,
    body: dict[str, Any],
    resources: Resources,
    cookie: CookieSession,
) -> dict[str, Any]:
    """Change whatever a body names of a person and return them. The caller has read `target`.

    Raises:
        BadRequest, FieldsRefused: a value will not do; nothing was changed.
        UidTaken, LastAdmin, HashingBusy: as named.
        PasswordNeeded: one's own user name or e-mail, or anybody's password, would change, and the
            login is not fresh.
    """
    user_id = target.id or 0
    is_self = user_id == actor.user_id
    wanted = _read_account(target, body, may_rename=is_self, is_admin=actor.is_admin)
    if bodies.text(body, "password"):
        proof.require_fresh(actor.logged_in_at)
    # Hashed before anything is written: the transaction begins below.
    password_hash = await _hash_password(target, body, resources)
    if wanted:
        await _change_account(session, actor, target=target, wanted=wanted, resources=resources)
    if password_hash is not None:
        user = await credentials.set_password(
            session, actor, user_id=user_id, password_hash=password_hash
        )
        if is_self:
            cookie.remember(user)
    details = changes.read_details(body)
    await changes.save_details(session, details, user_id=user_id)
    told = {**details.profile, **details.legacy}
    record_profile_changes(session, actor, user=target, fields=told)
    if is_self and "uid" in wanted:
        await sessions.end_all_sessions(session, actor, user_id=user_id)
    changed = await people.find_person(session, user_id=user_id)
    return people.show(changed, viewer_id=actor.user_id, is_admin=actor.is_admin)


async def _change_account(
    session: AsyncSession,
    actor: Actor,
    *,
    target: User,
    wanted: dict[str, Any],
    resources: Resources,
) -> None:
    is_proved = await proof.has_proof(resources, actor, password=None)
    if actor.is_admin:
        changes = bodies.validate(UserAdminUpdate, wanted)
        await accounts.update_user(
            session, actor, uid=target.uid, changes=changes, is_proved=is_proved
        )
    else:
        own_changes = bodies.validate(UserUpdate, wanted)
        await accounts.update_self(session, actor, changes=own_changes, is_proved=is_proved)


def _read_account(
    target: User, body: dict[str, Any], *, may_rename: bool, is_admin: bool
) -> dict[str, Any]:
    """Return the fields of the account that a body changes."""
    wanted: dict[str, Any] = {}
    name = meant(bodies.text(body, "name") or "").strip()
    if name and name != target.name:
        if len(name) < changes.MIN_LENGTH:
            raise BadRequest("Name is missing, or is less than 2 characters")
        wanted["name"] = name
    uid = (bodies.text(body, "uid") or "").strip()
    if may_rename and uid and uid != target.uid:
        if len(uid) < changes.MIN_LENGTH:
            raise BadRequest("User ID is missing, or is less than 2 characters")
        wanted["uid"] = uid
    email = changes.read_email(body)
    if email is not None and email != target.email:
        wanted["email"] = email
    role: Role | None = _ROLES.get((bodies.text(body, "role") or "").lower())
    if is_admin and role is not None and role is not target.role:
        wanted["role"] = role.value
    return wanted


async def _hash_password(target: User, body: dict[str, Any], resources: Resources) -> str | None:
    secret = bodies.text(body, "password")
    if not secret:
        return None
    if len(secret) < resources.settings.password_min_length:
        shortest = resources.settings.password_min_length
        raise BadRequest(f"Password must be at least {shortest} characters")
    return await credentials.hash_new_password(
        resources, password=SecretStr(secret), uid=target.uid, name=target.name
    )


async def change_password_late(
    request: Request,
    session: AsyncSession,
    actor: Actor,
    *,
    body: dict[str, Any],
    resources: Resources,
    cookie: CookieSession,
) -> dict[str, Any]:
    """Change the password for a session that the same page has just logged out.

    Raises:
        TokenInvalid: it was ended otherwise, or longer ago, or has done so already.
        PasswordNeeded: it began too long ago.
        SecondFactorRequired: a second factor is to be set up before anything else.
    """
    bearer = read_bearer(request)
    purpose = Purpose.COOKIE if bearer is None else Purpose.ACCESS
    token = bearer or read_session_cookie(request) or ""
    claims = resources.codec.verify(token, purpose, now=utc_now())
    settings = resources.settings
    async with resources.database.transaction(read_only=True) as reading:
        user = await password.find_late_changer(
            reading, actor, claims=claims, now=utc_now(), settings=settings
        )
    password_hash = await _hash_password(user, body, resources)
    if password_hash is None:
        raise TokenInvalid
    user = await password.find_late_changer(
        session, actor, claims=claims, now=utc_now(), settings=settings, lock=True
    )
    user_id = user.id or 0
    own = password.acting_for(actor, user)
    user = await credentials.set_password(
        session, own, user_id=user_id, password_hash=password_hash
    )
    cookie.remember(user)
    return people.show_own(await people.find_person(session, user_id=user_id))
