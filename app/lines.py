"""One connection to SQLite: short statements on the loop's own thread, all else beside it.

A lookup by key takes some microseconds; the way to another thread and back takes a hundred, and
more where both want Python's lock. So what is short by its nature runs where it is asked for. A
SELECT is stopped when it turns out to be long, and begins anew in the thread that the connection
has for what waits: for the disk, for another program, or for many rows. See
docs/decisions/0021-statements-on-the-loop.md.
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

# How long the loop may stand still for a SELECT, and after how many of SQLite's steps it is asked.
MOST_SECONDS = 0.002
_STEPS = 1000
# What other programs are waited for, in the thread.
PATIENCE_MS = 5000
READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
# One row each, or the rows of one person; deleting takes along whatever hangs on a row.
_SHORT = re.compile(
    r"INSERT INTO (?!.*\bSELECT\b)|UPDATE |SAVEPOINT |RELEASE |ROLLBACK TO ", re.DOTALL
)
_AGAIN = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})
_PRIMARY = 0xFF
# Texts of SELECTs that took too long here before; texts that are known to be short or not.
_MOST_TEXTS = 200

T = TypeVar("T")


class Line:
    """A connection of the standard library, and the thread for what takes long."""

    def __init__(self, path: Path, pragmas: Iterable[str]) -> None:
        self._path = path
        self._pragmas = pragmas
        self._long: set[str] = set()
        self._thread: ThreadPoolExecutor
        self.raw: sqlite3.Connection
        # What a statement of the transaction failed with.
        self.failure: sqlite3.Error | None = None

    async def open(self) -> None:
        """Open the file; makes it where it is missing."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        await self.beside(self._connect)

    def _connect(self) -> None:
        # Only one thread at a time uses it: whoever waits for the other asks for nothing meanwhile.
        self.raw = sqlite3.connect(
            self._path,
            timeout=PATIENCE_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in (*self._pragmas, "PRAGMA busy_timeout=0"):
            self.raw.execute(pragma)

    async def beside(self, work: Callable[[], T]) -> T:
        """Do something in the thread. Whoever is cancelled meanwhile leaves when it is done."""
        job = self.start(work)
        cancelled: asyncio.CancelledError | None = None
        while not job.done():
            try:
                await asyncio.wait({job})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            job.exception()
            raise cancelled
        return job.result()

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin something in the thread, patient with other programs."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._patiently, work)

    async def execute(self, sql: str) -> None:
        """Run a statement that is no part of a transaction in the thread."""
        await self.beside(lambda: self.raw.execute(sql).fetchall())

    async def begin(self, sql: str) -> None:
        """Begin a transaction, in the thread if another program is in the way."""
        self.failure = None
        if unless_in_the_way(lambda: self.raw.execute(sql).fetchall()) is None:
            await self.execute(sql)

    async def run(self, sql: str, work: Callable[[], list[Any]]) -> list[Any]:
        """Do what one statement needs: here if it is short, else in the thread."""
        try:
            rows = self._run_here(sql, work)
            return await self.beside(work) if rows is None else rows
        except sqlite3.Error as error:
            self.failure = error
            raise

    def _run_here(self, sql: str, work: Callable[[], list[Any]]) -> list[Any] | None:
        if sql.startswith("SELECT"):
            return None if sql in self._long else self._briefly(sql, work)
        return unless_in_the_way(work) if _is_short(sql) else None

    def _briefly(self, sql: str, work: Callable[[], list[Any]]) -> list[Any] | None:
        end = perf_counter() + MOST_SECONDS
        self.raw.set_progress_handler(lambda: perf_counter() > end, _STEPS)
        try:
            rows = unless_in_the_way(work)
        finally:
            self.raw.set_progress_handler(None, 0)
        if rows is None and len(self._long) < _MOST_TEXTS:
            self._long.add(sql)
        return rows

    def _patiently(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY not in _AGAIN:
                raise
        self.raw.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
        try:
            return work()
        finally:
            self.raw.execute("PRAGMA busy_timeout=0")

    async def close(self) -> None:
        """Close the file; the last one to do so moves the log into it."""
        await self.beside(self.raw.close)
        self.drop()

    def drop(self) -> None:
        """Close at once, wherever that is."""
        self.raw.close()
        self._thread.shutdown(wait=False)


@lru_cache(_MOST_TEXTS)
def _is_short(sql: str) -> bool:
    return _SHORT.match(sql) is not None


def unless_in_the_way(work: Callable[[], list[Any]]) -> list[Any] | None:
    """Return the rows, or None where it took too long or another program was in the way."""
    try:
        return work()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY in _AGAIN:
            return None
        raise
