"""The trail's rows as they lie in the database, one after the other, for whoever trusts none.

They are read past the models: what somebody wrote there by hand need not be of a column's type.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, literal_column, select
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from app.seals import Entry

CHUNK = 1000
TABLE = SQLModel.metadata.tables["audit_event"]
_COLUMNS = (
    *("id", "occurred_at", "action", "actor", "subject"),
    # As text: PostgreSQL's driver would hand over what it reads in it.
    *("client_address", "request_id", "CAST(detail AS TEXT)", "kid", "digest", "seal"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `entry` is None if it holds what this program never writes."""

    number: int
    entry: Entry | None
    digest: str
    seal: str


async def see_one_moment(session: AsyncSession) -> None:
    """Let a session see the database as it is now, until it ends. SQLite does so by itself."""
    if session.get_bind().dialect.name == "postgresql":
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def stream_rows(session: AsyncSession, *, since: int | None = None) -> AsyncIterator[Row]:
    """Yield all rows, or those from a number on, in order. A few are in memory at a time."""
    query = select_rows().order_by(TABLE.c.id)
    if since is not None:
        query = query.where(TABLE.c.id >= since)
    async for row in _stream(session, query):
        yield row


async def fetch_rows(session: AsyncSession, *, query: Select[Any]) -> list[Row]:
    """Return the rows of a query that `select_rows` began."""
    return [row async for row in _stream(session, query)]


def select_rows() -> Select[Any]:
    """Return a query of all rows, to be narrowed by the columns of `TABLE`."""
    columns: list[ColumnElement[Any]] = [literal_column(name) for name in _COLUMNS]
    return select(*columns).select_from(TABLE)


async def _stream(session: AsyncSession, query: Select[Any]) -> AsyncIterator[Row]:
    connection = await session.connection()
    options = {"yield_per": CHUNK}
    async with connection.stream(query, execution_options=options) as rows:
        async for chunk in rows.partitions():
            for row in chunk:
                yield _read(row)


def _read(row: Sequence[Any]) -> Row:
    *told, digest, seal = row
    try:
        entry = _read_entry(told)
    except (ValueError, TypeError):
        entry = None
    return Row(told[0], entry, str(digest), str(seal))


def _read_entry(told: Sequence[Any]) -> Entry:
    number, occurred_at, action, actor, subject, address, request, detail, kid = told
    texts = (action, actor or "", subject or "", address, request, kid)
    detail = json.loads(detail)
    if not (all(isinstance(text, str) for text in texts) and isinstance(detail, dict)):
        raise TypeError
    return Entry(
        number=number,
        occurred_at=_aware(occurred_at),
        action=action,
        actor=actor,
        subject=subject,
        client_address=address,
        request_id=request,
        detail=detail,
        kid=kid,
    )


def _aware(value: datetime | str) -> datetime:
    """SQLite hands over text without an offset; both databases store UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
