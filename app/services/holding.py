"""Rows that must not go away while something is made that points to them.

PostgreSQL checks a foreign key when the row that has it is written: had the other one been deleted
since it was looked at, that would be a failure and not an answer. SQLite writes one at a time.
"""

from functools import cache
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from app.errors import AppError
from app.models.columns import table_of


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
    found = (await session.exec(_hold(table, column), params={"row_id": row_id})).one_or_none()
    if found is None:
        raise missing
    return found


@cache
def _hold(model: type[SQLModel], column: str) -> SelectOfScalar[Any]:
    table = table_of(model)
    query: SelectOfScalar[Any] = select(table.c[column])
    return query.where(table.c.id == bindparam("row_id")).with_for_update(read=True, key_share=True)
