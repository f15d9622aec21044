"""`POST /auth/login` and `POST /auth/logout`: a session opened, replaced and ended."""

import asyncio

import httpx
from fastapi import FastAPI

from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import (
    COOKIE,
    LOGIN,
    ONE_ENGINE,
    SESSION,
    change_user,
    current_sid,
    read_session,
    replay,
    replay_bearer,
    visitor,
)

LOGIN_PATH = "/api/v1/auth/login"
LOGOUT_PATH = "/api/v1/auth/logout"
CLEARED = [
    f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
]


class TestLogin:
    async def test_wrong_credentials(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        for body in [
            {"uid": "ada", "password": "not her password"},
            {"uid": "nobody", "password": PASSWORD},
            {"uid": "a\u202eda", "password": PASSWORD},
        ]:
            answer = await client.post(LOGIN_PATH, json=body)
            assert answer.status_code == 401, body
            assert "Set-Cookie" not in answer.headers, body

    async def test_disabled_account(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        await change_user(resources, "ada", is_active=False)
        assert (await client.post(LOGIN_PATH, json=LOGIN)).status_code == 401

    @ONE_ENGINE
    async def test_unfit_body(self, client: httpx.AsyncClient) -> None:
        for body, pointers in [
            ({}, ["/uid", "/password"]),
            ({"uid": "ada"}, ["/password"]),
            ({"uid": "", "password": ""}, ["/uid", "/password"]),
            ({"uid": 5, "password": None}, ["/uid", "/password"]),
            ({**LOGIN, "remember": True}, ["/remember"]),
            ([LOGIN], [""]),
        ]:
            answer = await client.post(LOGIN_PATH, json=body)
            assert answer.status_code == 422, body
            assert [error["pointer"] for error in answer.json()["errors"]] == pointers, body

    @ONE_ENGINE
    async def test_only_json(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
        ]:
            body = f'{{"uid": "ada", "password": "{PASSWORD}"}}'
            headers = {"Content-Type": media_type} if media_type else {}
            answer = await client.post(LOGIN_PATH, content=body, headers=headers)
            assert answer.status_code == 415, media_type
            assert answer.json()["detail"] == "Send JSON with Content-Type: application/json.", (
                media_type
            )

    async def test_answers_who_is_logged_in_now(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        ada = await people.create("ada")
        answer = await client.post(LOGIN_PATH, json=LOGIN)
        assert answer.json()["user"]["id"] == ada.public_id
        assert answer.json()["authenticated_by"] == "cookie"
        assert answer.json()["session"]["is_current"] is True

    async def test_answer_holds_no_token(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        answer = await client.post(LOGIN_PATH, json=LOGIN)
        assert client.cookies[COOKIE] not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"

    async def test_always_opens_a_new_session(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        first = await current_sid(ada)
        await ada.post(LOGIN_PATH, json=LOGIN)
        assert await current_sid(ada) != first

    async def test_ends_the_session_it_replaces(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        old = ada.cookies[COOKIE]
        await ada.post(LOGIN_PATH, json=LOGIN)
        assert (await replay(app, old)).status_code == 401

    async def test_ends_the_replaced_session_also_beside_a_token(
        self, people: People, app: FastAPI
    ) -> None:
        ada = await people.create_and_log_in("ada")
        old = ada.cookies[COOKIE]
        bearer = (await people.bearer("ada")).headers["Authorization"]
        await ada.post(LOGIN_PATH, json=LOGIN, headers={"Authorization": bearer})
        assert (await replay(app, old)).status_code == 401
        assert (await ada.get(SESSION, headers={"Authorization": bearer})).status_code == 200

    async def test_a_failed_login_leaves_the_present_one(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.post(LOGIN_PATH, json={**LOGIN, "password": "not her password"})
        assert (await ada.get(SESSION)).status_code == 200

    async def test_logins_elsewhere_live_on(self, people: People) -> None:
        at_school = await people.create_and_log_in("ada")
        await people.log_in("ada")
        assert (await at_school.get(SESSION)).status_code == 200

    async def test_a_planted_cookie_is_not_adopted(self, people: People, app: FastAPI) -> None:
        await people.create("ada")
        mallory = await people.create_and_log_in("mallory")
        planted = mallory.cookies[COOKIE]
        async with visitor(app, headers={"Cookie": f"{COOKIE}={planted}"}) as client:
            answer = await client.post(LOGIN_PATH, json=LOGIN)
        assert answer.json()["user"]["uid"] == "ada"
        assert (await replay(app, planted)).status_code == 401


class TestLogout:
    async def test_without_a_login(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(LOGOUT_PATH)
        assert answer.status_code == 204
        assert answer.content == b""
        assert answer.headers.get_list("Set-Cookie") == CLEARED

    async def test_the_old_cookie_is_dead(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        old = ada.cookies[COOKIE]
        answer = await ada.post(LOGOUT_PATH)
        assert answer.status_code == 204
        assert answer.headers.get_list("Set-Cookie") == CLEARED
        assert COOKIE not in ada.cookies
        assert (await replay(app, old)).status_code == 401

    async def test_the_end_is_kept(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        sid = await current_sid(ada)
        await ada.post(LOGOUT_PATH)
        assert (await read_session(resources, sid)).revoked_at is not None

    async def test_with_a_token(self, people: People) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        assert (await script.post(LOGOUT_PATH)).status_code == 204
        assert (await script.get(SESSION)).status_code == 401

    async def test_cookie_and_token_both_end(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        cookie = ada.cookies[COOKIE]
        token = (await people.bearer("ada")).headers["Authorization"].removeprefix("Bearer ")
        await ada.post(LOGOUT_PATH, headers={"Authorization": f"Bearer {token}"})
        assert (await replay(app, cookie)).status_code == 401
        assert (await replay_bearer(app, token)).status_code == 401

    async def test_of_two_people_the_cookie_ends(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        await people.create("bob")
        cookie = ada.cookies[COOKIE]
        bearer = (await people.bearer("bob")).headers["Authorization"]
        answer = await ada.post(LOGOUT_PATH, headers={"Authorization": bearer})
        assert answer.status_code == 204
        assert (await replay(app, cookie)).status_code == 401

    async def test_two_at_once(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        headers = {"Cookie": f"{COOKIE}={ada.cookies[COOKIE]}"}
        async with visitor(people.app, headers=headers) as client:
            answers = await asyncio.gather(*(client.post(LOGOUT_PATH) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {204}

    async def test_logins_elsewhere_live_on(self, people: People) -> None:
        at_school = await people.create_and_log_in("ada")
        at_home = await people.log_in("ada")
        await at_home.post(LOGOUT_PATH)
        assert (await at_school.get(SESSION)).status_code == 200

    async def test_get_does_nothing(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.get(LOGOUT_PATH)).status_code == 405
        assert (await ada.get(SESSION)).status_code == 200
