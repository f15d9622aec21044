"""What goes wrong with a database and passes by itself: nobody's mistake, and worth another try."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import DatabaseBusy

# SQLite's words.
LOCKED = "database is locked"
# PostgreSQL's codes for a serialization failure, a deadlock, too many connections, shutting down
# and starting up.
_STATES = frozenset({"40001", "40P01", "53300", "57P01", "57P03"})
_NO_CONNECTION = (PoolTimeoutError, ConnectionError, TimeoutError, socket.gaierror)


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
    if isinstance(error, _NO_CONNECTION):
        return True
    # Not imported: on SQLite it need not be installed, and what is not loaded raised nothing.
    driver = sys.modules.get("asyncpg")
    return driver is not None and _is_passing_of(driver, error)


def _is_passing_of(driver: ModuleType, error: BaseException) -> bool:
    """Whether the driver of PostgreSQL, asked without SQLAlchemy, met trouble that passes."""
    # The last is what it says of a connection that the server is just ending.
    lost = (driver.PostgresConnectionError, driver.InterfaceError, driver.InternalClientError)
    if isinstance(error, lost):
        return True
    return isinstance(error, driver.PostgresError) and error.sqlstate in _STATES
