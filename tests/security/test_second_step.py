"""What the login page carries from the password to the code: forged, late, or somebody else's."""

import re

import httpx
import pytest
from fastapi import FastAPI

from app.codes import TICKET_LIFE
from app.resources import Resources
from tests.factors import App, protect, ticket_for
from tests.people import PASSWORD, People
from tests.wire import COOKIE, SESSION, change_user, read_users, visitor

HTML = {"Accept": "text/html"}


@pytest.fixture
async def phone(people: People, resources: Resources) -> App:
    """Ada's, who has a second factor."""
    await people.create("ada")
    return await protect(people, resources, "ada")


async def go_on(app: FastAPI, ticket: str, code: str) -> httpx.Response:
    async with visitor(app) as client:
        form = {"ticket": ticket, "code": code, "username": "ada"}
        return await client.post("/login/code", data=form, headers=HTML)


async def refused(app: FastAPI, ticket: str, code: str) -> None:
    answer = await go_on(app, ticket, code)
    assert answer.status_code == 401
    assert "Log in again from the start" in answer.text
    assert "set-cookie" not in answer.headers


class TestTicket:
    async def test_forged(self, app: FastAPI, phone: App) -> None:
        good = await ticket_for(app)
        for ticket in ("x", "", good[:-1], f"{good}A", good.replace(".", "..", 1), good[::-1]):
            await refused(app, ticket, phone.code())

    async def test_expired(self, app: FastAPI, phone: App) -> None:
        await refused(app, await ticket_for(app, age=TICKET_LIFE), phone.code())

    async def test_of_another_account(self, app: FastAPI, people: People, phone: App) -> None:
        """Bob's password and ada's code prove neither."""
        await people.create("bob")
        await refused(app, await ticket_for(app, "bob"), phone.code())

    async def test_from_before_a_new_password(
        self, app: FastAPI, phone: App, resources: Resources
    ) -> None:
        ticket = await ticket_for(app)
        epoch = (await read_users(resources))["ada"].auth_epoch
        await change_user(resources, "ada", auth_epoch=epoch + 1)
        await refused(app, ticket, phone.code())

    async def test_of_a_disabled_account(
        self, app: FastAPI, phone: App, resources: Resources
    ) -> None:
        ticket = await ticket_for(app)
        await change_user(resources, "ada", is_active=False)
        await refused(app, ticket, phone.code())

    async def test_is_no_token(self, app: FastAPI, phone: App) -> None:
        assert phone.secret
        ticket = await ticket_for(app)
        for headers in ({"Cookie": f"{COOKIE}={ticket}"}, {"Authorization": f"Bearer {ticket}"}):
            async with visitor(app, headers=headers) as client:
                assert (await client.get(SESSION)).status_code == 401

    async def test_with_a_wrong_code(self, app: FastAPI, phone: App) -> None:
        answer = await go_on(app, await ticket_for(app), phone.wrong_code())
        assert answer.status_code == 403
        assert "That code does not hold" in answer.text
        assert "set-cookie" not in answer.headers

    async def test_without_a_code(self, app: FastAPI, phone: App) -> None:
        assert phone.secret
        answer = await go_on(app, await ticket_for(app), "")
        assert answer.status_code == 422
        assert "Enter the code that your app shows" in answer.text

    async def test_with_a_code_that_was_used(self, app: FastAPI, phone: App) -> None:
        ticket, code = await ticket_for(app), phone.code()
        assert (await go_on(app, ticket, code)).status_code == 303
        answer = await go_on(app, ticket, code)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("settings_changes", [{"login_attempts": 1}], ids=["one"])
    async def test_counts_as_any_login(self, app: FastAPI, phone: App) -> None:
        ticket = await ticket_for(app)
        assert (await go_on(app, ticket, phone.wrong_code())).status_code == 403
        answer = await go_on(app, ticket, phone.code())
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 60


class TestOnThePage:
    """As people do it: the password, then the code, then where they were heading."""

    async def test_goes_on_with_what_the_page_holds(self, app: FastAPI, phone: App) -> None:
        async with visitor(app, headers=HTML) as client:
            form = {"username": "ada", "password": PASSWORD, "next": "/token"}
            answer = await client.post("/login", data=form)
            assert answer.status_code == 401
            assert PASSWORD not in answer.text
            hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
            assert hidden.keys() == {"username", "next", "ticket"}
            again = await client.post("/login/code", data={**hidden, "code": phone.wrong_code()})
            assert again.status_code == 403
            assert hidden["ticket"] in again.text
            answer = await client.post("/login/code", data={**hidden, "code": phone.code()})
            assert answer.status_code == 303
            assert answer.headers["location"] == "/token"
            assert (await client.get(SESSION)).json()["user"]["uid"] == "ada"

    async def test_no_other_site_comes_next(self, app: FastAPI, phone: App) -> None:
        async with visitor(app, headers=HTML) as client:
            form = {"ticket": await ticket_for(app), "code": phone.code(), "next": "//evil.example"}
            answer = await client.post("/login/code", data=form)
            assert answer.headers["location"] == "/"

    async def test_too_late_the_name_is_kept(self, app: FastAPI, phone: App) -> None:
        answer = await go_on(app, await ticket_for(app, age=TICKET_LIFE), phone.code())
        assert 'value="ada"' in answer.text
