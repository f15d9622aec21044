"""Sections by their themes, as the pages of the flocker family list, join and leave them."""

import httpx
import pytest

from app.models import Role
from tests.legacy.flock import log_in
from tests.legacy.wire import refused
from tests.people import People

MINE, ALL = "/api/user/section", "/api/section"


@pytest.fixture
async def page(people: People) -> httpx.AsyncClient:
    """The page of a flocker front end, logged in as ada, where four sections are."""
    admin = await log_in(people, "boss", Role.ADMIN)
    for made in (
        {"name": "Home Page", "theme": "Welcome"},
        {"name": "Chess", "theme": "Games"},
        {"name": "Football", "theme": "Games"},
        {"name": "Computer Science A", "abbreviation": "CSA"},
    ):
        assert (await admin.post(ALL, json=made)).status_code == 200
    return await log_in(people, "ada")


async def mine(page: httpx.AsyncClient) -> dict[str, int]:
    found = (await page.get(MINE)).json()["sections"]
    return {section["name"]: section["year"] for section in found}


class TestTheme:
    async def test_of_two_sections_names_neither(self, page: httpx.AsyncClient) -> None:
        answer = await page.post(MINE, json={"sections": ["Games"]})
        refused(answer, 404, "1 or more sections failed to add")
        assert await mine(page) == {}

    async def test_gives_way_to_an_abbreviation(
        self, people: People, page: httpx.AsyncClient
    ) -> None:
        admin = await log_in(people, "boss.two", Role.ADMIN)
        made = {"name": "Welcoming", "abbreviation": "welcome", "theme": "Other"}
        assert (await admin.post(ALL, json=made)).status_code == 200
        await page.post(MINE, json={"sections": ["Welcome"]})
        assert list(await mine(page)) == ["Welcoming"]

    async def test_is_the_abbreviation_where_there_is_none(self, page: httpx.AsyncClient) -> None:
        themes = {section["name"]: section["theme"] for section in (await page.get(ALL)).json()}
        assert themes == {
            "Home Page": "Welcome",
            "Chess": "Games",
            "Football": "Games",
            "Computer Science A": "CSA",
        }

    async def test_joins_sections(self, page: httpx.AsyncClient) -> None:
        answer = await page.post(MINE, json={"sections": ["welcome", "CSA"]})
        assert answer.status_code == 200
        assert [section["name"] for section in answer.json()["sections"]] == [
            "Computer Science A",
            "Home Page",
        ]
        assert set(await mine(page)) == {"Computer Science A", "Home Page"}

    async def test_sets_the_year(self, page: httpx.AsyncClient) -> None:
        await page.post(MINE, json={"sections": ["Welcome"]})
        answer = await page.put(MINE, json={"section": {"theme": "Welcome", "year": "2031"}})
        assert answer.status_code == 200
        assert await mine(page) == {"Home Page": 2031}

    async def test_leaves_sections(self, page: httpx.AsyncClient) -> None:
        await page.post(MINE, json={"sections": ["Welcome", "CSA"]})
        answer = await page.request("DELETE", MINE, json={"sections": ["Welcome"]})
        assert answer.status_code == 200
        assert list(await mine(page)) == ["Computer Science A"]
