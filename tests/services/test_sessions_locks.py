"""Sessions that two people change at the same moment, on PostgreSQL, step by step.

SQLite lets one write at a time. What comes of such a meeting by chance is tested in
tests/security/test_races.py.
"""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, delete, select, update

from app.errors import UserNotFound
from app.models import SessionKind, User, UserSession
from app.principals import Actor
from app.resources import Resources
from app.services import sessions
from tests.services.rows import NOW, acting, make_session, make_user, must, store, trail
from tests.services.test_accounts_locks import PATIENCE, wait_for

LATER = NOW + timedelta(hours=1)
pytestmark = pytest.mark.parametrize("engine", ["postgresql"])


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada", auth_epoch=4))


@pytest.fixture
async def opened(resources: Resources, ada: User) -> UserSession:
    return await store(resources, make_session(ada, kind=SessionKind.BEARER))


async def begin(resources: Resources, work: Any) -> "asyncio.Task[Any]":
    """Begin a piece of work; return when it is over or waits for a lock."""
    task: asyncio.Task[Any] = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(wait_for(resources, 1))
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return task


async def meet(resources: Resources, change: Any, late: Any) -> Any:
    """Let `late` begin while `change` is made but not committed; return what `late` returns."""
    async with resources.database.transaction() as session:
        await session.exec(change)
        task = await begin(resources, late)
    return await asyncio.wait_for(task, PATIENCE)


async def ends_while_held(resources: Resources, user: User, work: Any) -> bool:
    """Whether a piece of work ends while somebody changes something about an account."""
    async with resources.database.transaction() as session:
        await session.exec(select(User.id).where(User.id == user.id).with_for_update())
        task = await begin(resources, work)
        is_over = task.done()
    await asyncio.wait_for(task, PATIENCE)
    return is_over


async def renew(resources: Resources, user_session: UserSession) -> object:
    async with resources.database.transaction() as session:
        return await sessions.renew_session(
            session, session_id=user_session.id or 0, settings=resources.settings, now=LATER
        )


async def refresh(resources: Resources, user_session: UserSession) -> None:
    async with resources.database.transaction() as session:
        await sessions.refresh_session(
            session,
            Actor(),
            sid=user_session.sid,
            counter=0,
            settings=resources.settings,
            now=LATER,
        )


async def revoke(resources: Resources, user_session: UserSession) -> None:
    async with resources.database.transaction() as session:
        await sessions.revoke_by_token(session, Actor(), sid=user_session.sid, now=LATER)


async def end_replaced(resources: Resources, ada: User, user_session: UserSession) -> None:
    async with resources.database.transaction() as session:
        await sessions.end_replaced(
            session, acting(ada), session_id=user_session.id or 0, now=LATER
        )


async def end_all(resources: Resources, user: User) -> None:
    async with resources.database.transaction() as session:
        await sessions.end_all_sessions(session, acting(user), user_id=user.id or 0)


class TestMeetsItsEnd:
    def end(self, user_session: UserSession) -> Any:
        ended = update(UserSession).where(col(UserSession.id) == user_session.id)
        return ended.values(revoked_at=LATER)

    async def test_renewal_does_not_go_on(self, resources: Resources, opened: UserSession) -> None:
        late = renew(resources, opened)
        assert await meet(resources, self.end(opened), late) is None
        assert (await must(resources, opened)).renewed_at == opened.renewed_at

    async def test_login_in_its_place_leaves_no_second_trace(
        self, resources: Resources, ada: User, opened: UserSession
    ) -> None:
        await meet(resources, self.end(opened), end_replaced(resources, ada, opened))
        assert await trail(resources) == []


class TestEndOfAll:
    async def test_after_another_one(self, resources: Resources, ada: User) -> None:
        """Who logged in between the two is out as well."""
        first = update(User).where(col(User.id) == ada.id).values(auth_epoch=5)
        await meet(resources, first, end_all(resources, ada))
        assert (await must(resources, ada)).auth_epoch > 5

    async def test_of_an_account_that_is_being_deleted(
        self, resources: Resources, ada: User
    ) -> None:
        gone = delete(User).where(col(User.id) == ada.id)
        with pytest.raises(UserNotFound):
            await meet(resources, gone, end_all(resources, ada))
        assert await trail(resources) == []


class TestWhileTheAccountIsHeld:
    """Neither waits for it: whoever holds an account may want its sessions next."""

    async def test_refresh_goes_through(
        self, resources: Resources, ada: User, opened: UserSession
    ) -> None:
        assert await ends_while_held(resources, ada, refresh(resources, opened))
        assert (await must(resources, opened)).refresh_counter == 1

    async def test_revocation_goes_through(
        self, resources: Resources, ada: User, opened: UserSession
    ) -> None:
        assert await ends_while_held(resources, ada, revoke(resources, opened))
        assert (await must(resources, opened)).revoked_at == LATER
