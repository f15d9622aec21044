"""`/api/v1/sections`: who may do what, exact shapes, joining and leaving."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.models import Role
from app.services.sections import school_year
from tests.people import People
from tests.wire import ONE_ENGINE

SECTIONS, MINE = "/api/v1/sections", "/api/v1/users/me/sections"
CSA = {"abbreviation": "CSA", "name": "Computer Science A", "theme": "Algorithms"}
YEAR = school_year(datetime.now(UTC))


@pytest.fixture
async def teacher(people: People) -> httpx.AsyncClient:
    return await people.create_and_log_in("turing", role=Role.TEACHER)


@pytest.fixture
async def ada(people: People) -> httpx.AsyncClient:
    return await people.create_and_log_in("ada")


async def create(client: httpx.AsyncClient, abbreviation: str) -> None:
    answer = await client.post(SECTIONS, json={**CSA, "abbreviation": abbreviation})
    assert answer.status_code == 201, answer.text


async def listed(client: httpx.AsyncClient, path: str = SECTIONS) -> list[str]:
    page = (await client.get(path)).json()
    assert page["next"] is None
    return [section["abbreviation"] for section in page["items"]]


class TestNotByOthers:
    async def test_created(self, ada: httpx.AsyncClient) -> None:
        answer = await ada.post(SECTIONS, json=CSA)
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems#staff-required"
        assert await listed(ada) == []

    async def test_deleted(self, teacher: httpx.AsyncClient, ada: httpx.AsyncClient) -> None:
        await create(teacher, "CSA")
        for client in (teacher, ada):
            for name in ("CSA", "none"):
                answer = await client.delete(f"{SECTIONS}/{name}")
                assert answer.status_code == 403
                assert answer.json()["type"] == "/problems#admin-required"
        assert await listed(ada) == ["CSA"]

    async def test_members(self, teacher: httpx.AsyncClient, ada: httpx.AsyncClient) -> None:
        await create(teacher, "CSA")
        await ada.put(f"{MINE}/CSA", json={})
        for name in ("CSA", "none"):
            answer = await ada.get(f"{SECTIONS}/{name}/members")
            assert answer.status_code == 403
            assert answer.json()["type"] == "/problems#staff-required"
            # With its quotes: the request's id may spell the name in hexadecimal digits.
            assert '"ada"' not in answer.text


class TestCreate:
    @ONE_ENGINE
    async def test_refused_fields(self, teacher: httpx.AsyncClient) -> None:
        rows: list[dict[str, Any]] = [
            {"abbreviation": ""},
            {"abbreviation": "A/B"},
            {"abbreviation": 5},
            {"name": " "},
            {"name": "x" * 101},
            {"theme": ""},
            {"id": 1},
            {"year": 2027},
        ]
        for changes in rows:
            answer = await teacher.post(SECTIONS, json={**CSA, **changes})
            assert answer.status_code == 422, changes
        assert await listed(teacher) == []

    async def test_taken(self, teacher: httpx.AsyncClient) -> None:
        await create(teacher, "CSA")
        answer = await teacher.post(SECTIONS, json={**CSA, "abbreviation": "csa"})
        assert answer.status_code == 409
        (field,) = answer.json()["errors"]
        assert (field["pointer"], field["code"]) == ("/abbreviation", "taken")

    async def test_answers_it_and_where_it_is(self, teacher: httpx.AsyncClient) -> None:
        answer = await teacher.post(SECTIONS, json={**CSA, "abbreviation": "AP é+1"})
        assert answer.status_code == 201
        assert answer.json() == {**CSA, "abbreviation": "AP é+1"}
        there = answer.headers["Location"]
        assert there == f"{SECTIONS}/AP%20%C3%A9%2B1"
        assert (await teacher.get(there)).json() == answer.json()

    async def test_by_an_admin(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        answer = await boss.post(SECTIONS, json={"abbreviation": "CSA", "name": "Computing"})
        assert answer.json() == {"abbreviation": "CSA", "name": "Computing", "theme": None}
        assert (await boss.get(SECTIONS)).json() == {"items": [answer.json()], "next": None}


class TestDelete:
    async def test_by_an_admin(self, people: People, ada: httpx.AsyncClient) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await create(boss, "CSA")
        await ada.put(f"{MINE}/CSA", json={})
        assert (await boss.delete(f"{SECTIONS}/csa")).status_code == 204
        assert await listed(ada, MINE) == []
        for path in ("/csa", "/csa/members"):
            answer = await boss.get(SECTIONS + path)
            assert answer.status_code == 404
            assert answer.json()["type"] == "/problems#section-not-found"
        assert (await boss.delete(f"{SECTIONS}/csa")).status_code == 404


class TestMembers:
    async def test_a_page_at_a_time(self, people: People, teacher: httpx.AsyncClient) -> None:
        await create(teacher, "CSA")
        for uid in ("Bob", "ada", "cy"):
            client = await people.create_and_log_in(uid)
            assert (await client.put(f"{MINE}/CSA", json={})).status_code == 201
        answer = await teacher.get(f"{SECTIONS}/csa/members?limit=2")
        assert answer.status_code == 200
        found = answer.json()
        assert [item["user"]["uid"] for item in found["items"]] == ["ada", "Bob"]
        # What anybody sees of anybody, and the year.
        user = found["items"][0]["user"]
        assert found["items"][0] == {
            "user": {"id": user["id"], "uid": "ada", "name": "Ada", "role": "user"},
            "year": YEAR,
        }
        rest = await teacher.get(f"{SECTIONS}/csa/members", params={"cursor": found["next"]})
        assert [item["user"]["uid"] for item in rest.json()["items"]] == ["cy"]
        assert rest.json()["next"] is None
        assert (await teacher.get(f"{SECTIONS}/csa/members?cursor=!")).status_code == 422


class TestOwn:
    async def test_of_no_such_section(self, ada: httpx.AsyncClient) -> None:
        for path in ("/none", "/%00", "/%ED%A0%80"):
            assert (await ada.put(MINE + path, json={})).status_code == 404
            assert (await ada.delete(MINE + path)).status_code == 404
        assert await listed(ada, MINE) == []

    @ONE_ENGINE
    async def test_refused_years(self, teacher: httpx.AsyncClient, ada: httpx.AsyncClient) -> None:
        await create(teacher, "CSA")
        years: list[Any] = ["2027", 1899, 3000, 2027.5, True, 10**40, [2027]]
        for year in years:
            answer = await ada.put(f"{MINE}/CSA", json={"year": year})
            assert answer.status_code == 422, year
        assert (await ada.put(f"{MINE}/CSA", json={"user": "bob"})).status_code == 422
        assert await listed(ada, MINE) == []

    async def test_join_change_and_leave(
        self, teacher: httpx.AsyncClient, ada: httpx.AsyncClient
    ) -> None:
        for name in ("CSP", "CSA"):
            await create(teacher, name)
        csa = {**CSA, "year": YEAR}
        joined = await ada.put(f"{MINE}/csa", json={})
        assert (joined.status_code, joined.json()) == (201, csa)
        again = await ada.put(f"{MINE}/CSA", json={"year": None})
        assert (again.status_code, again.json()) == (200, csa)
        changed = await ada.put(f"{MINE}/CSA", json={"year": 2030})
        assert (changed.status_code, changed.json()) == (200, {**csa, "year": 2030})
        other = await ada.put(f"{MINE}/CSP", json={"year": 2031})
        assert (other.status_code, other.json()["year"]) == (201, 2031)
        assert await listed(ada, MINE) == ["CSA", "CSP"]
        # One's own, not the teacher's.
        assert await listed(teacher, MINE) == []
        assert (await ada.delete(f"{MINE}/csa")).status_code == 204
        assert (await ada.delete(f"{MINE}/csa")).status_code == 404
        assert await listed(ada, MINE) == ["CSP"]

    async def test_many_joins_at_once_are_one(
        self, teacher: httpx.AsyncClient, ada: httpx.AsyncClient
    ) -> None:
        await create(teacher, "CSA")
        path = f"{MINE}/CSA"
        answers = await asyncio.gather(*(ada.put(path, json={"year": 2030}) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [*[200] * 19, 201]
        assert await listed(ada, MINE) == ["CSA"]
