"""SQLite for SQLAlchemy's asyncio, over connections that wait only for what takes long.

Why this is no library: see docs/decisions/0021-statements-on-the-loop.md.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteExecutionContext
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool
from sqlalchemy.util.concurrency import await_, in_greenlet

from app.lines import READ, Line

DIALECT = "sqlite+portfolio"
registry.register(DIALECT.replace("+", "."), __name__, "Dialect")

# Rows that are fetched where the statement ran. The rest of many comes from the thread.
ROWS_AT_ONCE = 200


class Cursor:
    """What SQLAlchemy asks of a cursor (PEP 249), without waiting."""

    server_side = False

    def __init__(self, line: Line) -> None:
        self._line = line
        self._raw = line.raw.cursor()
        self._rows: deque[Any] = deque()
        self.arraysize = 1

    @property
    def description(self) -> Any:
        return self._raw.description

    @property
    def rowcount(self) -> int:
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._raw.lastrowid

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        rows = await_(self._line.run(sql, partial(self._execute, sql, parameters)))
        self._rows = deque(rows)
        if len(rows) == ROWS_AT_ONCE:
            self._rows += await_(self._line.beside(self._raw.fetchall))
        return self

    def _execute(self, sql: str, parameters: Any) -> list[Any]:
        self._raw.execute(sql, parameters)
        return self._raw.fetchmany(ROWS_AT_ONCE) if self._raw.description else []

    def executemany(self, sql: str, parameters: Sequence[Any]) -> None:
        self._rows = deque()
        await_(self._line.beside(partial(self._raw.executemany, sql, parameters)))

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = min(self.arraysize if size is None else size, len(self._rows))
        return [self._rows.popleft() for _ in range(wanted)]

    def fetchall(self) -> list[Any]:
        rows, self._rows = list(self._rows), deque()
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def setinputsizes(self, *_sizes: Any) -> None:
        """Nothing to do: SQLite has no types that would have to be told."""

    def close(self) -> None:
        self._rows.clear()
        self._raw.close()

    async def _async_soft_close(self) -> None:
        """SQLAlchemy says here that it has all rows."""


class StreamingCursor(Cursor):
    """A cursor whose rows come piece by piece, from the thread."""

    server_side = True

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        await_(self._line.beside(partial(self._raw.execute, sql, parameters)))
        return self

    def fetchone(self) -> Any:
        return await_(self._line.beside(self._raw.fetchone))

    def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = self.arraysize if size is None else size
        return await_(self._line.beside(partial(self._raw.fetchmany, wanted)))

    def fetchall(self) -> list[Any]:
        return await_(self._line.beside(self._raw.fetchall))

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row


class Connection(AdaptedConnection):
    """What SQLAlchemy asks of a connection (PEP 249), without waiting."""

    def __init__(self, line: Line, begin: str = READ) -> None:
        self.line = line
        self._begin = begin

    @property
    def driver_connection(self) -> Line:
        return self.line

    def cursor(self, *, server_side: bool = False) -> Cursor:
        return StreamingCursor(self.line) if server_side else Cursor(self.line)

    def begin(self) -> None:
        """Begin a transaction; called by the dialect."""
        await_(self.line.begin(self._begin))

    def commit(self) -> None:
        """Keep the transaction's work, or undo it where that fails.

        SQLite keeps a transaction whose COMMIT failed (a full disk, a constraint checked at the
        end); SQLAlchemy takes it for ended. Nobody could ever begin another.
        """
        raw = self.line.raw
        try:
            if self._begin == READ:
                raw.commit()
            else:
                await_(self.line.beside(raw.commit))
        finally:
            self.rollback()

    def rollback(self) -> None:
        if self.line.raw.in_transaction:
            self.line.raw.rollback()

    def close(self) -> None:
        await_(self.line.close())

    def terminate(self) -> None:
        """Close at once: a request was cancelled, or nobody knows this connection any more."""
        if in_greenlet():
            self.close()
        else:
            self.line.drop()


class _ExecutionContext(SQLiteExecutionContext):
    def create_server_side_cursor(self) -> Any:
        connection: Any = self._dbapi_connection
        return connection.cursor(server_side=True)


class Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's SQLite with these connections, which engines.py opens."""

    driver = DIALECT.partition("+")[2]
    is_async = True
    has_terminate = True
    supports_server_side_cursors = True
    supports_statement_cache = True
    execution_ctx_cls = _ExecutionContext

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:  # noqa: ARG003  (the base class gives it)
        return AsyncAdaptedQueuePool

    def initialize(self, connection: Any) -> None:  # noqa: ARG002  (the base class gives it)
        """Say what another dialect would ask the first connection for."""
        self.server_version_info = sqlite3.sqlite_version_info
        self.default_schema_name = "main"
        self.default_isolation_level = "SERIALIZABLE"

    def on_connect(self) -> Any:
        """No functions are added to SQL."""

    def do_begin(self, dbapi_connection: Any) -> None:
        dbapi_connection.begin()

    def do_terminate(self, dbapi_connection: Any) -> None:
        dbapi_connection.terminate()

    def get_driver_connection(self, connection: Any) -> Any:
        return connection.driver_connection


async def _open(path: Path, pragmas: Iterable[str]) -> Line:
    line = Line(path, pragmas)
    await line.open()
    return line


def opening(path: Path, begin: str, pragmas: Iterable[str]) -> Callable[[], Connection]:
    """Return what opens connections to a database file (in a greenlet)."""
    return lambda: Connection(await_(_open(path, pragmas)), begin)
