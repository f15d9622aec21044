"""Refreshing a bearer session: one child for each parent, and the end of all on a replay."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.errors import RefreshTokenInvalid
from app.models import SessionKind, User, UserSession
from app.principals import Actor
from app.resources import Resources
from app.services import sessions
from app.services.sessions import REFRESH_GRACE, Refreshed
from tests.services.rows import NOW, TICK, make_session, make_user, must, store, trail

DAY = timedelta(days=1)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada"))


async def stored(resources: Resources, ada: User, **changes: Any) -> UserSession:
    """Store a bearer session that was refreshed to count 5 at NOW."""
    fields = {
        "kind": SessionKind.BEARER,
        "refresh_counter": 5,
        "ends_at": NOW + 30 * DAY,
        **changes,
    }
    return await store(resources, make_session(ada, **fields))


async def refresh(resources: Resources, sid: str, counter: int, now: datetime = LATER) -> Refreshed:
    async with resources.database.transaction() as session:
        return await sessions.refresh_session(
            session, Actor(), sid=sid, counter=counter, settings=resources.settings, now=now
        )


class TestRefused:
    async def test_unknown_session(self, resources: Resources) -> None:
        with pytest.raises(RefreshTokenInvalid):
            await refresh(resources, "x" * 16, 0)

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": SessionKind.COOKIE},
            {"revoked_at": NOW},
            {"auth_epoch": 1},
            {"expires_at": LATER},
            {"ends_at": LATER},
        ],
        ids=["of a cookie", "ended", "of another epoch", "unused", "at its end"],
    )
    @pytest.mark.parametrize("counter", [5, 3])
    async def test_dead_session(
        self, resources: Resources, ada: User, change: dict[str, Any], counter: int
    ) -> None:
        """Not even a replay is taken note of: there is nothing left to end."""
        dead = await stored(resources, ada, **change)
        with pytest.raises(RefreshTokenInvalid):
            await refresh(resources, dead.sid, counter)
        found = await must(resources, dead)
        assert (found.refresh_counter, found.revoked_at) == (5, dead.revoked_at)
        assert await trail(resources) == []

    async def test_disabled_account(self, resources: Resources) -> None:
        bob = await store(resources, make_user("bob", is_active=False))
        with pytest.raises(RefreshTokenInvalid):
            await refresh(resources, (await stored(resources, bob)).sid, 5)


class TestReplay:
    @pytest.mark.parametrize(
        ("counter", "now"),
        [
            (4, NOW + REFRESH_GRACE + TICK),
            (4, NOW - REFRESH_GRACE - TICK),
            (4, LATER),
            (3, NOW),
            (0, NOW),
            (6, NOW),
            (999_999_999, NOW),
        ],
        ids=[
            "late parent",
            "parent, clock back",
            "old parent",
            "grandparent",
            "first",
            "next",
            "far",
        ],
    )
    async def test_ends_the_session_and_that_is_kept(
        self, resources: Resources, ada: User, counter: int, now: datetime
    ) -> None:
        user_session = await stored(resources, ada)
        refreshed = await refresh(resources, user_session.sid, counter, now)
        assert refreshed.is_reused
        found = await must(resources, user_session)
        assert (found.revoked_at, found.refresh_counter) == (now, 5)
        assert await trail(resources) == ["refresh-reuse"]

    async def test_ends_it_for_the_thief_too(self, resources: Resources, ada: User) -> None:
        user_session = await stored(resources, ada)
        await refresh(resources, user_session.sid, 3)
        for counter in (5, 6, 3):
            with pytest.raises(RefreshTokenInvalid):
                await refresh(resources, user_session.sid, counter)
        assert await trail(resources) == ["refresh-reuse"]

    async def test_other_sessions_live_on(self, resources: Resources, ada: User) -> None:
        one, other = await stored(resources, ada), await stored(resources, ada)
        await refresh(resources, one.sid, 3)
        assert (await refresh(resources, other.sid, 5)).user_session.refresh_counter == 6


class TestParallel:
    def test_grace_is_ten_seconds(self) -> None:
        assert timedelta(seconds=10) == REFRESH_GRACE

    @pytest.mark.parametrize("apart", [REFRESH_GRACE, timedelta(0), -REFRESH_GRACE], ids=str)
    async def test_parent_within_the_grace_gets_the_same_child(
        self, resources: Resources, ada: User, apart: timedelta
    ) -> None:
        user_session = await stored(resources, ada)
        refreshed = await refresh(resources, user_session.sid, 4, NOW + apart)
        assert not refreshed.is_reused
        assert refreshed.user_session.refresh_counter == 5
        found = await must(resources, user_session)
        assert (found.renewed_at, found.expires_at) == (NOW, user_session.expires_at)
        assert found.revoked_at is None

    async def test_fifty_at_once_have_one_child(self, resources: Resources, ada: User) -> None:
        user_session = await stored(resources, ada)
        at_once = (refresh(resources, user_session.sid, 5) for _ in range(50))
        refreshed = await asyncio.gather(*at_once)
        assert {found.user_session.refresh_counter for found in refreshed} == {6}
        assert not any(found.is_reused for found in refreshed)
        assert (await must(resources, user_session)).refresh_counter == 6


class TestRefreshed:
    async def test_moves_on_by_one(self, resources: Resources, ada: User) -> None:
        user_session = await stored(resources, ada)
        refreshed = await refresh(resources, user_session.sid, 5)
        assert (refreshed.user.uid, refreshed.is_reused) == ("ada", False)
        assert refreshed.user_session.refresh_counter == 6
        found = await must(resources, user_session)
        assert (found.refresh_counter, found.renewed_at) == (6, LATER)
        assert found.expires_at == LATER + 7 * DAY

    async def test_never_past_the_longest_life(self, resources: Resources, ada: User) -> None:
        user_session = await stored(resources, ada, ends_at=LATER + 3 * DAY)
        refreshed = await refresh(resources, user_session.sid, 5)
        assert refreshed.user_session.expires_at == LATER + 3 * DAY

    async def test_until_just_before_the_end(self, resources: Resources, ada: User) -> None:
        user_session = await stored(resources, ada, expires_at=LATER + TICK)
        assert not (await refresh(resources, user_session.sid, 5)).is_reused

    async def test_leaves_no_trace_each_time(self, resources: Resources, ada: User) -> None:
        await refresh(resources, (await stored(resources, ada)).sid, 5)
        assert await trail(resources) == []
