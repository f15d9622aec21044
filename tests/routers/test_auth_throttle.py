"""Guessing: how many tries there are, for whom, and that failures look alike."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import LOGIN, change_user, visitor

LOGIN_PATH = "/api/v1/auth/login"
THREE_TRIES = pytest.mark.parametrize(
    "settings_changes", [{"login_attempts": 3}], ids=["three tries"]
)


async def guess(
    client: httpx.AsyncClient, uid: str = "ada", password: str = "not the password"
) -> int:
    answer = await client.post(LOGIN_PATH, json={"uid": uid, "password": password})
    return answer.status_code


@THREE_TRIES
class TestThrottle:
    async def test_after_some_failures(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        assert [await guess(client) for _ in range(4)] == [401, 401, 401, 429]

    async def test_says_how_long_to_wait(self, client: httpx.AsyncClient) -> None:
        for _ in range(3):
            await guess(client)
        answer = await client.post(LOGIN_PATH, json=LOGIN)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 300
        assert answer.json()["type"] == "/problems#too-many-attempts"

    async def test_the_right_password_waits_too(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        for _ in range(3):
            await guess(client)
        assert await guess(client, password=PASSWORD) == 429

    async def test_of_an_unknown_uid_alike(self, client: httpx.AsyncClient) -> None:
        tries = [await guess(client, "nobody") for _ in range(4)]
        assert tries == [401, 401, 401, 429]

    async def test_spellings_of_a_uid_count_together(self, client: httpx.AsyncClient) -> None:
        spellings = ["ada", "ADA", "\uff41da", "Ada"]
        assert [await guess(client, uid) for uid in spellings] == [401, 401, 401, 429]

    async def test_both_ways_in_count_together(self, client: httpx.AsyncClient) -> None:
        for _ in range(3):
            await guess(client)
        form = {"username": "ada", "password": "not the password"}
        assert (await client.post("/api/v1/auth/token", data=form)).status_code == 429

    async def test_another_address_is_not_held_up(
        self, client: httpx.AsyncClient, people: People, app: FastAPI
    ) -> None:
        await people.create("ada")
        for _ in range(4):
            await guess(client)
        async with visitor(app, address="10.0.0.2") as elsewhere:
            assert await guess(elsewhere, password=PASSWORD) == 200

    async def test_another_person_at_the_same_address_is_not_held_up(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("bob")
        for _ in range(4):
            await guess(client)
        assert await guess(client, "bob", PASSWORD) == 200

    async def test_a_success_starts_afresh(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        tries = [await guess(client), await guess(client), await guess(client, password=PASSWORD)]
        assert tries == [401, 401, 200]
        assert [await guess(client) for _ in range(3)] == [401, 401, 401]

    async def test_many_at_once_are_no_way_around(self, client: httpx.AsyncClient) -> None:
        tries = await asyncio.gather(*(guess(client) for _ in range(20)))
        assert sorted(tries) == [401] * 3 + [429] * 17

    async def test_unfit_bodies_cost_nothing(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        for _ in range(5):
            await client.post(LOGIN_PATH, json={"uid": "ada"})
        assert await guess(client, password=PASSWORD) == 200

    async def test_confirming_a_password_is_throttled_too(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        body = {"current_password": "not the password", "new_password": "an even longer one"}
        tries = [await ada.post("/api/v1/users/me/password", json=body) for _ in range(4)]
        assert [answer.status_code for answer in tries] == [403, 403, 403, 429]


class TestFailuresLookAlike:
    @pytest.mark.parametrize("path", [LOGIN_PATH, "/api/v1/auth/token"])
    async def test_in_every_byte_that_is_not_the_requests(
        self, client: httpx.AsyncClient, people: People, resources: Resources, path: str
    ) -> None:
        for uid in ("wrong", "disabled", "without"):
            await people.create(uid)
        await change_user(resources, "disabled", is_active=False)
        await change_user(resources, "without", password_hash=None)
        seen = set()
        for uid in ("unknown", "wrong", "disabled", "without"):
            password = "not the password" if uid == "wrong" else PASSWORD
            if path == LOGIN_PATH:
                answer = await client.post(path, json={"uid": uid, "password": password})
            else:
                answer = await client.post(path, data={"username": uid, "password": password})
            request_id = answer.headers.pop("X-Request-ID")
            body = answer.text.replace(request_id, "")
            seen.add((answer.status_code, body, tuple(answer.headers.multi_items())))
        assert len(seen) == 1
        assert seen.pop()[0] == 401
