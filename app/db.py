"""The database on SQLite and PostgreSQL: transactions, exact reads, and snapshots of long lists.

SQLite has one writer connection; whoever needs it waits for it in order (shared_commits.py), so
that writes are one at a time and `BEGIN IMMEDIATE` never meets another writer of this process.
Readers have connections of their own that cannot write. PostgreSQL has an ordinary pool for both.

A session begins at its first statement, not when it is made: a request that hashes a password
before it touches the session holds no connection meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlmodel.ext.asyncio.session import AsyncSession

from app.checkpoints import Checkpoints
from app.config import Settings
from app.engines import PRAGMAS, Occupancy, make_engine, make_pooled
from app.exact import ExactReader, Version
from app.lines import READ
from app.plain_statements import PlainStatement, Row
from app.postgres_only import wait_for_reader
from app.seals import SealKeys, read_seal_keys
from app.shared_commits import SharedWriter, Turn, TurnConnection
from app.transactions import transacting
from app.trouble import passing_trouble_as_busy

if TYPE_CHECKING:
    from app.reach import Reach
    from app.shared_reads import SharedReader

POOL_TIMEOUT = 10.0
# Connections of SQLite. A place in the queue for the writer costs nothing.
READERS, TURNS_KEPT = 4, 32
# How many may read a list that takes longer than a moment, each as long as whoever asked takes.
SNAPSHOTS = 4

ReadRows = Callable[..., Awaitable[list[Row]]]

_DATABASE = "database"


class Database:
    """The open database of a running application. Make it inside the event loop, then dispose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.sqlite_path
        self._exact = None if self._path is None else ExactReader(self._path)
        self._shared_writer: SharedWriter | None = None
        self._checkpoints: Checkpoints | None = None
        self._shared: dict[str, SharedReader] = {}
        self._snapshots = asyncio.Semaphore(SNAPSHOTS)
        self._reach: Reach | None = None
        pool: dict[str, Any] = {"poolclass": AsyncAdaptedQueuePool, "pool_timeout": POOL_TIMEOUT}
        if self._path is None:
            self._writer, self._reach = make_pooled(settings)
            self._reader = self._writer.execution_options(postgresql_readonly=True)
        else:
            writer = self._shared_writer = SharedWriter(self._path, PRAGMAS, patience=POOL_TIMEOUT)
            if self._exact is not None:
                self._checkpoints = Checkpoints(self._path, PRAGMAS, writer, self._exact)
            turns: dict[str, Any] = {"creator": lambda: TurnConnection(writer), "max_overflow": -1}
            self._writer = make_engine(settings, pool_size=TURNS_KEPT, **turns, **pool)
            pragmas = (*PRAGMAS, "PRAGMA query_only=ON")
            self._reader = make_engine(
                settings, begin=READ, pragmas=pragmas, pool_size=READERS, max_overflow=0, **pool
            )

    def transaction(self, *, read_only: bool = False) -> AbstractAsyncContextManager[AsyncSession]:
        """Yield a session; keep its work when the block returns, undo it when the block raises.

        Raises:
            DatabaseBusy: no connection was free in time, or the database is out of reach.
            OutcomeUnknown: the connection was lost while PostgreSQL was to keep it.
        """
        if self._reach is not None:
            self._reach.check()
        engine = self._reader if read_only else self._writer
        writer = None if read_only else self._shared_writer
        turn = None if writer is None else Turn(writer)
        leaves_doubt = self._path is None and not read_only
        return transacting(engine, turn, leaves_doubt=leaves_doubt, **{_DATABASE: self})

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

    async def read_rows(self, select: PlainStatement, **values: Any) -> list[Row]:
        """Return the rows of a SELECT that has a LIMIT of some hundreds.

        On SQLite this runs on the loop's own thread; see exact.py.

        Raises:
            DatabaseBusy: no connection was free in time, or the database is out of reach.
        """
        if self._exact is not None:
            return select.read(self._exact.read_rows(select.text, select.fill(values)))
        with passing_trouble_as_busy():
            async with self._reader.connect() as connection:
                return list(await connection.execute(select.statement, values))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[ReadRows]:
        """Yield what reads rows as `read_rows` does, all of them as of one moment.

        Neither the one writer nor the readers of SQLite are needed for it: whoever takes long over
        a list is in nobody's way but that of others who do.

        Raises:
            DatabaseBusy: no connection was free in time, or the database is out of reach.
        """
        with passing_trouble_as_busy():
            async with asyncio.timeout(POOL_TIMEOUT):
                await self._snapshots.acquire()
            try:
                async with self._standing_still() as read:
                    yield read
            finally:
                self._snapshots.release()

    @asynccontextmanager
    async def _standing_still(self) -> AsyncIterator[ReadRows]:
        if self._path is None:
            async with self._reader.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ")
                await wait_for_reader(connection)

                async def read_rows(select: PlainStatement, **values: Any) -> list[Row]:
                    return list(await connection.execute(select.statement, values))

                yield read_rows
            return
        reader = ExactReader(self._path)

        async def read_exactly(select: PlainStatement, **values: Any) -> list[Row]:
            return select.read(reader.read_rows(select.text, select.fill(values)))

        try:
            reader.begin()
            yield read_exactly
        finally:
            reader.close()

    async def find_row(self, select: str, key: str) -> Sequence[Any] | None:
        """Return the row of a SELECT that ends in `<its first column> = :key`, or None.

        On PostgreSQL all looked up at one moment share a query; see shared_reads.py.

        Raises:
            DatabaseBusy: the database is out of reach.
        """
        if self._exact is not None:
            return self._exact.read_row(select, {"key": key})
        if (reader := self._shared.get(select)) is None:
            # Imported here: it brings the driver, which a server on SQLite need not have.
            from app.shared_reads import SharedReader, connecting  # noqa: PLC0415

            statement = f"{select.removesuffix(':key')}ANY($1)"
            connect = connecting(self._writer, self._reach)
            reader = self._shared[select] = SharedReader(connect, statement, self._reach)
        return await reader.find(key)

    def version(self) -> Version | None:
        """Return what is another value once anything at all was committed, by whomever.

        None on PostgreSQL, which knows nothing of the kind that is cheaper than a read.

        Raises:
            DatabaseBusy: another program locks the file.
        """
        return None if self._exact is None else self._exact.version()

    async def checkpoint(self) -> None:
        """Move SQLite's write-ahead log into the database file; see checkpoints.py."""
        if self._checkpoints is not None:
            await self._checkpoints.run()

    async def checkpoint_forever(self) -> None:
        """Do so whenever there is something to move, until cancelled."""
        if self._checkpoints is not None:
            await self._checkpoints.forever()

    async def ping(self) -> None:
        """Ask the database for anything; raises DatabaseBusy if it does not answer."""
        async with self.transaction(read_only=True) as session:
            await (await session.connection()).execute(text("SELECT 1"))

    def occupancy(self) -> Occupancy:
        return Occupancy.find(self._reader, self._shared_writer)

    async def dispose(self) -> None:
        for closing in (*self._shared.values(), *([self._reach] if self._reach else ())):
            await closing.close()
        if self._checkpoints is not None:
            await self._checkpoints.close()
        await self._reader.dispose()
        await self._writer.dispose()
        if self._shared_writer is not None:
            await self._shared_writer.close()
        if self._exact is not None:
            self._exact.close()


def seal_keys_of(session: AsyncSession) -> SealKeys:
    """Return the keys of the audit trail in the database that a transaction belongs to."""
    database: Database = session.info[_DATABASE]
    return database.seal_keys


def violates(error: IntegrityError, table: str, column: str) -> bool:
    """Whether a write failed because of the unique constraint on one column."""
    message = str(error.orig)
    return f"{table}.{column}" in message or f"uq_{table}_{column}" in message
