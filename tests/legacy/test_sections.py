"""Sections as the old front ends list, join and leave them: shapes, statuses, lenient input."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.models import Role
from app.principals import OPERATOR
from app.resources import Resources
from app.schemas import SectionCreate
from app.services import sections
from app.services.sections import school_year
from tests.legacy.flock import log_in
from tests.legacy.wire import STANDARD, refused
from tests.people import People
from tests.statements import counting
from tests.wire import ONE_ENGINE

MINE, ALL = "/api/user/section", "/api/section"
MISSING = "Authentication Token is missing!"
YEAR = school_year(datetime.now(UTC))
NOT_OBJECTS: list[Any] = [None, [], [{"sections": ["CSA"]}], "CSA", 5, True, {}]


@pytest.fixture
async def page(people: People) -> httpx.AsyncClient:
    """The page of an old front end, logged in as ada."""
    return await log_in(people, "ada")


@pytest.fixture
async def admin(people: People) -> httpx.AsyncClient:
    return await log_in(people, "boss", Role.ADMIN)


@pytest.fixture
async def school(resources: Resources) -> dict[str, int | None]:
    """Three sections, as their ids by abbreviation."""
    ids = {}
    async with resources.database.transaction() as session:
        for name, abbreviation in (
            ("Computer Science Principles", "CSP"),
            ("Computer Science A", "CSA"),
            ("Home & <Garden>", "Home & <Garden>"),
        ):
            new = SectionCreate(name=name, abbreviation=abbreviation)
            section = await sections.create_section(session, OPERATOR, new=new)
            ids[abbreviation] = section.id
    return ids


async def mine(page: httpx.AsyncClient) -> dict[str, int]:
    found = (await page.get(MINE)).json()["sections"]
    return {section["abbreviation"]: section["year"] for section in found}


async def listed(page: httpx.AsyncClient) -> list[str]:
    return [section["abbreviation"] for section in (await page.get(ALL)).json()]


class TestNobody:
    @ONE_ENGINE
    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
    async def test_has_no_sections(
        self, client: httpx.AsyncClient, method: str, slash: str
    ) -> None:
        client.headers.update(STANDARD)
        body = {"sections": ["CSA"]}
        refused(await client.request(method, MINE + slash, json=body), 401, MISSING)

    @ONE_ENGINE
    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    async def test_makes_none(self, client: httpx.AsyncClient, method: str, slash: str) -> None:
        client.headers.update(STANDARD)
        body = {"name": "Computer Science A", "abbreviation": "CSA"}
        refused(await client.request(method, ALL + slash, json=body), 401, MISSING)
        assert await listed(client) == []


class TestJoin:
    @ONE_ENGINE
    @pytest.mark.parametrize("body", [*NOT_OBJECTS, {"sections": []}, {"sections": None}])
    async def test_nothing(self, page: httpx.AsyncClient, body: Any) -> None:
        refused(await page.post(MINE, json=body), 400, "No sections to add were provided")
        refused(
            await page.request("DELETE", MINE, json=body),
            400,
            "No sections to delete were provided",
        )

    @ONE_ENGINE
    @pytest.mark.parametrize("sent", [[5], [None], [["CSA"]], {"a": 1}, 5, " ", ["", " "]])
    async def test_of_the_wrong_type(
        self, page: httpx.AsyncClient, school: dict[str, int], sent: Any
    ) -> None:
        del school
        answer = await page.post(MINE, json={"sections": sent})
        refused(answer, 400, "No sections to add were provided")
        assert await mine(page) == {}

    @ONE_ENGINE
    async def test_a_body_that_is_no_json(self, page: httpx.AsyncClient) -> None:
        for method in ("POST", "PUT", "DELETE"):
            answer = await page.request(method, MINE, content=b'{"sections": ["CSA"')
            refused(answer, 400, "The body is not valid JSON.")

    @pytest.mark.parametrize("name", ["none", "CSA\x00", "\ud800", "x" * 3000, "%"])
    async def test_unknown(
        self, page: httpx.AsyncClient, school: dict[str, int], name: str
    ) -> None:
        del school
        body = json.dumps({"sections": ["CSA", name]})
        answer = await page.post(MINE, content=body)
        refused(answer, 404, "1 or more sections failed to add")
        assert await mine(page) == {}

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_answers_every_section_field_by_field(
        self, page: httpx.AsyncClient, school: dict[str, int], slash: str
    ) -> None:
        answer = await page.post(MINE + slash, json={"sections": ["CSP", "csa"], "more": 1})
        assert answer.status_code == 200
        wanted = {
            "sections": [
                {
                    "id": school["CSA"],
                    "name": "Computer Science A",
                    "abbreviation": "CSA",
                    "year": YEAR,
                },
                {
                    "id": school["CSP"],
                    "name": "Computer Science Principles",
                    "abbreviation": "CSP",
                    "year": YEAR,
                },
            ]
        }
        assert answer.json() == wanted
        assert (await page.get(MINE + slash)).json() == wanted

    async def test_the_whole_list_each_time(
        self, page: httpx.AsyncClient, school: dict[str, int]
    ) -> None:
        """Pages send what there is and what comes to it; years stay, and nothing is left."""
        del school
        await page.post(MINE, json={"sections": ["CSA"]})
        await page.put(MINE, json={"section": {"abbreviation": "CSA", "year": "2030"}})
        await page.post(MINE, json={"sections": ["CSA", "CSP"]})
        assert await mine(page) == {"CSA": 2030, "CSP": YEAR}
        await page.post(MINE, json={"sections": "CSP"})
        assert await mine(page) == {"CSA": 2030, "CSP": YEAR}

    async def test_fifty_at_once(self, page: httpx.AsyncClient, school: dict[str, int]) -> None:
        del school
        body = {"sections": ["CSA", "CSP"]}
        answers = await asyncio.gather(*(page.post(MINE, json=body) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert await mine(page) == {"CSA": YEAR, "CSP": YEAR}

    async def test_by_the_name_as_it_was_shown(
        self, page: httpx.AsyncClient, school: dict[str, int]
    ) -> None:
        del school
        shown = "Home & &lt;Garden&gt;"
        assert shown in await listed(page)
        assert (await page.post(MINE, json={"sections": [shown]})).status_code == 200
        assert await mine(page) == {shown: YEAR}


class TestYear:
    @ONE_ENGINE
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            *((body, "Section data is required") for body in NOT_OBJECTS),
            ({"section": "CSA"}, "Section data is required"),
            ({"section": ["CSA", 2027]}, "Section data is required"),
            ({"section": {"year": "2027"}}, "Section abbreviation is required"),
            ({"section": {"abbreviation": None, "year": 1}}, "Section abbreviation is required"),
            ({"section": {"abbreviation": "CSA"}}, "Section year is required"),
            ({"section": {"abbreviation": "CSA", "year": ""}}, "Section year is required"),
        ],
    )
    async def test_missing(self, page: httpx.AsyncClient, body: Any, message: str) -> None:
        refused(await page.put(MINE, json=body), 400, message)

    @pytest.mark.parametrize(
        "year",
        ["abc", "20.26", "-1", "1899", 3000, 2**31, 10**30, 2026.5, [2026], {"a": 1}, True, "٢٠٢٦"],
        ids=repr,
    )
    async def test_500_for_a_bad_year_is_fixed(
        self, page: httpx.AsyncClient, school: dict[str, int], year: Any
    ) -> None:
        del school
        await page.post(MINE, json={"sections": ["CSA"]})
        answer = await page.put(MINE, json={"section": {"abbreviation": "CSA", "year": year}})
        assert answer.status_code == 400
        assert answer.json().keys() == {"message", "data", "error"}
        assert await mine(page) == {"CSA": YEAR}

    async def test_of_a_section_one_is_not_in(
        self, page: httpx.AsyncClient, school: dict[str, int]
    ) -> None:
        del school
        for name in ("CSA", "<b>"):
            body = {"section": {"abbreviation": name, "year": "2027"}}
            shown = name.replace("<b>", "&lt;b&gt;")
            refused(
                await page.put(MINE, json=body),
                404,
                f"Section {shown} not found or update failed",
            )

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_is_sent_as_text_and_answered_as_a_number(
        self, page: httpx.AsyncClient, school: dict[str, int], slash: str
    ) -> None:
        await page.post(MINE, json={"sections": ["CSA"]})
        body = {"section": {"abbreviation": "CSA", "year": " 2031 ", "name": "x"}, "uid": "bob"}
        answer = await page.put(MINE + slash, json=body)
        assert answer.status_code == 200
        assert answer.json() == {
            "sections": [
                {
                    "id": school["CSA"],
                    "name": "Computer Science A",
                    "abbreviation": "CSA",
                    "year": 2031,
                }
            ]
        }


class TestLeave:
    async def test_all_or_none(self, page: httpx.AsyncClient, school: dict[str, int]) -> None:
        del school
        await page.post(MINE, json={"sections": ["CSA"]})
        answer = await page.request("DELETE", MINE, json={"sections": ["CSA", "CSP"]})
        refused(answer, 404, "1 or more sections failed to delete")
        assert await mine(page) == {"CSA": YEAR}

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_is_told_in_a_message(
        self, page: httpx.AsyncClient, school: dict[str, int], slash: str
    ) -> None:
        del school
        await page.post(MINE, json={"sections": ["CSA", "CSP"]})
        answer = await page.request("DELETE", MINE + slash, json={"sections": ["CSA", "CSP"]})
        assert answer.status_code == 200
        assert answer.json() == {"message": "Sections CSA, CSP deleted successfully"}
        assert await mine(page) == {}


class TestAll:
    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_is_public(
        self, client: httpx.AsyncClient, school: dict[str, int], slash: str
    ) -> None:
        client.headers.update(STANDARD)
        answer = await client.get(ALL + slash)
        assert answer.status_code == 200
        assert answer.json() == [
            {
                "id": school["CSA"],
                "name": "Computer Science A",
                "abbreviation": "CSA",
                "theme": "CSA",
            },
            {
                "id": school["CSP"],
                "name": "Computer Science Principles",
                "abbreviation": "CSP",
                "theme": "CSP",
            },
            {
                "id": school["Home & <Garden>"],
                "name": "Home & &lt;Garden&gt;",
                "abbreviation": "Home & &lt;Garden&gt;",
                "theme": "Home & &lt;Garden&gt;",
            },
        ]

    @pytest.mark.parametrize("role", [Role.USER, Role.TEACHER])
    async def test_not_made_or_deleted_by_others(
        self, people: People, school: dict[str, int], role: Role
    ) -> None:
        del school
        other = await log_in(people, "ada", role)
        for method, path in (("POST", ALL), ("DELETE", ALL), ("POST", f"{ALL}/")):
            body = {"name": "Robotics", "abbreviation": "CSA", "role": "Admin"}
            refused(await other.request(method, path, json=body), 403, "Insufficient permissions.")
        assert await listed(other) == ["CSA", "CSP", "Home & &lt;Garden&gt;"]

    @ONE_ENGINE
    async def test_made_of_too_little(self, admin: httpx.AsyncClient) -> None:
        name = "Name is missing, or is less than 2 characters"
        abbreviation = "Section abbreviation is missing, or is less than 2 characters"
        rows: list[tuple[Any, str]] = [
            *((body, name) for body in NOT_OBJECTS),
            ({"name": None, "abbreviation": "CSA"}, name),
            ({"name": " A ", "abbreviation": "CSA"}, name),
            ({"name": ["Ab"], "abbreviation": "CSA"}, name),
            ({"name": "Computer Science"}, abbreviation),
            ({"name": "Computer Science", "abbreviation": "C"}, abbreviation),
            ({"name": "Computer Science", "abbreviation": {}}, abbreviation),
        ]
        for body, message in rows:
            refused(await admin.post(ALL, json=body), 400, message)
        assert await listed(admin) == []

    async def test_made_of_what_does_not_fit(self, admin: httpx.AsyncClient) -> None:
        for name, abbreviation in (
            ("x" * 101, "CSA"),
            ("a\x07b", "CSA"),
            ("Computer Science", "A/B"),
            ("Computer Science", "x" * 33),
            ("Computer Science", "\u202eCSA"),
        ):
            answer = await admin.post(ALL, json={"name": name, "abbreviation": abbreviation})
            assert answer.status_code == 400, (name, abbreviation)
        assert await listed(admin) == []

    async def test_made_twice(self, admin: httpx.AsyncClient) -> None:
        body = {"name": "<Computing>", "abbreviation": "CSA"}
        assert (await admin.post(ALL, json=body)).status_code == 200
        refused(
            await admin.post(ALL, json={**body, "abbreviation": "csa"}),
            400,
            "Processed &lt;Computing&gt;, either a format error or section csa is duplicate",
        )

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_made_in_both_dialects(self, admin: httpx.AsyncClient, slash: str) -> None:
        answer = await admin.post(
            ALL + slash, json={"name": "Computer Science A", "abbreviation": "CSA"}
        )
        assert answer.status_code == 200
        made = answer.json()
        assert made == {
            "id": made["id"],
            "name": "Computer Science A",
            "abbreviation": "CSA",
            "theme": "CSA",
        }
        answer = await admin.post(ALL + slash, json={"name": "Home Page", "theme": "Welcome"})
        assert (
            answer.json().items()
            >= {
                "name": "Home Page",
                "abbreviation": "Home Page",
                "theme": "Welcome",
            }.items()
        )
        assert [section["id"] for section in (await admin.get(ALL)).json()] == [
            made["id"],
            answer.json()["id"],
        ]

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_deleted(
        self, admin: httpx.AsyncClient, school: dict[str, int], slash: str
    ) -> None:
        del school
        await admin.post(MINE, json={"sections": ["CSA"]})
        answer = await admin.request("DELETE", ALL + slash, json={"abbreviation": "CSA"})
        assert (answer.status_code, answer.content) == (204, b"")
        assert await mine(admin) == {}
        answer = await admin.request("DELETE", ALL + slash, json={"abbreviation": "CSA"})
        refused(answer, 404, "Section CSA not found")

    async def test_one_query_per_row_on_lists_is_fixed(
        self, page: httpx.AsyncClient, school: dict[str, int]
    ) -> None:
        body = {"sections": list(school)}
        assert (await page.post(MINE, json=body)).status_code == 200
        with counting() as statements:
            assert len((await page.get(ALL)).json()) == 3
        assert len(statements) == 1
        with counting() as statements:
            assert len(await mine(page)) == 3
        # On PostgreSQL who is asking is looked up in a statement of its own.
        assert len(statements) <= 2
