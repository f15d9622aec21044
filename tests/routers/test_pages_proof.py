"""The pages ask for the password in the form that needs it, and keep what was typed."""

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.markup import read
from tests.people import PASSWORD, People
from tests.wire import SESSION, current_sid, grow_old, read_users

HTML = {"Accept": "text/html"}
PROFILE = {"name": "Ada", "uid": "ada", "email": ""}


@pytest.fixture
async def ada(people: People, resources: Resources) -> httpx.AsyncClient:
    """Somebody with the cookie of a login of ada's that is not fresh."""
    client = await people.create_and_log_in("ada")
    await grow_old(client, resources)
    return client


class TestProfile:
    async def test_the_profile_comes_back_with_what_was_typed(
        self, ada: httpx.AsyncClient, resources: Resources
    ) -> None:
        before = await read_users(resources)
        assert "profile_password" not in read(await ada.get("/account")).fields
        typed = {"name": "Ada King", "uid": "countess", "email": "ada@example.org"}
        answer = await ada.post("/account/profile", data=typed)
        page = read(answer)
        assert answer.status_code == 403
        assert "Enter your current password." in page.message("profile_password")
        assert {name: page.fields[name]["value"] for name in typed} == typed
        assert await read_users(resources) == before

    @pytest.mark.parametrize(
        ("password", "status", "message"),
        [
            ("", 403, "Enter your current password."),
            ("not the password", 403, "That is not your current password."),
            ("x" * 1025, 422, "1,024"),
        ],
    )
    async def test_a_wrong_password(
        self,
        ada: httpx.AsyncClient,
        resources: Resources,
        password: str,
        status: int,
        message: str,
    ) -> None:
        before = await read_users(resources)
        typed = {**PROFILE, "uid": "countess", "profile_password": password}
        answer = await ada.post("/account/profile", data=typed)
        assert answer.status_code == status
        page = read(answer)
        assert message in page.message("profile_password")
        assert page.fields["uid"]["value"] == "countess"
        assert not page.fields["profile_password"].get("value")
        assert await read_users(resources) == before

    async def test_another_refusal_keeps_the_field(
        self, ada: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("bob")
        typed = {**PROFILE, "uid": "bob", "profile_password": PASSWORD}
        answer = await ada.post("/account/profile", data=typed)
        page = read(answer)
        assert answer.status_code == 409
        assert "taken" in page.message("uid")
        assert "profile_password" in page.fields
        assert PASSWORD not in answer.text

    async def test_the_profile_with_the_password(self, ada: httpx.AsyncClient) -> None:
        typed = {**PROFILE, "uid": "countess", "profile_password": PASSWORD}
        answer = await ada.post("/account/profile", data=typed)
        assert answer.headers["location"] == "/account?done=profile"
        assert read(await ada.get("/account")).fields["uid"]["value"] == "countess"

    async def test_a_name_takes_none(self, ada: httpx.AsyncClient) -> None:
        answer = await ada.post("/account/profile", data={**PROFILE, "name": "Ada King"})
        assert answer.status_code == 303


class TestSessions:
    @pytest.mark.parametrize("way", ["end", "end-others"])
    async def test_ending_others(self, ada: httpx.AsyncClient, people: People, way: str) -> None:
        elsewhere = await people.log_in("ada")
        path = f"/account/sessions/{way}"
        typed = {"session": await current_sid(elsewhere)} if way == "end" else {"which": "others"}
        for password, message in (
            ({}, "Enter your current password."),
            ({"sessions_password": "not the password"}, "That is not your current password."),
        ):
            answer = await ada.post(path, data={**typed, **password})
            page = read(answer)
            assert answer.status_code == 403
            assert message in page.message("sessions_password")
            assert f'action="{path}"' in answer.text
            assert page.fields.get("session", {}).get("value") == typed.get("session")
            assert (await elsewhere.get(SESSION)).status_code == 200
        long = {**typed, "sessions_password": "x" * 1025}
        assert (await ada.post(path, data=long)).status_code == 422
        answer = await ada.post(path, data={**typed, "sessions_password": PASSWORD})
        assert answer.status_code == 303
        assert (await elsewhere.get(SESSION)).status_code == 401
        assert (await ada.get(SESSION)).status_code == 200


class TestAdmin:
    async def test_an_admins_own_account(self, people: People, resources: Resources) -> None:
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        await grow_old(root, resources)
        path = "/admin/users/root.admin"
        assert "current_password" not in read(await root.get(path)).fields
        typed = {**PROFILE, "uid": "root.admin", "name": "R", "role": "admin", "is_active": "on"}
        asked = {**typed, "email": "eve@example.org"}
        answer = await root.post(path, data=asked, headers=HTML)
        page = read(answer)
        assert answer.status_code == 403
        assert "Enter your current password." in page.message("current_password")
        assert page.fields["email"]["value"] == "eve@example.org"
        assert (await read_users(resources))["root.admin"].email is None
        answer = await root.post(path, data={**asked, "current_password": PASSWORD})
        assert answer.status_code == 303
