"""What makes a database of one's own cheap enough for each of thousands of tests.

On SQLite it is a copy of a file, on PostgreSQL one database that is emptied after each test.
SQLAlchemy keeps compiled statements by engine, and the application of a test has engines of its
own: each statement would be compiled anew in every test. Here they are kept for all of them.
"""

import asyncio
import functools
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlmodel import SQLModel

from app.config import Settings
from app.seals import NOTHING, SealKeys, read_seal_keys
from tests.canary import CANARY

_STATEMENTS: dict[Any, Any] = {}
_NAMES = frozenset(table.name for table in SQLModel.metadata.sorted_tables) | {"alembic_version"}
_ALL = ", ".join(f'"{table.name}"' for table in SQLModel.metadata.sorted_tables)
_SIZES = (
    "SELECT relname, pg_relation_size(oid) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
# Deleted rows stay in their files, and later tests read past them.
_FULL = 256 * 1024


def copy_instance(template: Path, folder: Path) -> None:
    """Copy the migrated SQLite database and the key that its audit trail is sealed with."""
    shutil.copy(template, folder / "portfolio.db")
    shutil.copy(template.with_name("audit-keys.json"), folder)


def create(server: str, name: str) -> str:
    """Create a PostgreSQL database; return its address."""
    execute(server, f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def execute(server: str, *statements: str) -> None:
    """Have the owner of a PostgreSQL server execute statements."""
    asyncio.run(_execute(server, *statements))


async def _execute(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


class SharedDatabase:
    """A PostgreSQL database, the copy of a template, for one test after the other."""

    def __init__(self, template: Settings, name: str) -> None:
        self._server, _, self._template = template.database_url.rpartition("/")
        self._name = name
        self.url = f"{self._server}/{name}"
        self.keys_path = template.audit_keys_path
        self._keys = read_seal_keys(template)
        # One connection for all tests: opening it, and what is asked first on it, takes longest.
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection | None = None

    def __enter__(self) -> Self:
        self._runner.run(self._replace())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._runner.run(self._disconnect())
        self._runner.close()

    def empty(self) -> None:
        """Take all rows away; if a test changed the tables, or ended connections, replace it."""
        self._runner.run(self._empty())

    async def _empty(self) -> None:
        try:
            if self._connection is None:
                self._connection = await asyncpg.connect(self.url)
            await CANARY.check_postgres(self._connection)
            sizes = dict(await self._connection.fetch(_SIZES))
            is_whole = sizes.keys() == _NAMES
            if is_whole:
                await self._connection.execute(_emptying(sizes, self._keys))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            is_whole = False
        if not is_whole:
            await self._replace()

    async def _replace(self) -> None:
        await self._disconnect()
        await _execute(
            self._server,
            f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)",
            f"CREATE DATABASE {self._name} TEMPLATE {self._template}",
        )

    async def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _emptying(sizes: dict[str, int], keys: SealKeys) -> str:
    """Return what empties tables of these sizes, in one transaction."""
    # Deleting is forty times as fast as truncating, which gives every table and index a new file.
    if max(sizes.values()) > _FULL:
        empty = f"TRUNCATE {_ALL} RESTART IDENTITY"
    else:
        filled = [name for name, size in sizes.items() if size and name != "alembic_version"]
        count_anew = "SELECT setval(format('%I', sequencename), 1, false) FROM pg_sequences"
        empty = "; ".join([*(f'DELETE FROM "{name}"' for name in filled), count_anew])
    head = f"1, 0, '{keys.kid}', '{NOTHING}', '{keys.seal_head(0, NOTHING)}'"
    # Whoever still writes is waited for. The audit trail does not let itself be emptied, but by
    # whoever may say that it is a replica's.
    return (
        "SET lock_timeout = '3s'; SET session_replication_role = 'replica'; "
        f"LOCK TABLE {_ALL} IN EXCLUSIVE MODE; {empty}; INSERT INTO audit_head VALUES ({head})"
    )


@functools.cache
def share_statements() -> None:
    """Let all engines of this process use what one of them has compiled."""
    event.listen(Engine, "engine_connect", _share)
    # A statement is kept by its dialect, and each engine has one of its own; all are configured
    # alike. The mappers keep theirs by it as well.
    DefaultDialect.__eq__ = _is_alike  # type: ignore[method-assign]
    DefaultDialect.__hash__ = _hash  # type: ignore[method-assign, assignment]


def _share(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_STATEMENTS)


def _is_alike(dialect: object, other: object) -> bool:
    return type(dialect) is type(other)


def _hash(dialect: object) -> int:
    return hash(type(dialect))
