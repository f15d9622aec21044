"""The session cookie: its name and attributes for each kind of visitor, and its renewal."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from app.cookies import DEVICE_COOKIE_NAME, CookieProfile
from app.models import utc_now
from app.resources import Resources
from app.tokens import Purpose
from tests.people import People
from tests.wire import (
    COOKIE,
    LOGIN,
    ONE_ENGINE,
    SESSION,
    change_session,
    current_sid,
    read_session,
    replay,
    visitor,
)

LOGIN_PATH = "/api/v1/auth/login"
DAY = 24 * 3600
WEEK = 7 * DAY


@dataclass(frozen=True)
class Row:
    """One row of the contract's table: who asks from where, and what their browser needs."""

    name: str
    base_url: str
    cookie: str
    attributes: str
    headers: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


HTTPS = {"public_url": "https://api.school.org"}
ROWS = [
    Row("a program", "http://localhost:8086", COOKIE, "SameSite=Lax"),
    Row(
        "our own page",
        "http://localhost:8086",
        COOKIE,
        "SameSite=Lax",
        {"Origin": "http://localhost:8086", "Sec-Fetch-Site": "same-origin"},
    ),
    Row(
        "another port of the same host",
        "http://localhost:8086",
        COOKIE,
        "SameSite=Lax",
        {"Origin": "http://localhost:4100", "Sec-Fetch-Site": "same-site"},
    ),
    Row(
        "another port, from a browser without Sec-Fetch",
        "http://localhost:8086",
        COOKIE,
        "SameSite=Lax",
        {"Origin": "http://localhost:4100"},
    ),
    Row(
        "127.0.0.1 to localhost",
        "http://localhost:8086",
        COOKIE,
        "Secure; SameSite=None; Partitioned",
        {"Origin": "http://127.0.0.1:4500", "Sec-Fetch-Site": "cross-site"},
    ),
    Row(
        "127.0.0.1, from a browser without Sec-Fetch",
        "http://localhost:8086",
        COOKIE,
        "Secure; SameSite=None; Partitioned",
        {"Origin": "http://127.0.0.1:4500"},
    ),
    Row(
        "https, our own page",
        "https://api.school.org",
        f"__Host-{COOKIE}",
        "Secure; SameSite=Lax",
        {"Origin": "https://api.school.org", "Sec-Fetch-Site": "same-origin"},
        HTTPS,
    ),
    Row(
        "https, same site",
        "https://api.school.org",
        f"__Host-{COOKIE}",
        "Secure; SameSite=Lax",
        {"Origin": "https://www.school.org", "Sec-Fetch-Site": "same-site"},
        {**HTTPS, "cors_origins": "https://www.school.org"},
    ),
    Row(
        "https, another site",
        "https://api.school.org",
        f"__Host-{COOKIE}",
        "Secure; SameSite=None; Partitioned",
        {"Origin": "https://ada.github.io", "Sec-Fetch-Site": "cross-site"},
        {**HTTPS, "cors_origins": "https://ada.github.io"},
    ),
    Row(
        "behind a proxy that ends TLS",
        "http://api.school.org",
        f"__Host-{COOKIE}",
        "Secure; SameSite=Lax",
        {"Origin": "https://api.school.org", "Sec-Fetch-Site": "same-origin"},
        HTTPS,
    ),
    Row(
        "a school network over http",
        "http://192.168.1.5:8086",
        COOKIE,
        "SameSite=Lax",
        {"Origin": "http://192.168.1.9:4100"},
        {"cors_origins": "http://192.168.1.9:4100"},
    ),
]


class TestCookieAttributes:
    @ONE_ENGINE
    @pytest.mark.parametrize(
        ("settings_changes", "row"), [pytest.param(row.settings, row, id=row.name) for row in ROWS]
    )
    async def test_fit_the_visitor(self, app: FastAPI, people: People, row: Row) -> None:
        await people.create("ada")
        async with visitor(app, base_url=row.base_url, headers=row.headers) as client:
            answer = await client.post(LOGIN_PATH, json=LOGIN)
            assert answer.status_code == 200, answer.text
            session_cookie, device_cookie = answer.headers.get_list("Set-Cookie")
            assert device_cookie.startswith(row.cookie.replace("session", "device="))
            assert device_cookie.endswith(f"; Path=/; HttpOnly; {row.attributes}")
            name, _, rest = session_cookie.partition("=")
            token, _, attributes = rest.partition("; ")
            assert name == row.cookie
            assert attributes == f"Max-Age={WEEK}; Path=/; HttpOnly; {row.attributes}"
            shown = await client.get(SESSION, headers={"Cookie": f"{name}={token}"})
            assert shown.json()["user"]["uid"] == "ada"

    @pytest.mark.parametrize("settings_changes", [HTTPS])
    async def test_over_https_the_plain_name_is_nobodys(self, app: FastAPI, people: People) -> None:
        await people.create("ada")
        async with visitor(app, base_url="https://api.school.org") as client:
            answer = await client.post(LOGIN_PATH, json=LOGIN)
            token = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        async with visitor(app, base_url="https://api.school.org") as client:
            shown = await client.get(SESSION, headers={"Cookie": f"{COOKIE}={token}"})
            assert shown.status_code == 401


class TestRenewal:
    """A cookie is sent anew after half its life; time is moved by dating cookie and row back."""

    @staticmethod
    async def _aged(
        people: People,
        resources: Resources,
        *,
        age: float,
        left: float,
        rest: float = 20,
        **columns: Any,
    ) -> tuple[str, str]:
        """Return a cookie of `age` days with `left` days of its own and `rest` of its session."""
        ada = await people.create("ada")
        sid = await current_sid(await people.log_in("ada"))
        now = utc_now()
        issued, expires_at = now - timedelta(days=age), now + timedelta(days=left)
        times = {"created_at": issued, "renewed_at": issued, "expires_at": expires_at}
        ends_at = now + timedelta(days=rest)
        await change_session(resources, sid, **times, ends_at=ends_at, **columns)
        token = resources.codec.issue(
            Purpose.COOKIE, sub=ada.public_id, sid=sid, now=issued, expires_at=expires_at
        )
        return token, sid

    async def test_not_before_half_its_life(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, sid = await self._aged(people, resources, age=3.4, left=3.6)
        answer = await replay(app, token)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert (await read_session(resources, sid)).expires_at < utc_now() + timedelta(days=3.7)

    async def test_not_of_an_ended_session(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, _ = await self._aged(people, resources, age=4, left=3, revoked_at=utc_now())
        answer = await replay(app, token)
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers

    async def test_not_of_a_session_that_was_not_used_in_time(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, sid = await self._aged(people, resources, age=4, left=3)
        await change_session(resources, sid, expires_at=utc_now() - timedelta(seconds=1))
        answer = await replay(app, token)
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers

    async def test_not_when_it_lives_as_long_as_its_session(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, sid = await self._aged(people, resources, age=4, left=1, rest=1)
        before = await read_session(resources, sid)
        answer = await replay(app, token)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        # Nor is anything written: this would go on with every request until the end.
        assert (await read_session(resources, sid)).renewed_at == before.renewed_at

    @pytest.mark.parametrize("settings_changes", [{"session_idle_days": 1}])
    async def test_not_by_one_that_would_end_earlier(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, _ = await self._aged(people, resources, age=4, left=3)
        answer = await replay(app, token)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers

    async def test_not_with_a_refusal(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, _ = await self._aged(people, resources, age=4, left=3)
        answer = await replay(app, token, "/api/v1/users/nobody")
        assert answer.status_code == 404
        assert "Set-Cookie" not in answer.headers

    async def test_not_beside_a_token(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, _ = await self._aged(people, resources, age=4, left=3)
        bearer = (await people.bearer("ada")).headers["Authorization"]
        headers = {"Cookie": f"{COOKIE}={token}", "Authorization": bearer}
        async with visitor(app, headers=headers) as client:
            assert "Set-Cookie" not in (await client.get(SESSION)).headers

    async def test_after_half_its_life(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, sid = await self._aged(people, resources, age=3.6, left=3.4)
        answer = await replay(app, token)
        name, _, rest = answer.headers["Set-Cookie"].partition("=")
        renewed, _, attributes = rest.partition("; ")
        assert name == COOKIE
        assert attributes == f"Max-Age={WEEK}; Path=/; HttpOnly; SameSite=Lax"
        assert renewed != token
        assert (await replay(app, renewed)).json()["session"]["id"] == sid
        assert (await read_session(resources, sid)).expires_at > utc_now() + timedelta(days=6.9)

    async def test_the_old_cookie_holds_until_its_end(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, _ = await self._aged(people, resources, age=3.6, left=3.4)
        await replay(app, token)
        assert (await replay(app, token)).status_code == 200

    async def test_not_beyond_the_end_of_the_session(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, sid = await self._aged(people, resources, age=4, left=3, rest=5)
        answer = await replay(app, token)
        max_age = int(answer.headers["Set-Cookie"].partition("Max-Age=")[2].partition(";")[0])
        assert 5 * DAY - 60 < max_age <= 5 * DAY
        row = await read_session(resources, sid)
        assert row.expires_at == row.ends_at

    async def test_keeps_its_attributes(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        profile = CookieProfile.LOOPBACK_CROSS_SITE.value
        token, _ = await self._aged(people, resources, age=4, left=3, cookie_profile=profile)
        answer = await replay(app, token)
        assert answer.headers["Set-Cookie"].endswith("Secure; SameSite=None; Partitioned")

    async def test_a_login_sets_one_cookie_all_the_same(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, _ = await self._aged(people, resources, age=4, left=3)
        async with visitor(app, headers={"Cookie": f"{COOKIE}={token}"}) as client:
            answer = await client.post("/api/v1/auth/login", json=LOGIN)
        names = [line.partition("=")[0] for line in answer.headers.get_list("Set-Cookie")]
        assert names == [COOKIE, DEVICE_COOKIE_NAME]

    async def test_a_log_out_clears_it_all_the_same(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        token, _ = await self._aged(people, resources, age=4, left=3)
        async with visitor(app, headers={"Cookie": f"{COOKIE}={token}"}) as client:
            answer = await client.post("/api/v1/auth/logout")
        cookies = answer.headers.get_list("Set-Cookie")
        assert cookies
        assert all("Max-Age=0;" in cookie for cookie in cookies)
