"""The whole list of the old wire in slices: whole, of one moment, flat in memory, and let go of."""

import asyncio
import json
import tracemalloc
from collections.abc import MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel import col, delete, update

from app.db import Database
from app.legacy import people as legacy_people
from app.legacy import roll
from app.models import Role, User
from app.principals import Principal
from app.resources import Resources
from tests.legacy.flock import log_in
from tests.legacy.rolls import LIST, STOP, WAYS, Reader, fill, find, listed, never, take
from tests.people import People
from tests.services.rows import make_user
from tests.wire import ONE_ENGINE, read_users


async def fill_more(resources: Resources) -> None:
    async with resources.database.transaction() as session:
        session.add_all([make_user(f"later{number}") for number in range(4)])


class TestSlices:
    @pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
    @WAYS
    async def test_borders_and_gaps(
        self, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch,
        way: str, size: int,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(roll, "SLICE", size)
        await fill(resources, 4)
        ada = await log_in(people, "ada")
        await fill_more(resources)
        root = await log_in(people, "root1", Role.ADMIN)
        everybody = sorted((await read_users(resources)).values(), key=lambda user: user.id or 0)
        gone = [user.uid for user in everybody[1:3]] + [everybody[6].uid]
        async with resources.database.transaction() as session:
            await session.exec(delete(User).where(col(User.uid).in_(gone)))
        left = [user.uid for user in everybody if user.uid not in gone]
        for client in (ada, root, ada, root):
            assert list(await listed(client)) == left, way
        assert (await listed(ada))["ada"]["access"] == ["rw"]

    @WAYS
    async def test_nobody_is_left(
        self, people: People, resources: Resources, way: str, app: FastAPI
    ) -> None:
        """Whoever asks was deleted since they were let in."""
        ada = await log_in(people, "ada")
        await listed(ada)
        principal = await find(resources, ada)
        async with resources.database.transaction() as session:
            await session.exec(delete(User))
        sent = await take(await app.state.rolls.answer(resources, principal))
        assert json.loads(sent) == [], way

    @WAYS
    async def test_is_of_one_moment(
        self, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        monkeypatch.setattr(roll, "SLICE", 1)
        ada = await log_in(people, "ada")
        await fill(resources, 5)
        read_following = legacy_people.read_following

        async def read_before_a_commit(read: Any, **named: Any) -> Any:
            found = await read_following(read, **named)
            async with resources.database.transaction() as session:
                await session.exec(update(User).values(name="Changed"))
            return found

        # The first list that is too large is found out to be so.
        await listed(ada)
        await fill_more(resources)
        monkeypatch.setattr(legacy_people, "read_following", read_before_a_commit)
        names = {person["name"] for person in (await listed(ada)).values()}
        assert "Changed" not in names, way
        monkeypatch.setattr(legacy_people, "read_following", read_following)
        assert {person["name"] for person in (await listed(ada)).values()} == {"Changed"}


class TestKept:
    @ONE_ENGINE
    async def test_all_who_ask_at_once_get_what_one_has_written(
        self, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clients = [await log_in(people, f"ada{number}") for number in range(5)]
        snapshots = 0
        snapshot = resources.database.snapshot

        def count() -> Any:
            nonlocal snapshots
            snapshots += 1
            return snapshot()

        await listed(clients[0])
        await fill(resources, 3)
        monkeypatch.setattr(resources.database, "snapshot", count)
        found = await asyncio.gather(*map(listed, clients))
        assert [len(people) for people in found] == [8] * 5
        assert [people[f"ada{n}"]["access"] for n, people in enumerate(found)] == [["rw"]] * 5
        assert snapshots == 1

    async def test_says_how_long_it_is_unless_it_goes_out_while_it_is_read(
        self, people: People, resources: Resources
    ) -> None:
        ada = await log_in(people, "ada")
        answer = await ada.get(LIST)
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        most, resources.kept.max_bytes = resources.kept.max_bytes, 0
        async with resources.database.transaction() as session:
            session.add(make_user("bob"))
        assert "Content-Length" not in (await ada.get(LIST)).headers
        # What has become small enough is found out by the last that was not.
        resources.kept.max_bytes = most
        assert "Content-Length" not in (await ada.get(LIST)).headers
        assert "Content-Length" in (await ada.get(LIST)).headers


class TestLettingGo:
    @pytest.fixture
    async def ada(
        self, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> Principal:
        client = await log_in(people, "ada")
        resources.kept.max_bytes = 0
        monkeypatch.setattr(roll, "SLICE", 1)
        await listed(client)
        return await find(resources, client)

    @pytest.fixture
    async def reader(self, app: FastAPI, ada: Principal, resources: Resources) -> Reader:
        await fill(resources, 50)
        return Reader(await app.state.rolls.answer(resources, ada))

    async def test_whoever_leaves(self, reader: Reader, elsewhere: Database) -> None:
        reading = asyncio.create_task(reader.read())
        await reader.stopped.wait()
        assert not await is_free(elsewhere)
        reader.left.set()
        reader.go_on.set()
        await reading
        assert reader.pieces < STOP + 3
        assert await is_free(elsewhere)

    async def test_whoever_is_cut_off(self, reader: Reader, elsewhere: Database) -> None:
        reading = asyncio.create_task(reader.read())
        await reader.stopped.wait()
        assert not await is_free(elsewhere)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await is_free(elsewhere)

    async def test_whoever_takes_too_long(
        self, app: FastAPI, ada: Principal, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await fill(app.state.resources, 50)
        monkeypatch.setattr(roll, "LONGEST_SECONDS", 0.3)
        reader = Reader(await app.state.rolls.answer(app.state.resources, ada))
        with pytest.raises(TimeoutError):
            await reader.read()
        assert reader.pieces == STOP
        assert await is_free(elsewhere)

    @ONE_ENGINE
    async def test_memory_does_not_grow_with_the_list(
        self, app: FastAPI, ada: Principal, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(roll, "SLICE", 250)
        peaks, sizes = [], []
        for count in (1000, 4000):
            await fill(resources, count)
            answer = await app.state.rolls.answer(resources, ada)
            size = 0

            async def send(message: MutableMapping[str, Any]) -> None:
                nonlocal size
                size += len(message.get("body", b""))

            tracemalloc.start()
            try:
                await answer({"type": "http"}, never, send)
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
            sizes.append(size)
            async with resources.database.transaction() as session:
                await session.exec(delete(User).where(col(User.uid).startswith("pupil")))
        assert sizes[1] > 3.5 * sizes[0] > 500_000
        assert peaks[1] < 1.3 * peaks[0]
        assert peaks[1] < sizes[1]


async def is_free(database: Database) -> bool:
    """Whether no transaction that reads stands still, seen from another process."""
    async with database.transaction() as session:
        connection = await session.connection()
        if connection.dialect.name == "sqlite":
            await connection.execute(text('UPDATE "user" SET auth_epoch = auth_epoch + 1'))
        else:
            query = text(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' "
                "AND datname = current_database()"
            )
            return not (await connection.execute(query)).scalar_one()
    turns = database._shared_writer  # noqa: SLF001  (outside a transaction)
    assert turns is not None
    async with turns.alone() as line:
        busy: int = line.raw.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0]
        return not busy
