"""Reading all rows of a table in the order of their keys, and writing them to another database."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from sqlalchemy import Column, Integer, Row, Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.moving import progress
from app.moving.places import HEAD
from app.moving.progress import Mark
from app.moving.sums import Sum

# Rows in one transaction, and in memory.
CHUNK = 2000

Advance = Callable[[int], None]


def key_of(table: Table) -> Column[Any]:
    """Return the one column of a table's primary key."""
    (key,) = table.primary_key.columns
    return key


def parent_of(table: Table) -> Column[Any] | None:
    """Return the column that points to rows of the same table, if there is one."""
    return next((k.parent for k in table.foreign_keys if k.column.table is table), None)


def _named(table: Table, row: Row[Any]) -> dict[str, Any]:
    """Return what a whole row of a table holds, by column."""
    return dict(zip(table.columns.keys(), row, strict=True))


async def read(
    connection: AsyncConnection, table: Table, last: Any = None
) -> AsyncIterator[Sequence[Row[Any]]]:
    """Yield the rows of a table behind a key, some at a time."""
    key = key_of(table)
    while True:
        query = select(table).order_by(key).limit(CHUNK)
        if last is not None:
            query = query.where(key > last)
        rows = (await connection.execute(query)).all()
        if not rows:
            return
        yield rows
        last = _named(table, rows[-1])[key.name]


async def add_up(connection: AsyncConnection, table: Table, advance: Advance) -> Sum:
    """Return the sum of all rows of a table."""
    found = Sum()
    async for rows in read(connection, table):
        for row in rows:
            found.add(row)
        advance(len(rows))
    return found


async def copy(
    source: AsyncConnection, target: AsyncConnection, table: Table, mark: Mark, advance: Advance
) -> None:
    """Bring what is not there yet, a transaction for each chunk.

    A row that points to a later one of its own table gets there without that, and is led there by
    `link` when all are.
    """
    key, parent = key_of(table), parent_of(table)
    last = int(mark.last) if mark.last and isinstance(key.type, Integer) else mark.last
    if table is HEAD and last is None:
        async with target.begin():
            # The migrations have made one, of no events.
            await target.execute(delete(table))
    async for rows in read(source, table, last):
        values = [_named(table, row) for row in rows]
        if parent is not None:
            for value in values:
                if (value[parent.name] or 0) > value[key.name]:
                    value[parent.name] = None
        async with target.begin():
            await target.execute(insert(table), values)
            await progress.note(target, table.name, Mark(str(values[-1][key.name])))
        advance(len(rows))
    async with target.begin():
        await progress.note(target, table.name, Mark(is_done=True))


async def link(source: AsyncConnection, target: AsyncConnection, table: Table) -> None:
    """Lead rows to later ones of their own table. Twice is as good as once."""
    key, parent = key_of(table), parent_of(table)
    if parent is None:
        return
    lead = update(table).where(key == bindparam("row")).values({parent.name: bindparam("to")})
    last = 0
    while True:
        query = select(key, parent).where(parent > key, key > last).order_by(key).limit(CHUNK)
        pairs = (await source.execute(query)).all()
        if not pairs:
            return
        async with target.begin():
            await target.execute(lead, [{"row": row, "to": to} for row, to in pairs])
        last = pairs[-1][0]
