"""Failures in the trail: wrong passwords, and that there were too many. Written down within bounds.

A name that nobody has is never written down: people type their password there. And nothing here may
tell by how long it takes whether a name is somebody's.
"""

from app.models import User
from app.principals import Actor
from app.resources import Resources
from app.schemas import fold
from app.services.audit.recording import record, take_as_long

# Within an hour: failures of one account, of all names that nobody has, and refusals in all.
OF_ONE, OF_NOBODY, REFUSALS = 20, 60, 100


async def record_failure(
    resources: Resources, actor: Actor, *, action: str, user: User | None
) -> None:
    """Write a failure down, in a transaction of its own, if there is room for it."""
    subject = user.public_id if user is not None else None
    limit = OF_NOBODY if user is None else OF_ONE
    told = resources.flood.admit(f"{action} {subject}", limit=limit)
    async with resources.database.transaction() as session:
        if told is None:
            # The room is one name's or all other names': without it a failure would be quicker.
            await take_as_long(session)
        else:
            record(session, actor, action, subject=subject, **told)


async def record_throttled(
    resources: Resources, actor: Actor, *, uid: str, user: User | None
) -> None:
    """Write down, once an hour for a name, that too many attempts were refused.

    The bounds are the same whether the name is somebody's or not.
    """
    flood = resources.flood
    if flood.admit(f"throttled {fold(uid)}", limit=1) is None:
        return
    if flood.admit("throttled", limit=REFUSALS) is not None:
        subject = user.public_id if user is not None else None
        async with resources.database.transaction() as session:
            record(session, actor, "login-throttled", subject=subject)
