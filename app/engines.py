"""Engines for the two databases: their addresses, and what connections to SQLite are told.

What they are used for is decided in db.py.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self, cast

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from app.config import Settings
from app.driver import DIALECT, opening
from app.lines import WRITE
from app.shared_commits import SharedWriter

# Nothing of the file changes, not even the journal's kind.
LOOK_ONLY = ("PRAGMA query_only=ON",)
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    # An acknowledged write survives a power cut.
    "PRAGMA synchronous=FULL",
    # See Database.checkpoint: only the holder of the writer connection moves the log.
    "PRAGMA wal_autocheckpoint=0",
)
# Connections to PostgreSQL that stay open, and further ones while many are needed.
KEPT, FURTHER = 10, 10


class Occupancy(NamedTuple):
    """Who uses a database at this moment; nobody waits in line to write to PostgreSQL."""

    connections: int
    most: int
    writers_waiting: int | None

    @classmethod
    def find(cls, engine: AsyncEngine, writer: SharedWriter | None) -> Self:
        """Look at the pool of an engine, and at the line in front of SQLite's one writer."""
        pool = cast("QueuePool", engine.pool)
        if writer is None:
            return cls(pool.checkedout(), pool.size() + FURTHER, None)
        return cls(pool.checkedout(), pool.size(), writer.waiting)


def async_url(settings: Settings) -> URL:
    """Return the SQLAlchemy address with the async driver."""
    if settings.sqlite_path is not None:
        # Not written as text: a folder's name may hold what means something in an address.
        return URL.create(DIALECT, database=str(settings.sqlite_path))
    return make_url(settings.database_url).set(drivername="postgresql+asyncpg")


def make_engine(
    settings: Settings,
    *,
    begin: str = WRITE,
    pragmas: Sequence[str] = PRAGMAS,
    **options: Any,
) -> AsyncEngine:
    """Make an engine; on SQLite its connections have these pragmas and begin like that."""
    if settings.sqlite_path is not None:
        options.setdefault("creator", opening(settings.sqlite_path, begin, pragmas))
    else:
        # Imported here: it brings the driver, which a server on SQLite need not have.
        from app import postgres  # noqa: PLC0415

        # Not `async_creator`, which is told nothing of the address.
        options["connect_args"] = {"async_creator_fn": postgres.connect}
    # A failing statement is logged; its values (hashes, addresses) are nobody's business there.
    return create_async_engine(async_url(settings), hide_parameters=True, **options)
