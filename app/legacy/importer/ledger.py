"""Our side of an import: what was taken over before, which ids are free, what is new.

Rows go in by thousands, through SQLAlchemy's core. Everything here belongs to one transaction.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from app import postgres_only

T = TypeVar("T")

CHUNK = 2000
# As many values as SQLite's older builds take in a statement.
_MAX_VALUES = 900
# Old ids above it are given anew, so that there is room for new ones above all old ones.
HIGHEST_KEPT = 1_000_000_000
_KEPT = SQLModel.metadata.tables
_TABLES = ("user", "section", "membership", "post_group", "moderator", "channel", "post", "picture")


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield items by the thousands, in order."""
    return _split(items, CHUNK)


def _split(items: Iterable[T], size: int) -> Iterator[list[T]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, size)):
        yield chunk


def digest(table: str, *parts: Any) -> str:
    """Return what stands for a row of an old table: its key and what tells it from others."""
    return hashlib.sha256(repr((table, *parts)).encode()).hexdigest()


class Numbers:
    """Hands out ids of one table: where it is free the old one, which front ends know by heart."""

    def __init__(self, taken: set[int], highest_wanted: int) -> None:
        self._taken = taken
        # Above what any row of the file may still ask for.
        self._next = max(highest_wanted, *taken, 0) + 1

    def assign(self, wanted: int | None) -> int:
        if wanted is not None and wanted <= HIGHEST_KEPT and wanted not in self._taken:
            self._taken.add(wanted)
            return wanted
        self._next += 1
        return self._next - 1


class Ledger:
    """Reads and writes our tables within the transaction of an import."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.now = now
        self._connection = connection

    async def begin(self) -> None:
        """Keep others from writing meanwhile. SQLite has one writer, and it is ours already."""
        if postgres_only.is_postgres(self._connection):
            await postgres_only.take_time(self._connection)
            await postgres_only.keep_writers_off(self._connection, (*_TABLES, "imported_row"))
            await postgres_only.look_up_by_index(self._connection)
        else:
            # 64 MiB: the keys are random, and each would have another page read and written.
            await self._connection.execute(text("PRAGMA cache_size = -65536"))

    async def numbers(self, name: str, highest_wanted: int) -> Numbers:
        """Return what hands out the ids of a table."""
        found = await self._connection.execute(select(_KEPT[name].c.id))
        return Numbers(set(found.scalars()), highest_wanted)

    async def insert(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows to a table, each with the same columns."""
        if rows:
            await self._connection.execute(insert(_KEPT[name]), rows)

    async def remember(self, kind: str, taken: Sequence[tuple[str, int]]) -> None:
        """Write down that rows were taken over: the digest of each, and the id it has here."""
        rows = [
            {"digest": key, "kind": kind, "row_id": row_id, "imported_at": self.now}
            for key, row_id in taken
        ]
        await self.insert("imported_row", rows)

    async def taken(self, name: str, digests: Sequence[str]) -> dict[str, int | None]:
        """Return which rows were taken over before: the id that each has here, None if it is gone.

        A row that was made later is another one, though it may have got the id of one that is gone.
        """
        imported, ours = _KEPT["imported_row"].c, _KEPT[name]
        query = (
            select(imported.digest, ours.c.id)
            .select_from(imported.digest.table)
            .outerjoin(ours, (ours.c.id == imported.row_id) & self._is_older(ours))
        )
        return await self._look_up(query, imported.digest, digests)

    @staticmethod
    def _is_older(ours: Table) -> Any:
        made = ours.c.get("created_at")
        return True if made is None else made <= _KEPT["imported_row"].c.imported_at

    async def ids_by(self, name: str, column: str, values: Iterable[str]) -> dict[str, int]:
        """Return the ids of rows that have one of some values in a column."""
        ours = _KEPT[name].c
        return await self._look_up(select(ours[column], ours.id), ours[column], values)

    async def _look_up(
        self, query: Select[Any], column: Any, values: Iterable[str]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in _split(values, _MAX_VALUES):
            rows = await self._connection.execute(query.where(column.in_(part)))
            found.update((row[0], row[1]) for row in rows)
        return found

    async def pairs(self, name: str, first: str, second: str) -> set[tuple[int, int]]:
        """Return what a table that joins two others joins already."""
        ours = _KEPT[name].c
        return {
            (a, b) for a, b in await self._connection.execute(select(ours[first], ours[second]))
        }

    async def advance(self) -> None:
        """Let PostgreSQL count on from the highest id. SQLite looks at the rows."""
        for name in _TABLES:
            await postgres_only.count_on(self._connection, _KEPT[name])
