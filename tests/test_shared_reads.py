"""Lookups on PostgreSQL that share a query: everybody gets their own row, whatever happens."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.config import Settings
from app.db import Database
from app.errors import DatabaseBusy
from app.shared_reads import CONNECTIONS, SharedReader, connecting

ROWS = "(SELECT n::text AS key, n * n AS square FROM generate_series(1, 100) AS n) AS r"
# Each query takes a number.
STATEMENT = f"""SELECT key, square FROM {ROWS}, (SELECT nextval('queries')) AS q
    WHERE key = ANY($1)"""
PEOPLE = 60


class Server:
    """Where a reader gets its connections, and what they were asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections: list[asyncpg.Connection] = []
        self.is_down = False
        self.is_asked = asyncio.Event()

    async def connect(self) -> asyncpg.Connection:
        if self.is_down:
            raise ConnectionRefusedError
        connection = await asyncpg.connect(self.url)
        self.connections.append(connection)
        self.is_asked.set()
        return connection

    async def count_queries(self) -> int:
        """Return how many have been asked."""
        connection = await asyncpg.connect(self.url)
        try:
            return int(await connection.fetchval("SELECT nextval('queries')")) - 1
        finally:
            await connection.close()


@pytest.fixture
async def server(postgres_server: str) -> Server:
    url = f"{postgres_server}/postgres"
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SEQUENCE IF EXISTS queries; CREATE SEQUENCE queries")
    await connection.close()
    return Server(url)


@pytest.fixture
async def reader(server: Server) -> AsyncIterator[SharedReader]:
    found = SharedReader(server.connect, STATEMENT)
    yield found
    await found.close()
    assert all(connection.is_closed() for connection in server.connections)


async def test_everybody_gets_their_own_row_from_one_query(
    reader: SharedReader, server: Server
) -> None:
    keys = [str(1 + place % 40) for place in range(PEOPLE)]
    rows = await asyncio.gather(*(reader.find(key) for key in keys))
    assert [tuple(row or ()) for row in rows] == [(key, int(key) ** 2) for key in keys]
    assert await server.count_queries() == 1


async def test_nobody_gets_another_ones(reader: SharedReader) -> None:
    found, missing = await asyncio.gather(reader.find("7"), reader.find("700"))
    assert found is not None
    assert (found[1], missing) == (49, None)


async def test_who_comes_later_is_in_a_query_that_began_later(
    reader: SharedReader, server: Server
) -> None:
    answers = []

    async def ask(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        answers.append(await reader.find(str(1 + turns)))

    await asyncio.gather(*(ask(turns) for turns in range(PEOPLE)))
    assert sorted(row[1] for row in answers if row) == [n * n for n in range(1, PEOPLE + 1)]
    assert 1 < await server.count_queries() < PEOPLE
    assert len(server.connections) <= CONNECTIONS


async def test_a_lost_connection_is_replaced(reader: SharedReader, server: Server) -> None:
    """Often, since the driver says different things of it, depending on what it has heard yet."""
    for _ in range(20):
        await reader.find("1")
        for connection in server.connections:
            if not connection.is_closed():
                await _end(server, connection)
        rows = await asyncio.gather(*(reader.find(str(key)) for key in range(1, 11)))
        assert [row[1] for row in rows if row] == [n * n for n in range(1, 11)]


async def _end(server: Server, connection: asyncpg.Connection) -> None:
    """Have the server end a connection, as it does when it is restarted."""
    other = await asyncpg.connect(server.url)
    await other.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    await other.close()


async def test_out_of_reach_is_told_to_everybody_and_passes(
    reader: SharedReader, server: Server
) -> None:
    server.is_down = True
    answers = await asyncio.gather(
        *(reader.find(str(key)) for key in range(1, 11)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {DatabaseBusy}
    server.is_down = False
    row = await reader.find("3")
    assert row is not None
    assert row[1] == 9


async def test_a_mistake_is_no_passing_trouble(server: Server) -> None:
    reader = SharedReader(server.connect, "SELECT nonsense WHERE '' = ANY($1)")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await reader.find("1")
    await reader.close()


async def test_who_leaves_takes_nobody_along(reader: SharedReader) -> None:
    leaving = asyncio.create_task(reader.find("1"))
    staying = asyncio.create_task(reader.find("1"))
    await asyncio.sleep(0)
    leaving.cancel()
    row = await staying
    assert row is not None
    assert leaving.cancelled()


async def test_closing_leaves_nobody_waiting(server: Server) -> None:
    slow = SharedReader(server.connect, "SELECT pg_sleep(60)::text WHERE '' <> ALL($1)")
    waiting = asyncio.create_task(slow.find("1"))
    await server.is_asked.wait()
    await slow.close()
    with pytest.raises((asyncio.CancelledError, DatabaseBusy)):
        await waiting


async def test_lookups_cannot_write(postgres_template: Settings) -> None:
    database = Database(postgres_template)
    connection = await connecting(database._writer, database._reach)()  # noqa: SLF001  (where these lead)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await connection.execute("DELETE FROM user_session")
    await connection.close()
    await database.dispose()
