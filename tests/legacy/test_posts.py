"""Posts as the flocker front ends write and read them: shapes, statuses, and who may do what."""

import json
from typing import Any

import httpx
import pytest

from app.models import Moderator, Post, Role
from app.resources import Resources
from app.services import posts
from tests.legacy.flock import Flock, log_in, make_flock
from tests.legacy.wire import STANDARD, refused
from tests.people import People
from tests.services.rows import store
from tests.statements import counting
from tests.wire import ONE_ENGINE, read_users

POST, POSTS, FILTER, OWN = "/api/post", "/api/posts", "/api/posts/filter", "/api/post/user"
MISSING = "Authentication Token is missing!"
NOT_OBJECTS: list[Any] = [None, [], [{"id": 1}], "1", 5, True, {}]
FIELDS = {"id", "title", "comment", "content", "user_name", "channel_name"}


@pytest.fixture
async def flock(resources: Resources) -> Flock:
    return await make_flock(resources)


@pytest.fixture
async def page(people: People) -> httpx.AsyncClient:
    return await log_in(people, "ada")


async def write(page: httpx.AsyncClient, flock: Flock, **changes: Any) -> dict[str, Any]:
    body = {"title": "A title", "comment": "Hello.", "channel_id": str(flock.channel_id)}
    answer = await page.post(POST, json={**body, **changes})
    assert answer.status_code == 200, answer.text
    written: dict[str, Any] = answer.json()
    return written


async def listed(page: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await page.get(POSTS)).json()
    return found


class TestNobody:
    @ONE_ENGINE
    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            *(("POST", POST), ("GET", POST), ("PUT", POST), ("DELETE", POST)),
            *(("GET", OWN), ("POST", FILTER)),
        ],
    )
    async def test_refused(
        self, client: httpx.AsyncClient, method: str, path: str, slash: str
    ) -> None:
        client.headers.update(STANDARD)
        body = {"id": 1, "title": "x", "comment": "x", "channel_id": "1"}
        refused(await client.request(method, path + slash, json=body), 401, MISSING)

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_reads_the_list(
        self, client: httpx.AsyncClient, page: httpx.AsyncClient, flock: Flock, slash: str
    ) -> None:
        """Names to show, and nothing else about anybody."""
        await write(page, flock)
        client.headers.update(STANDARD)
        answer = await client.get(POSTS + slash)
        assert answer.status_code == 200
        (post,) = answer.json()
        assert post.keys() == FIELDS
        assert post["user_name"] == "Ada"


class TestWrite:
    @ONE_ENGINE
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            *((body, "No input data provided") for body in NOT_OBJECTS),
            ({"comment": "x", "channel_id": "1"}, "Post title is required"),
            ({"title": None, "comment": "x", "channel_id": "1"}, "Post title is required"),
            ({"title": {}, "comment": "x", "channel_id": "1"}, "Post title is required"),
            ({"title": "x", "channel_id": "1"}, "Post comment is required"),
            ({"title": "x", "comment": ["x"], "channel_id": "1"}, "Post comment is required"),
            ({"title": "x", "comment": "x"}, "Channel ID is required"),
            ({"title": "x", "comment": "x", "channel_id": None}, "Channel ID is required"),
        ],
    )
    async def test_missing_fields(self, page: httpx.AsyncClient, body: Any, message: str) -> None:
        refused(await page.post(POST, json=body), 400, message)
        assert await listed(page) == []

    @pytest.mark.parametrize(
        "channel_id",
        ["0", "", "abc", "1.5", -1, 2**31, 10**40, [1], {"a": 1}, True, 2_000_000_000],
        ids=repr,
    )
    async def test_channel_that_is_not_there(
        self, page: httpx.AsyncClient, flock: Flock, channel_id: Any
    ) -> None:
        del flock
        body = {"title": "x", "comment": "x", "channel_id": channel_id}
        refused(await page.post(POST, json=body), 404, "Channel not found")
        assert await listed(page) == []

    async def test_too_much(self, page: httpx.AsyncClient, flock: Flock) -> None:
        deep: Any = 1
        for _ in range(400):
            deep = [deep]
        for changes in (
            {"title": "x" * 201},
            {"comment": "x" * 10_001},
            {"content": "x" * 16_385},
            {"content": deep},
            {"content": {"a": "\ud800"}},
            {"content": ["\x00"]},
        ):
            body = {"title": "x", "comment": "x", "channel_id": flock.channel_id, **changes}
            answer = await page.post(POST, content=json.dumps(body))
            assert answer.status_code == 400, changes
            assert answer.json().keys() == {"message", "data", "error"}
        assert await listed(page) == []

    async def test_text_that_a_database_cannot_hold(
        self, page: httpx.AsyncClient, flock: Flock
    ) -> None:
        body = {"title": "a\x00b", "comment": "\ud800", "channel_id": flock.channel_id}
        answer = await page.post(POST, content=json.dumps(body))
        assert answer.status_code == 200
        assert (answer.json()["title"], answer.json()["comment"]) == ("a\ufffdb", "\ufffd")

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_answers_field_by_field(
        self, page: httpx.AsyncClient, flock: Flock, slash: str
    ) -> None:
        body = {
            "title": "A title",
            "comment": "Hello.",
            "channel_id": str(flock.channel_id),
            # What pages send besides, and what must not count.
            "group_id": "7",
            "user_name": "Guest",
            "user_id": 1,
            "id": 99,
        }
        answer = await page.post(POST + slash, json=body)
        assert answer.status_code == 200
        post = answer.json()
        assert isinstance(post["id"], int)
        assert post == {
            "id": post["id"],
            "title": "A title",
            "comment": "Hello.",
            "content": {},
            "user_name": "Ada",
            "channel_name": "Events",
        }
        assert await listed(page) == [post]
        assert (await page.get(f"{POST}{slash}?id={post['id']}")).json() == post
        assert (await page.request("GET", POST, json={"id": str(post["id"])})).json() == post

    async def test_content_is_any_json(self, page: httpx.AsyncClient, flock: Flock) -> None:
        for content in (5, "5", [1, {"a": None}], {"type": "announcement"}, False):
            assert (await write(page, flock, content=content))["content"] == content

    async def test_markup_of_one_person_does_not_run_in_anothers_page(
        self, page: httpx.AsyncClient, flock: Flock, resources: Resources
    ) -> None:
        text = """<img src=x onerror="alert('1')">"""
        shown = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;"
        post = await write(page, flock, title=text, comment=text, content={"a": [text]})
        assert (post["title"], post["comment"]) == (shown, shown)
        assert post["content"] == {"a": [shown]}
        async with resources.database.transaction(read_only=True) as session:
            (view,) = await posts.list_posts(session)
        # What is kept is what was written; only the old wire shows it in another way.
        assert (view.post.title, view.post.content) == (text, {"a": [text]})
        # And what a page read and sends back is the same text again.
        answer = await page.put(POST, json={**post, "title": "Changed"})
        assert answer.json() == {**post, "title": "Changed"}
        async with resources.database.transaction(read_only=True) as session:
            (view,) = await posts.list_posts(session)
        assert (view.post.comment, view.post.content) == (text, {"a": [text]})


class TestFilter:
    @ONE_ENGINE
    async def test_without_a_channel(self, page: httpx.AsyncClient) -> None:
        for body in NOT_OBJECTS:
            refused(await page.post(FILTER, json=body), 400, "Channel and User data not found")
        refused(await page.post(FILTER, json={"group_id": 1}), 400, "Channel ID not found")

    @pytest.mark.parametrize("channel_id", [None, "", "abc", 0, -1, 10**40, [1], {}], ids=repr)
    async def test_of_a_channel_that_is_not_there(
        self, page: httpx.AsyncClient, flock: Flock, channel_id: Any
    ) -> None:
        await write(page, flock)
        answer = await page.post(FILTER, json={"channel_id": channel_id})
        assert (answer.status_code, answer.json()) == (200, [])

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_only_of_that_channel(
        self, page: httpx.AsyncClient, flock: Flock, slash: str
    ) -> None:
        first = await write(page, flock, title="one")
        await write(page, flock, title="two", channel_id=flock.other_channel_id)
        third = await write(page, flock, title="three", channel_id=flock.channel_id)
        for channel_id in (str(flock.channel_id), flock.channel_id):
            answer = await page.post(FILTER + slash, json={"channel_id": channel_id})
            assert (answer.status_code, answer.json()) == (200, [first, third])

    async def test_one_query_per_row_on_lists_is_fixed(
        self, page: httpx.AsyncClient, flock: Flock
    ) -> None:
        for _ in range(6):
            await write(page, flock)
        for method, path in (("GET", POSTS), ("POST", FILTER), ("GET", OWN)):
            body = {"channel_id": flock.channel_id}
            with counting() as statements:
                answer = await page.request(method, path, json=body)
            assert len(answer.json()) == 6
            # On PostgreSQL who is asking is looked up in a statement of its own.
            assert len(statements) <= 2


class TestOwn:
    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_only_ones_own(
        self, page: httpx.AsyncClient, people: People, flock: Flock, slash: str
    ) -> None:
        bob = await log_in(people, "bob")
        mine = await write(page, flock)
        await write(bob, flock)
        answer = await page.get(OWN + slash)
        assert (answer.status_code, answer.json()) == (200, [mine])


class TestChange:
    @ONE_ENGINE
    async def test_without_an_id(self, page: httpx.AsyncClient) -> None:
        for method in ("GET", "PUT", "DELETE"):
            for body in (*NOT_OBJECTS, {"id": None}, {"id": ""}):
                refused(await page.request(method, POST, json=body), 400, "Post ID not found")

    @pytest.mark.parametrize(
        "post_id", [0, -1, "abc", 2**31, 10**40, [1], {"a": 1}, True, 2_000_000_000], ids=repr
    )
    async def test_what_is_not_there(self, page: httpx.AsyncClient, post_id: Any) -> None:
        for method in ("GET", "PUT", "DELETE"):
            body = {"id": post_id, "title": "Changed"}
            refused(await page.request(method, POST, json=body), 404, "Post not found")

    async def test_any_logged_in_user_could_edit_any_post_is_fixed(
        self, page: httpx.AsyncClient, people: People, flock: Flock
    ) -> None:
        post = await write(page, flock)
        message = "Insufficient permissions, user is not owner or admin."
        for role in (Role.USER, Role.TEACHER):
            other = await log_in(people, f"other-{role}", role)
            for method, slash in (("PUT", ""), ("PUT", "/"), ("DELETE", ""), ("DELETE", "/")):
                body = {"id": post["id"], "title": "Changed", "user_name": "Ada", "role": "Admin"}
                refused(await other.request(method, POST + slash, json=body), 403, message)
        assert await listed(page) == [post]

    async def test_what_does_not_fit(self, page: httpx.AsyncClient, flock: Flock) -> None:
        post = await write(page, flock)
        for changes, status in (
            ({"title": "x" * 201}, 400),
            ({"content": ["\x00"]}, 400),
            ({"channel_id": "abc"}, 404),
            ({"channel_id": 2_000_000_000}, 404),
        ):
            answer = await page.put(POST, json={"id": post["id"], "comment": "Changed", **changes})
            assert answer.status_code == status, changes
        assert await listed(page) == [post]

    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_ones_own(self, page: httpx.AsyncClient, flock: Flock, slash: str) -> None:
        post = await write(page, flock, content={"a": 1})
        changes = {
            "id": str(post["id"]),
            "title": "Changed",
            "channel_id": str(flock.other_channel_id),
        }
        answer = await page.put(POST + slash, json={**changes, "user_id": 5, "content": None})
        assert answer.status_code == 200
        assert answer.json() == {**post, "title": "Changed", "channel_name": "FAQ"}
        assert await listed(page) == [answer.json()]
        answer = await page.request("DELETE", POST + slash, json={"id": str(post["id"])})
        assert (answer.status_code, answer.json()) == (200, {"message": "Post deleted"})
        assert await listed(page) == []

    async def test_by_a_moderator_or_an_admin(
        self, page: httpx.AsyncClient, people: People, flock: Flock, resources: Resources
    ) -> None:
        carer = await log_in(people, "carer")
        carer_id = (await read_users(resources))["carer"].id or 0
        await store(resources, Moderator(group_id=flock.group_id, user_id=carer_id))
        for client in (carer, await log_in(people, "boss", Role.ADMIN)):
            post = await write(page, flock)
            answer = await client.put(POST, json={"id": post["id"], "comment": "Removed."})
            # It stays under the name of whoever wrote it.
            assert answer.json() == {**post, "comment": "Removed."}
            answer = await client.request("DELETE", POST, json={"id": post["id"]})
            assert answer.status_code == 200
        assert await listed(page) == []


class TestImported:
    async def test_without_a_channel(self, page: httpx.AsyncClient, resources: Resources) -> None:
        """Posts of other servers are in none, and may hold what nobody can write here."""
        ada = (await read_users(resources))["ada"]
        deep: Any = "<b>"
        for _ in range(300):
            deep = [deep]
        row = Post(user_id=ada.id or 0, title="Old", comment="x" * 20_000, content=deep)
        await store(resources, row)
        (post,) = await listed(page)
        assert (post["title"], post["channel_name"]) == ("Old", None)
        assert "<" not in str(post)
