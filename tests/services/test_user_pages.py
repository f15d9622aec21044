"""Pages of users that are kept: whoever asks sees what is there, and what they themselves may."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlmodel import col, delete, update

from app.db import Database
from app.models import Role, User
from app.resources import Resources
from tests.people import People

USERS = "/api/v1/users"
PUBLIC = {"id", "uid", "name", "role"}
ACCOUNT = PUBLIC | {"email", "is_active", "created_at", "updated_at"}


@pytest.fixture(params=["here", "elsewhere"])
def writer(request: pytest.FixtureRequest, resources: Resources, elsewhere: Database) -> Database:
    """Whoever commits: the server itself, or another process."""
    return resources.database if request.param == "here" else elsewhere


async def listed(client: httpx.AsyncClient, **params: Any) -> dict[str, dict[str, Any]]:
    answer = await client.get(USERS, params=params)
    assert answer.status_code == 200, answer.text
    return {user["uid"]: user for user in answer.json()["items"]}


class TestKept:
    async def test_nobody_sees_what_was_kept_for_others(self, people: People) -> None:
        root = await people.create_and_log_in("root1", role=Role.ADMIN)
        await listed(root)
        assert (await (await people.visitor()).get(USERS)).status_code == 401

    @pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
    @pytest.mark.parametrize(
        "values",
        [{"name": "Bob King"}, {"role": Role.TEACHER}, {"is_active": False}, {"email": "b@x.org"}],
        ids=lambda values: next(iter(values)),
    )
    async def test_a_change_is_seen_by_the_next_request(
        self, people: People, writer: Database, role: Role, values: dict[str, Any]
    ) -> None:
        ada = await people.create_and_log_in("ada", role=role)
        await people.create("bob")
        before = [await listed(ada) for _ in range(2)]
        assert before[0] == before[1]
        async with writer.transaction() as session:
            await session.exec(update(User).where(col(User.uid) == "bob").values(**values))
        shown = {key: value for key, value in values.items() if key in before[0]["bob"]}
        assert await listed(ada) == {**before[0], "bob": {**before[0]["bob"], **shown}}

    async def test_so_is_who_came_and_who_went(self, people: People, writer: Database) -> None:
        ada = await people.create_and_log_in("ada")
        await people.create("bob")
        for _ in range(2):
            assert set(await listed(ada)) == {"ada", "bob"}
        async with writer.transaction() as session:
            await session.exec(delete(User).where(col(User.uid) == "bob"))
        assert set(await listed(ada)) == {"ada"}
        await people.create("cid")
        assert set(await listed(ada)) == {"ada", "cid"}

    async def test_whoever_asks_in_turn_sees_what_they_may(self, people: People) -> None:
        clients = {
            "ada": await people.create_and_log_in("ada"),
            "bob": await people.create_and_log_in("bob"),
            "root1": await people.create_and_log_in("root1", role=Role.ADMIN),
            "zoe": await people.create_and_log_in("zoe"),
        }
        everybody = set(clients)
        for uid in ("ada", "root1", "bob", "zoe", "ada", "bob", "root1", "zoe"):
            known = everybody if uid == "root1" else {uid}
            found = await listed(clients[uid])
            assert {name: set(user) for name, user in found.items()} == {
                name: ACCOUNT if name in known else PUBLIC for name in everybody
            }, uid

    async def test_whoever_is_not_on_a_page_shares_it(self, people: People) -> None:
        yan, zoe = [await people.create_and_log_in(uid) for uid in ("yan", "zoe")]
        await people.create("ada")
        for client in (yan, zoe, yan):
            assert {name: set(user) for name, user in (await listed(client, limit=1)).items()} == {
                "ada": PUBLIC
            }
        assert set((await listed(yan))["yan"]) == ACCOUNT
        assert set((await listed(zoe))["yan"]) == PUBLIC

    async def test_pages_are_told_apart(self, people: People) -> None:
        clients = [
            await people.create_and_log_in("zoe"),
            await people.create_and_log_in("root1", role=Role.ADMIN),
        ]
        for uid in ("ada", "bob", "cid"):
            await people.create(uid)
        for client in (*clients, *clients):
            first = (await client.get(USERS, params={"limit": 1})).json()
            assert [user["uid"] for user in first["items"]] == ["ada"]
            assert list(await listed(client, limit=2)) == ["ada", "bob"]
            assert list(await listed(client, limit=1, cursor=first["next"])) == ["bob"]

    async def test_a_page_is_written_once_while_nothing_changes(
        self, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch, engine: str
    ) -> None:
        zoe = await people.create_and_log_in("zoe")
        await people.create("ada")
        reads = count_calls(resources.database, "read_rows", monkeypatch)
        first = await listed(zoe, limit=1)
        assert [await listed(zoe, limit=1) for _ in range(3)] == [first] * 3
        assert reads() == (1 if engine == "sqlite" else 4)


def count_calls(thing: object, name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return what says how often a method was called from now on."""
    count = 0
    method = getattr(thing, name)

    async def call(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        return await method(*arguments, **named)

    monkeypatch.setattr(thing, name, call)
    return lambda: count
