"""The old servers' own pages and the calls of their buttons."""

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.legacy.wire import NEW_PASSWORD
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE, SESSION, read_users

FORM = {"username": "ada", "password": PASSWORD, "next": "/account"}
HTML = {"Accept": "text/html"}
CALLS = [("DELETE", "/users/delete/{}"), ("POST", "/users/reset_password/{}")]


class TestLogin:
    pytestmark = ONE_ENGINE

    @pytest.mark.parametrize("path", ["/login", "/login/"])
    async def test_form(self, client: httpx.AsyncClient, people: People, path: str) -> None:
        await people.create("ada")
        assert "Log in" in (await client.get(path, headers=HTML)).text
        wrong = await client.post(path, data={**FORM, "password": NEW_PASSWORD}, headers=HTML)
        assert wrong.status_code == 401
        answer = await client.post(path, data=FORM, headers=HTML)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
        assert (await client.get(SESSION)).status_code == 200


class TestLogout:
    pytestmark = ONE_ENGINE

    async def test_a_get_changes_nothing(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.get("/logout", headers=HTML)
        assert answer.status_code == 200
        assert '<form class="actions" method="post" action="/logout">' in answer.text
        assert "Set-Cookie" not in answer.headers
        assert (await ada.get(SESSION)).status_code == 200
        assert (await ada.post("/logout", headers=HTML)).status_code == 303
        assert (await ada.get(SESSION)).status_code == 401

    async def test_nobody_has_nothing_to_end(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/logout", headers=HTML)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")


class TestTable:
    @pytest.mark.parametrize("path", ["/users/table", "/users/table2", "/users/table2/"])
    async def test_is_for_admins(self, people: People, path: str) -> None:
        visitor_ = await people.visitor()
        answer = await visitor_.get(path, headers=HTML)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login?next=")
        ada = await people.create_and_log_in("ada")
        assert (await ada.get(path, headers=HTML)).status_code == 403
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        answer = await root.get(path, headers=HTML)
        assert answer.status_code == 200
        assert "root.admin" in answer.text


class TestButtons:
    @pytest.mark.parametrize(("method", "path"), CALLS)
    async def test_are_for_admins(
        self, people: People, resources: Resources, method: str, path: str
    ) -> None:
        bob = await people.create("bob")
        address = path.format(bob.id)
        nobody = await people.visitor()
        answer = await nobody.request(method, address)
        assert answer.status_code == 401
        assert answer.json()["message"] == "Authentication Token is missing!"
        ada = await people.create_and_log_in("ada")
        answer = await ada.request(method, address)
        assert answer.status_code == 403
        assert answer.json() == {
            "message": "Insufficient permissions.",
            "data": None,
            "error": "Forbidden",
        }
        assert (await read_users(resources))["bob"].password_hash == bob.password_hash

    @pytest.mark.parametrize(("method", "path"), CALLS)
    @pytest.mark.parametrize("user_id", ["999999", "x", "99999999999999999999", "-1", "1.5", "%00"])
    async def test_unknown_number(
        self, people: People, method: str, path: str, user_id: str
    ) -> None:
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        answer = await root.request(method, path.format(user_id))
        assert answer.status_code == 404
        assert answer.json() == {"message": "User not found", "data": None, "error": "Not Found"}

    async def test_from_a_page_of_another_site(self, people: People, resources: Resources) -> None:
        bob = await people.create("bob")
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        for method, path in CALLS:
            headers = {"Origin": "http://localhost:4100"}
            answer = await root.request(method, path.format(bob.id), headers=headers)
            assert answer.status_code == 403
        assert set(await read_users(resources)) == {"bob", "root.admin"}

    async def test_delete(self, people: People, resources: Resources) -> None:
        bob = await people.create("bob")
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        answer = await root.delete(f"/users/delete/{bob.id}")
        assert (answer.status_code, answer.json()) == (
            200,
            {"message": "User deleted successfully"},
        )
        assert set(await read_users(resources)) == {"root.admin"}

    async def test_reset_hands_out_a_link_and_no_password(
        self, people: People, resources: Resources
    ) -> None:
        bob = await people.create("bob")
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        answer = await root.post(f"/users/reset_password/{bob.id}")
        assert answer.status_code == 200
        body = answer.json()
        assert body.keys() == {"message", "url", "expires_at"}
        assert body["message"] == f"bob chooses a new password at {body['url']}"
        token = body["url"].partition("token=")[2]
        assert (await read_users(resources))["bob"].password_hash == bob.password_hash
        redeemed = await root.post(
            "/api/v1/auth/reset", json={"token": token, "new_password": NEW_PASSWORD}
        )
        assert redeemed.status_code == 204
