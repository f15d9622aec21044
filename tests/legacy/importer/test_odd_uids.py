"""User names that only an import brings: admins reach these people, and they their own account."""

from urllib.parse import quote

import httpx
import pytest

from app.models import Role
from tests.legacy.importer.conftest import Dumping, Importing
from tests.legacy.old_databases import OLD_PASSWORD, OldDatabase
from tests.people import People
from tests.wire import ONE_ENGINE

pytestmark = [
    ONE_ENGINE,
    pytest.mark.parametrize("uid", ["ada/l", "ada@example.org", "a d?a#50%&+", "ädä", "ada/reset"]),
]


@pytest.fixture
async def admin(
    uid: str, old: OldDatabase, carry_over: Importing, people: People
) -> httpx.AsyncClient:
    """An admin, where somebody with an odd name was imported."""
    old.add_user(uid)
    await carry_over(old)
    return await people.create_and_log_in("admina", role=Role.ADMIN)


class TestAdminByAPI:
    async def test_finds_changes_and_deletes(
        self, uid: str, admin: httpx.AsyncClient, dump: Dumping
    ) -> None:
        address = f"/api/v1/users/{quote(uid, safe='')}"
        assert (await admin.get(address)).json()["uid"] == uid
        changed = await admin.patch(address, json={"role": "teacher"})
        assert changed.json()["role"] == "teacher"
        assert (await admin.post(f"{address}/reset")).status_code == 201
        assert (await admin.delete(address)).status_code == 204
        assert [user["uid"] for user in (await dump())["user"]] == ["admina"]


class TestAdminByPage:
    async def test_follows_the_link_of_the_list(self, uid: str, admin: httpx.AsyncClient) -> None:
        listed = (await admin.get("/admin/users")).text
        address = f"/admin/users/{quote(uid)}"
        assert f'href="{address.replace("&", "&amp;")}"' in listed

    async def test_saves_without_giving_a_new_name(
        self, uid: str, admin: httpx.AsyncClient, dump: Dumping
    ) -> None:
        address = f"/admin/users/{quote(uid)}"
        form = {"uid": uid, "name": "Ada", "email": "", "role": "teacher", "is_active": "on"}
        if uid == "ada/reset":
            # Its page has the address of another one: the API and the commands are left.
            assert (await admin.post(address, data=form)).status_code == 404
            return
        answer = await admin.post(address, data=form)
        assert answer.headers["location"] == f"{address}?done=saved"
        assert (await admin.get(address)).status_code == 200
        (found,) = (user for user in (await dump())["user"] if user["uid"] == uid)
        assert found["role"] == Role.TEACHER

    async def test_makes_a_link_and_deletes(
        self, uid: str, admin: httpx.AsyncClient, dump: Dumping
    ) -> None:
        address = f"/admin/users/{quote(uid)}"
        assert "/reset?token=" in (await admin.post(f"{address}/reset", data={"a": ""})).text
        assert (await admin.get(f"{address}/delete")).status_code == 200
        assert (await admin.post(f"{address}/delete", data={"a": ""})).status_code == 303
        assert [user["uid"] for user in (await dump())["user"]] == ["admina"]


async def test_people_save_their_own_profile(
    uid: str, old: OldDatabase, carry_over: Importing, client: httpx.AsyncClient, dump: Dumping
) -> None:
    old.add_user(uid)
    await carry_over(old)
    await client.post("/api/v1/auth/login", json={"uid": uid, "password": OLD_PASSWORD})
    form = {"uid": uid, "name": "Countess", "email": ""}
    assert (await client.post("/account/profile", data=form)).status_code == 303
    (user,) = (await dump())["user"]
    assert (user["uid"], user["name"]) == (uid, "Countess")
