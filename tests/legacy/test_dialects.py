"""The five servers' answers, field by field: what each of them answered is there, and of its type.

The tables are those of the public front ends and servers: S23 and S24 are flask_portfolio before
and after May 2024, S25 is flask_2025, SFL the flocker backends, S26 the successor of 2025-26.
"""

from types import NoneType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role, Section
from app.resources import Resources
from tests.legacy.wire import LOGIN, front_end, log_in, log_in_admin, refused, sign_up
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE

pytestmark = ONE_ENGINE

Fields = dict[str, tuple[type, ...]]

# What somebody has who filled in everything that a server knew.
S24: Fields = {
    "id": (int,),
    "name": (str,),
    "uid": (str,),
    "dob": (str,),
    "age": (int,),
    "hashmap": (dict,),
    "role": (str,),
}
S23: Fields = {name: S24[name] for name in ("id", "name", "uid", "dob", "age")}
S25: Fields = {
    "id": (int,),
    "uid": (str,),
    "name": (str,),
    "email": (str,),
    "role": (str,),
    "pfp": (str, NoneType),
    "kasm_server_needed": (bool,),
    "sections": (list,),
}
SFL: Fields = {name: S25[name] for name in ("id", "uid", "name", "email", "role", "pfp")}
S26: Fields = {
    **S25,
    "sid": (str,),
    "class": (list,),
    "school": (str,),
    "is_admin": (bool,),
    "is_teacher": (bool,),
    "grade_data": (dict,),
    "ap_exam": (dict,),
}
DIALECTS = {"S23": S23, "S24": S24, "S25": S25, "SFL": SFL, "S26": S26}
each_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))

EVERYTHING: dict[str, Any] = {
    "email": "ada@example.org",
    "dob": "2008-11-30",
    "hashmap": {"a": 1},
    "sid": "1234567",
    "school": "Del Norte High",
    "kasm_server_needed": True,
    "class": ["CSA"],
    "grade_data": {"grade": "A"},
    "ap_exam": {"predicted": 5},
}


def check(shown: dict[str, Any], dialect: Fields) -> None:
    for name, kinds in dialect.items():
        assert type(shown[name]) in kinds, name


@pytest.fixture
async def page(app: FastAPI, resources: Resources) -> Any:
    """A page where somebody is logged in who filled in everything."""
    async with front_end(app) as made:
        await sign_up(made, **EVERYTHING)
        async with resources.database.transaction() as session:
            session.add(Section(abbreviation="CSA", abbreviation_folded="csa", name="Java"))
        await log_in(made)
        joined = await made.post("/api/user/section", json={"sections": ["CSA"]})
        assert joined.status_code == 200
        yield made


@each_dialect
class TestPerson:
    @pytest.mark.parametrize("path", ["/api/id", "/api/user"])
    async def test_oneself(self, page: httpx.AsyncClient, dialect: Fields, path: str) -> None:
        check((await page.get(path)).json(), dialect)

    @pytest.mark.parametrize("path", ["/api/users", "/api/users/"])
    async def test_in_the_list(self, page: httpx.AsyncClient, dialect: Fields, path: str) -> None:
        (own,) = (await page.get(path)).json()
        check(own, {**dialect, "access": (list,)})
        assert own["access"] == ["rw"]

    async def test_in_a_page_of_the_list(self, page: httpx.AsyncClient, dialect: Fields) -> None:
        answer = (await page.get("/api/user?page=1&per_page=10")).json()
        check(answer["users"][0], {**dialect, "access": (list,)})

    @pytest.mark.parametrize("path", ["/api/user", "/api/users"])
    async def test_changed(self, page: httpx.AsyncClient, dialect: Fields, path: str) -> None:
        answer = await page.put(path, json={"uid": "ada", "name": "Ada King"})
        check(answer.json(), dialect)

    @pytest.mark.parametrize("path", ["/api/user", "/api/users", "/api/users/"])
    async def test_created(self, app: FastAPI, dialect: Fields, path: str) -> None:
        body = {"name": "Grace", "uid": "grace", "password": PASSWORD, **EVERYTHING}
        async with front_end(app) as stranger:
            check((await stranger.post(path, json=body)).json(), dialect)


class TestValues:
    async def test_are_written_as_they_were(self, page: httpx.AsyncClient) -> None:
        me = (await page.get("/api/id")).json()
        assert me["dob"] == "11-30-2008"
        assert me["sections"] == [
            {
                "id": me["sections"][0]["id"],
                "name": "Java",
                "abbreviation": "CSA",
                "year": me["sections"][0]["year"],
            }
        ]
        assert type(me["sections"][0]["id"]) is type(me["sections"][0]["year"]) is int
        assert {name: me[name] for name in EVERYTHING if name != "dob"} == {
            name: value for name, value in EVERYTHING.items() if name != "dob"
        }

    async def test_nothing_made_of_a_password_is_among_them(self, page: httpx.AsyncClient) -> None:
        for path in ("/api/id", "/api/user", "/api/users"):
            assert "password" not in (await page.get(path)).text


class TestLogin:
    """S23 to S25 answered text that pages only show; SFL and S26 JSON, which 2026 pages read."""

    @pytest.mark.parametrize("path", ["/api/authenticate", "/api/users/authenticate"])
    async def test_success(self, page: httpx.AsyncClient, path: str) -> None:
        body = (await page.post(path, json=LOGIN)).json()
        check(body, {"message": (str,), "user": (dict,), "token": (str,)})
        person: Fields = {"uid": (str,), "name": (str,), "role": (str,), "class": (list,)}
        assert body["user"].keys() == person.keys()
        check(body["user"], person)

    @pytest.mark.parametrize(
        ("body", "status", "message"),
        [
            ({}, 400, "Please provide user details"),
            ({"password": PASSWORD}, 401, "User ID is missing"),
            ({"uid": "ada"}, 401, "Password is missing"),
            ({"uid": "ada", "password": "wrong horse"}, 401, "Invalid user id or password"),
        ],
    )
    async def test_refusals(
        self, page: httpx.AsyncClient, body: dict[str, str], status: int, message: str
    ) -> None:
        refused(await page.post("/api/authenticate", json=body), status, message)


CALLS = (
    ("GET", "/api/id"),
    ("GET", "/api/user"),
    ("PUT", "/api/user"),
    ("DELETE", "/api/user"),
    ("GET", "/api/users"),
    ("PUT", "/api/users"),
    ("DELETE", "/api/users"),
    ("GET", "/api/user/class"),
    ("POST", "/api/user/class"),
    ("PUT", "/api/user/class"),
    ("GET", "/api/user/section"),
    ("POST", "/api/user/section"),
    ("PUT", "/api/user/section"),
    ("DELETE", "/api/user/section"),
    ("POST", "/api/section"),
    ("DELETE", "/api/section"),
    ("GET", "/api/id/pfp"),
    ("PUT", "/api/id/pfp"),
    ("DELETE", "/api/id/pfp"),
    ("POST", "/api/post"),
    ("PUT", "/api/post"),
    ("DELETE", "/api/post"),
    ("GET", "/api/post/user"),
    ("POST", "/api/channel"),
)
ADMIN = {("DELETE", "/api/user"), ("DELETE", "/api/users"), ("POST", "/api/section")}


class TestGuards:
    """401 without a login and 403 without the role, never anything else and never a redirect."""

    @pytest.mark.parametrize(("method", "path"), CALLS)
    async def test_without_a_login(self, app: FastAPI, method: str, path: str) -> None:
        async with front_end(app) as stranger:
            for spelling in (path, f"{path}/"):
                answer = await stranger.request(method, spelling, json={"uid": "ada"})
                refused(answer, 401, "Authentication Token is missing!")

    @pytest.mark.parametrize(("method", "path"), sorted(ADMIN))
    async def test_without_the_role(self, page: httpx.AsyncClient, method: str, path: str) -> None:
        body = {"uid": "ada", "name": "Java", "abbreviation": "CSB"}
        refused(await page.request(method, path, json=body), 403, "Insufficient permissions.")

    @pytest.mark.parametrize(("method", "path"), CALLS)
    async def test_preflights_need_no_login(self, app: FastAPI, method: str, path: str) -> None:
        wants = {
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type,x-origin",
        }
        async with front_end(app) as stranger:
            for spelling in (path, f"{path}/"):
                answer = await stranger.options(spelling, headers=wants)
                assert answer.status_code == 200
                assert answer.headers["Access-Control-Allow-Credentials"] == "true"
                assert method in answer.headers["Access-Control-Allow-Methods"]
                assert "x-origin" in answer.headers["Access-Control-Allow-Headers"].lower()

    async def test_roles_are_read_anew(self, app: FastAPI, people: People) -> None:
        async with front_end(app) as page:
            await people.create("second", role=Role.ADMIN)
            await log_in_admin(people, page)
            await log_in(page, uid="second")
            assert (await page.put("/api/user", json={"role": "User"})).status_code == 200
            answer = await page.request("DELETE", "/api/user", json={"uid": "root.admin"})
            refused(answer, 403, "Insufficient permissions.")
