"""How far a move has come, kept in the target beside what it has brought there.

The table is there from the first row to the last comparison. As long as it is, the database is half
of another: the server does not start on it (standing.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, MetaData, Table, Text, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.standing import MOVING

_PROGRESS = Table(
    MOVING,
    MetaData(),
    Column("step", Text, primary_key=True),
    # The key of the last row that is there, as text; of the source, what it holds.
    Column("last", Text),
    Column("is_done", Boolean, nullable=False),
)
# Not a step's name.
_SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a step is."""

    last: str | None = None
    is_done: bool = False


async def begin(connection: AsyncConnection, source: str) -> None:
    """Make the table, for a source of which this text tells what it holds."""
    await connection.run_sync(_PROGRESS.create)
    await note(connection, _SOURCE, Mark(source))


async def read_source(connection: AsyncConnection) -> str | None:
    """Return what the source held when the move began."""
    return (await read_marks(connection))[_SOURCE].last


async def read_marks(connection: AsyncConnection) -> Mapping[str, Mark]:
    """Return how far each step is that has begun."""
    found = await connection.execute(
        select(_PROGRESS.c.step, _PROGRESS.c.last, _PROGRESS.c.is_done)
    )
    return {step: Mark(last, is_done) for step, last, is_done in found}


async def note(connection: AsyncConnection, step: str, mark: Mark) -> None:
    """Write down how far a step is, in the transaction of what it has done."""
    await connection.execute(delete(_PROGRESS).where(_PROGRESS.c.step == step))
    values = {"step": step, "last": mark.last, "is_done": mark.is_done}
    await connection.execute(insert(_PROGRESS).values(values))


async def end(connection: AsyncConnection) -> None:
    """Take the table away."""
    await connection.run_sync(_PROGRESS.drop)
