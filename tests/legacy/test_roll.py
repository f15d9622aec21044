"""The whole list of the old wire: nobody's secrets in it, fresh, and everybody's own view."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlmodel import col, delete, insert, update

from app import db
from app.db import Database
from app.legacy import people as legacy_people
from app.legacy import roll
from app.models import LegacyProfile, Membership, Picture, Profile, Role, Section, User
from app.resources import Resources
from tests.legacy.flock import log_in
from tests.legacy.rolls import LIST, WAYS, listed, tell
from tests.people import People
from tests.wire import ONE_ENGINE, read_users

BOTH = pytest.mark.parametrize("path", [LIST, f"{LIST}/"])
ROLES = pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
PERSONAL = {"email", "dob", "age", "sid", "school", "class", "sections", "grade_data", "hashmap"}

Write = Callable[[Any], Awaitable[Any]]


@pytest.fixture(params=["here", "elsewhere"])
def write(request: pytest.FixtureRequest, resources: Resources, elsewhere: Database) -> Write:
    """Commit a statement: by the server itself, or by another process."""
    database = resources.database if request.param == "here" else elsewhere

    async def commit(statement: Any) -> None:
        async with database.transaction() as session:
            await session.exec(statement)

    return commit


class TestRefusals:
    @BOTH
    @WAYS
    async def test_nobody_sees_what_was_kept_for_others(
        self, people: People, path: str, way: str
    ) -> None:
        await listed(await log_in(people, "ada"))
        assert (await (await people.visitor()).get(path)).status_code == 401, way

    async def test_no_snapshot_in_time(
        self, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db, "POOL_TIMEOUT", 0.01)
        ada = await log_in(people, "ada")
        release = asyncio.Event()

        async def take() -> None:
            async with resources.database.snapshot():
                await release.wait()

        others = [asyncio.create_task(take()) for _ in range(db.SNAPSHOTS)]
        await asyncio.sleep(0)
        for most in (roll.SLICE * 1000, 0):
            resources.kept.max_bytes = most
            answer = await ada.get(LIST)
            assert (answer.status_code, answer.json()["error"]) == (503, "Service Unavailable")
        release.set()
        await asyncio.gather(*others)
        assert set(await listed(ada)) == {"ada"}


class TestFresh:
    @ROLES
    @pytest.mark.parametrize(
        "values",
        [{"name": "Bob King"}, {"role": Role.TEACHER}, {"email": "bob@x.org"}, {"uid": "bert"}],
        ids=lambda values: next(iter(values)),
    )
    async def test_an_account_that_was_changed(
        self, people: People, write: Write, role: Role, values: dict[str, Any]
    ) -> None:
        ada = await log_in(people, "ada", role)
        await people.create("bob")
        before = [await listed(ada) for _ in range(2)]
        assert before[0] == before[1]
        await write(update(User).where(col(User.uid) == "bob").values(**values))
        after = await listed(ada)
        assert after["ada"] == before[0]["ada"]
        bob = after[values.get("uid", "bob")]
        assert bob["name"] == values.get("name", "Bob")
        assert bob["role"] == values.get("role", "user").title()
        assert bob["is_teacher"] is ("role" in values)
        assert bob["email"] == (values.get("email", "?") if role is Role.ADMIN else "?")

    async def test_ones_own_line(self, people: People, write: Write) -> None:
        ada = await log_in(people, "ada")
        bob = await log_in(people, "bob")
        for client in (ada, bob, ada):
            await listed(client)
        await write(update(User).where(col(User.uid) == "ada").values(name="<Ada>"))
        assert (await listed(ada))["ada"]["name"] == "<Ada>"
        assert (await listed(bob))["ada"]["name"] == "&lt;Ada&gt;"

    @ROLES
    async def test_who_came_and_who_went(self, people: People, write: Write, role: Role) -> None:
        ada = await log_in(people, "ada", role)
        await people.create("bob")
        for _ in range(2):
            assert set(await listed(ada)) == {"ada", "bob"}
        await write(delete(User).where(col(User.uid) == "bob"))
        assert set(await listed(ada)) == {"ada"}
        await people.create("cid")
        assert set(await listed(ada)) == {"ada", "cid"}

    async def test_sections(self, people: People, write: Write, resources: Resources) -> None:
        root = await log_in(people, "root1", Role.ADMIN)
        ada = await people.create("ada")
        await tell(resources, ada)
        for _ in range(2):
            assert [found["year"] for found in (await listed(root))["ada"]["sections"]] == [2027]
        await write(update(Membership).values(year=2028))
        assert [found["year"] for found in (await listed(root))["ada"]["sections"]] == [2028]
        await write(update(Section).values(name="<i>"))
        assert [found["name"] for found in (await listed(root))["ada"]["sections"]] == ["&lt;i&gt;"]
        await write(delete(Membership))
        assert (await listed(root))["ada"]["sections"] == []

    async def test_a_picture_and_who_may_see_it(self, people: People, write: Write) -> None:
        ada = await log_in(people, "ada")
        bob = await people.create("bob")
        await write(insert(Profile).values(user_id=bob.id, classes=[]))
        picture = {"id": 7, "width": 1, "height": 1, "size_bytes": 1, "user_id": bob.id}
        await write(insert(Picture).values(name="abc", **picture))
        await write(update(Profile).values(picture_id=7))
        assert [(await listed(ada))["bob"]["pfp"] for _ in range(2)] == [None, None]
        await write(update(Profile).values(is_public=True))
        assert [(await listed(ada))["bob"]["pfp"] for _ in range(2)] == ["abc.webp", "abc.webp"]
        await write(update(Profile).values(is_public=False))
        assert (await listed(ada))["bob"]["pfp"] is None

    @ONE_ENGINE
    async def test_ones_own_line_is_never_of_another_moment_than_the_others(
        self, people: People, resources: Resources, elsewhere: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        ada = await log_in(people, "ada")
        await people.create("bob")
        await listed(ada)
        read_person = legacy_people.read_person

        async def read_after_a_commit(read: Any, *, user_id: int) -> Any:
            monkeypatch.undo()
            async with elsewhere.transaction() as session:
                await session.exec(update(User).values(name="Changed"))
            return await read_person(read, user_id=user_id)

        monkeypatch.setattr(legacy_people, "read_person", read_after_a_commit)
        found = await listed(ada)
        assert [person["name"] for person in found.values()] == ["Changed", "Changed"]
        assert len(await read_users(resources)) == 2


class TestWhoSeesWhat:
    @WAYS
    async def test_whoever_asks_in_turn_sees_what_they_may(
        self, people: People, resources: Resources, way: str
    ) -> None:
        clients = {}
        for uid in ("ada", "bob", "root1"):
            clients[uid] = await log_in(people, uid, Role.ADMIN if uid == "root1" else Role.USER)
        for user in (await read_users(resources)).values():
            await tell(resources, user)
        own = {uid: (await client.get("/api/id")).json() for uid, client in clients.items()}
        for uid in ("ada", "root1", "bob", "ada", "bob", "root1", "ada"):
            found = await listed(clients[uid])
            for name, person in found.items():
                may_see = uid in {name, "root1"}
                assert person.pop("access") == (["rw"] if may_see else ["ro"])
                if may_see:
                    assert person == own[name], (way, uid, name)
                else:
                    assert not {key for key in PERSONAL if person[key] == own[name][key]}
                    assert f"of {name}" not in json.dumps(person)

    @WAYS
    async def test_ones_own_markup_is_as_one_wrote_it(
        self, people: People, resources: Resources, way: str
    ) -> None:
        for name in ("<b>", '{"id":1,"x":2}\\', "it's\n,\n{", "&lt;"):
            others = name.replace("<", "&lt;").replace(">", "&gt;")
            others = others.replace('"', "&quot;").replace("'", "&#39;")
            uid = f"u{len(name)}"
            own = await log_in(people, uid)
            root = await log_in(people, f"root{len(name)}", Role.ADMIN)
            async with resources.database.transaction() as session:
                await session.exec(update(User).values(name=name))
            for _ in range(2):
                found = await listed(own)
                assert found.pop(uid)["name"] == name, way
                assert {person["name"] for person in found.values()} == {others}
                found = await listed(root)
                assert found.pop(f"root{len(name)}")["name"] == name
                assert {person["name"] for person in found.values()} == {others}

    @WAYS
    async def test_free_json_is_shown_without_markup(
        self, people: People, resources: Resources, way: str
    ) -> None:
        root = await log_in(people, "root1", Role.ADMIN)
        ada = await people.create("ada")
        deep: Any = "deep"
        for _ in range(40):
            deep = [deep]
        free: dict[str, Any] = {
            "hashmap": {"<a>": "'"},
            "grade_data": [1, deep],
            "ap_exam": {"x": '"'},
        }
        async with resources.database.transaction() as session:
            session.add(LegacyProfile(user_id=ada.id or 0, **free))
        found = (await listed(root))["ada"]
        assert found["hashmap"] == {"&lt;a&gt;": "&#39;"}, way
        assert found["ap_exam"] == {"x": "&quot;"}
        assert "deep" not in json.dumps(found["grade_data"])
