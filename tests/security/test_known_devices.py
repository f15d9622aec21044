"""A known device: no stranger's failures hold it up, and whoever steals or forges it gains nothing.

An attacker who keeps failing for an account holds up whoever comes from elsewhere, but not a
browser that the account has logged in from.
"""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE, read_users, replay, visitor

LOGIN = "/api/v1/auth/login"
DEVICE = "portfolio_device"
NEW_PASSWORD = "a longer battery horse"
HOME, AWAY = "192.0.2.1", "198.51.100.7"

pytestmark = ONE_ENGINE
FEW_TRIES = pytest.mark.parametrize(
    "settings_changes",
    [{"login_attempts": 3, "login_attempts_per_account": 5}],
    ids=["few tries"],
)


async def log_in(client: httpx.AsyncClient, password: str = PASSWORD, uid: str = "ada") -> int:
    answer = await client.post(LOGIN, json={"uid": uid, "password": password})
    return answer.status_code


async def fail(client: httpx.AsyncClient, times: int, uid: str = "ada") -> list[int]:
    return [await log_in(client, "not the password", uid) for _ in range(times)]


async def attack(app: FastAPI, uid: str = "ada") -> None:
    """Fail for an account from many addresses until nothing is left for it."""
    for number in range(5):
        async with visitor(app, address=f"203.0.113.{number}") as stranger:
            assert await fail(stranger, 1, uid) == [401]
    async with visitor(app, address=AWAY) as stranger:
        assert await log_in(stranger, PASSWORD, uid) == 429


def mark_of(client: httpx.AsyncClient) -> str:
    mark: str = client.cookies[DEVICE]
    return mark


@pytest.fixture
async def ada(app: FastAPI, people: People) -> AsyncIterator[httpx.AsyncClient]:
    """Ada's browser at home, from which she has logged in and out."""
    await people.create("ada")
    async with visitor(app, address=HOME) as client:
        assert await log_in(client) == 200
        assert (await client.post("/api/v1/auth/logout")).status_code == 204
        yield client


@FEW_TRIES
class TestLockOut:
    async def test_her_own_device_is_not_held_up(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        await attack(app)
        assert await log_in(ada) == 200

    async def test_nor_by_a_classmate_at_the_same_address(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        async with visitor(app, address=HOME) as classmate:
            assert await fail(classmate, 4) == [401, 401, 401, 429]
        assert await log_in(ada) == 200

    async def test_wherever_it_is_carried(self, app: FastAPI, ada: httpx.AsyncClient) -> None:
        await attack(app)
        async with visitor(app, address=AWAY, cookies={DEVICE: mark_of(ada)}) as on_the_way:
            assert await log_in(on_the_way) == 200

    async def test_her_own_failures_hold_up_nobody_else(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        assert await fail(ada, 4) == [401, 401, 401, 429]
        async with visitor(app, address=HOME) as elsewhere:
            assert await log_in(elsewhere) == 200

    async def test_with_a_new_password_the_device_stays_known(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        assert await log_in(ada) == 200
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert (await ada.post("/api/v1/users/me/password", json=body)).status_code == 204
        await attack(app)
        assert await log_in(ada, NEW_PASSWORD) == 200

    async def test_each_person_of_a_shared_browser(
        self, app: FastAPI, people: People, ada: httpx.AsyncClient
    ) -> None:
        await people.create("bob")
        assert await log_in(ada, uid="bob") == 200
        await attack(app)
        await attack(app, "bob")
        assert await log_in(ada) == 200
        assert await log_in(ada, uid="bob") == 200


@FEW_TRIES
class TestStolen:
    async def test_gives_a_few_attempts_and_no_more(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        async with visitor(app, address=AWAY, cookies={DEVICE: mark_of(ada)}) as thief:
            assert await fail(thief, 5) == [401, 401, 401, 429, 429]
            assert await log_in(thief) == 429

    async def test_is_counted_wherever_it_is_sent_from(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        tries = []
        for number in range(5):
            address = f"203.0.113.{number}"
            async with visitor(app, address=address, cookies={DEVICE: mark_of(ada)}) as thief:
                tries += await fail(thief, 1)
        assert tries == [401, 401, 401, 429, 429]

    async def test_is_no_login(self, app: FastAPI, ada: httpx.AsyncClient) -> None:
        assert (await replay(app, mark_of(ada))).status_code == 401
        async with visitor(app, cookies={DEVICE: mark_of(ada)}) as thief:
            assert (await thief.get("/api/v1/auth/session")).status_code == 401

    async def test_is_worth_nothing_after_a_new_password(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        stolen = mark_of(ada)
        assert await log_in(ada) == 200
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert (await ada.post("/api/v1/users/me/password", json=body)).status_code == 204
        await attack(app)
        async with visitor(app, address=AWAY, cookies={DEVICE: stolen}) as thief:
            assert await fail(thief, 1) == [429]


@FEW_TRIES
class TestForged:
    async def test_of_another_account(
        self, app: FastAPI, people: People, ada: httpx.AsyncClient
    ) -> None:
        await people.create("eve")
        await attack(app, "eve")
        assert await fail(ada, 1, "eve") == [429]

    @pytest.mark.parametrize(
        "value", ["x", "A" * 16 + ".20700." + "A" * 22, "ada", "~", '"', "x" * 4000]
    )
    async def test_made_up(self, app: FastAPI, ada: httpx.AsyncClient, value: str) -> None:
        await attack(app)
        assert mark_of(ada)
        async with visitor(app, headers={"Cookie": f"{DEVICE}={value}"}) as forger:
            assert await fail(forger, 1) == [429]

    async def test_sent_twice(self, app: FastAPI, ada: httpx.AsyncClient) -> None:
        await attack(app)
        twice = f"{DEVICE}={mark_of(ada)}; {DEVICE}={mark_of(ada)}"
        async with visitor(app, headers={"Cookie": twice}) as forger:
            assert await log_in(forger) == 429

    async def test_without_the_prefix_over_https(
        self, app: FastAPI, ada: httpx.AsyncClient
    ) -> None:
        """A neighbour on the same domain could have planted it."""
        await attack(app)
        mark = mark_of(ada)
        async with visitor(app, base_url="https://localhost:8086", scope={"scheme": "https"}) as it:
            it.headers["Cookie"] = f"{DEVICE}={mark}"
            assert await log_in(it) == 429
            it.headers["Cookie"] = f"__Host-{DEVICE}={mark}"
            assert await log_in(it) == 200

    async def test_many_give_no_more_than_one(
        self, app: FastAPI, people: People, ada: httpx.AsyncClient
    ) -> None:
        """Whoever knows one password has as many marks of that account, and none of another."""
        await people.create("eve")
        await attack(app)
        for _ in range(3):
            async with visitor(app, address=AWAY) as forger:
                assert await log_in(forger, uid="eve") == 200
                assert await fail(forger, 1) == [429]
        assert await log_in(ada) == 200


class TestCookie:
    async def test_is_set_at_a_login_and_survives_the_log_out(self, ada: httpx.AsyncClient) -> None:
        assert DEVICE in ada.cookies
        assert "portfolio_session" not in ada.cookies

    async def test_attributes(self, app: FastAPI, people: People) -> None:
        await people.create("bob")
        async with visitor(app) as client:
            answer = await client.post(LOGIN, json={"uid": "bob", "password": PASSWORD})
        _, device = answer.headers.get_list("Set-Cookie")
        name, _, rest = device.partition("=")
        _, _, attributes = rest.partition("; ")
        assert name == DEVICE
        assert attributes == f"Max-Age={180 * 24 * 3600}; Path=/; HttpOnly; SameSite=Lax"

    async def test_names_nobody(
        self, app: FastAPI, ada: httpx.AsyncClient, resources: Resources
    ) -> None:
        users = await read_users(resources)
        assert users["ada"].public_id not in mark_of(ada)
        async with visitor(app, cookies={DEVICE: mark_of(ada)}) as reader:
            shown = await reader.get("/")
        assert users["ada"].name not in shown.text

    async def test_not_for_who_failed(self, app: FastAPI) -> None:
        async with visitor(app) as client:
            answer = await client.post(LOGIN, json={"uid": "ada", "password": "wrong"})
        assert "Set-Cookie" not in answer.headers

    async def test_not_for_scripts(self, app: FastAPI, people: People) -> None:
        await people.create("bob")
        async with visitor(app) as client:
            form = {"username": "bob", "password": PASSWORD}
            answer = await client.post("/api/v1/auth/token", data=form)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("settings_changes", [{"known_device_days": 0}], ids=["off"])
async def test_none_where_none_is_wanted(app: FastAPI, people: People) -> None:
    await people.create("ada")
    async with visitor(app) as client:
        assert await log_in(client) == 200
        assert DEVICE not in client.cookies
