"""Ending logins by their epoch: all that were opened before are over, in one write.

So are those that are just being opened by whoever was told the old password, or asked for no code:
they carry the epoch that was read with it.
"""

from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import User, UserSession
from app.principals import Actor


async def end_others(session: AsyncSession, actor: Actor, *, user: User) -> None:
    """End every login of a locked account but the actor's own, if this is theirs."""
    own = None
    if actor.user_id == user.id and actor.session_id is not None:
        own = await session.get(UserSession, actor.session_id)
    # A session that ended meanwhile stays ended.
    is_living = own is not None and own.auth_epoch == user.auth_epoch
    user.auth_epoch += 1
    if own is not None and is_living:
        own.auth_epoch = user.auth_epoch
    await session.flush()
