"""What the audit trail says when login sessions begin and end: whose, and by whose hand."""

from typing import Any

import pytest
from sqlmodel import col, select

from app.models import AuditEvent, SessionKind, User, UserSession
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.services import sessions
from tests.services.rows import NOW, acting, make_session, make_user, store

KINDS = [SessionKind.COOKIE, SessionKind.BEARER]


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada"))


@pytest.fixture
async def open_one(resources: Resources, ada: User) -> UserSession:
    return await store(resources, make_session(ada, kind=SessionKind.BEARER, refresh_counter=5))


async def traced(resources: Resources) -> tuple[str, str | None, str | None, dict[str, Any]]:
    """Return the latest event: what, by whom, about whom, and its details."""
    query = select(AuditEvent).order_by(col(AuditEvent.id).desc()).limit(1)
    async with resources.database.transaction(read_only=True) as session:
        event = (await session.exec(query)).one()
    return event.action, event.actor, event.subject, event.detail


class TestBegin:
    @pytest.mark.parametrize("kind", KINDS)
    async def test_of_each_kind(self, resources: Resources, ada: User, kind: SessionKind) -> None:
        async with resources.database.transaction() as session:
            await sessions.open_session(
                session, Actor(), user=ada, kind=kind, settings=resources.settings, now=NOW
            )
        expected = ("login", None, ada.public_id, {"kind": kind.value})
        assert await traced(resources) == expected


class TestEnd:
    async def test_of_the_current_one(
        self, resources: Resources, ada: User, open_one: UserSession
    ) -> None:
        async with resources.database.transaction() as session:
            actor = acting(ada, open_one)
            await sessions.end_session(session, actor, sid=open_one.sid, is_proved=True, now=NOW)
        assert await traced(resources) == ("logout", ada.public_id, ada.public_id, {})

    async def test_of_another_of_ones_own(
        self, resources: Resources, ada: User, open_one: UserSession
    ) -> None:
        async with resources.database.transaction() as session:
            await sessions.end_session(
                session, acting(ada), sid=open_one.sid, is_proved=True, now=NOW
            )
        assert await traced(resources) == ("session-ended", ada.public_id, ada.public_id, {})

    async def test_of_the_one_that_a_login_replaces(
        self, resources: Resources, ada: User, open_one: UserSession
    ) -> None:
        async with resources.database.transaction() as session:
            await sessions.end_replaced(session, acting(ada), session_id=open_one.id or 0, now=NOW)
        assert await traced(resources) == ("session-replaced", ada.public_id, ada.public_id, {})

    async def test_of_the_others_says_how_many(
        self, resources: Resources, ada: User, open_one: UserSession
    ) -> None:
        for _ in range(3):
            await store(resources, make_session(ada))
        async with resources.database.transaction() as session:
            await sessions.end_other_sessions(
                session, acting(ada, open_one), is_proved=True, now=NOW
            )
        expected = ("sessions-ended", ada.public_id, ada.public_id, {"count": "3"})
        assert await traced(resources) == expected

    async def test_of_all_says_whose_and_by_whom(self, resources: Resources, ada: User) -> None:
        teacher = await store(resources, make_user("teacher"))
        for actor, by in ((acting(teacher), teacher.public_id), (OPERATOR, None)):
            async with resources.database.transaction() as session:
                await sessions.end_all_sessions(session, actor, user_id=ada.id or 0)
            assert await traced(resources) == (
                "sessions-ended",
                by,
                ada.public_id,
                {"count": "all"},
            )


class TestByTokenAlone:
    """Whoever has a token need not be logged in; the trail says whose session it was."""

    async def test_revoked(self, resources: Resources, ada: User, open_one: UserSession) -> None:
        async with resources.database.transaction() as session:
            await sessions.revoke_by_token(session, Actor(), sid=open_one.sid, now=NOW)
        assert await traced(resources) == ("logout", None, ada.public_id, {})

    async def test_replayed(self, resources: Resources, ada: User, open_one: UserSession) -> None:
        async with resources.database.transaction() as session:
            refreshed = await sessions.refresh_session(
                session, Actor(), sid=open_one.sid, counter=3, settings=resources.settings, now=NOW
            )
        assert (refreshed.user.uid, refreshed.user_session.sid) == ("ada", open_one.sid)
        assert await traced(resources) == ("refresh-reuse", None, ada.public_id, {})
