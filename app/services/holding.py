"""Rows that must not go away while something is made that points to them.

PostgreSQL checks a foreign key when the row that has it is written: had the other one been deleted
since it was looked at, that would be a failure and not an answer. SQLite writes one at a time.
"""

from typing import Any

from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import AppError


async def hold_row(
    session: AsyncSession, *, table: type[SQLModel], row_id: int | None, missing: type[AppError]
) -> None:
    """Make deletions of a row wait until this transaction has ended.

    Raises:
        AppError: the kind `missing`; there is no such row, or somebody has just deleted it.
    """
    column: Any = vars(table)["id"]
    query = select(column).where(column == row_id).with_for_update(read=True, key_share=True)
    if row_id is None or (await session.exec(query)).one_or_none() is None:
        raise missing
