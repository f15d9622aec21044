"""What an old server left, as tables of rows: from its SQLite database, or from a list as JSON.

Names of tables and columns are in lower case, as SQLite does not tell them apart; rows come one at
a time, in the order of their ids.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from app.legacy.importer.values import number
from app.startup import CannotStart

Row = Mapping[str, Any]


class CannotImport(CannotStart):
    """The file will not do, or cannot be carried over now. The message is the sentence to show."""


class Source(Protocol):
    """Tables of rows."""

    @property
    def tables(self) -> Mapping[str, Sequence[str]]:
        """The columns of each table, by its name."""
        ...

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        ...

    def highest_id(self, table: str, limit: int) -> int:
        """Return the highest id of a table up to a limit, 0 if there is none."""
        ...

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table in the order of their ids."""
        ...


class SQLiteSource:
    """A database of an old server, open on a copy of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.tables: dict[str, Sequence[str]] = {}
        # A view or a virtual table would run what somebody else wrote.
        query = (
            "SELECT name FROM sqlite_schema WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        )
        for (name,) in connection.execute(query).fetchall():
            columns = connection.execute(f"PRAGMA table_info({_quote(name)})").fetchall()
            self.tables[name.lower()] = [column[1].lower() for column in columns]

    def count(self, table: str) -> int:
        (found,) = self._connection.execute(
            f"SELECT count(*) FROM {_quote(table)}"  # noqa: S608  (quoted)
        ).fetchone()
        return int(found)

    def highest_id(self, table: str, limit: int) -> int:
        if "id" not in self.tables[table]:
            return 0
        # A key may be kept as text.
        key = f"CAST({_quote('id')} AS INTEGER)"
        query = f"SELECT max({key}) FROM {_quote(table)} WHERE {key} <= ?"  # noqa: S608
        (found,) = self._connection.execute(query, (limit,)).fetchone()
        return int(found or 0)

    def rows(self, table: str) -> Iterator[Row]:
        columns = self.tables[table]
        names = ", ".join(map(_quote, columns))
        order = f" ORDER BY {_quote('id')}" if "id" in columns else ""
        query = f"SELECT {names} FROM {_quote(table)}{order}"  # noqa: S608  (quoted)
        for values in self._connection.execute(query):
            yield dict(zip(columns, values, strict=True))


class ListSource:
    """Users as `GET /api/user` answered them. Their sections become tables as a database has them.

    What is no object in the list is a row without columns, to be refused like any other.
    """

    def __init__(self, users: Sequence[Any]) -> None:
        self._rows: dict[str, list[Row]] = {"users": [], "sections": [], "user_sections": []}
        self._seen: set[str] = set()
        for user in users:
            self._add(user)
        self.tables: dict[str, Sequence[str]] = {
            table: list(dict.fromkeys(column for row in rows for column in row))
            for table, rows in self._rows.items()
            if rows
        }

    def _add(self, user: Any) -> None:
        fields = {str(name).lower(): value for name, value in _items(user)}
        sections = fields.pop("sections", None)
        self._rows["users"].append(fields)
        for section in sections if isinstance(sections, list) else ():
            found = {str(name).lower(): value for name, value in _items(section)}
            year = found.pop("year", None)
            written = json.dumps(found, sort_keys=True)
            if found and written not in self._seen:
                self._seen.add(written)
                self._rows["sections"].append(found)
            membership = {"user_id": fields.get("id"), "section_id": found.get("id"), "year": year}
            self._rows["user_sections"].append(membership)

    def count(self, table: str) -> int:
        return len(self._rows[table])

    def highest_id(self, table: str, limit: int) -> int:
        ids = (number(row.get("id")) or 0 for row in self._rows[table])
        return max((key for key in ids if key <= limit), default=0)

    def rows(self, table: str) -> Iterator[Row]:
        return iter(self._rows[table])


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
