"""Statements that give plain rows: put into words once, and run without SQLAlchemy on SQLite.

What a row of the ORM costs is a hundred times what SQLite takes to find it. The statement is
SQLAlchemy's, and so is what a value of a column means in Python; the way there is the driver's.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, Table, bindparam, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel.sql.sqltypes import UTCDateTime

Row = Sequence[Any]
_DIALECT = sqlite.dialect(paramstyle="named")


class PlainStatement:
    """A statement with `bindparam` for what changes. Make it once and keep it."""

    def __init__(self, statement: Select[*tuple[Any, ...]] | UpdateBase) -> None:
        self.statement = statement
        compiled = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        binds = compiled.binds
        self._fixed = {name: place.value for name, place in binds.items() if not place.required}
        self._writers = [
            (name, write)
            for name, place in binds.items()
            if (write := _writer(place.type)) is not None
        ]
        self._readers = [
            (place, read)
            for place, column in enumerate(statement.exported_columns)
            if (read := _reader(column.type)) is not None
        ]

    def fill(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return all parameters of `text`, as they are stored."""
        filled = {**self._fixed, **values}
        for name, write in self._writers:
            if (value := filled.get(name)) is not None:
                filled[name] = write(value)
        return filled

    def read(self, rows: list[Row]) -> list[Row]:
        """Return rows of SQLite with the types that their columns have."""
        return [self._read(row) for row in rows] if self._readers else rows

    def _read(self, row: Row) -> Row:
        values = list(row)
        for place, read in self._readers:
            if values[place] is not None:
                values[place] = read(values[place])
        return values


def insert_into(table: Table) -> PlainStatement:
    """Return what inserts a row with a value for each column but `id`, which it returns."""
    names = [column.name for column in table.c if column.name != "id"]
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return PlainStatement(insert(table).values(values).returning(table.c.id))


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, UTCDateTime):
        # What SQLAlchemy does for a time takes as long as all the rest of a row.
        return _read_time
    read: Callable[[Any], Any] | None = kind.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
    return read


def _writer(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, UTCDateTime):
        return _write_time
    write: Callable[[Any], Any] | None = kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    return write


def _read_time(stored: str) -> datetime:
    # All times are stored in UTC.
    return datetime.fromisoformat(f"{stored}+00:00")


def _write_time(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
