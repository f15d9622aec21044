"""Engines for the two databases: their addresses, and what connections to SQLite are told.

What they are used for is decided in db.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from sqlalchemy import URL, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from app.config import Settings
from app.config.databases import read_address
from app.driver import DIALECT, opening
from app.lines import WRITE
from app.shared_commits import SharedWriter
from app.trouble import READ_ONLY

if TYPE_CHECKING:
    from app.reach import Reach

# Nothing of the file changes, not even the journal's kind.
LOOK_ONLY = ("PRAGMA query_only=ON",)
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    # An acknowledged write survives a power cut.
    "PRAGMA synchronous=FULL",
    # See checkpoints.py, which moves the log.
    "PRAGMA wal_autocheckpoint=0",
)
# So much longer than PostgreSQL itself may take, until it is taken for dead.
_GRACE_SECONDS = 1.0


class Occupancy(NamedTuple):
    """Who uses a database at this moment; nobody waits in line to write to PostgreSQL."""

    connections: int
    most: int
    writers_waiting: int | None

    @classmethod
    def find(cls, engine: AsyncEngine, writer: SharedWriter | None) -> Self:
        """Look at the pool of an engine, and at the line in front of SQLite's one writer."""
        pool = cast("QueuePool", engine.pool)
        most = pool.size() + max(0, pool._max_overflow)  # noqa: SLF001  (it says it nowhere else)
        return cls(pool.checkedout(), most, None if writer is None else writer.waiting)


def async_url(settings: Settings) -> URL:
    """Return the SQLAlchemy address with the async driver."""
    if settings.sqlite_path is not None:
        # Not written as text: a folder's name may hold what means something in an address.
        return URL.create(DIALECT, database=str(settings.sqlite_path))
    return read_address(settings.database_url).set(drivername="postgresql+asyncpg")


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
        creator = {"async_creator_fn": postgres.connect}
        options.setdefault("connect_args", {**creator, **_patience(settings)})
    # A failing statement is logged; its values (hashes, addresses) are nobody's business there.
    return create_async_engine(async_url(settings), hide_parameters=True, **options)


def make_pooled(settings: Settings) -> "tuple[AsyncEngine, Reach]":
    """Make an engine for many requests on PostgreSQL, nothing on which takes for ever."""
    # Imported here, as above.
    from app.reach import Reach  # noqa: PLC0415

    reach = Reach(_limits(settings))
    kept = (settings.database_connections + 1) // 2
    engine = make_engine(
        settings,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=kept,
        max_overflow=settings.database_connections - kept,
        pool_timeout=settings.database_wait_seconds,
        connect_args={"async_creator_fn": reach.connect},
    )
    _watch(engine, reach)
    return engine, reach


def _limits(settings: Settings) -> dict[str, Any]:
    """Return what connections for requests are told: how long anything may take."""
    limits = {
        "statement_timeout": settings.database_statement_seconds,
        "lock_timeout": settings.database_lock_seconds,
        "idle_in_transaction_session_timeout": settings.database_idle_seconds,
    }
    told = {name: str(round(seconds * 1000)) for name, seconds in limits.items() if seconds}
    longest = settings.database_statement_seconds
    patience = {"command_timeout": longest + _GRACE_SECONDS} if longest else {}
    return {**_patience(settings), **patience, "server_settings": told}


def _patience(settings: Settings) -> dict[str, Any]:
    return {
        "timeout": settings.database_connect_seconds,
        "keepalive": settings.database_keepalive_seconds,
    }


def _watch(engine: AsyncEngine, reach: "Reach") -> None:
    """See to it that a connection which is lost is used by nobody again."""

    def look(connection: Any, _record: Any, _proxy: Any) -> None:
        reach.check()
        # What the driver has heard by now. To ask the server would cost each request three ways.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    def judge(context: ExceptionContext) -> None:
        error = context.original_exception
        if isinstance(error, TimeoutError):
            # PostgreSQL would have ended it earlier: it hangs, or is not there any more.
            context.is_disconnect = True
            reach.doubt(error)
        elif getattr(error, "sqlstate", None) == READ_ONLY and not _is_for_reading(context):
            # This was the primary until now: the next connection finds the one that is.
            context.is_disconnect = True

    event.listen(engine.sync_engine, "checkout", look)
    event.listen(engine.sync_engine, "handle_error", judge)


def _is_for_reading(context: ExceptionContext) -> bool:
    connection = context.connection
    return connection is not None and bool(
        connection.get_execution_options().get("postgresql_readonly")
    )
