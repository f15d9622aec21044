"""Limits of a login while the server's clock is wrong: ahead or behind, and then set right.

The clock is moved by telling the use cases another time; what follows at the right time goes
through the application. The limits themselves, to the microsecond, are in tests/test_principals.py
and tests/services/test_sessions.py.
"""

from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.errors import RefreshTokenInvalid, TokenInvalid
from app.models import SessionKind, User, UserSession, utc_now
from app.principals import Actor
from app.resources import Resources
from app.services import sessions
from app.tokens import Purpose
from tests.people import People
from tests.services.rows import must
from tests.wire import COOKIE, SESSION, visitor

YEAR, DAY = timedelta(days=365), timedelta(days=1)
IDLE, LONGEST = timedelta(days=7), timedelta(days=30)
REFRESH = "/api/v1/auth/refresh"


class Login:
    """A login of ada's, opened at a time that the clock may not deserve."""

    def __init__(self, app: FastAPI, ada: User, user_session: UserSession) -> None:
        self.app = app
        self.ada = ada
        self.row = user_session
        self.resources: Resources = app.state.resources
        self.cookie = self._issue(Purpose.COOKIE)
        self.access = self._issue(Purpose.ACCESS)
        self.refresh = self.resources.codec.issue_refresh(user_session.sid, 0)

    def _issue(self, purpose: Purpose) -> str:
        return self.resources.codec.issue(
            purpose,
            sub=self.ada.public_id,
            sid=self.row.sid,
            now=self.row.created_at,
            expires_at=self.row.expires_at,
        )

    @property
    def actor(self) -> Actor:
        return Actor(user_id=self.ada.id, public_id=self.ada.public_id)

    async def show(self) -> int:
        """Ask now, with the token that this kind of login has."""
        is_cookie = self.row.kind is SessionKind.COOKIE
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"}
        headers = cookie if is_cookie else {"Authorization": f"Bearer {self.access}"}
        async with visitor(self.app, headers=headers) as client:
            return (await client.get(SESSION)).status_code

    async def renew(self) -> httpx.Response:
        """Refresh now."""
        async with visitor(self.app) as client:
            return await client.post(REFRESH, json={"refresh_token": self.refresh})

    async def refresh_at(self, now: datetime, counter: int = 0) -> sessions.Refreshed:
        """Refresh by a clock that says `now`."""
        async with self.resources.database.transaction() as session:
            return await sessions.refresh_session(
                session,
                self.actor,
                sid=self.row.sid,
                counter=counter,
                settings=self.resources.settings,
                now=now,
            )

    async def stored(self) -> UserSession:
        return await must(self.resources, self.row)


async def log_in(app: FastAPI, people: People, kind: SessionKind, now: datetime) -> Login:
    ada = await people.create("ada")
    resources: Resources = app.state.resources
    async with resources.database.transaction() as session:
        row = await sessions.open_session(
            session, Actor(), user=ada, kind=kind, settings=resources.settings, now=now
        )
    return Login(app, ada, row)


both_kinds = pytest.mark.parametrize("kind", [SessionKind.COOKIE, SessionKind.BEARER])


class TestClockWasAhead:
    @both_kinds
    async def test_at_the_login(self, app: FastAPI, people: People, kind: SessionKind) -> None:
        """It would last a year longer than any login may."""
        login = await log_in(app, people, kind, utc_now() + YEAR)
        assert await login.show() == 401
        assert (await login.renew()).status_code == 401
        row = await login.stored()
        assert (row.refresh_counter, row.ends_at) == (0, login.row.ends_at)

    async def test_at_a_refresh(self, app: FastAPI, people: People) -> None:
        """The idle limit moves as far as the longest life, and that does not move."""
        now = utc_now()
        login = await log_in(app, people, SessionKind.BEARER, now)
        await login.refresh_at(now + IDLE - DAY)
        row = await login.stored()
        assert row.ends_at == login.row.ends_at
        assert row.expires_at <= row.ends_at
        await login.refresh_at(now + IDLE, counter=1)
        with pytest.raises(RefreshTokenInvalid):
            await login.refresh_at(now + LONGEST, counter=2)

    async def test_at_a_renewal_of_the_cookie(self, app: FastAPI, people: People) -> None:
        login = await log_in(app, people, SessionKind.COOKIE, utc_now())
        async with login.resources.database.transaction() as session:
            await sessions.renew_session(
                session,
                session_id=login.row.id or 0,
                settings=login.resources.settings,
                now=utc_now() + YEAR,
            )
        row = await login.stored()
        assert row.expires_at == row.ends_at == login.row.ends_at

    @both_kinds
    async def test_when_the_others_were_ended(
        self, app: FastAPI, people: People, kind: SessionKind
    ) -> None:
        """They seemed over already; set right, the clock brings none of them back."""
        login = await log_in(app, people, kind, utc_now())
        async with login.resources.database.transaction() as session:
            ahead = utc_now() + YEAR
            await sessions.end_other_sessions(session, login.actor, is_proved=True, now=ahead)
        assert await login.show() == 401
        assert (await login.renew()).status_code == 401

    @both_kinds
    async def test_at_somebody_elses_login(
        self, app: FastAPI, people: People, kind: SessionKind
    ) -> None:
        """What seemed to have ended long ago is cleared away and stays away."""
        login = await log_in(app, people, kind, utc_now())
        async with login.resources.database.transaction() as session:
            await sessions.open_session(
                session,
                Actor(),
                user=login.ada,
                kind=kind,
                settings=login.resources.settings,
                now=utc_now() + YEAR,
            )
        assert await login.show() == 401
        assert (await login.renew()).status_code == 401


class TestClockWasBehind:
    @both_kinds
    async def test_at_the_login(self, app: FastAPI, people: People, kind: SessionKind) -> None:
        """Set right, the clock says that the login is long over: one logs in again."""
        login = await log_in(app, people, kind, utc_now() - YEAR)
        assert await login.show() == 401
        assert (await login.renew()).status_code == 401

    @both_kinds
    async def test_when_it_was_ended(self, app: FastAPI, people: People, kind: SessionKind) -> None:
        """Ended is ended, were it before the beginning."""
        login = await log_in(app, people, kind, utc_now())
        async with login.resources.database.transaction() as session:
            past = utc_now() - YEAR
            await sessions.end_session(
                session, login.actor, sid=login.row.sid, is_proved=True, now=past
            )
        row = await login.stored()
        assert row.revoked_at is not None
        assert row.revoked_at < row.created_at
        assert await login.show() == 401
        assert (await login.renew()).status_code == 401

    async def test_at_a_replay(self, app: FastAPI, people: People) -> None:
        """A token that was used long ago is no neighbour's tab, whichever way the clock went."""
        now = utc_now()
        login = await log_in(app, people, SessionKind.BEARER, now)
        await login.refresh_at(now + DAY)
        assert (await login.refresh_at(now)).is_reused
        assert (await login.stored()).revoked_at is not None

    async def test_at_a_refresh(self, app: FastAPI, people: People) -> None:
        """What a refresh by such a clock gave is dead at the right time, and was never longer."""
        now = utc_now()
        login = await log_in(app, people, SessionKind.BEARER, now - YEAR)
        refreshed = await login.refresh_at(now - YEAR + DAY)
        assert refreshed.user_session.expires_at < now
        assert await login.show() == 401


class TestClockRunsOn:
    @both_kinds
    @pytest.mark.parametrize("life", [IDLE, LONGEST, YEAR], ids=str)
    async def test_nothing_lives_past_its_limits(
        self, app: FastAPI, people: People, kind: SessionKind, life: timedelta
    ) -> None:
        now = utc_now()
        login = await log_in(app, people, kind, now)
        token = login.cookie if kind is SessionKind.COOKIE else login.access
        carrier = SessionKind.COOKIE if kind is SessionKind.COOKIE else SessionKind.BEARER
        assert await login.show() == 200
        with pytest.raises(TokenInvalid):
            await login.resources.principals.load(token, carrier, now=now + life)
        with pytest.raises(RefreshTokenInvalid):
            await login.refresh_at(now + life)
