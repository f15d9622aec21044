"""`POST /auth/token` and `POST /auth/revoke`: how scripts and the docs page log in and out."""

import httpx
import pytest

from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import (
    ONE_ENGINE,
    PASSWORD_FORM,
    SESSION,
    change_user,
    current_sid,
    read_session,
    replay_bearer,
)

TOKEN = "/api/v1/auth/token"
REVOKE = "/api/v1/auth/revoke"


class TestCreateToken:
    @ONE_ENGINE
    async def test_wrong_credentials(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        for username, password in [
            ("ada", "not her password"),
            ("nobody", PASSWORD),
            ("ada ", PASSWORD),
            ("ada", "x"),
        ]:
            answer = await client.post(TOKEN, data={"username": username, "password": password})
            assert answer.status_code == 401, username
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="portfolio"', username

    async def test_refusal_has_the_members_of_rfc_6749(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(TOKEN, data=PASSWORD_FORM)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["error"] == "invalid_grant"
        assert answer.json()["error_description"] == "User name or password is wrong"
        assert answer.headers["Cache-Control"] == "no-store"

    async def test_disabled_account(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        await change_user(resources, "ada", is_active=False)
        assert (await client.post(TOKEN, data=PASSWORD_FORM)).status_code == 401

    async def test_account_without_a_password(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        await change_user(resources, "ada", password_hash=None)
        assert (await client.post(TOKEN, data=PASSWORD_FORM)).status_code == 401

    @ONE_ENGINE
    async def test_unfit_form(self, client: httpx.AsyncClient) -> None:
        for form, pointers in [
            ({}, ["/username", "/password"]),
            ({"username": "ada"}, ["/password"]),
            ({"password": PASSWORD}, ["/username"]),
            ({"username": "", "password": ""}, ["/username", "/password"]),
            ({"username": "a" * 65, "password": PASSWORD}, ["/username"]),
            ({"username": "ada", "password": "x" * 1025}, ["/password"]),
            ({**PASSWORD_FORM, "grant_type": "client_credentials"}, ["/grant_type"]),
            ({**PASSWORD_FORM, "grant_type": "password\n"}, ["/grant_type"]),
        ]:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await client.post(TOKEN, data=form, headers=headers)
            assert answer.status_code == 422, form
            assert [error["pointer"] for error in answer.json()["errors"]] == pointers, form

    async def test_json_is_no_form(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        answer = await client.post(TOKEN, json=PASSWORD_FORM)
        assert answer.status_code == 415
        assert answer.json()["detail"] == "Send a form: application/x-www-form-urlencoded."

    async def test_credentials_in_the_address_are_ignored(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post(TOKEN, params=PASSWORD_FORM, headers=headers)
        assert answer.status_code == 422

    async def test_answer_is_that_of_rfc_6749(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        answer = await client.post(TOKEN, data={**PASSWORD_FORM, "grant_type": "password"})
        assert answer.status_code == 200
        assert answer.json().keys() == {
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
        }
        assert answer.json()["token_type"] == "Bearer"
        assert answer.json()["expires_in"] == 15 * 60
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"

    async def test_sets_no_cookie(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        answer = await client.post(TOKEN, data=PASSWORD_FORM)
        assert "Set-Cookie" not in answer.headers
        assert (await client.get(SESSION)).status_code == 401

    async def test_scope_and_client_mean_nothing(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        form = {**PASSWORD_FORM, "scope": "admin", "client_id": "docs", "client_secret": "s"}
        answer = await client.post(TOKEN, data=form)
        assert answer.status_code == 200
        shown = await replay_bearer(people.app, answer.json()["access_token"])
        assert shown.json()["user"]["role"] == "user"

    @ONE_ENGINE
    async def test_the_case_of_the_uid_does_not_matter(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        for spelling in ["ADA", "Ada", "\uff21da"]:
            answer = await client.post(TOKEN, data={**PASSWORD_FORM, "username": spelling})
            assert answer.status_code == 200, spelling

    async def test_an_umlaut_may_come_in_two_forms(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        boss = await people.create_and_log_in("boss")
        form = {"current_password": PASSWORD, "new_password": "gr\u00fcn und laut singen"}
        assert (await boss.post("/api/v1/users/me/password", json=form)).status_code == 204
        decomposed = {"username": "boss", "password": "gru\u0308n und laut singen"}
        assert (await client.post(TOKEN, data=decomposed)).status_code == 200

    async def test_each_login_is_a_session_of_its_own(self, people: People) -> None:
        await people.create("ada")
        first, second = await people.bearer("ada"), await people.bearer("ada")
        assert await current_sid(first) != await current_sid(second)

    async def test_the_session_knows_who_asked(self, people: People, resources: Resources) -> None:
        await people.create("ada")
        client = await people.visitor()
        client.headers["User-Agent"] = "a\tprogram " + "x" * 300
        answer = await client.post(TOKEN, data=PASSWORD_FORM)
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        row = await read_session(resources, await current_sid(client))
        assert row.user_agent == ("aprogram " + "x" * 300)[:200]
        assert row.client_address == "127.0.0.1"


class TestRevokeToken:
    @staticmethod
    async def _tokens(client: httpx.AsyncClient, people: People) -> tuple[str, str]:
        await people.create("ada")
        pair = (await client.post(TOKEN, data=PASSWORD_FORM)).json()
        return pair["access_token"], pair["refresh_token"]

    async def test_without_a_token(self, client: httpx.AsyncClient) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await client.post(REVOKE, headers=headers)).status_code == 422

    async def test_unknown_tokens_are_fine(self, client: httpx.AsyncClient) -> None:
        for token in ["unknown", "prt_x", "a.b.c", "prt_" + "x" * 4000]:
            assert (await client.post(REVOKE, data={"token": token})).status_code == 200, token

    @pytest.mark.parametrize("which", [0, 1], ids=["access", "refresh"])
    async def test_either_token_ends_both(
        self, client: httpx.AsyncClient, people: People, which: int
    ) -> None:
        tokens = await self._tokens(client, people)
        answer = await client.post(REVOKE, data={"token": tokens[which]})
        assert answer.status_code == 200
        assert (await replay_bearer(people.app, tokens[0])).status_code == 401
        body = {"refresh_token": tokens[1]}
        assert (await client.post("/api/v1/auth/refresh", json=body)).status_code == 401

    async def test_twice_is_fine(self, client: httpx.AsyncClient, people: People) -> None:
        access, _ = await self._tokens(client, people)
        for _ in range(2):
            hint = {"token": access, "token_type_hint": "access_token"}
            assert (await client.post(REVOKE, data=hint)).status_code == 200

    async def test_other_logins_live_on(self, client: httpx.AsyncClient, people: People) -> None:
        access, _ = await self._tokens(client, people)
        other = await people.bearer("ada")
        await client.post(REVOKE, data={"token": access})
        assert (await other.get(SESSION)).status_code == 200

    async def test_a_cookie_is_not_revoked_here(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await client.post(REVOKE, data={"token": ada.cookies["portfolio_session"]})
        assert answer.status_code == 200
        assert (await ada.get(SESSION)).status_code == 200


@pytest.mark.parametrize("settings_changes", [{"password_grant": False}], ids=["off"])
class TestSwitchedOff:
    async def test_the_form_is_not_there(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        answer = await client.post(TOKEN, data=PASSWORD_FORM)
        assert answer.status_code == 404
        assert "token" not in answer.json()

    async def test_tokens_come_with_a_login(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        body = {"uid": "ada", "password": PASSWORD, "with_token": True}
        token = (await client.post("/api/v1/auth/login", json=body)).json()["token"]
        assert (await replay_bearer(people.app, token["access_token"])).status_code == 200
        body = {"refresh_token": token["refresh_token"]}
        assert (await client.post("/api/v1/auth/refresh", json=body)).status_code == 200
        answer = await client.post(REVOKE, data={"token": token["access_token"]})
        assert answer.status_code == 200
        assert (await replay_bearer(people.app, token["access_token"])).status_code == 401
