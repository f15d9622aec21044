"""What admins do to accounts: change, disable, delete, reset; and two of them at once."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlmodel import delete

from app.models import OneTimeLink, Role, User
from app.resources import Resources
from tests.people import PASSWORD, People
from tests.wire import LOGIN, ONE_ENGINE, SESSION, change_user, read_users

USERS = "/api/v1/users"
RESET = "/api/v1/auth/reset"
OTHER = "an even longer sentence"


def active_admins(users: dict[str, User]) -> list[str]:
    return [uid for uid, user in users.items() if user.role is Role.ADMIN and user.is_active]


class TestNotByOthers:
    @ONE_ENGINE
    @pytest.mark.parametrize("role", [Role.USER, Role.TEACHER])
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "/bob", {"name": "Bert"}),
            ("PATCH", "/bob", {"role": "admin"}),
            ("PATCH", "/ada", {"role": "admin"}),
            ("PATCH", "/nobody", {"name": "Bert"}),
            ("DELETE", "/bob", None),
            ("DELETE", "/ada", None),
            ("DELETE", "/nobody", None),
            ("POST", "/bob/reset", None),
            ("POST", "/nobody/reset", None),
        ],
    )
    async def test_refused(
        self,
        people: People,
        resources: Resources,
        role: Role,
        method: str,
        path: str,
        body: dict[str, str] | None,
    ) -> None:
        ada = await people.create_and_log_in("ada", role=role)
        await people.create("bob")
        before = await read_users(resources)
        answer = await ada.request(method, USERS + path, json=body)
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems#admin-required"
        assert await read_users(resources) == before


class TestUpdateUser:
    @ONE_ENGINE
    async def test_refused_fields(self, people: People, resources: Resources) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("ada")
        before = await read_users(resources)
        rows: list[dict[str, Any]] = [
            {"role": "owner"},
            {"role": "ADMIN"},
            {"role": ["admin"]},
            {"is_active": "false"},
            {"is_active": 0},
            {"auth_epoch": 7},
            {"public_id": "x"},
            {"password": OTHER},
        ]
        for changes in rows:
            answer = await boss.patch(f"{USERS}/ada", json={"name": "Changed", **changes})
            assert answer.status_code == 422, changes
            assert await read_users(resources) == before, changes

    async def test_unknown(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        assert (await boss.patch(f"{USERS}/nobody", json={"name": "X"})).status_code == 404

    async def test_a_taken_uid(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("ada")
        assert (await boss.patch(f"{USERS}/ada", json={"uid": "BOSS"})).status_code == 409

    async def test_answers_the_whole_account(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("ada")
        changes = {"uid": "countess", "email": "a@example.org", "role": "teacher"}
        answer = await boss.patch(f"{USERS}/ADA", json=changes)
        assert answer.status_code == 200
        assert answer.json().items() >= changes.items()
        assert (await boss.get(f"{USERS}/countess")).json() == answer.json()

    @pytest.mark.parametrize("changes", [{"role": "user"}, {"is_active": False}])
    async def test_the_last_admin_stays_one(
        self, people: People, resources: Resources, changes: dict[str, Any]
    ) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("former", role=Role.ADMIN)
        await change_user(resources, "former", is_active=False)
        answer = await boss.patch(f"{USERS}/boss", json=changes)
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems#last-admin"
        assert active_admins(await read_users(resources)) == ["boss"]

    async def test_the_last_admin_may_change_the_rest(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        changes = {"name": "The boss", "role": "admin", "is_active": True}
        assert (await boss.patch(f"{USERS}/boss", json=changes)).status_code == 200


class TestDeleteUser:
    async def test_unknown(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        assert (await boss.delete(f"{USERS}/nobody")).status_code == 404

    async def test_the_last_admin_stays(self, people: People, resources: Resources) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        assert (await boss.delete(f"{USERS}/boss")).status_code == 409
        assert "boss" in await read_users(resources)

    async def test_is_gone(self, people: People, resources: Resources) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create_and_log_in("ada")
        assert (await boss.delete(f"{USERS}/ada")).status_code == 204
        assert list(await read_users(resources)) == ["boss"]


class TestReset:
    @staticmethod
    async def _link(people: People, uid: str = "ada") -> str:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        answer = await boss.post(f"{USERS}/{uid}/reset")
        assert answer.status_code == 201, answer.text
        url: str = answer.json()["url"]
        assert url.startswith("http://localhost:8086/reset?token=")
        return parse_qs(urlsplit(url).query)["token"][0]

    async def test_unknown_link(self, client: httpx.AsyncClient) -> None:
        for token in ["x", "x" * 43]:
            answer = await client.post(RESET, json={"token": token, "new_password": OTHER})
            assert answer.status_code == 404, token
            assert answer.json()["type"] == "/problems#link-invalid", token
        # Text that one of the databases cannot hold is refused as such.
        answer = await client.post(RESET, json={"token": "\u0000", "new_password": OTHER})
        assert answer.status_code == 422

    async def test_of_an_unknown_user(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        assert (await boss.post(f"{USERS}/nobody/reset")).status_code == 404

    async def test_works_once(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        body = {"token": await self._link(people), "new_password": OTHER}
        answers = [await client.post(RESET, json=body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [204, 404]

    async def test_works_once_for_many_at_once(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        body = {"token": await self._link(people), "new_password": OTHER}
        answers = await asyncio.gather(*(client.post(RESET, json=body) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [204] + [404] * 7

    async def test_a_weak_password_does_not_use_it_up(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        token = await self._link(people)
        weak = await client.post(RESET, json={"token": token, "new_password": "ada"})
        assert weak.status_code == 422
        assert weak.json()["errors"][0]["pointer"] == "/new_password"
        good = await client.post(RESET, json={"token": token, "new_password": OTHER})
        assert good.status_code == 204

    async def test_a_newer_link_replaces_it(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        old = await self._link(people)
        boss = await people.log_in("boss")
        await boss.post(f"{USERS}/ada/reset")
        answer = await client.post(RESET, json={"token": old, "new_password": OTHER})
        assert answer.status_code == 404

    async def test_ends_every_login(self, client: httpx.AsyncClient, people: People) -> None:
        clients = [await people.create_and_log_in("ada"), await people.bearer("ada")]
        body = {"token": await self._link(people), "new_password": OTHER}
        await client.post(RESET, json=body)
        assert [(await one.get(SESSION)).status_code for one in clients] == [401, 401]

    async def test_the_old_password_is_dead(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        body = {"token": await self._link(people), "new_password": OTHER}
        await client.post(RESET, json=body)
        assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 401
        login = {**LOGIN, "password": OTHER}
        assert (await client.post("/api/v1/auth/login", json=login)).status_code == 200

    async def test_making_the_link_changes_nothing_yet(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await self._link(people)
        assert (await ada.get(SESSION)).status_code == 200
        assert (await ada.post("/api/v1/auth/login", json=LOGIN)).status_code == 200

    async def test_a_disabled_account_stays_disabled(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        token = await self._link(people)
        await change_user(resources, "ada", is_active=False)
        await client.post(RESET, json={"token": token, "new_password": OTHER})
        login = {**LOGIN, "password": OTHER}
        assert (await client.post("/api/v1/auth/login", json=login)).status_code == 401


class TestTwoAtOnce:
    @pytest.mark.parametrize("how", ["demote", "disable", "delete"])
    async def test_admins_who_remove_each_other(
        self, people: People, resources: Resources, how: str
    ) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        chief = await people.create_and_log_in("chief", role=Role.ADMIN)
        body = {"demote": {"role": "user"}, "disable": {"is_active": False}}.get(how)
        method = "PATCH" if body else "DELETE"
        answers = await asyncio.gather(
            boss.request(method, f"{USERS}/chief", json=body),
            chief.request(method, f"{USERS}/boss", json=body),
        )
        statuses = sorted(answer.status_code for answer in answers)
        # The slower one finds itself removed, or the other the last.
        assert statuses[0] in {200, 204}
        assert statuses[1] in {401, 403, 409}
        assert len(active_admins(await read_users(resources))) == 1

    async def test_many_admins_who_all_leave(self, people: People, resources: Resources) -> None:
        admins = [await people.create_and_log_in(f"boss{n}", role=Role.ADMIN) for n in range(4)]
        body = {"current_password": PASSWORD}
        answers = await asyncio.gather(
            *(admin.request("DELETE", f"{USERS}/me", json=body) for admin in admins)
        )
        assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 409]
        assert len(active_admins(await read_users(resources))) == 1

    async def test_everything_at_once_to_one_account(
        self, people: People, resources: Resources
    ) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        chief = await people.create_and_log_in("chief", role=Role.ADMIN)
        ada, home = await people.create_and_log_in("ada"), await people.bearer("ada")
        change = {"current_password": PASSWORD, "new_password": OTHER}
        answers = await asyncio.gather(
            boss.delete(f"{USERS}/ada"),
            chief.delete(f"{USERS}/ada"),
            chief.patch(f"{USERS}/ada", json={"name": "Countess"}),
            chief.post(f"{USERS}/ada/reset"),
            ada.patch(f"{USERS}/me", json={"name": "Ada King"}),
            ada.post(f"{USERS}/me/password", json=change),
            ada.post("/api/v1/auth/login", json=LOGIN),
            home.delete("/api/v1/auth/sessions"),
            home.post("/api/v1/auth/logout"),
            home.request("DELETE", f"{USERS}/me", json={"current_password": PASSWORD}),
        )
        assert all(answer.status_code < 500 for answer in answers)
        assert "ada" not in await read_users(resources)

    async def test_links_are_gone_with_their_account(
        self, people: People, resources: Resources
    ) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("ada")
        await boss.post(f"{USERS}/ada/reset")
        await boss.delete(f"{USERS}/ada")
        async with resources.database.transaction() as session:
            assert (await session.exec(delete(OneTimeLink))).rowcount == 0
