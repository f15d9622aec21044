"""What belongs to one transaction: the ORM and plain statements side by side, and what ends it.

A session of the ORM connects at its first statement. On SQLite plain statements need none of that:
they run in the transaction's turn at the one writer, and the ORM joins that turn if it is needed,
before them or after. On PostgreSQL both use the session's connection.

Neither knows what the other keeps in memory: what the ORM has still to write is written by `flush`.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from app.plain_statements import PlainStatement, Row
from app.shared_commits import Turn, TurnConnection
from app.trouble import passing_trouble_as_busy

_TURN, _LAST, _KEPT, _UNDONE = "turn", "at the end", "when kept", "when undone"


class _Session(Session):
    """A session that joins the turn of its transaction."""


@event.listens_for(_Session, "after_begin")
def _join(session: Session, _transaction: object, connection: Connection) -> None:
    turn: Turn | None = session.info.get(_TURN)
    raw: object = connection.connection.dbapi_connection
    if turn is not None and isinstance(raw, TurnConnection):
        raw.join(turn)
        try:
            await_(turn.begin())
        except sqlite3.Error as error:
            raise _told_by_sqlalchemy(error, "BEGIN") from error


@asynccontextmanager
async def transacting(
    engine: AsyncEngine, turn: Turn | None, *, leaves_doubt: bool, **info: Any
) -> AsyncIterator[AsyncSession]:
    """Yield a session; keep its work when the block returns, undo it when the block raises.

    `leaves_doubt` is as in `passing_trouble_as_busy`, of the commit.

    Raises:
        DatabaseBusy: no connection was free in time, or the database is out of reach.
        OutcomeUnknown: the connection was lost while the work was to be kept.
    """
    info[_TURN] = turn
    session = AsyncSession(engine, sync_session_class=_Session, expire_on_commit=False, info=info)
    with passing_trouble_as_busy():
        try:
            try:
                yield session
                for act in session.info.pop(_LAST, ()):
                    await act()
            except BaseException:
                _do(session, _UNDONE)
                raise
            with passing_trouble_as_busy(leaves_doubt=leaves_doubt):
                await _keep(session, turn)
        finally:
            await _end(session, turn)
        _do(session, _KEPT)


async def _keep(session: AsyncSession, turn: Turn | None) -> None:
    if session.in_transaction():
        await session.commit()
    if turn is not None:
        try:
            await turn.keep()
        except sqlite3.Error as error:
            raise _told_by_sqlalchemy(error, "COMMIT") from error


async def _end(session: AsyncSession, turn: Turn | None) -> None:
    """Undo what is left of a transaction, and let go of what was read: nobody's session now."""
    try:
        if session.in_transaction() or session.identity_map:
            # Whoever is cancelled meanwhile leaves no connection behind.
            await asyncio.shield(session.close())
    finally:
        if turn is not None:
            turn.undo()


async def run(session: AsyncSession, statement: PlainStatement, **values: Any) -> list[Row]:
    """Run a plain statement in a transaction and return its rows, which must be few.

    Raises:
        SQLAlchemyError: as from the ORM; an IntegrityError for what breaks a constraint.
    """
    turn: Turn | None = session.info[_TURN]
    if turn is None:
        done = await (await session.connection()).execute(statement.statement, values)
        return list(done) if done.returns_rows else []
    try:
        return statement.read(await turn.run(statement.text, statement.fill(values)))
    except sqlite3.Error as error:
        raise _told_by_sqlalchemy(error, statement.text) from error


def _told_by_sqlalchemy(error: sqlite3.Error, statement: str) -> Exception:
    """Return what SQLAlchemy makes of an error of the driver, without any values."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error, hide_parameters=True)


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
