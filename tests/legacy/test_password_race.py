"""The new password and the log-out that old pages send at once: whichever arrives first, it counts.

And the door that is held open for that lets nothing else in.
"""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.models import utc_now
from app.resources import Resources
from tests.legacy.wire import LOGIN, NEW_PASSWORD, front_end, log_in, refused, sign_up
from tests.wire import COOKIE, change_session, change_user, current_sid, visitor

ENDED = "Authentication Token is invalid or has expired"
CHANGE = {"password": NEW_PASSWORD}


async def can_log_in(app: FastAPI, password: str) -> bool:
    async with front_end(app) as page:
        answer = await page.post("/api/authenticate", json={**LOGIN, "password": password})
        return answer.status_code == 200


async def log_in_and_out(page: httpx.AsyncClient) -> str:
    """Log in and out the old way; return the id of the session that this ended."""
    await sign_up(page)
    await log_in(page)
    sid = await current_sid(page)
    assert (await page.delete("/api/authenticate")).status_code == 200
    return sid


async def refuse_late_change(app: FastAPI, page: httpx.AsyncClient) -> None:
    answer = await page.put("/api/user", json=CHANGE)
    refused(answer, 401, ENDED)
    assert not await can_log_in(app, NEW_PASSWORD)
    assert await can_log_in(app, LOGIN["password"])


class TestRefusals:
    @pytest.mark.parametrize(
        "body",
        [
            {**CHANGE, "name": "Eve"},
            {"name": "Eve"},
            {"uid": "eve"},
            {"email": "eve@example.org"},
            {},
            {"password": ""},
            {"password": None},
        ],
    )
    async def test_anything_but_the_password(self, app: FastAPI, body: dict[str, Any]) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            refused(await page.put("/api/user", json=body), 401, ENDED)
            me = await log_in(page)
            assert (me["user"]["uid"], me["user"]["name"]) == ("ada", "Ada Lovelace")

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/id"),
            ("GET", "/api/user"),
            ("GET", "/api/users"),
            ("PUT", "/api/users"),
            ("DELETE", "/api/user"),
            ("PUT", "/api/user/class"),
            ("GET", "/api/v1/users/me"),
            ("POST", "/api/v1/users/me/password"),
            ("GET", "/api/v1/auth/session"),
        ],
    )
    async def test_any_other_address(self, app: FastAPI, method: str, path: str) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            answer = await page.request(method, path, json=CHANGE)
            assert answer.status_code == 401
        assert await can_log_in(app, LOGIN["password"])

    async def test_a_second_time(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            assert (await page.put("/api/user", json=CHANGE)).status_code == 200
            other = {"password": "yet another rare phrase"}
            refused(await page.put("/api/user", json=other), 401, ENDED)
        assert await can_log_in(app, NEW_PASSWORD)

    async def test_later(self, app: FastAPI, resources: Resources) -> None:
        async with front_end(app) as page:
            sid = await log_in_and_out(page)
            await change_session(resources, sid, password_grace_until=utc_now())
            await refuse_late_change(app, page)

    async def test_from_another_address(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            cookie = page.cookies[COOKIE]
        headers = {"Cookie": f"{COOKIE}={cookie}", "Origin": "http://localhost:4100"}
        async with visitor(app, address="192.0.2.7", headers=headers) as thief:
            await refuse_late_change(app, thief)

    async def test_after_any_other_end_of_the_session(self, app: FastAPI) -> None:
        async with front_end(app) as page, front_end(app) as phone:
            await sign_up(page)
            await log_in(page)
            await log_in(phone)
            sid = await current_sid(phone)
            ended = await page.delete(f"/api/v1/auth/sessions/{sid}")
            assert ended.status_code == 204
            await refuse_late_change(app, phone)

    async def test_after_the_log_out_of_the_new_api(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            cookie = page.cookies[COOKIE]
            assert (await page.post("/api/v1/auth/logout")).status_code == 204
            page.headers["Cookie"] = f"{COOKIE}={cookie}"
            await refuse_late_change(app, page)

    async def test_once_the_account_was_disabled(self, app: FastAPI, resources: Resources) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            await change_user(resources, "ada", is_active=False)
            refused(await page.put("/api/user", json=CHANGE), 401, ENDED)

    async def test_a_password_that_will_not_do(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            answer = await page.put("/api/user", json={"password": "short"})
            refused(answer, 400, "Password must be at least 12 characters")
            # That used nothing up.
            assert (await page.put("/api/user", json=CHANGE)).status_code == 200


class TestEitherOrder:
    async def test_password_first(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            assert (await page.put("/api/user", json=CHANGE)).status_code == 200
            assert (await page.get("/api/id")).status_code == 200
            assert (await page.delete("/api/authenticate")).status_code == 200
            refused(await page.get("/api/id"), 401, ENDED)
        assert await can_log_in(app, NEW_PASSWORD)
        assert not await can_log_in(app, LOGIN["password"])

    async def test_log_out_first(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            answer = await page.put("/api/user", json=CHANGE)
            assert answer.status_code == 200
            assert answer.json()["uid"] == "ada"
            refused(await page.get("/api/id"), 401, ENDED)
        assert await can_log_in(app, NEW_PASSWORD)
        assert not await can_log_in(app, LOGIN["password"])

    async def test_log_out_first_with_the_token(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            token = (await log_in(page))["token"]
        async with front_end(app) as page:
            page.headers["Authorization"] = f"Bearer {token}"
            await page.delete("/api/authenticate")
            assert (await page.put("/api/user", json=CHANGE)).status_code == 200
            refused(await page.get("/api/id"), 401, ENDED)
        assert await can_log_in(app, NEW_PASSWORD)

    async def test_both_at_once(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            for attempt in range(10):
                old, new = (f"number {attempt + step} of the rare phrases" for step in (0, 1))
                await log_in(page, password=old if attempt else LOGIN["password"])
                put, delete = await asyncio.gather(
                    page.put("/api/user", json={"password": new}),
                    page.delete("/api/authenticate"),
                )
                assert (put.status_code, delete.status_code) == (200, 200)
                refused(await page.get("/api/id"), 401, ENDED)
                assert await can_log_in(app, new)
                assert not await can_log_in(app, old)

    async def test_fifty_late_changes_at_once_are_one(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await log_in_and_out(page)
            phrases = [f"rare phrase number {number}" for number in range(50)]
            answers = await asyncio.gather(
                *(page.put("/api/user", json={"password": phrase}) for phrase in phrases)
            )
            statuses = [answer.status_code for answer in answers]
            assert sorted(statuses) == [200] + [401] * 49
            assert await can_log_in(app, phrases[statuses.index(200)])
