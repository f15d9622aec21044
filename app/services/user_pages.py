"""Pages of users in the order of their uids, as the JSON that is answered.

A page is written anew for every request, or not at all while nothing was committed since it was
written for another whose view is the same; see kept.py. Searches are in accounts.py.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import col

from app.models import User
from app.plain_statements import PlainStatement, Row
from app.principals import Principal
from app.resources import Resources
from app.schemas import Page, UserAccount, UserPublic
from app.services.accounts import MAX_PAGE
from app.services.cursors import make_cursor, read_cursor


def _select(*columns: Any) -> PlainStatement:
    return PlainStatement(
        select(col(User.uid_folded), *columns)
        .where(col(User.uid_folded) > bindparam("after"))
        .order_by(col(User.uid_folded))
        .limit(bindparam("limit"))
    )


_PUBLIC = (col(User.public_id), col(User.uid), col(User.name), col(User.role))
_STRANGERS = _select(*_PUBLIC)
_ACCOUNTS = _select(
    *_PUBLIC,
    col(User.email),
    col(User.is_active),
    col(User.created_at),
    col(User.updated_at),
)
_NAMES = [column.name for column in _ACCOUNTS.statement.exported_columns]
# Bytes that an id takes in a set, and whatever else is there besides a page's text.
_ROOM, _ROOM_OF_PAGE = 128, 1024


async def write_page(
    resources: Resources, *, viewer: Principal, cursor: str | None = None, limit: int = 50
) -> bytes:
    """Return the JSON of a page as somebody may see it: all of themselves, and of others a part.

    Raises:
        FieldsRefused: the cursor is not one that an earlier page gave.
        DatabaseBusy: the database cannot be asked.
    """
    after = "" if cursor is None else read_cursor(cursor)
    limit = min(limit, MAX_PAGE)
    version = resources.kept.version()
    alike = ("users", after, limit, viewer.is_admin)
    # Whoever is on the page sees another than all others do, unless they see everything anyway.
    own = alike if viewer.is_admin else (*alike, viewer.public_id)
    for key in (own, alike):
        kept: tuple[frozenset[str], bytes] | None = resources.kept.find(key)
        if kept is not None and (key is own or viewer.public_id not in kept[0]):
            return kept[1]
    query = _ACCOUNTS if viewer.is_admin else _STRANGERS
    rows = await resources.database.read_rows(query, after=after, limit=limit + 1)
    if query is _STRANGERS and any(row[1] == viewer.public_id for row in rows[:limit]):
        rows = await resources.database.read_rows(_ACCOUNTS, after=after, limit=limit + 1)
    text = _write(rows, viewer, limit)
    ids = frozenset(row[1] for row in rows[:limit])
    key = own if viewer.public_id in ids else alike
    size = len(text) + _ROOM * len(ids) + _ROOM_OF_PAGE
    resources.kept.keep(key, (ids, text), size=size, version=version)
    return text


def _write(rows: Sequence[Row], viewer: Principal, limit: int) -> bytes:
    items = [dict(zip(_NAMES, row, strict=False)) for row in rows[:limit]]
    following = make_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    page: Page[UserAccount] | Page[UserPublic] | Page[UserAccount | UserPublic]
    if viewer.is_admin:
        page = Page[UserAccount].model_validate({"items": items, "next": following})
    elif all(item["public_id"] != viewer.public_id for item in items):
        page = Page[UserPublic].model_validate({"items": items, "next": following})
    else:
        page = Page(items=[_show(item, viewer) for item in items], next=following)
    return page.model_dump_json().encode()


def _show(item: dict[str, Any], viewer: Principal) -> UserAccount | UserPublic:
    if item["public_id"] == viewer.public_id:
        return UserAccount.model_validate(item)
    return UserPublic.model_validate(item)
