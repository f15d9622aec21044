"""A SQLite database as one file: copied while others write to it, checked, folded together.

`VACUUM INTO` reads as of one moment: writers neither wait for it nor make it begin anew. It takes
no longer than SQLite's backup API, which copies free pages as they are; here nothing that was
deleted is in the copy.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.backups.pacing import settle
from app.progress import Advance

# Of SQLite's, between two looks at the disk: about a megabyte of the copy.
_STEPS = 4000
# Up to here every index is compared with its table; beyond, that takes minutes.
_MOST_COMPARED = 256 * 2**20
_PATIENCE_SECONDS = 5.0


class Damaged(Exception):
    """A file is no database of ours, or not a sound one."""


def copy_database(source: Path, target: Path, advance: Advance) -> None:
    """Copy a database that others may be writing to into a new file of this user's alone.

    What `advance` raises ends it.

    Raises:
        OSError, sqlite3.Error: it cannot be read or written.
    """
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    seen = 0

    def look() -> None:
        nonlocal seen
        size = os.fstat(descriptor).st_size
        if size != seen:
            settle(descriptor)
        advance(size - seen)
        seen = size

    try:
        with closing(_connect(source, "mode=ro")) as ours, _looking_up(ours, look):
            ours.execute("VACUUM INTO ?", (str(target),))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _looking_up(database: sqlite3.Connection, look: Callable[[], None]) -> Iterator[None]:
    """Do something now and then during a long statement. What it raises ends the statement."""
    failures: list[BaseException] = []

    def handle() -> bool:
        # SQLite knows nothing of exceptions.
        try:
            look()
        except BaseException as error:  # noqa: BLE001  (raised again, once SQLite has let go)
            failures.append(error)
        return bool(failures)

    database.set_progress_handler(handle, _STEPS)
    try:
        yield
    except sqlite3.Error:
        if failures:
            raise failures[0] from None
        raise


def check_database(path: Path, advance: Advance) -> str:
    """Read through a database that nobody writes to; return its revision.

    Raises:
        Damaged: it is no sound database, or has no revision.
    """
    is_small = path.stat().st_size <= _MOST_COMPARED
    try:
        with (
            closing(_connect(path, "mode=ro&immutable=1")) as database,
            _looking_up(database, lambda: advance(0)),
        ):
            check = "PRAGMA integrity_check" if is_small else "PRAGMA quick_check"
            if database.execute(check).fetchall() != [("ok",)]:
                raise Damaged("it is damaged")
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise Damaged("it is not a database of this program") from error
    if row is None:
        raise Damaged("it has no revision")
    return str(row[0])


def fold(path: Path) -> None:
    """Move the write-ahead log into the database and take it away.

    Raises:
        sqlite3.OperationalError: somebody has it open.
        sqlite3.Error: it is damaged.
    """
    with closing(_connect(path, "mode=rw")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        database.execute("PRAGMA journal_mode=DELETE").fetchall()


def _connect(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?{how}",
        uri=True,
        timeout=_PATIENCE_SECONDS,
        isolation_level=None,
    )
