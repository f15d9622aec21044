"""Lookups by key on PostgreSQL that share their way there: all that wait go in one query.

A query costs the way to the server and back, whether it asks for one row or for thirty. Each lookup
is in a query that begins after it was asked for, so none sees less than it would alone.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy.ext.asyncio import AsyncEngine

from app import postgres
from app.errors import DatabaseBusy
from app.reach import Reach
from app.trouble import passing_trouble_as_busy

# While one query is on its way the next may set out.
CONNECTIONS = 2

# What the driver says of a connection that was lost, or cannot be used again.
_GONE = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InvalidCachedStatementError,
)

Row = Sequence[Any]
Connect = Callable[[], Awaitable[asyncpg.Connection]]


def connecting(engine: AsyncEngine, reach: Reach | None) -> Connect:
    """Return what opens a connection for lookups alone, to where an engine's connections lead."""
    opened = postgres.connect if reach is None else reach.connect

    async def connect() -> asyncpg.Connection:
        _, options = engine.dialect.create_connect_args(engine.url)
        own = {key: value for key, value in options.items() if not key.startswith("prepared_")}
        return await opened(**own, server_settings=postgres.NO_WRITES)

    return connect


class SharedReader:
    """Reads the rows of one SELECT by key. `statement` has `= ANY($1)`, and the key comes first.

    How long a connection may take it says itself (`command_timeout`); `reach` hears if it took
    longer.
    """

    def __init__(self, connect: Connect, statement: str, reach: Reach | None = None) -> None:
        self._connect = connect
        self._reach = reach
        self._statement = statement
        self._open: set[asyncpg.Connection] = set()
        # With the statement, which each prepares once.
        self._idle: list[tuple[asyncpg.Connection, PreparedStatement]] = []
        self._waiting: defaultdict[str, list[asyncio.Future[Row | None]]] = defaultdict(list)
        self._asking: set[asyncio.Task[None]] = set()
        self._is_called = False

    async def find(self, key: str) -> Row | None:
        """Return the row of a key, or None.

        Raises:
            DatabaseBusy: the database is out of reach.
        """
        if self._reach is not None:
            self._reach.check()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Row | None] = loop.create_future()
        self._waiting[key].append(found)
        if not self._is_called:
            # Not at once: whoever else asks in this turn of the loop comes along.
            self._is_called = True
            loop.call_soon(self._set_out)
        return await found

    def _set_out(self) -> None:
        self._is_called = False
        if self._waiting and len(self._asking) < CONNECTIONS:
            waiting, self._waiting = self._waiting, defaultdict(list)
            task = asyncio.create_task(self._ask(waiting))
            self._asking.add(task)
            task.add_done_callback(self._come_back)

    def _come_back(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        self._set_out()

    async def _ask(self, waiting: dict[str, list[asyncio.Future[Row | None]]]) -> None:
        rows: dict[str, Row] = {}
        # Unless all goes well: whoever closes the reader cancels this.
        trouble: Exception | None = DatabaseBusy()
        try:
            with passing_trouble_as_busy():
                rows = {row[0]: row for row in await self._fetch_in_time(list(waiting))}
            trouble = None
        except Exception as error:  # noqa: BLE001  (whoever asked raises it)
            trouble = error
        finally:
            _settle(waiting, rows, trouble)

    async def _fetch_in_time(self, keys: list[str]) -> list[Row]:
        try:
            return await self._fetch(keys)
        except TimeoutError as error:
            # The other connections would not answer either.
            if self._reach is not None:
                self._reach.doubt(error)
            raise

    async def _fetch(self, keys: list[str]) -> list[Row]:
        """Ask; once more where a connection kept from before has gone since."""
        while self._idle:
            with suppress(*_GONE):
                return await self._fetch_by(*self._idle.pop(), keys)
        connection = await self._connect()
        self._open.add(connection)
        return await self._fetch_by(connection, await connection.prepare(self._statement), keys)

    async def _fetch_by(
        self, connection: asyncpg.Connection, prepared: PreparedStatement, keys: list[str]
    ) -> list[Row]:
        try:
            rows: list[Row] = await prepared.fetch(keys)
        except BaseException:
            self._open.discard(connection)
            connection.terminate()
            raise
        self._idle.append((connection, prepared))
        return rows

    async def close(self) -> None:
        """Close the connections, and let nobody wait."""
        waiting, self._waiting = self._waiting, defaultdict(list)
        _settle(waiting, {}, DatabaseBusy())
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        for connection in self._open:
            connection.terminate()
        self._open.clear()
        self._idle.clear()


def _settle(
    waiting: Mapping[str, list[asyncio.Future[Row | None]]],
    rows: Mapping[str, Row],
    trouble: Exception | None,
) -> None:
    for key, futures in waiting.items():
        for future in futures:
            if future.done():  # whoever asked has left
                continue
            if trouble is None:
                future.set_result(rows.get(key))
            else:
                future.set_exception(trouble)
