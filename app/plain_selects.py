"""SELECTs that give plain rows: put into words once, and read without SQLAlchemy on SQLite.

What a row of the ORM costs is a hundred times what SQLite takes to find it. The statement is
SQLAlchemy's, and so is what a value of a column means in Python; the way there is the driver's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects import sqlite
from sqlmodel.sql.sqltypes import UTCDateTime

Row = Sequence[Any]
_DIALECT = sqlite.dialect(paramstyle="named")


class PlainSelect:
    """A SELECT of columns, with `bindparam` for what changes. Make it once and keep it."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self.statement = statement
        compiled = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self._fixed = compiled.params
        self._typed = [
            (place, read)
            for place, column in enumerate(statement.selected_columns)
            if (read := _reader(column.type)) is not None
        ]

    def fill(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return all parameters of `text`."""
        return {**self._fixed, **values}

    def read(self, rows: Iterable[Row]) -> list[Row]:
        """Return rows of SQLite with the types that their columns have."""
        return [self._read(row) for row in rows]

    def _read(self, row: Row) -> Row:
        values = list(row)
        for place, read in self._typed:
            if values[place] is not None:
                values[place] = read(values[place])
        return values


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, UTCDateTime):
        # What SQLAlchemy does for a time takes as long as all the rest of a row.
        return _read_time
    read: Callable[[Any], Any] | None = kind.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
    return read


def _read_time(stored: str) -> datetime:
    # All times are stored in UTC.
    return datetime.fromisoformat(f"{stored}+00:00")
