"""Rows that must not go away while something is made that points to them.

PostgreSQL checks a foreign key when the row that has it is written: had the other one been deleted
since it was looked at, that would be a failure and not an answer. SQLite writes one at a time.
"""

from functools import cache
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import AppError
from app.models.columns import table_of
from app.plain_statements import PlainStatement
from app.transactions import run


async def hold_row(
    session: AsyncSession,
    *,
    table: type[SQLModel],
    row_id: int | None,
    missing: type[AppError],
    column: str = "id",
) -> Any:
    """Make deletions of a row wait until this transaction has ended; return one of its values.

    Raises:
        AppError: the kind `missing`; there is no such row, or somebody has just deleted it.
    """
    if row_id is None:
        raise missing
    found = await run(session, _hold(table, column), row_id=row_id)
    if not found:
        raise missing
    return found[0][0]


@cache
def _hold(model: type[SQLModel], column: str) -> PlainStatement:
    table = table_of(model)
    query = select(table.c[column]).where(table.c.id == bindparam("row_id"))
    return PlainStatement(query.with_for_update(read=True, key_share=True))
