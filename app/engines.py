"""Engines for the two databases: their addresses, and what connections to SQLite are told.

What they are used for, and how many connections there are, is decided in db.py.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolResetState

from app import postgres
from app.config import Settings
from app.driver import connecting

# Nothing of the file changes, not even the journal's kind.
LOOK_ONLY = ("PRAGMA busy_timeout=5000", "PRAGMA query_only=ON")
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    # An acknowledged write survives a power cut.
    "PRAGMA synchronous=FULL",
    # See Database.checkpoint: only the holder of the writer connection moves the log.
    "PRAGMA wal_autocheckpoint=0",
)


def async_url(settings: Settings) -> URL:
    """Return the SQLAlchemy address with the async driver."""
    if settings.sqlite_path is not None:
        # Not written as text: a folder's name may hold what means something in an address.
        return URL.create("sqlite+aiosqlite", database=str(settings.sqlite_path))
    return make_url(settings.database_url).set(drivername="postgresql+asyncpg")


def make_engine(
    settings: Settings,
    *,
    begin: str = "BEGIN IMMEDIATE",
    pragmas: Sequence[str] = PRAGMAS,
    **options: Any,
) -> AsyncEngine:
    """Make an engine whose SQLite connections have these pragmas and begin explicitly."""

    def prepare(connection: Any, _record: Any) -> None:
        # None stops the driver from starting transactions by its own rules.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    if settings.sqlite_path is not None:
        options["async_creator"] = connecting(settings.sqlite_path)
    else:
        # Not `async_creator`, which is told nothing of the address.
        options["connect_args"] = {"async_creator_fn": postgres.connect}
    # A failing statement is logged; its values (hashes, addresses) are nobody's business there.
    engine = create_async_engine(async_url(settings), hide_parameters=True, **options)
    if settings.sqlite_path is not None:
        event.listen(engine.sync_engine, "connect", prepare)
        event.listen(engine.sync_engine, "begin", lambda c: c.exec_driver_sql(begin))
        event.listen(engine.sync_engine, "reset", _end_transaction)
    return engine


def _end_transaction(connection: Any, _record: Any, state: PoolResetState) -> None:
    """Undo what a failed commit leaves open before the connection goes back to its pool.

    SQLite keeps a transaction whose COMMIT failed (a full disk, a constraint checked at the end);
    SQLAlchemy takes it for ended. The one writer could never begin another.
    """
    if state.asyncio_safe and connection.driver_connection.in_transaction:
        connection.rollback()
