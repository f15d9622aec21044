"""aiosqlite with one way to its thread for a statement, where it takes four.

SQLite works in a thread of its own, so that a slow statement or a commit keeps nobody waiting. The
way there and back costs more than most statements do. Making and closing a cursor is no work at
all, and done where it is asked for; the first rows of a statement come back with its end.
"""

import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Self

import aiosqlite

# Of rows that are fetched piece by piece by a loop over a cursor, which nobody here does.
_CHUNK = 64
# Rows that come back with the end of their statement. More are fetched by whoever wants them.
ROWS_AT_ONCE = 200


class Cursor(aiosqlite.Cursor):
    """A cursor whose first rows are there when the statement is done."""

    def __init__(self, connection: "Connection", cursor: sqlite3.Cursor) -> None:
        super().__init__(connection, cursor)
        self._rows: deque[Any] = deque()
        self._has_more = False

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Self:
        rows = await self._execute(self._run, sql, parameters or ())  # type: ignore[no-untyped-call]
        self._rows = deque(rows)
        self._has_more = len(rows) == ROWS_AT_ONCE
        return self

    def _run(self, sql: str, parameters: Any) -> list[Any]:
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchmany(ROWS_AT_ONCE) if self._cursor.description else []

    async def fetchone(self) -> Any:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = self.arraysize if size is None else size
        rows = [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]
        if self._has_more and len(rows) < wanted:
            rows += await super().fetchmany(wanted - len(rows))
        return rows

    async def fetchall(self) -> list[Any]:
        rows, self._rows = list(self._rows), deque()
        if self._has_more:
            rows += await super().fetchall()
        return rows

    async def close(self) -> None:
        self._cursor.close()


class Connection(aiosqlite.Connection):
    """A connection that makes such cursors."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], chunk: int = _CHUNK) -> None:
        super().__init__(connector, chunk)
        # A connection that is never closed must not keep the process from ending.
        self._thread.daemon = True

    def cursor(self) -> Cursor:  # type: ignore[override]  # theirs is made in the thread
        return Cursor(self, self._conn.cursor())


def connecting(path: Path) -> Callable[[], Awaitable[aiosqlite.Connection]]:
    """Return what opens connections to a database file."""

    def open_file() -> sqlite3.Connection:
        # Only one thread at a time uses it: whoever awaits a statement asks for nothing meanwhile.
        return sqlite3.connect(path, check_same_thread=False)

    return lambda: Connection(open_file)
