"""The way to SQLite's thread: one a statement, and nothing else is different."""

import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text

from app.config import Settings
from app.db import Database
from app.driver import Connection, Cursor, connecting


class Counted(Connection):
    """Counts what it sends to its thread."""

    jobs = 0

    async def _execute(self, *job: Any, **named: Any) -> Any:
        self.jobs += 1
        return await super()._execute(*job, **named)  # type: ignore[no-untyped-call]


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Counted]:
    path = tmp_path / "data.db"
    found = Counted(lambda: sqlite3.connect(path, check_same_thread=False), 64)
    async with found:
        yield found


async def test_one_way_for_a_statement(connection: Counted) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT 1 UNION SELECT 2")
        assert await cursor.fetchall() == [(1,), (2,)]
        assert await cursor.fetchall() == []
    assert connection.jobs == 1


MANY = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT x FROM n"
)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 1000])
class TestRows:
    """However they are fetched, and wherever the first ones end, they are all there, in order."""

    @pytest.fixture
    async def cursor(self, connection: Counted, count: int) -> AsyncIterator[Cursor]:
        async with connection.cursor() as found:
            await found.execute(f"{MANY.format(max(count, 1))} LIMIT {count}")
            yield found

    async def test_all(self, cursor: Cursor, count: int) -> None:
        assert await cursor.fetchall() == [(x + 1,) for x in range(count)]
        assert await cursor.fetchall() == []

    @pytest.mark.parametrize("size", [1, 7, 150, 5000])
    async def test_some_at_a_time(self, cursor: Cursor, count: int, size: int) -> None:
        found: list[Any] = []
        while rows := await cursor.fetchmany(size):
            assert len(rows) <= size
            found += rows
        assert found == [(x + 1,) for x in range(count)]

    async def test_one_at_a_time(self, cursor: Cursor, count: int) -> None:
        found: list[Any] = []
        while (row := await cursor.fetchone()) is not None:
            found.append(row)
        assert found == [(x + 1,) for x in range(count)]

    async def test_by_a_loop(self, cursor: Cursor, count: int) -> None:
        assert [row async for row in cursor] == [(x + 1,) for x in range(count)]

    async def test_the_rest_after_some(self, cursor: Cursor, count: int) -> None:
        found = [*await cursor.fetchmany(3), *await cursor.fetchall()]
        assert found == [(x + 1,) for x in range(count)]


async def test_a_stream_of_rows(settings: Settings) -> None:
    """As the audit trail is read: more rows than memory should hold."""
    database = Database(settings)
    async with database.transaction(read_only=True) as session:
        rows = await (await session.connection()).stream(
            text(MANY.format(2500)), execution_options={"yield_per": 100}
        )
        found = [row[0] async for row in rows]
    await database.dispose()
    assert found == list(range(1, 2501))


async def test_it_runs_in_a_thread_of_its_own(connection: Counted) -> None:
    threads: list[int] = []
    await connection.create_function("note", 0, lambda: threads.append(threading.get_ident()))
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT note()")
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_parameters_and_what_a_statement_tells(connection: Counted) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE TABLE x (id INTEGER PRIMARY KEY, name TEXT)")
        assert not cursor.description
        await cursor.execute("INSERT INTO x (name) VALUES (?) RETURNING id", ("a",))
        assert await cursor.fetchall() == [(1,)]
        await cursor.executemany("INSERT INTO x (name) VALUES (?)", [("b",), ("c",)])
        assert cursor.rowcount == 2
        await cursor.execute("UPDATE x SET name = :name", {"name": "d"})
        assert (cursor.rowcount, await cursor.fetchall()) == (3, [])
        await cursor.execute("SELECT id, name FROM x WHERE id = ?", (2,))
        assert [column[0] for column in cursor.description or ()] == ["id", "name"]


async def test_a_mistake_is_raised_and_leaves_no_rows(connection: Counted) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT 1")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await cursor.execute("SELECT * FROM nowhere")


async def test_a_closed_connection_says_so(tmp_path: Path) -> None:
    connection = await connecting(tmp_path / "data.db")()
    await connection.close()
    with pytest.raises(ValueError, match="no active connection"):
        connection.cursor()


async def test_the_database_uses_it(settings: Settings, engine: str) -> None:
    database = Database(settings)
    async with database.transaction() as session:
        raw = await (await session.connection()).get_raw_connection()
        assert isinstance(raw.driver_connection, Connection) is (engine == "sqlite")
        assert isinstance(raw.driver_connection, aiosqlite.Connection) is (engine == "sqlite")
        assert (await (await session.connection()).execute(text("SELECT 1"))).scalar() == 1
    await database.dispose()
