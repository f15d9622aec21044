"""The two ends of a move: a source that is only read, and a target that has nothing, or half."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto

from sqlalchemy import Connection, Table, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from app import models
from app.config import Settings
from app.engines import LOOK_ONLY, make_engine
from app.models.columns import table_of
from app.moving.refusals import CannotMove
from app.postgres_only import count_others, is_postgres, keep_writers_off, wait_for_reader
from app.standing import MOVING, find_revision

# What Alembic keeps beside our tables.
_VERSION = "alembic_version"
HEAD, _EVENTS = table_of(models.AuditHead), table_of(models.AuditEvent)


class State(Enum):
    """What there is in a target."""

    BARE = auto()
    EMPTY = auto()
    HALF = auto()


def list_tables() -> Sequence[Table]:
    """Return our tables, each behind those that it points to."""
    return SQLModel.metadata.sorted_tables


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """Yield a connection that sees a database as it is now until the end, and writes nothing."""
    engine = make_engine(settings, begin="BEGIN", pragmas=LOOK_ONLY, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            if is_postgres(connection):
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """Yield such a connection to a source, and keep others from writing to it meanwhile.

    On SQLite that is for whoever calls this: its locks are on files.

    Raises:
        CannotMove: others use it.
    """
    async with looking(settings) as connection:
        await wait_for_reader(connection)
        await keep_writers_off(connection, [table.name for table in list_tables()])
        if await count_others(connection):
            raise CannotMove("Others are connected to the source. Stop every server on it.")
        yield connection


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """Yield a connection for one transaction after the other."""
    engine = make_engine(settings, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def find_state(settings: Settings, revision: str) -> State:
    """Look at a target, changing nothing. A SQLite file that is not there stays away.

    Raises:
        CannotMove: something else is in it, or it cannot be reached.
    """
    path = settings.sqlite_path
    if path is not None and not path.exists():
        return State.BARE
    try:
        async with looking(settings) as connection:
            return await _judge(connection, revision)
    except (OSError, SQLAlchemyError, ValueError) as error:
        # A driver's message may quote the address, password included.
        raise CannotMove(f"The target cannot be opened ({type(error).__name__}).") from error


async def _judge(connection: AsyncConnection, revision: str) -> State:
    names = set(await connection.run_sync(_list_names))
    ours = {table.name for table in list_tables()}
    current = await connection.run_sync(find_revision)
    if names - ours - {_VERSION, MOVING} or (names - {_VERSION} and current is None):
        raise CannotMove("Tables of something else are in the target. Name an empty database.")
    if current is None:
        return State.BARE
    if current != revision:
        raise CannotMove(
            f"The target is at revision {current}, the source at {revision}. Name an empty one."
        )
    if MOVING in names:
        return State.HALF
    if await _was_moved(connection):
        raise CannotMove("It was moved there already, and is whole.")
    if await _find_rows(connection):
        raise CannotMove("There are rows in the target already. Name an empty database.")
    return State.EMPTY


def _list_names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


async def _was_moved(connection: AsyncConnection) -> bool:
    """Whether the last event tells of a move that came to its end."""
    query = select(_EVENTS.c.action).order_by(_EVENTS.c.id.desc()).limit(1)
    return (await connection.execute(query)).scalar_one_or_none() == "database-moved"


async def _find_rows(connection: AsyncConnection) -> bool:
    """Whether there is more than migrations leave: a head that tells of no events."""
    for table in list_tables():
        query = select(func.count()).select_from(table)
        if table is HEAD:
            query = query.where(HEAD.c.count > 0)
        if (await connection.execute(query)).scalar_one():
            return True
    return False
