"""Profiles: what people tell about themselves beyond the account."""

from datetime import date
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import UserNotFound
from app.models import Profile, User
from app.principals import Actor
from app.services import audit


async def find_profile(session: AsyncSession, *, user_id: int) -> Profile:
    """Return somebody's profile; an empty one, not stored, where nothing was told yet."""
    return await session.get(Profile, user_id) or Profile(user_id=user_id)


async def set_visibility(session: AsyncSession, actor: Actor, *, is_public: bool) -> Profile:
    """Let strangers see one's name and picture, or stop that.

    Raises:
        UserNotFound: the account has just been deleted.
    """
    user = None
    if actor.user_id is not None:
        user = await session.get(User, actor.user_id, with_for_update=True)
    if user is None or user.id is None:
        raise UserNotFound
    action = "profile-published" if is_public else "profile-hidden"
    audit.record(session, actor, action, subject=user.public_id)
    return await update_profile(session, user_id=user.id, is_public=is_public)


async def update_profile(
    session: AsyncSession, *, user_id: int, **changes: date | str | bool | list[str] | int | None
) -> Profile:
    """Change fields of somebody's profile, and make it if there is none. Fields not named stay.

    The caller has locked the account, which keeps two first changes from meeting.
    """
    profile = await find_profile(session, user_id=user_id)
    checked: dict[str, Any] = {**changes}
    profile.sqlmodel_update(checked)
    session.add(profile)
    await session.flush()
    return profile
