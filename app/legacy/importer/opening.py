"""Opening an old server's file: what it is, whether it will do, and a private copy of it.

The file itself is only ever read. SQLite would write beside it (a write-ahead log to recover, a
journal to roll back), so SQLite gets a copy, with what lies beside it, in a folder of ours.
"""

import codecs
import fcntl
import json
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from app.config import Settings
from app.legacy.importer.source import CannotImport, ListSource, Source, SQLiteSource

_SQLITE = b"SQLite format 3\x00"
_HEAD = 4096
_PAGE_SIZES = {512 << step for step in range(8)}
# Where SQLite's readers and writers lock a file: "File Locking And Concurrency", section 3.
_SHARED_START, _SHARED_SIZE = 0x4000_0002, 510
_BESIDE = ("-wal", "-journal")
# Some 400,000 people. The whole list is held in memory.
MAX_LIST_BYTES = 100 * 1024 * 1024
# What is in the file may have been made to harm whoever opens it.
_PRAGMAS = (
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA ignore_check_constraints=ON",
    # Sorting leaves nothing in a folder that others read.
    "PRAGMA temp_store=MEMORY",
)
# A picture as text is a third larger than the largest that is taken.
_MAX_VALUE = 32 * 1024 * 1024
# What a check finds besides damage: the rules of a table that somebody changed by hand.
_HARMLESS = ("NULL value in ", "CHECK constraint failed ", "non-unique entry in index ", "row ")


@contextmanager
def open_source(path: Path, settings: Settings) -> Iterator[Source]:
    """Open an old database, or a list of users as JSON, for reading. Nothing of it changes.

    Raises:
        CannotImport: it is neither, is damaged, is in use, or is our own.
    """
    with ExitStack() as stack:
        try:
            source = _open(path, settings, stack)
        except OSError as error:
            raise CannotImport(f"{path} cannot be copied: {error.strerror}.") from error
        try:
            yield source
        except sqlite3.DatabaseError as error:
            raise _damaged(path) from error


def _open(path: Path, settings: Settings, stack: ExitStack) -> Source:
    size = _check_file(path, settings)
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if head.startswith(_SQLITE):
            copy = _copy(path, file, head, stack.enter_context(_private_folder(settings)))
            return SQLiteSource(stack.enter_context(_connect(path, copy)))
        if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] not in (b"[", b"{"):
            raise CannotImport(
                f"{path} is neither an SQLite database nor a list of users as JSON. "
                "If it is encrypted, decrypt it first."
            )
        return _read_list(path, file, size)


def _private_folder(settings: Settings) -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="import-", dir=settings.instance_dir)


def _check_file(path: Path, settings: Settings) -> int:
    try:
        status = path.stat()
        own = settings.sqlite_path
        is_own = own is not None and own.exists() and path.samefile(own)
    except FileNotFoundError as error:
        raise CannotImport(f"There is no file {path}.") from error
    except OSError as error:
        raise CannotImport(f"{path} cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise CannotImport(f"{path} is a folder. Name the database file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise CannotImport(f"{path} is not a file.")
    if is_own:
        raise CannotImport(f"{path} is this server's own database.")
    if not status.st_size:
        raise CannotImport(f"{path} is empty.")
    return status.st_size


def _copy(path: Path, file: BinaryIO, head: bytes, folder: str) -> Path:
    """Copy a database and what lies beside it into a private folder, as it is at one moment."""
    # SQLite's own files lie beside the database, not beside a link to it.
    path = path.resolve()
    page_size = int.from_bytes(head[16:18])
    # 65,536 does not fit its two bytes and is written as 1.
    if page_size not in _PAGE_SIZES and page_size != 1:
        raise CannotImport(f"{path} is damaged: it begins like an SQLite database, and is none.")
    copy = Path(folder) / "source.db"
    _lock(path, file)
    before = _states(path)
    file.seek(0)
    with copy.open("wb") as target:
        shutil.copyfileobj(file, target, 1024 * 1024)
    for ending in _BESIDE:
        if before[ending] is not None:
            shutil.copyfile(f"{path}{ending}", f"{copy}{ending}")
    if _states(path) != before:
        raise CannotImport(f"{path} changes while it is read. Stop the old server first.")
    return copy


def _lock(path: Path, file: BinaryIO) -> None:
    """Keep SQLite's writers out while we copy, as one of its readers would."""
    try:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_START)
    except (BlockingIOError, PermissionError) as error:
        raise CannotImport(
            f"{path} is locked by another program. Stop the old server first."
        ) from error


def _states(path: Path) -> dict[str, tuple[int, int] | None]:
    """Return size and time of the file and of what may lie beside it."""
    states: dict[str, tuple[int, int] | None] = {}
    for ending in ("", *_BESIDE):
        beside = Path(f"{path}{ending}")
        status = beside.stat() if beside.is_file() else None
        states[ending] = (status.st_size, status.st_mtime_ns) if status is not None else None
    return states


@contextmanager
def _connect(path: Path, copy: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            _check_pages(path, connection)
            connection.execute("PRAGMA query_only=ON")
            yield connection
    except sqlite3.DatabaseError as error:
        raise _damaged(path) from error


def _check_pages(path: Path, connection: sqlite3.Connection) -> None:
    for (message,) in connection.execute("PRAGMA quick_check(100)"):
        if message != "ok" and not message.startswith(_HARMLESS):
            raise _damaged(path)


def _damaged(path: Path) -> CannotImport:
    return CannotImport(
        f"{path} is damaged, or encrypted. Take another copy while the old server is stopped."
    )


def _read_list(path: Path, file: BinaryIO, size: int) -> ListSource:
    if size > MAX_LIST_BYTES:
        raise CannotImport(f"{path} is larger than {MAX_LIST_BYTES // 1024**2} MB.")
    file.seek(0)
    try:
        found: Any = json.loads(file.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CannotImport(f"{path} is neither a database nor JSON that can be read.") from error
    users = found.get("users") if isinstance(found, dict) else found
    if not isinstance(users, list) or not any(isinstance(user, dict) for user in users):
        raise CannotImport(f"{path} is JSON, and no list of users as GET /api/user answers it.")
    return ListSource(users)
