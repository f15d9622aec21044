"""`/api/v1/users/me/second-factor`: how things stand, setting one up, and what it is worth then."""

from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role, utc_now
from app.resources import Resources
from tests.factors import ADDRESS, CONFIRMED, App, begin, protect, set_up
from tests.people import PASSWORD, People
from tests.services.rows import trail
from tests.wire import LOGIN, PASSWORD_FORM, SESSION, visitor

OFF = {"state": "off", "confirmed_at": None, "recovery_codes_left": 0, "is_required": False}


@pytest.fixture
async def ada(people: People) -> httpx.AsyncClient:
    return await people.create_and_log_in("ada")


class TestState:
    async def test_off(self, ada: httpx.AsyncClient) -> None:
        assert (await ada.get(ADDRESS)).json() == OFF

    async def test_begun(self, ada: httpx.AsyncClient) -> None:
        await begin(ada)
        assert (await ada.get(ADDRESS)).json() == {**OFF, "state": "begun"}

    async def test_on(self, ada: httpx.AsyncClient, resources: Resources) -> None:
        before = utc_now()
        await set_up(ada, resources)
        found = (await ada.get(ADDRESS)).json()
        assert before <= datetime.fromisoformat(found.pop("confirmed_at")) <= utc_now()
        assert found == {"state": "on", "recovery_codes_left": 10, "is_required": False}


class TestSetUp:
    @pytest.mark.parametrize("settings_changes", [{"site_name": "École 42"}], ids=["named"])
    async def test_says_what_apps_read(self, ada: httpx.AsyncClient) -> None:
        answer = (await ada.post(ADDRESS, json=CONFIRMED)).json()
        uri = urlsplit(answer["uri"])
        assert uri.path == "/%C3%89cole%2042:ada"
        fields = parse_qs(uri.query)
        assert fields == {"secret": [answer["secret"]], "issuer": ["École 42"]}

    async def test_another_secret_each_time(self, ada: httpx.AsyncClient) -> None:
        assert (await begin(ada)).secret != (await begin(ada)).secret

    async def test_logins_ask_for_it_from_then_on(
        self, app: FastAPI, ada: httpx.AsyncClient, resources: Resources
    ) -> None:
        phone = await begin(ada)
        async with visitor(app) as client:
            assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 200
        answer = await ada.post(f"{ADDRESS}/confirm", json={"code": phone.code()})
        assert len(set(answer.json()["recovery_codes"])) == 10
        async with visitor(app) as client:
            assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 401
        assert (await ada.get(SESSION)).status_code == 200
        assert (await trail(resources))[-1] == "second-factor-added"

    async def test_by_token_too(self, people: People, resources: Resources) -> None:
        await people.create("ada")
        ada = await people.bearer("ada")
        await set_up(ada, resources)
        assert (await ada.get(ADDRESS)).json()["state"] == "on"


class TestLogin:
    @pytest.fixture
    async def phone(self, ada: httpx.AsyncClient, resources: Resources) -> App:
        return await set_up(ada, resources)

    async def test_with_a_code(self, app: FastAPI, phone: App) -> None:
        async with visitor(app) as client:
            body = {**LOGIN, "code": f"{phone.code()[:3]} {phone.code()[3:]}"}
            answer = await client.post("/api/v1/auth/login", json=body)
            assert answer.status_code == 200
            assert answer.json()["token"] is None
            assert (await client.get(SESSION)).status_code == 200

    async def test_with_the_code_of_the_step_before(self, app: FastAPI, phone: App) -> None:
        """A clock that is half a minute slow, or somebody who types slowly."""
        async with visitor(app) as client:
            body = {**LOGIN, "code": phone.code(1)}
            assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200

    async def test_with_a_recovery_code(
        self, app: FastAPI, phone: App, resources: Resources
    ) -> None:
        async with visitor(app) as client:
            body = {**LOGIN, "code": phone.recovery_codes[0]}
            assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200
            assert (await client.get(ADDRESS)).json()["recovery_codes_left"] == 9
        assert "recovery-code-used" in await trail(resources)

    async def test_behind_the_password_where_there_is_no_field(
        self, app: FastAPI, phone: App
    ) -> None:
        """As in the form of the API documentation."""
        async with visitor(app) as client:
            for code in (phone.code(), phone.recovery_codes[0]):
                form = {**PASSWORD_FORM, "password": PASSWORD + code}
                answer = await client.post("/api/v1/auth/token", data=form)
                assert answer.status_code == 200, answer.text

    async def test_with_tokens_beside_the_cookie(self, app: FastAPI, phone: App) -> None:
        """For who finds out afterwards that no cookie comes back: the code is used by then."""
        async with visitor(app) as client:
            body = {**LOGIN, "code": phone.code(), "with_token": True}
            answer = (await client.post("/api/v1/auth/login", json=body)).json()
        headers = {"Authorization": f"Bearer {answer['token']['access_token']}"}
        async with visitor(app, headers=headers) as client:
            found = (await client.get(SESSION)).json()
        assert found["authenticated_by"] == "bearer"
        assert found["session"]["id"] != answer["session"]["id"]

    async def test_an_account_without_one_needs_no_code(
        self, app: FastAPI, people: People, phone: App
    ) -> None:
        assert phone.secret
        await people.create("bob")
        async with visitor(app) as client:
            for code in (None, "", "123456"):
                body = {"uid": "bob", "password": PASSWORD, "code": code}
                assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200

    @pytest.mark.parametrize("password", ["correct horse 123456"])
    async def test_a_password_that_ends_like_a_code(
        self, people: People, resources: Resources, password: str
    ) -> None:
        """Of an account without a second factor it is taken whole."""
        bob = await people.create_and_log_in("bob")
        body = {"current_password": PASSWORD, "new_password": password}
        assert (await bob.post("/api/v1/users/me/password", json=body)).status_code == 204
        form = {"username": "bob", "password": password}
        assert (await bob.post("/api/v1/auth/token", data=form)).status_code == 200
        phone = await set_up(bob, resources, password=password)
        form["password"] = password + phone.code()
        assert (await bob.post("/api/v1/auth/token", data=form)).status_code == 200


class TestChange:
    async def test_new_recovery_codes(self, ada: httpx.AsyncClient, resources: Resources) -> None:
        phone = await set_up(ada, resources)
        body = {**CONFIRMED, "code": phone.recovery_codes[0]}
        answer = await ada.post(f"{ADDRESS}/recovery-codes", json=body)
        made = answer.json()["recovery_codes"]
        assert len({*made, *phone.recovery_codes}) == 20
        assert (await ada.get(ADDRESS)).json()["recovery_codes_left"] == 10
        assert (await trail(resources))[-1] == "recovery-codes-made"

    async def test_removal(
        self, app: FastAPI, ada: httpx.AsyncClient, resources: Resources
    ) -> None:
        phone = await set_up(ada, resources)
        body = {**CONFIRMED, "code": phone.code()}
        assert (await ada.request("DELETE", ADDRESS, json=body)).status_code == 204
        assert (await ada.get(ADDRESS)).json() == OFF
        assert (await trail(resources))[-1] == "second-factor-removed"
        async with visitor(app) as client:
            assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 200
        # And it can be set up anew.
        assert (await set_up(ada, resources)).secret != phone.secret

    async def test_an_account_takes_it_along_when_it_goes(
        self, ada: httpx.AsyncClient, resources: Resources
    ) -> None:
        await set_up(ada, resources)
        answer = await ada.request("DELETE", "/api/v1/users/me", json=CONFIRMED)
        assert answer.status_code == 204


class TestAdmin:
    async def test_removes_somebodys(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        await protect(people, resources, "ada")
        root = await people.create_and_log_in("boss", role=Role.ADMIN)
        assert (await root.delete("/api/v1/users/ADA/second-factor")).status_code == 204
        assert (await trail(resources))[-1] == "second-factor-removed"
        async with visitor(app) as client:
            assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 200

    async def test_where_there_is_none(self, people: People) -> None:
        await people.create("ada")
        root = await people.create_and_log_in("boss", role=Role.ADMIN)
        for uid, status in (("ada", 409), ("nobody", 404)):
            answer = await root.delete(f"/api/v1/users/{uid}/second-factor")
            assert answer.status_code == status
