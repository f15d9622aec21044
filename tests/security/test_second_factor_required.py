"""Where a second factor is asked of people, who has none gets at nothing but setting one up."""

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role
from app.resources import Resources
from app.services import accounts
from tests.factors import ADDRESS, set_up
from tests.people import PASSWORD, People
from tests.security.asking import ask
from tests.security.conftest import Stage
from tests.security.operations import list_operations
from tests.security.school import restore
from tests.security.test_permissions import TABLE
from tests.wire import LOGIN, ONE_ENGINE, PASSWORD_FORM, SESSION, change_user

EVERYONE = pytest.mark.parametrize(
    "settings_changes", [{"second_factor": "everyone"}], ids=["everyone"]
)
STAFF = pytest.mark.parametrize("settings_changes", [{"second_factor": "staff"}], ids=["staff"])
PAGE = "/account/second-factor"
HTML = {"Accept": "text/html"}
NEW_PASSWORD = "staple of the rarest kind"
# What stays open, because it sets one up or ends the login.
OPEN = {
    *(f"GET {ADDRESS}", f"POST {ADDRESS}", f"POST {ADDRESS}/confirm"),
    *(f"POST {ADDRESS}/recovery-codes", f"DELETE {ADDRESS}"),
    *(f"GET {PAGE}", f"POST {PAGE}", f"POST {PAGE}/confirm"),
    *(f"GET {PAGE}/codes", f"POST {PAGE}/codes", f"GET {PAGE}/remove", f"POST {PAGE}/remove"),
    *("POST /api/v1/auth/logout", "GET /logout", "POST /logout"),
    *("DELETE /api/authenticate", "DELETE /api/users/authenticate"),
}
HELD = "/problems#second-factor-required"


def is_led(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"] == PAGE


@ONE_ENGINE
@EVERYONE
@pytest.mark.parametrize("column", ["user", "teacher", "admin"])
async def test_nothing_else_is_open(stage: Stage, column: str) -> None:
    """Every operation answers as it does to nobody, or says what is missing."""
    for operation in list_operations():
        answer = await ask(stage.app, stage.school, operation, column)
        await restore(stage.resources, stage.school)
        if str(operation) in OPEN:
            assert answer.status_code in {200, 204, 303, 403, 409, 422}, str(operation)
            continue
        row = TABLE[str(operation)]
        as_nobody = {int(row["anonymous"])}
        if row["anonymous"] == "401" or str(operation).startswith("GET /"):
            is_refused = answer.status_code == 403 or is_led(answer)
            is_refused = is_refused or answer.status_code in as_nobody
            assert is_refused, f"{operation}: {answer.status_code}"
        else:
            assert answer.status_code in as_nobody | {403}, f"{operation}: {answer.status_code}"


@EVERYONE
class TestHeld:
    async def test_is_told_by_its_type(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for path in (SESSION, "/api/v1/users/me", "/api/v1/users", "/api/v1/sections"):
            answer = await ada.get(path)
            assert answer.status_code == 403
            assert answer.json()["type"] == HELD

    async def test_by_token_too(self, people: People) -> None:
        await people.create("ada")
        ada = await people.bearer("ada")
        answer = await ada.get("/api/v1/users/me")
        assert (answer.status_code, answer.json()["type"]) == (403, HELD)
        form = await ada.post("/api/v1/auth/token", data=PASSWORD_FORM)
        body = {"refresh_token": form.json()["refresh_token"]}
        pair = (await ada.post("/api/v1/auth/refresh", json=body)).json()
        ada.headers["Authorization"] = f"Bearer {pair['access_token']}"
        assert (await ada.get("/api/v1/users/me")).status_code == 403

    async def test_on_the_old_wire_in_its_words(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.get("/api/id")
        assert answer.status_code == 403
        assert answer.json()["message"].startswith("Set up a second factor")
        before = await ada.put("/api/user", json={"name": "Another"})
        assert before.status_code in {401, 403}

    async def test_no_password_is_changed_in_the_moment_after_the_old_log_out(
        self, people: People
    ) -> None:
        await people.create("ada")
        ada = await people.visitor()
        old = await ada.post("/api/authenticate", json=LOGIN)
        assert (await ada.delete("/api/authenticate")).status_code == 200
        by_cookie = await ada.put("/api/user", json={"password": NEW_PASSWORD})
        ada.cookies.clear()
        ada.headers["Authorization"] = f"Bearer {old.json()['token']}"
        by_token = await ada.put("/api/user", json={"password": NEW_PASSWORD})
        assert (by_cookie.status_code, by_token.status_code) == (403, 403)
        await people.log_in("ada")

    async def test_pages_lead_there(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for path in ("/", "/account", "/token", "/sections", "/login", "/account/delete", "/docs"):
            answer = await ada.get(path, headers=HTML)
            assert (answer.status_code, answer.headers.get("location")) == (303, PAGE), path
        answer = await ada.get(PAGE, headers=HTML)
        assert answer.status_code == 200
        assert "This site asks it of you" in answer.text

    async def test_forms_of_pages_do_nothing(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for path in ("/account/profile", "/account/delete", "/account/password"):
            answer = await ada.post(path, data={"name": "x"}, headers=HTML)
            assert answer.status_code == 403, path
            assert "Set up a second factor first" in answer.text

    async def test_is_no_admin_either(self, people: People, resources: Resources) -> None:
        root = await people.create_and_log_in("boss", role=Role.ADMIN)
        new = {"uid": "eve", "name": "Eve", "password": PASSWORD, "role": "admin"}
        # Sign-up is open to everybody; roles are an admin's.
        assert (await root.post("/api/v1/users", json=new)).status_code == 422
        assert (await root.patch("/api/v1/users/boss", json={"role": "user"})).status_code == 403
        async with resources.database.transaction(read_only=True) as session:
            assert (await accounts.get_user(session, uid="boss")).role is Role.ADMIN

    async def test_logs_out(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.post("/api/v1/auth/logout")).status_code == 204
        assert (await ada.get(ADDRESS)).status_code == 401

    async def test_logs_out_by_token(self, people: People) -> None:
        await people.create("ada")
        ada = await people.bearer("ada")
        assert (await ada.post("/api/v1/auth/logout")).status_code == 204
        assert (await ada.get(ADDRESS)).status_code == 401

    async def test_is_free_once_it_is_set_up(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        await set_up(ada, resources)
        assert (await ada.get(SESSION)).status_code == 200
        assert (await ada.get("/account", headers=HTML)).status_code == 200

    async def test_one_that_was_only_begun_frees_nobody(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.post(ADDRESS, json={"current_password": PASSWORD})
        assert (await ada.get(SESSION)).status_code == 403

    async def test_again_when_it_is_removed(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        phone = await set_up(ada, resources)
        body = {"current_password": PASSWORD, "code": phone.code()}
        assert (await ada.request("DELETE", ADDRESS, json=body)).status_code == 204
        assert (await ada.get(SESSION)).status_code == 403


@STAFF
class TestStaff:
    async def test_pupils_need_none(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.get(SESSION)).status_code == 200
        assert (await ada.get(ADDRESS)).json()["is_required"] is False

    @pytest.mark.parametrize("role", [Role.TEACHER, Role.ADMIN])
    async def test_staff_do(self, people: People, role: Role) -> None:
        staff = await people.create_and_log_in("boss", role=role)
        assert (await staff.get(SESSION)).status_code == 403
        assert (await staff.get(ADDRESS)).json()["is_required"] is True

    async def test_from_the_next_request_on(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.get(SESSION)).status_code == 200
        await change_user(resources, "ada", role=Role.TEACHER)
        assert (await ada.get(SESSION)).status_code == 403


@STAFF
async def test_the_first_admin_is_led_there(app: FastAPI, people: People) -> None:
    root = await people.create_and_log_in("boss", role=Role.ADMIN)
    assert app.state.settings.second_factor == "staff"
    answer = await root.get("/account?done=setup", headers=HTML)
    assert answer.headers["location"] == PAGE
