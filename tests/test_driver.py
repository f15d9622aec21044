"""SQLite behind SQLAlchemy: what runs where it is asked for, what in the thread; all the rows."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from app import lines
from app.config import Settings
from app.db import Database
from app.engines import make_engine
from app.lines import Line

MANY = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT x FROM n"
)
# Begins as what is stopped does.
SLOW = f"SELECT count(*) FROM ({MANY.format(300_000)})"


@pytest.fixture
def path(settings: Settings, engine: str) -> Path:
    if settings.sqlite_path is None:
        pytest.skip(f"{engine} has a driver of its own")
    return settings.sqlite_path


@pytest.fixture
async def bare(settings: Settings, path: Path) -> AsyncIterator[AsyncEngine]:
    """An engine on the file at `path`."""
    del path
    made = make_engine(settings, poolclass=NullPool)
    yield made
    await made.dispose()


@pytest.fixture
async def connection(bare: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with bare.connect() as found:
        yield found


async def line_of(connection: AsyncConnection) -> Line:
    line: Line = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment]
    return line


@pytest.fixture
async def threads(connection: AsyncConnection) -> list[int]:
    """Where the function `note(x)` of SQL ran; it returns x."""
    found: list[int] = []

    def note(value: Any) -> Any:
        found.append(threading.get_ident())
        return value

    (await line_of(connection)).raw.create_function("note", 1, note)
    await connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT)"))
    await connection.execute(text("INSERT INTO thing (name) VALUES ('a'), ('b')"))
    return found


class TestWhere:
    @pytest.mark.parametrize(
        "statement",
        [
            "SELECT note(1)",
            "INSERT INTO thing (name) VALUES (note('c'))",
            "INSERT INTO thing (name) VALUES (note('c')) RETURNING id",
            "UPDATE thing SET name = note('d') WHERE id = 1",
        ],
    )
    async def test_short_ones_here(
        self, connection: AsyncConnection, threads: list[int], statement: str
    ) -> None:
        await connection.execute(text(statement))
        assert threads == [threading.get_ident()]

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM thing WHERE name = note('a')",
            "INSERT INTO thing (name) SELECT note(name) FROM thing WHERE id = 1",
            "INSERT INTO thing (name)\nSELECT note(name) FROM thing WHERE id = 1",
            "CREATE TABLE other AS SELECT note(1)",
            "WITH one AS (SELECT note(1)) SELECT * FROM one",
        ],
    )
    async def test_others_in_the_thread(
        self, connection: AsyncConnection, threads: list[int], statement: str
    ) -> None:
        await connection.execute(text(statement))
        assert threads
        assert threading.get_ident() not in threads

    async def test_many_at_once_in_the_thread(
        self, connection: AsyncConnection, threads: list[int]
    ) -> None:
        insert = text("INSERT INTO thing (name) VALUES (note(:name))")
        await connection.execute(insert, [{"name": "c"}, {"name": "d"}])
        assert len(set(threads)) == 1
        assert threading.get_ident() not in threads
        found = await connection.execute(text("SELECT count(*) FROM thing"))
        assert found.scalar_one() == 4


class TestLongSelects:
    async def test_run_in_the_thread_instead(
        self, connection: AsyncConnection, threads: list[int]
    ) -> None:
        slow = text(SLOW.replace("count(*)", "note(count(*))"))
        for _ in range(2):
            assert (await connection.execute(slow)).scalar_one() == 300_000
        assert threads
        assert threading.get_ident() not in threads

    async def test_others_go_on_meanwhile(self, connection: AsyncConnection) -> None:
        asking = asyncio.create_task(connection.execute(text(SLOW)))
        turns = 0
        while not asking.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 3
        assert (await asking).scalar_one() == 300_000

    async def test_undo_nothing_of_their_transaction(self, connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO thing (id) VALUES (5)"))
        await connection.execute(text(SLOW))
        assert (await connection.execute(text("SELECT id FROM thing"))).scalar_one() == 5
        assert (await line_of(connection)).raw.in_transaction

    async def test_stay_known_within_bounds(
        self, connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "_MOST_TEXTS", 2)
        for number in range(3):
            await connection.execute(text(f"{SLOW} WHERE {number} = {number}"))
        line = await line_of(connection)
        assert len(line._long) == 2  # noqa: SLF001


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 1000])
class TestRows:
    """However they are fetched, and wherever the first ones end, they are all there, in order."""

    @pytest.fixture(params=["SELECT x FROM ({})", "{}"])
    def query(self, request: pytest.FixtureRequest, count: int) -> str:
        shape: str = request.param
        return shape.format(f"{MANY.format(max(count, 1))} LIMIT {count}")

    async def test_all(self, connection: AsyncConnection, query: str, count: int) -> None:
        found = (await connection.execute(text(query))).all()
        assert found == [(x + 1,) for x in range(count)]

    async def test_one_at_a_time(self, connection: AsyncConnection, query: str, count: int) -> None:
        rows = await connection.execute(text(query))
        assert [row[0] for row in rows] == [x + 1 for x in range(count)]

    @pytest.mark.parametrize("size", [1, 7, 150, 5000])
    async def test_streamed(
        self, connection: AsyncConnection, query: str, count: int, size: int
    ) -> None:
        rows = await connection.stream(text(query), execution_options={"yield_per": size})
        assert [row[0] async for row in rows] == [x + 1 for x in range(count)]

    async def test_streamed_in_other_ways(
        self, connection: AsyncConnection, query: str, count: int
    ) -> None:
        rows = await connection.stream(text(query))
        first = await rows.fetchone()
        assert first == ((1,) if count else None)
        some = [] if first is None else [*await rows.fetchmany(3), *await rows.all()]
        assert [row[0] for row in some] == [x + 1 for x in range(1, count)]


class TestTrouble:
    async def test_a_mistake_is_raised(self, connection: AsyncConnection) -> None:
        for statement in ("SELECT * FROM nowhere", "DELETE FROM nowhere", "INSERT INTO nowhere"):
            with pytest.raises(OperationalError):
                await connection.execute(text(statement))
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1

    async def test_another_program_is_waited_for_in_the_thread(
        self, connection: AsyncConnection, path: Path
    ) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            asking = asyncio.create_task(connection.execute(text("SELECT 1")))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not asking.done()
            other.execute("COMMIT")
            assert (await asking).scalar_one() == 1

    async def test_but_not_for_ever(
        self, connection: AsyncConnection, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "PATIENCE_MS", 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(OperationalError, match="locked"):
                await connection.execute(text("SELECT 1"))
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1

    async def test_whoever_is_cancelled_leaves_when_it_is_done(
        self, connection: AsyncConnection
    ) -> None:
        """Else two threads would use the connection at once."""
        line = await line_of(connection)
        entered, release = threading.Event(), threading.Event()

        def work() -> bool:
            entered.set()
            return release.wait(60)

        asking = asyncio.create_task(line.beside(work))
        await asyncio.to_thread(entered.wait, 60)
        for _ in range(3):
            asking.cancel()
            await asyncio.sleep(0)
        assert not asking.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await asking

    async def test_cancelled_in_a_transaction(self, bare: AsyncEngine) -> None:
        """Its work is undone, and the file is free for the next."""

        async def write() -> None:
            async with bare.begin() as connection:
                await connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY)"))
                await connection.execute(text("INSERT INTO thing (id) VALUES (1)"))
                begun.set()
                await connection.execute(text(f"DELETE FROM thing WHERE ({SLOW}) < 0"))

        begun = asyncio.Event()
        writing = asyncio.create_task(write())
        await begun.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        async with bare.begin() as connection:
            await connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY)"))

    async def test_a_dropped_connection_closes_the_file(self, bare: AsyncEngine) -> None:
        async with bare.connect() as connection:
            line = await line_of(connection)
            await connection.invalidate()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            line.raw.execute("SELECT 1")


async def test_the_database_uses_it(settings: Settings, engine: str) -> None:
    database = Database(settings)
    for read_only in (True, False):
        async with database.transaction(read_only=read_only) as session:
            raw = await (await session.connection()).get_raw_connection()
            assert isinstance(raw.driver_connection, Line) is (engine == "sqlite")
            assert (await (await session.connection()).execute(text("SELECT 1"))).scalar() == 1
    await database.dispose()
