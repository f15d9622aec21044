"""A login that is not fresh: an open browser that somebody found, a cookie that was stolen.

It reads and writes as before. What would let a thief keep the account, or throw its owner out, it
does not do without the password: by no way in.
"""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role
from app.resources import Resources
from tests.legacy.wire import LOGIN, front_end, log_in, refused, sign_up
from tests.markup import read
from tests.people import PASSWORD, People
from tests.services.rows import trail
from tests.wire import ONE_ENGINE, SESSION, current_sid, grow_old, read_users

ME = "/api/v1/users/me"
SESSIONS = "/api/v1/auth/sessions"
HTML = {"Accept": "text/html"}
NEW_PASSWORD = "staple of the rarest kind"
AGAIN = "You logged in more than 10 minutes ago. Log out, log in and try this again."


@pytest.fixture
async def ada(people: People, resources: Resources) -> httpx.AsyncClient:
    """Somebody with the cookie of a login of ada's that is not fresh."""
    client = await people.create_and_log_in("ada")
    await grow_old(client, resources)
    return client


@pytest.fixture
async def root(people: People, resources: Resources) -> httpx.AsyncClient:
    """The same of an admin's."""
    client = await people.create_and_log_in("root.admin", role=Role.ADMIN)
    await grow_old(client, resources)
    return client


def needs_password(answer: httpx.Response) -> bool:
    """Whether an answer of the API says that, and what to do."""
    assert answer.status_code == 403, answer.text
    problem = answer.json()
    assert problem["type"] == "/problems#password-needed"
    assert problem["errors"][0]["pointer"] == "/current_password"
    return True


CHANGES = [{"uid": "eve"}, {"email": "eve@example.org"}, {"uid": "Ada"}, {"name": "E", "uid": "e2"}]


class TestChangingWhatALoginDependsOn:
    @pytest.mark.parametrize("changes", CHANGES)
    async def test_without_the_password(
        self, ada: httpx.AsyncClient, resources: Resources, changes: dict[str, str]
    ) -> None:
        before = await read_users(resources)
        assert needs_password(await ada.patch(ME, json=changes))
        assert await read_users(resources) == before

    async def test_taking_the_e_mail_away(
        self, ada: httpx.AsyncClient, resources: Resources
    ) -> None:
        body = {"email": "ada@example.org", "current_password": PASSWORD}
        assert (await ada.patch(ME, json=body)).status_code == 200
        assert needs_password(await ada.patch(ME, json={"email": None}))
        assert (await read_users(resources))["ada"].email == "ada@example.org"

    async def test_with_a_wrong_one(self, ada: httpx.AsyncClient, resources: Resources) -> None:
        before = await read_users(resources)
        answer = await ada.patch(ME, json={"uid": "eve", "current_password": "not the password"})
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems#wrong-password"
        assert await read_users(resources) == before
        assert (await trail(resources))[-1] == "password-refused"

    @pytest.mark.parametrize("body", [{"current_password": ""}, {"current_password": 7}])
    async def test_with_one_that_is_none(
        self, ada: httpx.AsyncClient, body: dict[str, Any]
    ) -> None:
        answer = await ada.patch(ME, json={"uid": "eve", **body})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/current_password"

    @ONE_ENGINE
    async def test_refreshing_a_token_makes_it_no_younger(
        self, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        script = await people.visitor()
        pair = await script.post(
            "/api/v1/auth/token", data={"username": "ada", "password": PASSWORD}
        )
        script.headers["Authorization"] = f"Bearer {pair.json()['access_token']}"
        await grow_old(script, resources)
        body = {"refresh_token": pair.json()["refresh_token"]}
        fresh = (await script.post("/api/v1/auth/refresh", json=body)).json()
        script.headers["Authorization"] = f"Bearer {fresh['access_token']}"
        assert needs_password(await script.patch(ME, json={"uid": "eve"}))

    @pytest.mark.parametrize("changes", CHANGES)
    async def test_with_the_password(self, ada: httpx.AsyncClient, changes: dict[str, str]) -> None:
        answer = await ada.patch(ME, json={**changes, "current_password": PASSWORD})
        assert answer.status_code == 200
        assert answer.json().items() >= changes.items()

    async def test_a_name_takes_none(self, ada: httpx.AsyncClient) -> None:
        body = {"name": "Ada King", "uid": "ada", "email": None}
        assert (await ada.patch(ME, json=body)).json()["name"] == "Ada King"

    async def test_an_admins_own(self, root: httpx.AsyncClient, resources: Resources) -> None:
        path = "/api/v1/users/root.admin"
        assert needs_password(await root.patch(path, json={"email": "eve@example.org"}))
        wrong = {"email": "eve@example.org", "current_password": "not the password"}
        assert (await root.patch(path, json=wrong)).status_code == 403
        assert (await read_users(resources))["root.admin"].email is None
        right = {**wrong, "current_password": PASSWORD}
        assert (await root.patch(path, json=right)).status_code == 200

    async def test_by_an_admin_for_others(self, people: People, root: httpx.AsyncClient) -> None:
        await people.create("ada")
        body = {"uid": "ada.king", "email": "ada@example.org"}
        assert (await root.patch("/api/v1/users/ada", json=body)).status_code == 200

    async def test_a_reset_link_for_oneself(self, root: httpx.AsyncClient, people: People) -> None:
        """With it a thief would choose the password."""
        assert needs_password(await root.post("/api/v1/users/root.admin/reset"))
        page = await root.post("/admin/users/root.admin/reset", headers=HTML)
        assert page.status_code == 403
        assert "Your password is needed once more" in read(page).text
        fresh = await people.log_in("root.admin")
        assert (await fresh.post("/api/v1/users/root.admin/reset")).status_code == 201

    async def test_the_old_button_for_a_reset_link(self, root: httpx.AsyncClient) -> None:
        number = (await root.get("/api/id")).json()["id"]
        answer = await root.post(f"/users/reset_password/{number}")
        assert answer.status_code == 403
        assert answer.json() == {"message": AGAIN, "data": None, "error": "Forbidden"}

    async def test_a_reset_link_for_others(self, people: People, root: httpx.AsyncClient) -> None:
        await people.create("ada")
        assert (await root.post("/api/v1/users/ada/reset")).status_code == 201


class TestEndingOtherLogins:
    @pytest.fixture
    async def elsewhere(self, ada: httpx.AsyncClient, people: People) -> httpx.AsyncClient:
        """Ada herself; the login that is not fresh is the thief's."""
        assert ada.cookies
        return await people.log_in("ada")

    async def test_without_the_password(
        self, ada: httpx.AsyncClient, elsewhere: httpx.AsyncClient
    ) -> None:
        sid = await current_sid(elsewhere)
        for path in (SESSIONS, f"{SESSIONS}/{sid}"):
            assert needs_password(await ada.delete(path))
            assert needs_password(await ada.request("DELETE", path, json={}))
        assert (await elsewhere.get(SESSION)).status_code == 200

    async def test_with_a_wrong_one(
        self, ada: httpx.AsyncClient, elsewhere: httpx.AsyncClient, resources: Resources
    ) -> None:
        body = {"current_password": "not the password"}
        for path in (SESSIONS, f"{SESSIONS}/{await current_sid(elsewhere)}"):
            answer = await ada.request("DELETE", path, json=body)
            assert answer.json()["type"] == "/problems#wrong-password"
        assert (await elsewhere.get(SESSION)).status_code == 200
        assert (await trail(resources))[-2:] == ["password-refused"] * 2

    async def test_one_with_the_password(
        self, ada: httpx.AsyncClient, elsewhere: httpx.AsyncClient
    ) -> None:
        path = f"{SESSIONS}/{await current_sid(elsewhere)}"
        answer = await ada.request("DELETE", path, json={"current_password": PASSWORD})
        assert answer.status_code == 204
        assert (await elsewhere.get(SESSION)).status_code == 401

    async def test_all_with_the_password(
        self, ada: httpx.AsyncClient, elsewhere: httpx.AsyncClient
    ) -> None:
        answer = await ada.request("DELETE", SESSIONS, json={"current_password": PASSWORD})
        assert answer.status_code == 204
        assert (await elsewhere.get(SESSION)).status_code == 401

    async def test_logging_oneself_out_takes_none(
        self, ada: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        assert (await ada.delete(f"{SESSIONS}/{await current_sid(ada)}")).status_code == 204
        for path in ("/api/v1/auth/logout", "/logout"):
            client = await people.log_in("ada")
            await grow_old(client, resources)
            assert (await client.post(path)).status_code in {204, 303}
            assert (await client.get(SESSION)).status_code == 401

    @pytest.mark.parametrize("settings_changes", [{"login_attempts": 3}], ids=["limited"])
    async def test_guessing_is_slowed_down_for_all_ways_together(
        self, ada: httpx.AsyncClient
    ) -> None:
        wrong = {"current_password": "not the password"}
        for method, path, body in (
            ("PATCH", ME, {**wrong, "uid": "eve"}),
            ("DELETE", SESSIONS, wrong),
            ("DELETE", f"{SESSIONS}/unknown", wrong),
        ):
            assert (await ada.request(method, path, json=body)).status_code == 403
        right = {"current_password": PASSWORD}
        for answer in (
            await ada.request("DELETE", SESSIONS, json=right),
            await ada.patch(ME, json={**right, "uid": "eve"}),
            await ada.post("/account/sessions/end-others", data={"sessions_password": PASSWORD}),
        ):
            assert answer.status_code == 429
            assert int(answer.headers["Retry-After"]) > 0


class TestOldWire:
    @pytest.mark.parametrize("path", ["/api/user", "/api/users"])
    @pytest.mark.parametrize(
        "body",
        [
            {"password": NEW_PASSWORD},
            {"email": "eve@example.org"},
            {"uid": "eve"},
            {"name": "Eve", "password": NEW_PASSWORD, "uid": "ada"},
        ],
    )
    async def test_changes_nothing_that_a_login_depends_on(
        self, app: FastAPI, resources: Resources, path: str, body: dict[str, str]
    ) -> None:
        async with front_end(app) as page:
            number = (await sign_up(page))["id"]
            await log_in(page)
            await grow_old(page, resources)
            before = await read_users(resources)
            body = {**body, "id": number} if path == "/api/users" else body
            refused(await page.put(path, json=body), 403, AGAIN)
            assert await read_users(resources) == before
            assert (await page.get("/api/id")).status_code == 200

    async def test_changes_the_rest(self, app: FastAPI, resources: Resources) -> None:
        """Also where a page sends everything it knows, as it was."""
        async with front_end(app) as page:
            me = await sign_up(page, email="ada@example.org")
            await log_in(page)
            await grow_old(page, resources)
            answer = await page.put("/api/user", json={**me, "name": "Ada King", "password": ""})
            assert answer.json()["name"] == "Ada King"

    async def test_takes_a_new_password_after_another_login(
        self, app: FastAPI, resources: Resources
    ) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            await grow_old(page, resources)
            await log_in(page)
            answer = await page.put("/api/user", json={"password": NEW_PASSWORD})
            assert answer.status_code == 200
            await log_in(page, password=NEW_PASSWORD)

    async def test_the_late_change(self, app: FastAPI, resources: Resources) -> None:
        """What the log-out overtakes is held to the same."""
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            await grow_old(page, resources)
            await page.delete("/api/authenticate")
            refused(await page.put("/api/user", json={"password": NEW_PASSWORD}), 403, AGAIN)
            await log_in(page)

    async def test_a_new_password_and_the_log_out_at_once(
        self, app: FastAPI, resources: Resources
    ) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            for _ in range(5):
                await log_in(page)
                await grow_old(page, resources)
                put, delete = await asyncio.gather(
                    page.put("/api/user", json={"password": NEW_PASSWORD}),
                    page.delete("/api/authenticate"),
                )
                assert (put.status_code, delete.status_code) == (403, 200)

    async def test_an_admin_gives_nobody_a_password(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        await people.create("root.admin", role=Role.ADMIN)
        async with front_end(app) as page:
            await log_in(page, uid="root.admin")
            await grow_old(page, resources)
            body = {"uid": "ada", "password": NEW_PASSWORD}
            refused(await page.put("/api/user", json=body), 403, AGAIN)
            await log_in(page, **LOGIN)
            await log_in(page, uid="root.admin")
            assert (await page.put("/api/user", json=body)).status_code == 200
            await log_in(page, uid="ada", password=NEW_PASSWORD)
