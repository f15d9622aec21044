"""With a new password the browser that chose it stays known, whichever way it was chosen.

Otherwise somebody under attack would change the password, and be held up at the next login.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.models import Role, utc_now
from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE, read_users

DEVICE = "portfolio_device"
NEW = "a longer battery horse"
CHANGE = {"current_password": PASSWORD, "new_password": NEW}

Change = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]


async def by_api(client: httpx.AsyncClient, _secret: str) -> httpx.Response:
    return await client.post("/api/v1/users/me/password", json=CHANGE)


async def on_the_page(client: httpx.AsyncClient, _secret: str) -> httpx.Response:
    return await client.post("/account/password", data=CHANGE)


async def on_the_old_wire(client: httpx.AsyncClient, _secret: str) -> httpx.Response:
    return await client.put("/api/user", json={"password": NEW})


async def on_the_older_wire(client: httpx.AsyncClient, _secret: str) -> httpx.Response:
    return await client.put("/api/users", json={"uid": "ada", "password": NEW})


async def overtaken_by_the_log_out(client: httpx.AsyncClient, _secret: str) -> httpx.Response:
    await client.delete("/api/authenticate")
    return await client.put("/api/user", json={"password": NEW})


async def by_a_link(client: httpx.AsyncClient, secret: str) -> httpx.Response:
    return await client.post("/api/v1/auth/reset", json={"token": secret, "new_password": NEW})


async def by_a_link_on_the_page(client: httpx.AsyncClient, secret: str) -> httpx.Response:
    return await client.post("/reset", data={"token": secret, "new_password": NEW})


WAYS = [
    *(by_api, on_the_page, on_the_old_wire, on_the_older_wire, overtaken_by_the_log_out),
    *(by_a_link, by_a_link_on_the_page),
]


@ONE_ENGINE
@pytest.mark.parametrize("change", WAYS, ids=lambda way: way.__name__)
async def test_this_browser_stays_known(
    people: People, resources: Resources, change: Change
) -> None:
    client = await people.create_and_log_in("ada")
    admin = await people.bearer((await people.create("grace", role=Role.ADMIN)).uid)
    link = (await admin.post("/api/v1/users/ada/reset")).json()["url"]
    before = client.cookies[DEVICE]
    answer = await change(client, parse_qs(urlsplit(link).query)["token"][0])
    assert answer.is_success or answer.status_code == 303, answer.text
    after = client.cookies[DEVICE]
    ada = (await read_users(resources))["ada"]
    known = {
        mark: resources.devices.find(
            mark, public_id=ada.public_id, epoch=ada.auth_epoch, now=utc_now()
        )
        for mark in (before, after)
    }
    assert known == {before: None, after: after[:16]}


@ONE_ENGINE
async def test_that_of_an_admin_who_sets_it_for_somebody_is_not_theirs(people: People) -> None:
    await people.create("ada")
    admin = await people.create_and_log_in("grace", role=Role.ADMIN)
    answer = await admin.put("/api/user", json={"uid": "ada", "password": NEW})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
