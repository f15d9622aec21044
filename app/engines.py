"""Engines for the two databases: their addresses, and what connections to SQLite are told.

What they are used for, and how many connections there are, is decided in db.py.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.config import Settings
from app.driver import DIALECT, opening
from app.lines import WRITE

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
