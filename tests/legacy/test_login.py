"""`/api/authenticate` and `/api/id`: in, who am I, and out."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role
from app.resources import Resources
from tests.legacy.wire import ADA, FIELDS, LOGIN, front_end, log_in, refused, sign_up
from tests.people import PASSWORD, People
from tests.wire import COOKIE, ONE_ENGINE, change_user, replay, replay_bearer, visitor

PATHS = [
    "/api/authenticate",
    "/api/authenticate/",
    "/api/users/authenticate",
    "/api/users/authenticate/",
]
MISSING = "Authentication Token is missing!"
ENDED = "Authentication Token is invalid or has expired"


class TestRefusals:
    pytestmark = ONE_ENGINE

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("body", ["", "{}", "null", "[]", "[1]", "0", '"ada"', "false"])
    async def test_no_details(self, app: FastAPI, path: str, body: str) -> None:
        async with front_end(app) as page:
            answer = await page.post(path, content=body)
            refused(answer, 400, "Please provide user details")
            assert "Set-Cookie" not in answer.headers

    @pytest.mark.parametrize(
        "body", ["{", "{uid: 1}", "\x00", '{"a": NaN}', "{" * 5000, '{"a": 1e999}']
    )
    async def test_no_json(self, app: FastAPI, body: str) -> None:
        async with front_end(app) as page:
            refused(
                await page.post("/api/authenticate", content=body),
                400,
                "The body is not valid JSON.",
            )

    async def test_no_json_by_its_type(self, app: FastAPI) -> None:
        async with visitor(app, headers={"Origin": "http://localhost:4100"}) as page:
            answer = await page.post("/api/authenticate", data=LOGIN)
            refused(answer, 415, "Send JSON with Content-Type: application/json.")

    @pytest.mark.parametrize("uid", [None, "", [], {}, True])
    async def test_no_uid(self, app: FastAPI, uid: Any) -> None:
        async with front_end(app) as page:
            body = {"uid": uid, "password": PASSWORD}
            refused(await page.post("/api/authenticate", json=body), 401, "User ID is missing")

    @pytest.mark.parametrize("password", [None, "", [], {}, True])
    async def test_no_password(self, app: FastAPI, password: Any) -> None:
        async with front_end(app) as page:
            body = {"uid": "ada", "password": password}
            refused(await page.post("/api/authenticate", json=body), 401, "Password is missing")

    @pytest.mark.parametrize(
        "changes",
        [
            {"password": "wrong horse battery"},
            {"uid": "nobody"},
            {"uid": "a" * 100_000},
            {"password": "p" * 100_000},
            {"uid": "ada\x00"},
            {"uid": "\ud800"},
            {"password": "\ud800"},
            {"uid": 12},
        ],
    )
    async def test_wrong_ones_are_one_answer(self, app: FastAPI, changes: dict[str, Any]) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            # Not `json=`: httpx cannot write half a character.
            body = json.dumps({**LOGIN, **changes})
            answer = await page.post("/api/authenticate", content=body)
            refused(answer, 401, "Invalid user id or password")
            assert "Set-Cookie" not in answer.headers
            refused(await page.get("/api/id"), 401, MISSING)

    async def test_disabled_account(self, app: FastAPI, resources: Resources) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await change_user(resources, "ada", is_active=False)
            answer = await page.post("/api/authenticate", json=LOGIN)
            refused(answer, 401, "Invalid user id or password")

    async def test_too_many_attempts(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            wrong = {**LOGIN, "password": "wrong horse battery"}
            for _ in range(10):
                refused(
                    await page.post("/api/authenticate", json=wrong),
                    401,
                    "Invalid user id or password",
                )
            answer = await page.post("/api/authenticate", json=wrong)
            assert answer.status_code == 429
            assert answer.json()["message"].startswith("Too many attempts.")
            assert int(answer.headers["Retry-After"]) > 0

    async def test_from_a_page_that_may_not(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
        async with visitor(app, headers={"Origin": "https://evil.example"}) as stranger:
            answer = await stranger.post("/api/authenticate", json=LOGIN)
            assert answer.status_code == 403
            assert set(answer.json()) == {"message", "data", "error"}
            assert "Set-Cookie" not in answer.headers

    async def test_methods_that_are_not_there(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            answer = await page.get("/api/authenticate")
            assert answer.headers["Allow"] == "DELETE, POST"
            refused(answer, 405, "This address does not take that method.")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Cookie": f"{COOKIE}=eyJhbGciOiJIUzI1NiJ9.eyJfdWlkIjoiYWRhIn0.x"},
            {"Cookie": f"{COOKIE}=a; {COOKIE}=b"},
            {"Authorization": "Bearer x"},
            {"Authorization": "Basic YWRhOng="},
        ],
    )
    async def test_who_am_i_with_something_else(
        self, app: FastAPI, headers: dict[str, str]
    ) -> None:
        async with front_end(app) as page:
            refused(await page.get("/api/id", headers=headers), 401, ENDED)

    @pytest.mark.parametrize("name", ["jwt_python_flask", "jwt", "sess_python_flask"])
    async def test_cookies_of_the_old_servers_mean_nothing(self, app: FastAPI, name: str) -> None:
        async with front_end(app) as page:
            answer = await page.get("/api/id", headers={"Cookie": f"{name}=eyJ.eyJ.x"})
            refused(answer, 401, MISSING)


class TestLogin:
    @pytest.mark.parametrize("path", PATHS)
    async def test_answers_who_it_is_and_a_token(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            await sign_up(page, **{"class": ["CSA"]})
            answer = await page.post(path, json=LOGIN)
            assert answer.status_code == 200
            body = answer.json()
            token = body.pop("token")
            assert body == {
                "message": "Authentication for ada successful",
                "user": {"uid": "ada", "name": "Ada Lovelace", "role": "User", "class": ["CSA"]},
            }
            names = [line.partition("=")[0] for line in answer.headers.get_list("Set-Cookie")]
            assert names == ["portfolio_session", "portfolio_device"]
            assert (await replay_bearer(app, token, "/api/id")).json()["uid"] == "ada"

    async def test_takes_a_uid_in_any_case_and_ignores_the_rest(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            assert (await log_in(page, uid="ADA", remember=True, role="Admin"))["user"] == {
                "uid": "ada",
                "name": "Ada Lovelace",
                "role": "User",
                "class": [],
            }

    async def test_replaces_the_login_before(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            first = (await log_in(page))["token"]
            await log_in(page)
            assert (await replay_bearer(app, first, "/api/id")).status_code == 401
            assert (await page.get("/api/id")).status_code == 200

    async def test_cookie_and_token_are_one_session_of_the_new_api_too(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            token = (await log_in(page))["token"]
            own = (await page.get("/api/v1/auth/session")).json()
            assert own["authenticated_by"] == "cookie"
            assert own["session"]["kind"] == "either"
            other = (await replay_bearer(app, token)).json()
            assert other["authenticated_by"] == "bearer"
            assert other["session"]["id"] == own["session"]["id"]


class TestWhoAmI:
    @pytest.mark.parametrize("path", ["/api/id", "/api/id/"])
    async def test_somebody_new(self, app: FastAPI, path: str) -> None:
        async with front_end(app) as page:
            created = await sign_up(page)
            await log_in(page)
            answer = await page.get(path)
            assert answer.status_code == 200
            assert (
                answer.json()
                == created
                == {
                    "id": created["id"],
                    "uid": "ada",
                    "name": "Ada Lovelace",
                    "email": "?",
                    "dob": None,
                    "age": None,
                    "hashmap": None,
                    "role": "User",
                    "roles": [{"name": "User"}],
                    "is_admin": False,
                    "is_teacher": False,
                    "pfp": None,
                    "kasm_server_needed": False,
                    "sid": None,
                    "school": "Unknown",
                    "class": [],
                    "sections": [],
                    "grade_data": {},
                    "ap_exam": {},
                }
            )
            assert set(created) == FIELDS
            assert type(created["id"]) is int

    @pytest.mark.parametrize(("role", "name"), [(Role.TEACHER, "Teacher"), (Role.ADMIN, "Admin")])
    async def test_roles(self, people: People, app: FastAPI, role: Role, name: str) -> None:
        await people.create("ada", role=role)
        async with front_end(app) as page:
            await log_in(page)
            me = (await page.get("/api/id")).json()
            assert (me["role"], me["roles"]) == (name, [{"name": name}])
            assert me["is_admin"] == (role is Role.ADMIN)
            assert me["is_teacher"] == (role is Role.TEACHER)


class TestLogout:
    async def test_without_a_login_is_fine(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            for path in PATHS:
                answer = await page.delete(path)
                assert (answer.status_code, answer.text) == (200, "Token invalidated successfully")

    async def test_ends_cookie_and_token_at_once(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            token = (await log_in(page))["token"]
            cookie = page.cookies[COOKIE]
            answer = await page.delete("/api/authenticate")
            assert (answer.status_code, answer.text) == (200, "Token invalidated successfully")
            refused(await page.get("/api/id"), 401, ENDED)
            assert (await replay(app, cookie, "/api/id")).status_code == 401
            assert (await replay_bearer(app, token, "/api/id")).status_code == 401
            assert (await page.delete("/api/authenticate")).status_code == 200

    async def test_by_the_token_alone(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            token = (await log_in(page))["token"]
            cookie = page.cookies[COOKIE]
        async with front_end(app) as elsewhere:
            elsewhere.headers["Authorization"] = f"Bearer {token}"
            assert (await elsewhere.delete("/api/authenticate")).status_code == 200
            refused(await elsewhere.get("/api/id"), 401, ENDED)
        assert (await replay(app, cookie, "/api/id")).status_code == 401

    async def test_what_is_left_of_the_cookie_is_gone_in_seconds(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            answer = await page.delete("/api/authenticate")
            kept = answer.headers.get_list("Set-Cookie")
            assert len(kept) == 1
            assert "Max-Age=10;" in kept[0]

    async def test_other_logins_stay(self, app: FastAPI) -> None:
        async with front_end(app) as page, front_end(app) as phone:
            await sign_up(page)
            await log_in(page)
            await log_in(phone)
            await page.delete("/api/authenticate")
            assert (await phone.get("/api/id")).status_code == 200


class TestSwitchedOff:
    @pytest.mark.parametrize("settings_changes", [{"legacy_api": "off"}])
    async def test_no_address_is_left(self, client: httpx.AsyncClient) -> None:
        for method, path in [("POST", PATHS[0]), ("GET", "/api/id"), ("POST", "/api/user")]:
            answer = await client.request(method, path, json=ADA)
            assert answer.status_code == 404
            assert answer.headers["Content-Type"] == "application/problem+json"
