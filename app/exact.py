"""Exact reads of SQLite on the calling thread, and whether anything was committed since.

In WAL mode a reader never waits for a writer, and a lookup by key takes some microseconds: a
hundredth of what passing it to another thread costs. So it runs on the event loop's own thread, on
a connection that cannot write.
"""

import mmap
import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from app.errors import DatabaseBusy
from app.trouble import LOCKED

# The loop stands still meanwhile. In WAL mode it only happens if another program locks the file.
PATIENCE_MS = 200
# The header of the WAL index, which every commit changes: https://sqlite.org/walformat.html,
# section 2.1. SQLite itself compares it to know whether what it has read before still holds.
_HEADER_BYTES = 48
# The same, a copy of it, and how much of the log was moved. Both counts are in the byte order of
# this machine.
_INDEX_BYTES = 100
_IN_ALL, _MOVED = slice(16, 20), slice(96, 100)

Version = bytes | int


class LogState(NamedTuple):
    """How many pages the write-ahead log has, and how many of them the database file has too."""

    in_all: int
    moved: int

    @property
    def left(self) -> int:
        return self.in_all - self.moved


class ExactReader:
    """A connection that reads, opened when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._index: mmap.mmap | None = None
        self._index_file: int | None = None

    def read_row(self, statement: str, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Return the first row of a SELECT, or None.

        Raises:
            DatabaseBusy: another program locks the file.
        """
        row: Sequence[Any] | None = self._execute(statement, values).fetchone()
        return row

    def read_rows(self, statement: str, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Return all rows of a SELECT that has a LIMIT: the loop stands still meanwhile.

        Raises:
            DatabaseBusy: another program locks the file.
        """
        return self._execute(statement, values).fetchall()

    def begin(self) -> None:
        """See the database from the next read on as it is then, until this is closed."""
        self._execute("BEGIN", {})

    def end(self) -> None:
        """See it as it is again."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("END")

    def _execute(self, statement: str, values: Mapping[str, Any]) -> sqlite3.Cursor:
        if self._connection is None:
            self._connection = _open_read_only(self._path)
        try:
            return self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if LOCKED in str(error):
                raise DatabaseBusy from error
            raise

    def version(self) -> Version:
        """Return what is another value once anything was committed, here or by another process.

        Raises:
            DatabaseBusy: another program locks the file.
        """
        if self._index is not None:
            return self._index[:_HEADER_BYTES]
        row = self.read_row("PRAGMA data_version", {})
        self._map_index()
        return 0 if row is None else int(row[0])

    def log_state(self) -> LogState:
        """Return how long the write-ahead log is; while others write, as of about now."""
        if self._index is None:
            self.version()
        if self._index is None:
            return LogState(0, 0)
        in_all, moved = (int.from_bytes(self._index[at], sys.byteorder) for at in (_IN_ALL, _MOVED))
        return LogState(in_all, moved)

    def _map_index(self) -> None:
        """Map the head of the WAL index, where SQLite has one that can be mapped."""
        mode = self.read_row("PRAGMA journal_mode", {})
        if mode == ("wal",):
            index = self._path.with_name(f"{self._path.name}-shm")
            with suppress(OSError, ValueError):
                self._index_file = os.open(index, os.O_RDONLY | os.O_CLOEXEC)
                self._index = mmap.mmap(self._index_file, _INDEX_BYTES, prot=mmap.PROT_READ)

    def close(self) -> None:
        """Close everything; the process's other connections to the file have to be closed before.

        SQLite's locks are POSIX locks: closing the index gives up all that this process holds there
        (https://sqlite.org/src/file/src/os_unix.c, "Posix Advisory Locking").
        """
        if self._connection is not None:
            self._connection.close()
        if self._index is not None:
            self._index.close()
        if self._index_file is not None:
            os.close(self._index_file)
        self._connection = self._index = self._index_file = None


def _open_read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, cached_statements=16
    )
    connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection
