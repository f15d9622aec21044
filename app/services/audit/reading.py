"""Reading the trail, the newest first, as admins do; who is meant is looked up, if still there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import FieldError, FieldsRefused
from app.models import User
from app.principals import Actor
from app.schemas import fold, storable
from app.services.audit.actions import ACTIONS
from app.services.audit.rows import TABLE, Row, fetch_rows, select_rows
from app.services.cursors import make_cursor, read_cursor

MAX_PAGE = 100
# Both databases hold numbers of nine digits.
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events are wanted; what is not given does not matter. Both times are included."""

    action: str = ""
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, the newest first; the accounts in them that exist, by public id; the cursor."""

    rows: Sequence[Row]
    people: Mapping[str | None, User]
    next: str | None


async def list_events(
    session: AsyncSession,
    actor: Actor,
    *,
    filters: Filters,
    cursor: str | None = None,
    limit: int = 50,
) -> EventPage:
    """Return a page of events. A person is a uid, or the public id of an account that is gone.

    Raises:
        AdminRequired: the actor is no admin.
        FieldsRefused: there is no such action, or the cursor is not one that an earlier page gave.
    """
    actor.require_admin()
    limit = min(limit, MAX_PAGE)
    query = select_rows().order_by(TABLE.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(TABLE.c.id < _read_number(cursor))
    rows = await fetch_rows(session, query=await _filter(session, query, filters))
    more = make_cursor(str(rows[limit - 1].number)) if len(rows) > limit else None
    shown = rows[:limit]
    return EventPage(shown, await _find_people(session, shown), more)


def _read_number(cursor: str) -> int:
    number = read_cursor(cursor)
    if not (number.isascii() and number.isdigit() and len(number) <= _MAX_DIGITS):
        raise FieldsRefused(FieldError("/cursor", "Use the `next` of an earlier page.", "cursor"))
    return int(number)


async def _filter(session: AsyncSession, query: Select[Any], filters: Filters) -> Select[Any]:
    if filters.action:
        if filters.action not in ACTIONS:
            raise FieldsRefused(FieldError("/action", "There is no such action.", "unknown"))
        query = query.where(TABLE.c.action == filters.action)
    if filters.person:
        named = select(User.public_id).where(User.uid_folded == fold(filters.person))
        found = (await session.exec(named)).one_or_none() or storable(filters.person)
        query = query.where(or_(TABLE.c.actor == found, TABLE.c.subject == found))
    if filters.since is not None:
        query = query.where(TABLE.c.occurred_at >= filters.since)
    if filters.until is not None:
        query = query.where(TABLE.c.occurred_at <= filters.until)
    return query


async def _find_people(session: AsyncSession, rows: Sequence[Row]) -> dict[str | None, User]:
    entries = [row.entry for row in rows if row.entry is not None]
    wanted = {name for entry in entries for name in (entry.actor, entry.subject) if name}
    if not wanted:
        return {}
    query = select(User).where(col(User.public_id).in_(wanted)).order_by(col(User.id))
    return {user.public_id: user for user in (await session.exec(query)).all()}
