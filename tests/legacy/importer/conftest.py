"""An import as the command does it, and what our database holds before and after."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from app.config import Settings
from app.db import Database
from app.legacy.importer.opening import open_source
from app.legacy.importer.report import Report
from app.legacy.importer.run import run_import
from app.resources import open_resources
from tests.legacy.old_databases import OldDatabase, make_old_database

Rows = list[dict[str, Any]]
Dump = dict[str, Rows]


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, _name: str, _total: int) -> Iterator[Any]:
        yield lambda _done: None


class Importing(Protocol):
    """Imports a file."""

    async def __call__(
        self,
        file: Path | OldDatabase,
        *,
        is_dry_run: bool = False,
        uploads: Path | None = None,
        compares_all: bool | None = None,
    ) -> Report: ...


class Dumping(Protocol):
    """Reads all of our tables."""

    async def __call__(self) -> Dump: ...


@pytest.fixture
def carry_over(settings: Settings) -> Importing:
    """What imports a file into the database of this test."""

    async def run(
        file: Path | OldDatabase,
        *,
        is_dry_run: bool = False,
        uploads: Path | None = None,
        compares_all: bool | None = None,
    ) -> Report:
        path = file.path if isinstance(file, OldDatabase) else file
        async with open_resources(settings) as resources:
            with open_source(path, settings) as source:
                return await run_import(
                    resources,
                    source,
                    name=path.name,
                    uploads=uploads,
                    is_dry_run=is_dry_run,
                    compares_all=compares_all,
                    stages=Silent(),
                )

    return run


@pytest.fixture
def dump(settings: Settings) -> Dumping:
    """What reads every row of every table of ours, in the order of the keys."""

    async def read() -> Dump:
        database, found = Database(settings), {}
        async with database.transaction(read_only=True) as session:
            connection = await session.connection()
            for table in SQLModel.metadata.sorted_tables:
                query = select(table).order_by(*table.primary_key.columns)
                rows = (await connection.execute(query)).mappings()
                found[table.name] = [dict(row) for row in rows]
        await database.dispose()
        return found

    return read


@pytest.fixture
def old(tmp_path: Path) -> OldDatabase:
    """An old database of 2025, empty."""
    folder = tmp_path / "old"
    folder.mkdir()
    return make_old_database(folder / "user_management.db", "S25")


def outcomes(report: Report, table: str) -> dict[str, str]:
    """Return what became of each row of a table, by its key."""
    return {entry.key: entry.outcome.value for entry in report.entries if entry.table == table}


def notes(report: Report, table: str, key: str) -> str:
    """Return what is said about a row."""
    (entry,) = (e for e in report.entries if (e.table, e.key) == (table, key))
    return "; ".join(entry.notes)
