"""Guessing passwords: at one account, at one from everywhere, at many from one place, all at once.

Nobody is locked out for it, nobody learns which names exist, and a school is not an attacker. Known
devices have a module of their own, and so has what is forged about where one comes from.
"""

import asyncio
from collections import Counter

import httpx
import pytest
from fastapi import FastAPI

from app.resources import Resources
from tests.people import PASSWORD, People
from tests.services.hashing import Pause, pause
from tests.wire import ONE_ENGINE, change_user, visitor

__all__ = ["pause"]

LOGIN, TOKEN, OLD = "/api/v1/auth/login", "/api/v1/auth/token", "/api/authenticate"
WRONG = "not the password"
FEW_TRIES = pytest.mark.parametrize(
    "settings_changes",
    [{"login_attempts": 3, "login_attempts_per_account": 6, "login_attempts_per_address": 8}],
    ids=["few tries"],
)


async def guess(
    client: httpx.AsyncClient, uid: str = "ada", password: str = WRONG, path: str = LOGIN
) -> int:
    if path == TOKEN:
        answer = await client.post(path, data={"username": uid, "password": password})
    else:
        answer = await client.post(path, json={"uid": uid, "password": password})
    return answer.status_code


async def guess_from(app: FastAPI, address: str, uid: str = "ada", password: str = WRONG) -> int:
    async with visitor(app, address=address) as stranger:
        return await guess(stranger, uid, password)


@ONE_ENGINE
@FEW_TRIES
class TestDistributed:
    """One account, guessed at from many addresses."""

    async def test_is_slowed(self, app: FastAPI, people: People) -> None:
        await people.create("ada")
        tries = [await guess_from(app, f"203.0.113.{number}") for number in range(9)]
        assert tries == [401] * 6 + [429] * 3
        assert await guess_from(app, "203.0.113.99", password=PASSWORD) == 429

    async def test_of_a_name_that_nobody_has_as_well(self, app: FastAPI) -> None:
        tries = [await guess_from(app, f"203.0.113.{number}", "nobody") for number in range(9)]
        assert tries == [401] * 6 + [429] * 3

    async def test_all_at_once_does_not_slip_through(self, app: FastAPI, people: People) -> None:
        await people.create("ada")
        tries = await asyncio.gather(
            *(guess_from(app, f"203.0.{number}.7") for number in range(60))
        )
        assert Counter(tries) == {401: 6, 429: 54}

    async def test_holds_up_no_other_account(self, app: FastAPI, people: People) -> None:
        await people.create("bob")
        for number in range(8):
            await guess_from(app, f"203.0.113.{number}")
        assert await guess_from(app, "203.0.113.9", "bob", PASSWORD) == 200

    async def test_the_owners_success_gives_guesses_back_to_nobody(
        self, app: FastAPI, people: People
    ) -> None:
        await people.create("ada")
        for number in range(5):
            assert await guess_from(app, f"203.0.113.{number}") == 401
        assert await guess_from(app, "192.0.2.1", password=PASSWORD) == 200
        tries = [await guess_from(app, f"203.0.113.{number}") for number in range(10, 13)]
        assert tries == [401, 429, 429]


@ONE_ENGINE
@FEW_TRIES
class TestSpraying:
    """Many accounts, each guessed at once or twice, from one address."""

    async def test_is_slowed(self, client: httpx.AsyncClient) -> None:
        tries = [await guess(client, f"pupil{number}") for number in range(12)]
        assert tries == [401] * 8 + [429] * 4

    async def test_all_at_once_does_not_slip_through(self, client: httpx.AsyncClient) -> None:
        tries = await asyncio.gather(*(guess(client, f"pupil{number}") for number in range(60)))
        assert Counter(tries) == {401: 8, 429: 52}

    @pytest.mark.parametrize("path", [LOGIN, TOKEN, OLD])
    async def test_whichever_way_in(self, client: httpx.AsyncClient, path: str) -> None:
        for number in range(8):
            await guess(client, f"pupil{number}")
        assert await guess(client, "somebody", path=path) == 429

    async def test_from_a_network_of_ipv6(self, app: FastAPI) -> None:
        tries = [
            await guess_from(app, f"2001:db8::{number:x}", f"pupil{number}") for number in range(12)
        ]
        assert tries == [401] * 8 + [429] * 4
        assert await guess_from(app, "2001:db8:0:1::1") == 401

    async def test_holds_up_no_other_address(self, app: FastAPI, people: People) -> None:
        await people.create("ada")
        for number in range(9):
            await guess_from(app, "203.0.113.7", f"pupil{number}")
        assert await guess_from(app, "203.0.113.8", password=PASSWORD) == 200


@ONE_ENGINE
class TestClass:
    """Many pupils behind one address, with the limits that are the default."""

    async def test_all_log_in_though_some_mistype(self, app: FastAPI, people: People) -> None:
        size = 200
        known = (await people.create("pupil0")).password_hash
        resources: Resources = app.state.resources
        for number in range(1, size):
            await people.create(f"pupil{number}")
        assert known is not None
        assert resources.settings.login_attempts_per_address == 150
        async with visitor(app, address="192.0.2.1") as school:

            async def pupil(number: int) -> list[int]:
                mistakes = {0: 1, 5: 2}.get(number % 10, 0)
                passwords = [WRONG] * mistakes + [PASSWORD]
                return [await guess(school, f"pupil{number}", text) for text in passwords]

            tries = await asyncio.gather(*(pupil(number) for number in range(size)))
        assert Counter(status for each in tries for status in each) == {200: size, 401: 60}

    @pytest.mark.parametrize("settings_changes", [{"login_attempts_per_address": 5}])
    async def test_successes_never_add_up(self, people: People) -> None:
        await people.create("ada")
        for _ in range(12):
            visitor_ = await people.visitor()
            assert await guess(visitor_, password=PASSWORD) == 200


@ONE_ENGINE
@pytest.mark.parametrize(
    "settings_changes",
    [{"login_attempts_per_account": 0, "login_attempts_per_address": 0, "login_attempts": 2}],
    ids=["off"],
)
async def test_limits_that_are_off(app: FastAPI) -> None:
    tries = [await guess_from(app, f"203.0.{number}.7") for number in range(60)]
    assert tries == [401] * 60
    tries = [await guess_from(app, "192.0.2.1", f"pupil{number}") for number in range(160)]
    assert tries == [401] * 160
    assert [await guess_from(app, "192.0.2.1") for _ in range(3)] == [401, 401, 429]


@ONE_ENGINE
class TestSameWork:
    """What is done for a name does not depend on whether it is anybody's: no stopwatch needed."""

    async def test_for_everybody(
        self,
        client: httpx.AsyncClient,
        people: People,
        resources: Resources,
        hashed: list[str],
    ) -> None:
        for uid in ("wrong", "disabled", "without"):
            await people.create(uid)
        await change_user(resources, "disabled", is_active=False)
        await change_user(resources, "without", password_hash=None)
        done = {}
        for uid in ("unknown", "wrong", "disabled", "without"):
            hashed.clear()
            password = WRONG if uid == "wrong" else PASSWORD
            assert await guess(client, uid, password) == 401
            done[uid] = len(hashed)
        assert done == dict.fromkeys(done, 1)

    @FEW_TRIES
    async def test_none_for_whoever_has_to_wait(
        self, client: httpx.AsyncClient, people: People, pause: Pause
    ) -> None:
        await people.create("ada")
        for uid in ("ada", "nobody"):
            assert [await guess(client, uid) for _ in range(3)] == [401] * 3
        # Nobody would come back from a hash now.
        pause.before("hash_secret")
        pause.before("verify_secret")
        answers = [
            await client.post(LOGIN, json={"uid": uid, "password": PASSWORD})
            for uid in ("ada", "nobody")
        ]
        assert [answer.status_code for answer in answers] == [429, 429]
        bodies = [answer.json() for answer in answers]
        for body in bodies:
            del body["request_id"], body["detail"]
        assert bodies[0] == bodies[1]


@ONE_ENGINE
@pytest.mark.parametrize(
    "settings_changes",
    [
        {
            "login_attempts": 1,
            "login_attempts_per_account": 1,
            "login_attempts_per_address": 1,
            "hash_queue": 4,
            "hash_deadline_seconds": 60,
        }
    ],
    ids=["one try"],
)
class TestNotTried:
    async def test_what_the_site_was_too_busy_for_does_not_count(
        self, app: FastAPI, people: People, resources: Resources, pause: Pause
    ) -> None:
        await people.create("ada")
        places = resources.settings.hash_queue
        pause.before("hash_secret")
        held = [asyncio.ensure_future(resources.hasher.hash(PASSWORD)) for _ in range(places)]
        await pause.reached()
        async with visitor(app) as client:
            body = {"uid": "ada", "password": PASSWORD}
            answer = await client.post(LOGIN, json=body)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
            pause.go_on()
            await asyncio.gather(*held)
            assert await guess(client, password=PASSWORD) == 200
