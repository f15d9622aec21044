"""`/users/me`: one's own profile, password and end."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role
from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import COOKIE, LOGIN, ONE_ENGINE, SESSION, change_user, read_users, replay

ME = "/api/v1/users/me"
CHANGE = "/api/v1/users/me/password"
OTHER = "an even longer sentence"


class TestUpdateMe:
    @ONE_ENGINE
    async def test_refused_fields(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        before = await read_users(resources)
        rows: list[tuple[dict[str, Any], str]] = [
            ({"role": "admin"}, "/role"),
            ({"is_active": True}, "/is_active"),
            ({"id": "x"}, "/id"),
            ({"password": OTHER}, "/password"),
            ({"password_hash": "x"}, "/password_hash"),
            ({"created_at": "2020-01-01T00:00:00Z"}, "/created_at"),
            ({"uid": "login"}, "/uid"),
            ({"name": "\u200b"}, "/name"),
            ({"email": "x"}, "/email"),
            ({"name": ["Ada"]}, "/name"),
        ]
        for changes, pointer in rows:
            answer = await ada.patch(ME, json={"name": "Changed", **changes})
            assert answer.status_code == 422, changes
            assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], changes
            assert await read_users(resources) == before, changes

    @pytest.mark.parametrize("uid", ["bob", "BOB"])
    async def test_a_taken_uid(self, people: People, uid: str) -> None:
        ada = await people.create_and_log_in("ada")
        await people.create("bob")
        answer = await ada.patch(ME, json={"uid": uid})
        assert answer.status_code == 409
        assert (await ada.get(ME)).json()["uid"] == "ada"

    async def test_fields_left_out_stay(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.patch(ME, json={"email": "ada@example.org"})
        answer = await ada.patch(ME, json={"name": "Ada King"})
        assert answer.status_code == 200
        assert answer.json()["name"] == "Ada King"
        assert answer.json()["email"] == "ada@example.org"
        assert (await ada.get(ME)).json() == answer.json()

    async def test_the_email_can_be_taken_away(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.patch(ME, json={"email": "ada@example.org"})
        assert (await ada.patch(ME, json={"email": None})).json()["email"] is None

    async def test_null_for_another_field_says_nothing(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.patch(ME, json={"uid": None, "name": None})
        assert (answer.json()["uid"], answer.json()["name"]) == ("ada", "Ada")

    async def test_ones_own_uid_in_another_case(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.patch(ME, json={"uid": "Ada"})).json()["uid"] == "Ada"

    async def test_one_is_found_by_the_new_name(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.patch(ME, json={"uid": "countess", "name": "Ada King"})
        found = await ada.get("/api/v1/users", params={"q": "KING"})
        assert [user["uid"] for user in found.json()["items"]] == ["countess"]
        assert (await ada.post("/api/v1/auth/login", json=LOGIN)).status_code == 401
        body = {**LOGIN, "uid": "countess"}
        assert (await ada.post("/api/v1/auth/login", json=body)).status_code == 200


class TestChangePassword:
    async def test_with_the_wrong_one(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        body = {"current_password": "not the password", "new_password": OTHER}
        answer = await ada.post(CHANGE, json=body)
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["pointer"] == "/current_password"
        assert (await ada.post("/api/v1/auth/login", json=LOGIN)).status_code == 200

    @ONE_ENGINE
    @pytest.mark.parametrize("weak", ["short", "password1234", "aaaaaaaaaaaaaaaa", "adaadaadaada"])
    async def test_to_a_weak_one(self, people: People, weak: str) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.post(CHANGE, json={"current_password": PASSWORD, "new_password": weak})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/new_password"
        assert weak not in answer.text
        assert (await ada.post("/api/v1/auth/login", json=LOGIN)).status_code == 200

    @pytest.mark.parametrize("field", ["current_password", "new_password"])
    async def test_with_one_missing(self, people: People, field: str) -> None:
        ada = await people.create_and_log_in("ada")
        body = {"current_password": PASSWORD, "new_password": OTHER}
        del body[field]
        assert (await ada.post(CHANGE, json=body)).status_code == 422

    async def test_other_logins_end_and_this_one_stays(self, people: People) -> None:
        here = await people.create_and_log_in("ada")
        elsewhere = [await people.log_in("ada"), await people.bearer("ada")]
        body = {"current_password": PASSWORD, "new_password": OTHER}
        assert (await here.post(CHANGE, json=body)).status_code == 204
        assert (await here.get(SESSION)).status_code == 200
        assert [(await client.get(SESSION)).status_code for client in elsewhere] == [401, 401]

    async def test_the_old_password_is_dead(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.post(CHANGE, json={"current_password": PASSWORD, "new_password": OTHER})
        assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 401
        body = {**LOGIN, "password": OTHER}
        assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200

    async def test_by_token(self, people: People) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        body = {"current_password": PASSWORD, "new_password": OTHER}
        assert (await script.post(CHANGE, json=body)).status_code == 204
        assert (await script.get(SESSION)).status_code == 200

    async def test_of_an_account_without_one(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        await change_user(resources, "ada", password_hash=None)
        body = {"current_password": "no account has this password", "new_password": OTHER}
        assert (await ada.post(CHANGE, json=body)).status_code == 403


class TestDeleteMe:
    async def test_without_the_password(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.delete(ME)).status_code == 422
        assert (await ada.get(SESSION)).status_code == 200

    async def test_with_the_wrong_password(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.request("DELETE", ME, json={"current_password": "not the password"})
        assert answer.status_code == 403
        assert (await ada.get(SESSION)).status_code == 200

    async def test_the_last_admin_stays(self, people: People, resources: Resources) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        answer = await boss.request("DELETE", ME, json={"current_password": PASSWORD})
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems#last-admin"
        assert "Set-Cookie" not in answer.headers
        assert "boss" in await read_users(resources)

    async def test_all_of_it_is_gone(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        token = ada.cookies[COOKIE]
        answer = await ada.request("DELETE", ME, json={"current_password": PASSWORD})
        assert answer.status_code == 204
        assert answer.content == b""
        assert COOKIE not in ada.cookies
        assert not await read_users(resources)
        assert (await replay(app, token)).status_code == 401
        assert (await ada.post("/api/v1/auth/login", json=LOGIN)).status_code == 401

    async def test_one_of_two_admins_may_go(self, people: People, resources: Resources) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("chief", role=Role.ADMIN)
        answer = await boss.request("DELETE", ME, json={"current_password": PASSWORD})
        assert answer.status_code == 204
        assert list(await read_users(resources)) == ["chief"]
