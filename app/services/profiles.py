"""Profiles: what people tell about themselves beyond the account."""

from datetime import date
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import Profile


async def find_profile(session: AsyncSession, *, user_id: int) -> Profile:
    """Return somebody's profile; an empty one, not stored, where nothing was told yet."""
    return await session.get(Profile, user_id) or Profile(user_id=user_id)


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
