"""What goes wrong with a database and passes: nobody's mistake, and worth another try.

Most of it passes by itself; a full disk once somebody has made room on it.
"""

import errno
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import DatabaseBusy, NoRoomLeft, OutcomeUnknown

# SQLite's words.
LOCKED = "database is locked"
# PostgreSQL's code for having no room for one more connection, and for being asked to write where
# nothing may be written: a standby, or what was the primary until now.
FULL, READ_ONLY = "53300", "25006"
# Its other codes for what passes. https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATES = frozenset(
    {
        FULL,
        # Memory is short.
        "53200",
        # A serialization failure, a deadlock, and nobody knows whether a statement is complete.
        *("40001", "40P01", "40003"),
        # A lock was not to be had in time; a statement, or a transaction that did nothing, took too
        # long.
        *("55P03", "57014", "25P03"),
        # Shutting down, crashed, starting up; the connection was idle for too long.
        *("57P01", "57P02", "57P03", "57P05"),
    }
)
# What it says of a connection begins like this.
_OF_CONNECTIONS = "08"
# After these a transaction is certainly undone: it was rolled back, or never got to its commit.
_UNDONE = frozenset({"40001", "40P01", "55P03", "57014", "53200"})
_NO_CONNECTION = (PoolTimeoutError, ConnectionError, TimeoutError, socket.gaierror)
# No room for a file, of one's quota, or up to the largest size that a file may have. SQLite tells
# only the first of them apart, and has no room for the index of its log either.
_FULL_FILES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_SQLITE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
)
_FULL_POSTGRESQL = "53100"


@contextmanager
def passing_trouble_as_busy(*, leaves_doubt: bool = False) -> Iterator[None]:
    """Turn what passes by itself (no connection, a lock, a restart) into DatabaseBusy.

    With `leaves_doubt` into OutcomeUnknown, unless it is certain that nothing was kept: for a
    commit, whose answer may be lost on the way.
    A full disk, of the database or for a file that is written beside it, becomes NoRoomLeft.
    """
    try:
        yield
    except Exception as error:
        if has_no_room(error):
            raise NoRoomLeft from error
        if not is_passing(error):
            raise
        if leaves_doubt and _state(error) not in _UNDONE:
            raise OutcomeUnknown from error
        raise DatabaseBusy from error


def has_no_room(error: BaseException) -> bool:
    """Whether something could not be written for want of room."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) in _FULL_SQLITE
    if isinstance(cause, OSError):
        return cause.errno in _FULL_FILES
    return getattr(cause, "sqlstate", None) == _FULL_POSTGRESQL


def is_passing(error: BaseException) -> bool:
    """Whether this is trouble with the database that passes."""
    if isinstance(error, DBAPIError):
        is_locked = LOCKED in str(error.orig)
        return error.connection_invalidated or _is_passing_state(_state(error)) or is_locked
    if isinstance(error, _NO_CONNECTION):
        return True
    # Not imported: on SQLite it need not be installed, and what is not loaded raised nothing.
    driver = sys.modules.get("asyncpg")
    return driver is not None and _is_passing_of(driver, error)


def is_full(error: BaseException) -> bool:
    """Whether PostgreSQL has no room for one more connection."""
    return _state(error) == FULL


def _state(error: BaseException) -> str | None:
    state: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state


def _is_passing_state(state: str | None) -> bool:
    return state is not None and (state in _STATES or state.startswith(_OF_CONNECTIONS))


def _is_passing_of(driver: ModuleType, error: BaseException) -> bool:
    """Whether the driver of PostgreSQL, asked without SQLAlchemy, met trouble that passes."""
    # The last is what it says of a connection that the server is just ending.
    lost = (driver.PostgresConnectionError, driver.InterfaceError, driver.InternalClientError)
    if isinstance(error, lost):
        return True
    return isinstance(error, driver.PostgresError) and _is_passing_state(error.sqlstate)
