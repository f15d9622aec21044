"""A move from beginning to end: look, copy what is not there yet, compare everything, seal it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import migrations
from app.config import Settings
from app.db import Database
from app.errors import DatabaseBusy
from app.moving import copying, progress
from app.moving.fitting import find_misfits
from app.moving.places import State, find_state, list_tables, reading, writing
from app.moving.progress import Mark
from app.moving.refusals import CannotMove
from app.moving.sums import Sum
from app.postgres_only import count_on
from app.principals import OPERATOR
from app.progress import Stages
from app.services import audit
from app.services.audit.checking import Finding, verify_trail
from app.standing import find_revision

_CHANGED = (
    "The source was changed after half of it had been moved. Make the target empty and begin again."
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved: how many rows of how many tables, and what is wrong with the trail."""

    rows: int
    tables: int
    is_whole: bool
    was_resumed: bool = False


def move(source: Settings, target: Settings, stages: Stages, *, only_look: bool) -> Moved:
    """Move the database of one instance to another place. Not inside an event loop.

    Nobody else may write to either. With `only_look` nothing is changed.

    Raises:
        CannotMove: something is in the way; `lines` says what, where it is in the rows.
    """
    try:
        return asyncio.run(_move(source, target, stages, only_look=only_look))
    except (OSError, SQLAlchemyError, ValueError, DatabaseBusy) as error:
        # The driver's own text quotes values, and addresses.
        raise CannotMove(
            f"It was cut off ({type(error).__name__}). Mend what that is, and run it again: it "
            "goes on from where it was."
        ) from error


async def _move(source: Settings, target: Settings, stages: Stages, *, only_look: bool) -> Moved:
    async with reading(source) as here:
        revision = await here.run_sync(find_revision)
        if revision is None:
            raise CannotMove("There is nothing to move: the source is empty.")
        state = await find_state(target, revision)
        if source.sqlite_path is not None:
            misfits = await find_misfits(here, list_tables())
            if misfits:
                raise CannotMove("PostgreSQL does not take everything that is here.", misfits)
        sums = await _add_up(here, stages, "reading")
        rows = sum(found.rows for found in sums.values())
        is_whole = True
        if not only_look:
            if state is State.BARE:
                # It has an event loop of its own.
                await asyncio.to_thread(_make, target)
            async with writing(target) as there:
                marks = await _begin(there, sums, is_new=state is not State.HALF)
                await _copy(here, there, stages, sums, marks)
                await _compare(there, stages, sums)
            is_whole = await _seal(source, target)
    return Moved(rows, len(sums), is_whole, was_resumed=state is State.HALF)


def _make(target: Settings) -> None:
    path = target.sqlite_path
    if path is not None and not path.exists():
        # Nobody else's to read, not even while it is being filled.
        path.touch(mode=0o600)
    migrations.upgrade(target, lambda _line: None)


async def _begin(
    there: AsyncConnection, sums: Mapping[str, Sum], *, is_new: bool
) -> Mapping[str, Mark]:
    """Return how far a move of the same rows has come before, if it has."""
    told = json.dumps({name: found.text() for name, found in sums.items()})
    async with there.begin():
        if is_new:
            await progress.begin(there, told)
        if await progress.read_source(there) != told:
            raise CannotMove(_CHANGED)
        return await progress.read_marks(there)


async def _add_up(connection: AsyncConnection, stages: Stages, name: str) -> Mapping[str, Sum]:
    total = 0
    for table in list_tables():
        query = select(func.count()).select_from(table)
        total += (await connection.execute(query)).scalar_one()
    with stages.stage(name, total) as advance:
        return {
            table.name: await copying.add_up(connection, table, advance) for table in list_tables()
        }


async def _copy(
    here: AsyncConnection,
    there: AsyncConnection,
    stages: Stages,
    sums: Mapping[str, Sum],
    marks: Mapping[str, Mark],
) -> None:
    for table in list_tables():
        mark = marks.get(table.name, Mark())
        if mark.is_done:
            continue
        with stages.stage(table.name, sums[table.name].rows) as advance:
            await copying.copy(here, there, table, mark, advance)
    for table in list_tables():
        await copying.link(here, there, table)
        if "id" in table.columns and len(table.primary_key.columns) == 1:
            async with there.begin():
                await count_on(there, table)


async def _compare(there: AsyncConnection, stages: Stages, sums: Mapping[str, Sum]) -> None:
    """Raise CannotMove unless every table is the same on both sides."""
    async with there.begin():
        found = await _add_up(there, stages, "comparing")
    wrong = [
        f"{name}: {sums[name].rows} rows were sent, {found[name].rows} are there."
        if sums[name].rows != found[name].rows
        else f"{name}: of {found[name].rows} rows some are not the same."
        for name in sums
        if sums[name] != found[name]
    ]
    if wrong:
        raise CannotMove(
            "What is there is not what was sent: somebody wrote to it. Make the target empty and "
            "begin again.",
            wrong,
        )


async def _seal(source: Settings, target: Settings) -> bool:
    """See that the trail holds there as it does here; write the move into it, and end the move."""
    before, after = await _verify(source), await _verify(target)
    if before != after:
        raise CannotMove("The audit trail does not hold in the target as it does in the source.")
    database = Database(target)
    try:
        async with database.transaction() as session:
            kind = "SQLite" if source.sqlite_path is not None else "PostgreSQL"
            audit.record(session, OPERATOR, "database-moved", source=kind)
            await progress.end(await session.connection())
    finally:
        await database.dispose()
    return after.flaw is None


async def _verify(settings: Settings) -> Finding:
    database = Database(settings)
    try:
        async with database.transaction(read_only=True) as session:
            return await verify_trail(session, keys=database.seal_keys)
    finally:
        await database.dispose()
