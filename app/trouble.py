"""What goes wrong with a database and passes by itself: nobody's mistake, and worth another try."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import DatabaseBusy

# SQLite's words.
LOCKED = "database is locked"
# PostgreSQL's codes for a serialization failure, a deadlock, too many connections, shutting down
# and starting up.
_STATES = frozenset({"40001", "40P01", "53300", "57P01", "57P03"})
_NO_CONNECTION = (PoolTimeoutError, ConnectionError, TimeoutError, socket.gaierror)
# The last is what the driver says of a connection that the server is just ending.
_CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@contextmanager
def passing_trouble_as_busy() -> Iterator[None]:
    """Turn what passes by itself (no connection, a lock, a restart) into DatabaseBusy."""
    try:
        yield
    except Exception as error:
        if is_passing(error):
            raise DatabaseBusy from error
        raise


def is_passing(error: BaseException) -> bool:
    """Whether this is trouble with the database that passes."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        is_locked = LOCKED in str(error.orig)
        return error.connection_invalidated or state in _STATES or is_locked
    if isinstance(error, (*_NO_CONNECTION, *_CONNECTION_LOST)):
        return True
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _STATES
