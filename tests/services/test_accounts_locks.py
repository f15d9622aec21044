"""The order in which removals of admins take their locks, on PostgreSQL, step by step.

What comes of such a meeting by chance is tested in tests/security/test_races.py.
"""

import asyncio

import pytest
from sqlalchemy import text
from sqlmodel import col, select, update

from app.errors import LastAdmin
from app.models import Role, User
from app.principals import OPERATOR
from app.resources import Resources
from app.schemas import UserAdminUpdate
from app.services import accounts
from tests.services.rows import make_user, must, store

PATIENCE = 30
_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


async def change(resources: Resources, uid: str, changes: UserAdminUpdate) -> User:
    async with resources.database.transaction() as session:
        return await accounts.update_user(session, OPERATOR, uid=uid, changes=changes)


async def wait_for(resources: Resources, count: int) -> None:
    """Return once so many transactions wait for a lock."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with resources.database.transaction(read_only=True) as session:
                connection = await session.connection()
                if (await connection.execute(text(_WAITING))).scalar_one() == count:
                    return


async def hold(resources: Resources, user: User, *, held: asyncio.Event, go: asyncio.Event) -> None:
    """Hold an account until told to go on, as whoever changes something about it does."""
    async with resources.database.transaction() as session:
        await session.exec(select(User.id).where(User.id == user.id).with_for_update())
        held.set()
        await go.wait()


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_one_who_was_an_admin_a_moment_ago(resources: Resources) -> None:
    """A removal that looked before, and one that looked after, take their locks in one order.

    The first waits for `one` and wants `other` next. When `one` is no admin any more, the second,
    which is about `one`, must not take `other` first: each would wait for the other.
    """
    one = await store(resources, make_user("one", role=Role.ADMIN))
    other = await store(resources, make_user("other", role=Role.ADMIN))
    held, go = asyncio.Event(), asyncio.Event()
    async with resources.database.transaction() as session:
        await session.exec(update(User).where(col(User.id) == one.id).values(role=Role.USER))
        holder = asyncio.create_task(hold(resources, one, held=held, go=go))
        await wait_for(resources, 1)
        demotion = change(resources, "other", UserAdminUpdate(role="user"))
        looked_before = asyncio.create_task(demotion)
        await wait_for(resources, 2)
    await held.wait()
    looked_after = asyncio.create_task(change(resources, "one", UserAdminUpdate(is_active=False)))
    await wait_for(resources, 2)
    go.set()
    found = await asyncio.gather(looked_before, looked_after, holder, return_exceptions=True)
    assert isinstance(found[0], LastAdmin)
    assert isinstance(found[1], User)
    assert (await must(resources, other)).role is Role.ADMIN
    assert not (await must(resources, one)).is_active
