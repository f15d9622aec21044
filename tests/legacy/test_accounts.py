"""`/api/user`: reading, changing and deleting accounts."""

from typing import Any

import pytest
from fastapi import FastAPI

from app.resources import Resources
from tests.legacy.wire import (
    LOGIN,
    NEW_PASSWORD,
    front_end,
    log_in,
    log_in_admin,
    refused,
    sign_up,
)
from tests.people import People
from tests.wire import ONE_ENGINE, read_users

MISSING = "Authentication Token is missing!"
ENDED = "Authentication Token is invalid or has expired"
FORBIDDEN = "Insufficient permissions."
NAME = "Name is missing, or is less than 2 characters"
UID = "User ID is missing, or is less than 2 characters"
BOTH = pytest.mark.parametrize("path", ["/api/user", "/api/user/"])


class TestRead:
    @BOTH
    async def test_nobody(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            refused(await page.get(path), 401, MISSING)

    @BOTH
    async def test_is_oneself(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            created = await sign_up(page)
            await log_in(page)
            assert (await page.get(path)).json() == created

    async def test_a_page_of_everybody(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            for uid in ("ada", "bob", "cyd"):
                await sign_up(page, uid=uid, email=f"{uid}@example.org")
            await log_in(page)
            first = (await page.get("/api/user?page=1&per_page=2")).json()
            assert first["pagination"] == {
                "page": 1,
                "per_page": 2,
                "total": 3,
                "has_next": True,
                "has_prev": False,
            }
            assert [user["uid"] for user in first["users"]] == ["ada", "bob"]
            assert [user["email"] for user in first["users"]] == ["ada@example.org", "?"]
            assert [user["access"] for user in first["users"]] == [["rw"], ["ro"]]
            last = (await page.get("/api/user?page=2&per_page=2")).json()
            assert [user["uid"] for user in last["users"]] == ["cyd"]
            assert last["pagination"]["has_next"] is False
            assert last["pagination"]["has_prev"] is True

    @pytest.mark.parametrize(
        "query",
        ["page=0", "page=-1", "page=x", "page=99999999999", "page=1&per_page=x", "page=%00"],
    )
    async def test_odd_pages(self, app: FastAPI, query: str) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            answer = await page.get(f"/api/user?{query}")
            assert answer.status_code in {200, 400}
            if answer.status_code == 200:
                assert answer.json()["pagination"]["total"] == 1

    @pytest.mark.parametrize("settings_changes", [{"legacy_user_list": True}])
    async def test_everybody_where_the_setting_says_so(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            assert [user["uid"] for user in (await page.get("/api/user")).json()] == ["ada"]


class TestChangeRefusals:
    pytestmark = ONE_ENGINE

    @BOTH
    async def test_nobody(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            for body in ({"name": "Eve"}, {"password": NEW_PASSWORD}, {"uid": "ada"}):
                refused(await page.put(path, json=body), 401, MISSING)

    @pytest.mark.parametrize(
        ("body", "status", "message"),
        [
            ({"name": "A"}, 400, NAME),
            ({"uid": "a"}, 400, UID),
            ({"uid": "a b"}, 400, "Use letters a to z, digits, and . _ - between them."),
            ({"uid": "bob"}, 409, "That user name is taken."),
            ({"uid": "BOB", "name": "Bob"}, 409, "That user name is taken."),
            ({"email": "nonsense"}, 400, "Enter an e-mail address like name@example.org."),
            ({"password": "short"}, 400, "Password must be at least 12 characters"),
            ({"name": "Eve", "password": "short"}, 400, "Password must be at least 12 characters"),
        ],
    )
    async def test_nothing_changes(
        self, app: FastAPI, body: dict[str, Any], status: int, message: str
    ) -> None:
        async with front_end(app) as page:
            await sign_up(page, uid="bob", name="Bob")
            created = await sign_up(page)
            await log_in(page)
            refused(await page.put("/api/user", json=body), status, message)
            assert (await page.get("/api/id")).json() == created

    async def test_admin_names_nobody(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            answer = await page.put("/api/user", json={"uid": "nobody", "name": "Eve"})
            refused(answer, 404, "User nobody not found")


class TestChange:
    @BOTH
    async def test_one_field_a_request(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
                ({"name": "Ada King"}, {"name": "Ada King"}),
                ({"email": "ada@example.org"}, {"email": "ada@example.org"}),
                ({"sid": "42"}, {"sid": "42"}),
                ({"school": "Poway"}, {"school": "Poway"}),
                ({"kasm_server_needed": True}, {"kasm_server_needed": True}),
                ({"kasmServerNeeded": False}, {"kasm_server_needed": False}),
                ({"class": ["CSA", "CSP"]}, {"class": ["CSA", "CSP"]}),
                ({"dob": "2008-11-30"}, {"dob": "11-30-2008"}),
                ({"grade_data": {"a": 1}}, {"grade_data": {"a": 1}}),
            ]
            for sent, shown in changes:
                answer = await page.put(path, json=sent)
                assert answer.status_code == 200, sent
                assert answer.json().items() >= shown.items()
                assert (await page.get("/api/id")).json().items() >= shown.items()

    async def test_the_whole_user_as_it_was_read(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            me = (await page.get("/api/id")).json()
            answer = await page.put("/api/user", json={**me, "name": "Ada King"})
            assert answer.status_code == 200
            # Nothing else changed, so nobody was logged out either.
            assert (await page.get("/api/id")).json() == {**me, "name": "Ada King"}

    async def test_role_and_id_mean_nothing(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            created = await sign_up(page)
            await log_in(page)
            sent = {"role": "Admin", "id": 99, "is_admin": True, "access": ["rw"]}
            assert (await page.put("/api/user", json=sent)).json() == created

    async def test_a_new_uid_logs_out(self, app: FastAPI) -> None:
        async with front_end(app) as page, front_end(app) as phone:
            await sign_up(page)
            await log_in(page)
            await log_in(phone)
            answer = await page.put("/api/user", json={"uid": "ada.king"})
            assert (answer.status_code, answer.json()["uid"]) == (200, "ada.king")
            refused(await page.get("/api/id"), 401, ENDED)
            refused(await phone.get("/api/id"), 401, ENDED)
            refused(
                await page.post("/api/authenticate", json=LOGIN), 401, "Invalid user id or password"
            )
            assert (await log_in(page, uid="ada.king"))["user"]["uid"] == "ada.king"

    async def test_a_new_password_ends_the_other_logins(self, app: FastAPI) -> None:
        async with front_end(app) as page, front_end(app) as phone:
            await sign_up(page)
            await log_in(page)
            await log_in(phone)
            answer = await page.put("/api/user", json={"password": NEW_PASSWORD})
            assert answer.status_code == 200
            assert NEW_PASSWORD not in answer.text
            assert (await page.get("/api/id")).status_code == 200
            refused(await phone.get("/api/id"), 401, ENDED)
            await log_in(phone, password=NEW_PASSWORD)


class TestAdmin:
    async def test_changes_whoever_the_uid_names(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page, front_end(app) as pupil:
            await sign_up(pupil)
            await log_in(pupil)
            await log_in_admin(people, page)
            body = {"uid": "ada", "name": "Ada King", "role": "Teacher", "school": "Poway"}
            answer = await page.put("/api/user", json=body)
            assert answer.status_code == 200
            assert answer.json().items() >= {"name": "Ada King", "role": "Teacher"}.items()
            assert (await pupil.get("/api/id")).json()["school"] == "Poway"
            assert (await page.get("/api/id")).json()["name"] == "Root.Admin"

    async def test_gives_somebody_a_password(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page, front_end(app) as pupil:
            await sign_up(pupil)
            await log_in(pupil)
            await log_in_admin(people, page)
            body = {"uid": "ada", "password": NEW_PASSWORD}
            assert (await page.put("/api/user", json=body)).status_code == 200
            refused(await pupil.get("/api/id"), 401, ENDED)
            await log_in(pupil, password=NEW_PASSWORD)
            assert (await page.get("/api/id")).status_code == 200

    async def test_renames_oneself(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            assert (await page.put("/api/user", json={"uid": "chief"})).status_code == 200
            await log_in(page, uid="chief")

    async def test_may_not_be_the_last_to_go(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            answer = await page.put("/api/user", json={"role": "User"})
            refused(answer, 409, "This is the last active admin.")


class TestDelete:
    @pytest.mark.parametrize("path", ["/api/user", "/api/user/", "/api/users", "/api/users/"])
    async def test_by_admins_alone(
        self, app: FastAPI, people: People, resources: Resources, path: str
    ) -> None:
        body = {"uid": "ada"}
        async with front_end(app) as page:
            await sign_up(page)
            refused(await page.request("DELETE", path, json=body), 401, MISSING)
            await log_in(page)
            refused(await page.request("DELETE", path, json=body), 403, FORBIDDEN)
            assert (await page.get("/api/id")).status_code == 200
            await log_in_admin(people, page)
            for nobody in ({"uid": "nobody"}, {"uid": 7}):
                answer = await page.request("DELETE", path, json=nobody)
                refused(answer, 404, f"User {nobody['uid']} not found")
            answer = await page.request("DELETE", path, json=body)
            assert (answer.status_code, answer.content) == (204, b"")
            assert set(await read_users(resources)) == {"root.admin"}
