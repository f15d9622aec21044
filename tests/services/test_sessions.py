"""Login sessions: opened, renewed, listed and ended. Refreshing has a module of its own."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import LoginFailed, PasswordNeeded, SessionNotFound, UserNotFound
from app.models import Role, SessionKind, User, UserSession
from app.principals import Actor
from app.resources import Resources
from app.services import sessions
from app.tokens import CLOCK_SKEW
from tests.services.rows import (
    NOBODY,
    NOW,
    TICK,
    acting,
    make_session,
    make_user,
    must,
    reload,
    store,
    trail,
)

DAY = timedelta(days=1)
COOKIE, BEARER = SessionKind.COOKIE, SessionKind.BEARER


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada", auth_epoch=4))


async def open_one(resources: Resources, user: User, **changes: Any) -> UserSession:
    options = {"kind": COOKIE, "now": NOW, **changes}
    actor = options.pop("actor", None) or Actor(client_address="192.0.2.1", user_agent="curl")
    async with resources.database.transaction() as session:
        return await sessions.open_session(
            session, actor, user=user, settings=resources.settings, **options
        )


async def listed(resources: Resources, actor: Actor) -> list[str]:
    async with resources.database.transaction(read_only=True) as session:
        return [found.sid for found in await sessions.list_sessions(session, actor, now=NOW)]


class TestOpen:
    async def test_account_that_was_just_deleted(self, resources: Resources) -> None:
        with pytest.raises(LoginFailed):
            await open_one(resources, make_user(id=NOBODY))
        assert await trail(resources) == []

    async def test_account_that_was_never_stored(self, resources: Resources, ada: User) -> None:
        with pytest.raises(LoginFailed):
            await open_one(resources, make_user("bob"))
        assert await listed(resources, acting(ada)) == []

    async def test_is_always_a_new_one(self, resources: Resources, ada: User) -> None:
        opened = [await open_one(resources, ada) for _ in range(3)]
        assert len({user_session.sid for user_session in opened}) == 3

    async def test_remembers_where_from_and_in_which_epoch(
        self, resources: Resources, ada: User
    ) -> None:
        opened = await must(resources, await open_one(resources, ada, cookie_profile="http"))
        assert (opened.user_id, opened.auth_epoch, opened.kind) == (ada.id, 4, COOKIE)
        assert (opened.client_address, opened.user_agent) == ("192.0.2.1", "curl")
        assert (opened.cookie_profile, opened.refresh_counter) == ("http", 0)
        assert opened.revoked_at is None
        assert await trail(resources) == ["login"]

    async def test_bearer_session_has_no_cookie(self, resources: Resources, ada: User) -> None:
        opened = await must(resources, await open_one(resources, ada, kind=BEARER))
        assert (opened.kind, opened.cookie_profile) == (BEARER, "")

    async def test_long_user_agent_is_cut(self, resources: Resources, ada: User) -> None:
        opened = await open_one(resources, ada, actor=Actor(user_agent="x" * 500))
        assert (await must(resources, opened)).user_agent == "x" * 200

    @pytest.mark.parametrize(
        ("settings_changes", "idle", "longest"),
        [
            ({}, 7, 30),
            ({"session_idle_days": 3, "session_max_days": 5}, 3, 5),
            ({"session_idle_days": 9, "session_max_days": 2}, 2, 2),
        ],
        ids=["default", "shorter", "idle longer than the longest"],
    )
    async def test_limits(self, resources: Resources, ada: User, idle: int, longest: int) -> None:
        opened = await must(resources, await open_one(resources, ada))
        assert (opened.expires_at, opened.ends_at) == (NOW + idle * DAY, NOW + longest * DAY)
        assert opened.created_at == opened.renewed_at == NOW

    async def test_clears_away_what_ended_before(self, resources: Resources, ada: User) -> None:
        bob = await store(resources, make_user("bob"))
        old = await store(resources, make_session(ada, ends_at=NOW - TICK))
        kept = [
            await store(resources, make_session(ada, ends_at=NOW)),
            await store(resources, make_session(ada, revoked_at=NOW, ends_at=NOW + TICK)),
            await store(resources, make_session(bob, ends_at=NOW - DAY)),
        ]
        await open_one(resources, ada)
        assert await reload(resources, old) is None
        for user_session in kept:
            await must(resources, user_session)


class TestIsAlive:
    @pytest.mark.parametrize(
        "change",
        [
            {"revoked_at": NOW},
            {"auth_epoch": 3},
            {"auth_epoch": 5},
            {"expires_at": NOW},
            {"ends_at": NOW},
            {"expires_at": NOW - DAY},
        ],
        ids=str,
    )
    def test_no(self, change: dict[str, Any]) -> None:
        user = make_user(auth_epoch=4)
        assert not sessions.is_alive(make_session(user, **change), user, NOW)

    def test_not_while_the_account_is_disabled(self) -> None:
        user = make_user(is_active=False)
        assert not sessions.is_alive(make_session(user), user, NOW)

    def test_not_if_opened_by_a_clock_that_was_ahead(self) -> None:
        user = make_user()
        opened_at = NOW + CLOCK_SKEW + TICK
        assert not sessions.is_alive(make_session(user, created_at=opened_at), user, NOW)

    def test_opened_by_a_clock_that_was_a_little_ahead(self) -> None:
        user = make_user()
        assert sessions.is_alive(make_session(user, created_at=NOW + CLOCK_SKEW), user, NOW)

    @pytest.mark.parametrize("limit", ["expires_at", "ends_at"])
    def test_until_just_before_its_limits(self, limit: str) -> None:
        user = make_user()
        assert sessions.is_alive(make_session(user, **{limit: NOW + TICK}), user, NOW)


class TestRenew:
    async def renew(self, resources: Resources, user_session: UserSession) -> object:
        async with resources.database.transaction() as session:
            return await sessions.renew_session(
                session, session_id=user_session.id or 0, settings=resources.settings, now=NOW + DAY
            )

    async def test_unknown(self, resources: Resources, ada: User) -> None:
        assert await self.renew(resources, make_session(ada, id=NOBODY)) is None

    async def test_just_ended(self, resources: Resources, ada: User) -> None:
        ended = await store(resources, make_session(ada, revoked_at=NOW))
        assert await self.renew(resources, ended) is None
        assert (await must(resources, ended)).renewed_at == NOW

    async def test_pushes_the_idle_limit_on(self, resources: Resources, ada: User) -> None:
        opened = await open_one(resources, ada)
        assert await self.renew(resources, opened) == NOW + 8 * DAY
        found = await must(resources, opened)
        assert (found.renewed_at, found.expires_at) == (NOW + DAY, NOW + 8 * DAY)

    async def test_never_past_the_longest_life(self, resources: Resources, ada: User) -> None:
        opened = await store(resources, make_session(ada, ends_at=NOW + 3 * DAY))
        assert await self.renew(resources, opened) == NOW + 3 * DAY


class TestList:
    @pytest.mark.parametrize(
        "change",
        [
            {"revoked_at": NOW - DAY},
            {"auth_epoch": 3},
            {"expires_at": NOW},
            {"ends_at": NOW},
        ],
        ids=["ended", "of an older epoch", "unused", "at its end"],
    )
    async def test_not_what_has_ended(
        self, resources: Resources, ada: User, change: dict[str, Any]
    ) -> None:
        await store(resources, make_session(ada, **change))
        assert await listed(resources, acting(ada)) == []

    async def test_not_other_peoples(self, resources: Resources, ada: User) -> None:
        bob = await store(resources, make_user("bob", role=Role.ADMIN))
        await open_one(resources, ada)
        assert await listed(resources, acting(bob)) == []

    async def test_the_latest_used_first(self, resources: Resources, ada: User) -> None:
        for sid, hours in (("first", 1), ("second", 3), ("third", 2), ("fourth", 3)):
            used = NOW - timedelta(hours=hours)
            await store(resources, make_session(ada, sid=sid, renewed_at=used))
        await store(resources, make_session(ada, sid="edge", expires_at=NOW + TICK))
        assert await listed(resources, acting(ada)) == [
            "edge",
            "first",
            "third",
            "fourth",
            "second",
        ]

    async def test_is_bounded(
        self, resources: Resources, ada: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert sessions.MAX_LISTED == 200
        monkeypatch.setattr(sessions, "MAX_LISTED", 2)
        for _ in range(3):
            await open_one(resources, ada)
        assert len(await listed(resources, acting(ada))) == 2


class TestEndOne:
    async def end(
        self, resources: Resources, actor: Actor, sid: str, *, is_proved: bool = True
    ) -> None:
        async with resources.database.transaction() as session:
            await sessions.end_session(session, actor, sid=sid, is_proved=is_proved, now=NOW)

    async def test_unknown(self, resources: Resources, ada: User) -> None:
        await open_one(resources, ada)
        for sid in ("", "x" * 16, "%", "a\x00b", "\ud800", "x" * 5000):
            with pytest.raises(SessionNotFound):
                await self.end(resources, acting(ada), sid)

    @pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
    async def test_somebody_elses(self, resources: Resources, ada: User, role: Role) -> None:
        bob = await store(resources, make_user("bob", role=role))
        opened = await open_one(resources, ada)
        for actor in (acting(bob), Actor()):
            with pytest.raises(SessionNotFound):
                await self.end(resources, actor, opened.sid)
        assert (await must(resources, opened)).revoked_at is None

    async def test_another_without_the_password(self, resources: Resources, ada: User) -> None:
        current, other = await open_one(resources, ada), await open_one(resources, ada)
        actor = acting(ada, current)
        with pytest.raises(PasswordNeeded):
            async with resources.database.transaction() as session:
                await sessions.end_session(session, actor, sid=other.sid, now=NOW)
        assert (await must(resources, other)).revoked_at is None
        await self.end(resources, acting(ada, current), current.sid, is_proved=False)
        assert (await must(resources, current)).revoked_at == NOW

    async def test_twice(self, resources: Resources, ada: User) -> None:
        opened = await open_one(resources, ada)
        await self.end(resources, acting(ada), opened.sid)
        with pytest.raises(SessionNotFound):
            await self.end(resources, acting(ada), opened.sid)

    async def test_ones_own(self, resources: Resources, ada: User) -> None:
        current, other = await open_one(resources, ada), await open_one(resources, ada)
        await self.end(resources, acting(ada, current), other.sid)
        assert (await must(resources, other)).revoked_at == NOW
        assert (await must(resources, current)).revoked_at is None
        await self.end(resources, acting(ada, current), current.sid)
        assert (await trail(resources))[-2:] == ["session-ended", "logout"]


class TestEndOthers:
    async def end(self, resources: Resources, actor: Actor) -> int:
        async with resources.database.transaction() as session:
            return await sessions.end_other_sessions(session, actor, is_proved=True, now=NOW)

    async def test_not_without_the_password(self, resources: Resources, ada: User) -> None:
        other = await open_one(resources, ada)
        with pytest.raises(PasswordNeeded):
            async with resources.database.transaction() as session:
                await sessions.end_other_sessions(session, acting(ada), now=NOW)
        assert (await must(resources, other)).revoked_at is None

    async def test_spares_the_current_one_and_other_people(
        self, resources: Resources, ada: User
    ) -> None:
        bob = await store(resources, make_user("bob"))
        current, theirs = await open_one(resources, ada), await open_one(resources, bob)
        others = [await open_one(resources, ada) for _ in range(2)]
        assert await self.end(resources, acting(ada, current)) == 2
        for spared in (current, theirs):
            assert (await must(resources, spared)).revoked_at is None
        for ended in others:
            assert (await must(resources, ended)).revoked_at == NOW
        assert (await trail(resources))[-1] == "sessions-ended"

    async def test_counts_only_what_was_not_ended(self, resources: Resources, ada: User) -> None:
        before = NOW - DAY
        ended = await store(resources, make_session(ada, revoked_at=before))
        await store(resources, make_session(ada, expires_at=NOW + TICK))
        assert await self.end(resources, acting(ada)) == 1
        assert (await must(resources, ended)).revoked_at == before

    async def test_ends_what_has_run_out_too(self, resources: Resources, ada: User) -> None:
        """By a clock that is ahead; set back, it would bring the session to life again."""
        over = await store(resources, make_session(ada, expires_at=NOW - TICK))
        assert await self.end(resources, acting(ada)) == 1
        assert (await must(resources, over)).revoked_at == NOW


class TestEndReplaced:
    async def end(self, resources: Resources, actor: Actor, session_id: int) -> None:
        async with resources.database.transaction() as session:
            await sessions.end_replaced(session, actor, session_id=session_id, now=NOW)

    async def test_gone_or_ended(self, resources: Resources, ada: User) -> None:
        ended = await store(resources, make_session(ada, revoked_at=NOW - DAY))
        await self.end(resources, acting(ada), NOBODY)
        await self.end(resources, acting(ada), ended.id or 0)
        assert (await must(resources, ended)).revoked_at == NOW - DAY
        assert await trail(resources) == []

    async def test_ends(self, resources: Resources, ada: User) -> None:
        opened = await open_one(resources, ada)
        await self.end(resources, acting(ada), opened.id or 0)
        assert (await must(resources, opened)).revoked_at == NOW
        assert (await trail(resources))[-1] == "session-replaced"


class TestRevokeByToken:
    async def revoke(self, resources: Resources, sid: str) -> None:
        async with resources.database.transaction() as session:
            await sessions.revoke_by_token(session, Actor(), sid=sid, now=NOW)

    async def test_unknown_or_ended(self, resources: Resources, ada: User) -> None:
        ended = await store(resources, make_session(ada, revoked_at=NOW - DAY))
        await self.revoke(resources, "x" * 16)
        await self.revoke(resources, ended.sid)
        assert (await must(resources, ended)).revoked_at == NOW - DAY
        assert await trail(resources) == []

    async def test_ends_that_one(self, resources: Resources, ada: User) -> None:
        opened, other = await open_one(resources, ada), await open_one(resources, ada)
        await self.revoke(resources, opened.sid)
        async with resources.database.transaction(read_only=True) as session:
            query = select(UserSession).where(col(UserSession.revoked_at).is_(None))
            assert [found.sid for found in (await session.exec(query)).all()] == [other.sid]
        assert (await trail(resources))[-1] == "logout"


class TestEndAll:
    async def test_of_an_account_that_was_just_deleted(self, resources: Resources) -> None:
        with pytest.raises(UserNotFound):
            async with resources.database.transaction() as session:
                await sessions.end_all_sessions(session, Actor(), user_id=NOBODY)
        assert await trail(resources) == []

    async def test_ends_ones_own_too_and_nobody_elses(
        self, resources: Resources, ada: User
    ) -> None:
        bob = await store(resources, make_user("bob"))
        own = await store(resources, make_session(ada))
        await store(resources, make_session(bob))
        async with resources.database.transaction() as session:
            await sessions.end_all_sessions(session, acting(ada, own), user_id=ada.id or 0)
        assert await listed(resources, acting(ada)) == []
        assert len(await listed(resources, acting(bob))) == 1
        assert await trail(resources) == ["sessions-ended"]

    async def test_brings_nothing_back_that_had_ended(
        self, resources: Resources, ada: User
    ) -> None:
        """By an earlier such end; ada's account has seen four."""
        for epoch in range(5):
            await store(resources, make_session(ada, auth_epoch=epoch))
        async with resources.database.transaction() as session:
            await sessions.end_all_sessions(session, acting(ada), user_id=ada.id or 0)
        assert await listed(resources, acting(ada)) == []
