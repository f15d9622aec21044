"""The database: engines for SQLite and PostgreSQL, transactions, and one exact read.

SQLite has one writer connection; whoever needs it waits for it in the pool, in order, so writes
are one at a time and `BEGIN IMMEDIATE` never meets another writer of this process. Readers have
connections of their own that cannot write. PostgreSQL has an ordinary pool for both.

A session begins at its first statement, not when it is made: a request that hashes a password
before it touches the session holds no connection meanwhile.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolResetState
from sqlmodel.ext.asyncio.session import AsyncSession

from app.config import Settings
from app.exact import ExactReader, Version
from app.locks import nobody_beside
from app.seals import SealKeys, read_seal_keys
from app.shared_reads import TIMEOUT_SECONDS, SharedReader
from app.trouble import passing_trouble_as_busy

log = logging.getLogger("portfolio.db")

POOL_TIMEOUT = 10.0
READERS = 4
CHECKPOINT_EVERY = 5.0

# Nothing of the file changes, not even the journal's kind.
LOOK_ONLY = ("PRAGMA busy_timeout=5000", "PRAGMA query_only=ON")
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    # An acknowledged write survives a power cut.
    "PRAGMA synchronous=FULL",
    # See Database.checkpoint: only the holder of the writer connection moves the log.
    "PRAGMA wal_autocheckpoint=0",
)
_DATABASE, _LAST, _KEPT, _UNDONE = "database", "at the end", "when kept", "when undone"


def async_url(settings: Settings) -> URL:
    """Return the SQLAlchemy address with the async driver."""
    if settings.sqlite_path is not None:
        # Not written as text: a folder's name may hold what means something in an address.
        return URL.create("sqlite+aiosqlite", database=str(settings.sqlite_path))
    url = make_url(settings.database_url).set(drivername="postgresql+asyncpg")
    # `sslmode` is libpq's name, which hosting services write; the driver's takes the same values.
    query = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
    return url.set(query=query)


def make_engine(
    settings: Settings,
    *,
    begin: str = "BEGIN IMMEDIATE",
    pragmas: Sequence[str] = _PRAGMAS,
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


class Database:
    """The open database of a running application. Make it inside the event loop, then dispose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.sqlite_path
        self._exact = None if self._path is None else ExactReader(self._path)
        self._shared: dict[str, SharedReader] = {}
        pool: dict[str, Any] = {"poolclass": AsyncAdaptedQueuePool, "pool_timeout": POOL_TIMEOUT}
        if self._path is None:
            self._writer = make_engine(settings, pool_pre_ping=True, pool_size=10, **pool)
            self._reader = self._writer.execution_options(postgresql_readonly=True)
        else:
            pool["max_overflow"] = 0
            self._writer = make_engine(settings, pool_size=1, **pool)
            pragmas = (*_PRAGMAS, "PRAGMA query_only=ON")
            self._reader = make_engine(
                settings, begin="BEGIN", pragmas=pragmas, pool_size=READERS, **pool
            )

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[AsyncSession]:
        """Yield a session; keep its work when the block returns, undo it when the block raises.

        Raises:
            DatabaseBusy: no connection was free in time, or the database is out of reach.
        """
        engine = self._reader if read_only else self._writer
        with passing_trouble_as_busy():
            async with AsyncSession(engine, expire_on_commit=False) as session:
                session.info[_DATABASE] = self
                try:
                    yield session
                    for act in session.info.pop(_LAST, []):
                        await act()
                except BaseException:
                    _do(session, _UNDONE)
                    raise
                await session.commit()
                _do(session, _KEPT)

    @cached_property
    def seal_keys(self) -> SealKeys:
        """The keys of the audit trail, read when they are first needed."""
        return read_seal_keys(self._settings)

    async def read_row(self, statement: str, **values: Any) -> Sequence[Any] | None:
        """Return the first row of a prepared SELECT with `:name` parameters, or None.

        On SQLite this runs on the loop's own thread; see exact.py.

        Raises:
            DatabaseBusy: no connection was free in time, or the database is out of reach.
        """
        if self._exact is not None:
            return self._exact.read_row(statement, values)
        with passing_trouble_as_busy():
            async with self._reader.connect() as connection:
                found = (await connection.execute(text(statement), values)).first()
                return None if found is None else tuple(found)

    async def find_row(self, select: str, key: str) -> Sequence[Any] | None:
        """Return the row of a SELECT that ends in `<its first column> = :key`, or None.

        On PostgreSQL all that are looked up at one moment share a query; see shared_reads.py.

        Raises:
            DatabaseBusy: the database is out of reach.
        """
        if self._exact is not None:
            return self._exact.read_row(select, {"key": key})
        reader = self._shared.get(select)
        if reader is None:
            statement = f"{select.removesuffix(':key')}ANY($1)"
            reader = self._shared[select] = SharedReader(self._connect, statement)
        return await reader.find(key)

    async def _connect(self) -> asyncpg.Connection:
        """Open a connection to PostgreSQL for lookups alone."""
        _, options = self._writer.dialect.create_connect_args(self._writer.url)
        own = {key: value for key, value in options.items() if not key.startswith("prepared_")}
        return await asyncpg.connect(
            **own,
            timeout=TIMEOUT_SECONDS,
            server_settings={"default_transaction_read_only": "on"},
        )

    def version(self) -> Version | None:
        """Return what is another value once anything at all was committed, by whomever.

        None on PostgreSQL, which knows nothing of the kind that is cheaper than a read.

        Raises:
            DatabaseBusy: another program locks the file.
        """
        return None if self._exact is None else self._exact.version()

    async def checkpoint(self) -> None:
        """Move SQLite's write-ahead log into the database file, while nobody can commit.

        SQLite before 3.51.3 (and 3.50.7, 3.44.6) can lose a commit that meets the end of a
        checkpoint on another connection. So connections never do it by themselves: this one runs
        on the writer connection, and stands back while a command of ours holds the file lock that
        its transactions take (see `locks.py`).
        """
        if self._path is None:
            return
        async with self._writer.connect() as connection:
            # The writer is ours now. A checkpoint is no transaction, so it goes to the driver.
            driver: Any = (await connection.get_raw_connection()).driver_connection
            with nobody_beside(self._path) as alone:
                if alone:
                    await (await driver.execute("PRAGMA wal_checkpoint(PASSIVE)")).close()

    async def checkpoint_forever(self) -> None:
        """Checkpoint every few seconds if anything was written, until cancelled."""
        seen = _log_state(self._path)
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY)
            if _log_state(self._path) != seen:
                try:
                    await self.checkpoint()
                    seen = _log_state(self._path)
                except (SQLAlchemyError, sqlite3.Error, OSError):
                    # Nothing is lost, the log only grows; but it must not end for good.
                    log.warning("The checkpoint failed and is tried again", exc_info=True)

    async def ping(self) -> None:
        """Ask the database for anything.

        Raises:
            DatabaseBusy: it does not answer.
        """
        async with self.transaction(read_only=True) as session:
            await (await session.connection()).execute(text("SELECT 1"))

    async def dispose(self) -> None:
        for reader in self._shared.values():
            await reader.close()
        await self._reader.dispose()
        await self._writer.dispose()
        if self._exact is not None:
            self._exact.close()


def seal_keys_of(session: AsyncSession) -> SealKeys:
    """Return the keys of the audit trail in the database that a transaction belongs to."""
    database: Database = session.info[_DATABASE]
    return database.seal_keys


def at_the_end(session: AsyncSession, act: Callable[[], Awaitable[None]]) -> None:
    """Do something in the transaction as the last thing before it is committed.

    What many transactions want to lock is locked there: for as short as can be, and after
    everything else, so that nobody who holds it waits for another lock.
    """
    session.info.setdefault(_LAST, []).append(act)


def when_kept(session: AsyncSession, act: Callable[[], None]) -> None:
    """Do something short outside the database once the transaction is committed, and only then."""
    session.info.setdefault(_KEPT, []).append(act)


def when_undone(session: AsyncSession, act: Callable[[], None]) -> None:
    """Do something short outside the database if the transaction's block raises.

    Not if the commit itself fails: on a broken connection nobody knows whether it took place.
    """
    session.info.setdefault(_UNDONE, []).append(act)


def _do(session: AsyncSession, kind: str) -> None:
    for act in session.info.pop(kind, []):
        act()


def violates(error: IntegrityError, table: str, column: str) -> bool:
    """Whether a write failed because of the unique constraint on one column."""
    message = str(error.orig)
    return f"{table}.{column}" in message or f"uq_{table}_{column}" in message


def _log_state(path: Path | None) -> tuple[int, int]:
    """Size and time of the write-ahead log: they change when something was committed."""
    if path is not None:
        with suppress(FileNotFoundError):
            status = path.with_name(path.name + "-wal").stat()
            return status.st_size, status.st_mtime_ns
    return 0, 0
