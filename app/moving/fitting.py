"""What SQLite holds and PostgreSQL cannot: found before anything is copied.

SQLite takes any value in any column, of any length. The server writes none that do not fit; a hand
in the file may have, or an older program.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Enum,
    Integer,
    String,
    Table,
    Text,
    and_,
    func,
    not_,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator

# Of one column; whoever mends these sees the next.
MOST = 10
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_TIME = f"{_DAY} [0-9][0-9]:[0-9][0-9]:[0-9][0-9]*"


async def find_misfits(connection: AsyncConnection, tables: Sequence[Table]) -> list[str]:
    """Return a line for each value of a SQLite database that PostgreSQL would not take."""
    found: list[str] = []
    for table in tables:
        key = next(iter(table.primary_key.columns))
        for column in table.columns:
            for condition, complaint in _misfits(column):
                query = select(type_coerce(key, Text)).where(condition).order_by(key).limit(MOST)
                for (place,) in await connection.execute(query):
                    found.append(f"{table.name} {place}: {column.name} {complaint}.")
    for name, place, parent, _ in await connection.execute(text("PRAGMA foreign_key_check")):
        found.append(f"{name}, row {place}: it points to a row of {parent} that is not there.")
    return found


def _misfits(column: Column[object]) -> Iterator[tuple[ColumnElement[bool], str]]:
    """Yield conditions under which a value does not fit, and what to say of it."""
    stored = type_coerce(column, Text)
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    there = stored.is_not(None)
    if not column.nullable:
        yield stored.is_(None), "is empty"
    wanted = "integer" if isinstance(kind, Integer | Boolean) else "text"
    is_other = func.typeof(stored) != wanted
    yield and_(there, is_other), f"is no {'number' if wanted == 'integer' else 'text'}"
    if wanted == "text":
        # A zero byte ends what SQLite's functions see of a text.
        yield func.instr(stored, func.char(0)) > 0, "has a zero byte (NUL) in it"
    for condition, complaint in _misfits_of(kind, stored):
        yield and_(there, not_(is_other), condition), complaint


def _misfits_of(
    kind: object, stored: ColumnElement[str]
) -> Iterator[tuple[ColumnElement[bool], str]]:
    number = type_coerce(stored, Integer)
    if isinstance(kind, Boolean):
        yield number.not_in([0, 1]), "is neither yes nor no"
    elif isinstance(kind, Integer):
        yield or_(number < _LOWEST, number > _HIGHEST), "is too large a number"
    elif isinstance(kind, Enum):
        yield stored.not_in(kind.enums), f"is none of {', '.join(kind.enums)}"
    elif isinstance(kind, DateTime):
        yield not_(stored.bool_op("GLOB")(_TIME)), "is no time"
    elif isinstance(kind, Date):
        yield not_(stored.bool_op("GLOB")(_DAY)), "is no date"
    elif isinstance(kind, JSON):
        yield func.json_valid(stored) == 0, "is no JSON"
    elif isinstance(kind, String) and kind.length is not None:
        yield func.length(stored) > kind.length, f"is longer than {kind.length} characters"
