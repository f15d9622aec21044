"""Groups and channels as the flocker front ends choose from them."""

import json
from typing import Any

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.legacy.flock import Flock, log_in, make_flock
from tests.legacy.wire import STANDARD, refused
from tests.people import People
from tests.statements import counting
from tests.wire import ONE_ENGINE, read_users

GROUP, GROUPS, GROUP_FILTER = "/api/group", "/api/groups", "/api/groups/filter"
CHANNEL, CHANNELS, CHANNEL_FILTER = "/api/channel", "/api/channels", "/api/channels/filter"
MISSING = "Authentication Token is missing!"
NOT_OBJECTS: list[Any] = [None, [], [{"name": "x"}], "x", 5, True, {}]


@pytest.fixture
async def flock(resources: Resources) -> Flock:
    return await make_flock(resources)


@pytest.fixture
async def page(people: People) -> httpx.AsyncClient:
    return await log_in(people, "ada")


@pytest.fixture
async def teacher(people: People) -> httpx.AsyncClient:
    return await log_in(people, "turing", Role.TEACHER)


async def names(page: httpx.AsyncClient, path: str) -> list[str]:
    return [row["name"] for row in (await page.get(path)).json()]


class TestNobody:
    @ONE_ENGINE
    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("path", [GROUP, GROUP_FILTER, CHANNEL, CHANNEL_FILTER])
    async def test_refused(self, client: httpx.AsyncClient, path: str, slash: str) -> None:
        client.headers.update(STANDARD)
        body = {"name": "x", "group_id": 1, "group_name": "General", "section_name": "Home Page"}
        refused(await client.post(path + slash, json=body), 401, MISSING)

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_reads_the_lists(
        self, client: httpx.AsyncClient, flock: Flock, slash: str
    ) -> None:
        client.headers.update(STANDARD)
        answer = await client.get(GROUPS + slash)
        assert answer.status_code == 200
        assert answer.json() == [
            {
                "id": flock.group_id,
                "name": "General",
                "section_id": flock.section_id,
                "moderators": [],
            },
            {
                "id": flock.other_group_id,
                "name": "Support",
                "section_id": flock.section_id,
                "moderators": [],
            },
        ]
        answer = await client.get(CHANNELS + slash)
        assert answer.status_code == 200
        assert answer.json() == [
            {
                "id": flock.channel_id,
                "name": "Events",
                "attributes": {},
                "group_id": flock.group_id,
            },
            {
                "id": flock.other_channel_id,
                "name": "FAQ",
                "attributes": {},
                "group_id": flock.other_group_id,
            },
        ]


class TestFilter:
    @ONE_ENGINE
    async def test_without_a_name(self, page: httpx.AsyncClient) -> None:
        for body in NOT_OBJECTS:
            refused(await page.post(GROUP_FILTER, json=body), 400, "Section data not found")
            refused(await page.post(CHANNEL_FILTER, json=body), 400, "Group data not found")
        wrong: list[Any] = [None, ["x"], {}, True]
        for name in wrong:
            body = {"section_name": name, "group_name": name}
            refused(await page.post(GROUP_FILTER, json=body), 400, "Section name not found")
            refused(await page.post(CHANNEL_FILTER, json=body), 400, "Group name not found")

    @pytest.mark.parametrize("name", ["none", "", "a\x00", "\ud800", "x" * 5000, "%", 7, 10**40])
    async def test_of_what_is_not_there(
        self, page: httpx.AsyncClient, flock: Flock, name: Any
    ) -> None:
        del flock
        body = json.dumps({"section_name": name, "group_name": name})
        refused(await page.post(GROUP_FILTER, content=body), 404, "Section not found")
        refused(await page.post(CHANNEL_FILTER, content=body), 404, "Group not found")

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_by_name(self, page: httpx.AsyncClient, flock: Flock, slash: str) -> None:
        answer = await page.post(GROUP_FILTER + slash, json={"section_name": "Home Page"})
        assert answer.status_code == 200
        assert answer.json() == (await page.get(GROUPS)).json()
        answer = await page.post(CHANNEL_FILTER + slash, json={"group_name": "Support"})
        assert answer.status_code == 200
        assert [row["id"] for row in answer.json()] == [flock.other_channel_id]


class TestCreateChannel:
    @ONE_ENGINE
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            *((body, "No input data provided") for body in NOT_OBJECTS),
            ({"group_id": "1"}, "Channel name is required"),
            ({"name": " \n ", "group_id": "1"}, "Channel name is required"),
            ({"name": {"a": 1}, "group_id": "1"}, "Channel name is required"),
            ({"name": "x"}, "Group ID is required"),
            ({"name": "x", "group_id": None}, "Group ID is required"),
        ],
    )
    async def test_missing_fields(self, page: httpx.AsyncClient, body: Any, message: str) -> None:
        refused(await page.post(CHANNEL, json=body), 400, message)

    async def test_where_there_is_no_group(self, page: httpx.AsyncClient, flock: Flock) -> None:
        del flock
        for group_id in (0, "", "abc", -1, 2**31, 10**40, [1], {"a": 1}, True, 2_000_000_000):
            body = {"name": "x", "group_id": group_id}
            refused(await page.post(CHANNEL, json=body), 404, "Group not found")
        assert await names(page, CHANNELS) == ["Events", "FAQ"]

    async def test_too_much(self, page: httpx.AsyncClient, flock: Flock) -> None:
        for changes in (
            {"name": "x" * 101},
            {"attributes": {"a": "x" * 1_017}},
            {"attributes": {"a": "\x00"}},
        ):
            answer = await page.post(
                CHANNEL, json={"name": "x", "group_id": flock.group_id, **changes}
            )
            assert answer.status_code == 400, changes
        assert await names(page, CHANNELS) == ["Events", "FAQ"]

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_by_anybody_logged_in(
        self, page: httpx.AsyncClient, flock: Flock, slash: str
    ) -> None:
        body = {
            "name": "What is\n <b>your</b> question?",
            "group_id": str(flock.group_id),
            "attributes": {"content": "<i>"},
        }
        answer = await page.post(CHANNEL + slash, json={**body, "id": 1})
        assert answer.status_code == 200
        made = answer.json()
        assert made == {
            "id": made["id"],
            "name": "What is &lt;b&gt;your&lt;/b&gt; question?",
            "attributes": {"content": "&lt;i&gt;"},
            "group_id": flock.group_id,
        }
        assert made in (await page.post(CHANNEL_FILTER, json={"group_name": "general"})).json()
        answer = await page.post(
            CHANNEL + slash, json={"name": 7, "group_id": flock.group_id, "attributes": [1]}
        )
        assert (answer.json()["name"], answer.json()["attributes"]) == ("7", {})


class TestCreateGroup:
    async def test_not_by_others(self, page: httpx.AsyncClient, flock: Flock) -> None:
        body = {"name": "Mine", "section_id": flock.section_id, "moderator_id": 1}
        for slash in ("", "/"):
            refused(await page.post(GROUP + slash, json=body), 403, "Insufficient permissions.")
        assert await names(page, GROUPS) == ["General", "Support"]

    async def test_of_what_does_not_fit(self, teacher: httpx.AsyncClient, flock: Flock) -> None:
        for body in (*NOT_OBJECTS, {"section_id": flock.section_id}, {"name": ["x"]}):
            refused(await teacher.post(GROUP, json=body), 400, "Group name is required")
        for section_id in (0, "abc", 10**40, 2_000_000_000):
            body = {"name": "Mine", "section_id": section_id}
            refused(await teacher.post(GROUP, json=body), 404, "Section not found")
        refused(
            await teacher.post(GROUP, json={"name": "GENERAL"}), 400, "Group GENERAL is duplicate"
        )
        assert (await teacher.post(GROUP, json={"name": "x" * 101})).status_code == 400
        assert await names(teacher, GROUPS) == ["General", "Support"]

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_by_staff_who_look_after_it(
        self, teacher: httpx.AsyncClient, flock: Flock, resources: Resources, slash: str
    ) -> None:
        turing = (await read_users(resources))["turing"].id
        body = {"name": "Mine", "section_id": str(flock.section_id)}
        answer = await teacher.post(GROUP + slash, json=body)
        assert answer.status_code == 200
        assert answer.json() == {
            "id": answer.json()["id"],
            "name": "Mine",
            "section_id": flock.section_id,
            "moderators": [turing],
        }
        assert answer.json() in (await teacher.get(GROUPS)).json()

    async def test_one_query_per_row_on_lists_is_fixed(self, teacher: httpx.AsyncClient) -> None:
        for number in range(6):
            made = await teacher.post(GROUP, json={"name": f"Group {number}"})
            body = {"name": "Events", "group_id": made.json()["id"]}
            assert (await teacher.post(CHANNEL, json=body)).status_code == 200
        for path, most in ((GROUPS, 2), (CHANNELS, 1)):
            with counting() as statements:
                assert len((await teacher.get(path)).json()) == 6
            assert len(statements) == most
