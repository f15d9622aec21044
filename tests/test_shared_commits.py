"""SharedWriter at the one writer of SQLite, and what several transactions in one commit promise."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import func, select

from app import db, shared_commits
from app.config import Settings
from app.db import Database
from app.errors import DatabaseBusy, NoRoomLeft
from app.models import AuditEvent
from app.services.adding import add_row
from app.shared_commits import SharedWriter
from tests.conftest import make_settings
from tests.databases import copy_instance

TOGETHER = 5
T = TypeVar("T")


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    copy_instance(sqlite_template, tmp_path)
    return make_settings(tmp_path)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.dispose()


@pytest.fixture
def writer(database: Database) -> SharedWriter:
    found = database._shared_writer  # noqa: SLF001  (what is tested here)
    assert found is not None
    return found


@pytest.fixture
async def commits(database: Database, writer: SharedWriter) -> list[str]:
    """Each COMMIT and ROLLBACK that SQLite is told."""
    found: list[str] = []
    await add(database, "opens the file")

    def note(statement: str) -> None:
        if statement in {"COMMIT", "ROLLBACK"}:
            found.append(statement)

    writer.line.raw.set_trace_callback(note)
    return found


@pytest.fixture
def read(tmp_path: Path) -> Callable[[], list[str]]:
    """What another program sees."""

    def look() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "portfolio.db")) as other:
            return [row[0] for row in other.execute("SELECT action FROM audit_event ORDER BY id")]

    return look


async def add(database: Database, action: str, *, fails: bool = False) -> None:
    """Add an event: one through the ORM, the other by a plain statement."""
    async with database.transaction() as session:
        if sum(action.encode()) % 2:
            session.add(AuditEvent(action=action))
            await session.flush()
        else:
            await add_row(session, table=AuditEvent, action=action)
        if fails:
            raise LookupError(action)


async def together(writer: SharedWriter, *works: Coroutine[Any, Any, T]) -> list[T | BaseException]:
    """Start all of these while it is nobody's turn, and return what became of them."""
    async with writer.alone():
        tasks = [asyncio.create_task(work) for work in works]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


class TestTogether:
    async def test_alone_at_once(
        self, database: Database, commits: list[str], read: Callable[[], list[str]]
    ) -> None:
        for number in range(3):
            await add(database, str(number))
            assert read()[-1] == str(number)
        assert commits == ["COMMIT"] * 3

    async def test_whoever_waits_shares_a_commit(
        self,
        database: Database,
        writer: SharedWriter,
        commits: list[str],
        read: Callable[[], list[str]],
    ) -> None:
        names = [str(number) for number in range(TOGETHER)]
        await together(writer, *(add(database, name) for name in names))
        assert read()[1:] == names
        assert commits == ["COMMIT"]

    async def test_nobody_hears_before_it_is_on_the_disk(
        self, database: Database, writer: SharedWriter, read: Callable[[], list[str]]
    ) -> None:
        await add(database, "opens the file")
        may_commit = threading.Event()
        blocking = asyncio.create_task(writer.line.beside(lambda: may_commit.wait(60)))
        writing = [asyncio.create_task(add(database, str(n))) for n in range(TOGETHER)]
        for _ in range(200):
            await asyncio.sleep(0)
        assert not any(task.done() for task in writing)
        assert read() == ["opens the file"]
        may_commit.set()
        await asyncio.gather(blocking, *writing)
        assert len(read()) == 1 + TOGETHER

    async def test_only_so_many(
        self,
        database: Database,
        writer: SharedWriter,
        commits: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(shared_commits, "MOST_TOGETHER", 2)
        await together(writer, *(add(database, str(n)) for n in range(TOGETHER)))
        assert commits == ["COMMIT"] * 3

    async def test_the_next_sees_what_is_not_yet_on_the_disk(
        self, database: Database, writer: SharedWriter, commits: list[str]
    ) -> None:
        async def count() -> int:
            async with database.transaction() as session:
                session.add(AuditEvent(action="x"))
                await session.flush()
                found = await session.exec(select(func.count()).select_from(AuditEvent))
                return found.one()

        found = await together(writer, *(count() for _ in range(TOGETHER)))
        assert found == [2, 3, 4, 5, 6]
        assert commits == ["COMMIT"]


class TestFailing:
    @pytest.mark.parametrize("failing", range(TOGETHER))
    async def test_undoes_its_own_alone(
        self, database: Database, writer: SharedWriter, read: Callable[[], list[str]], failing: int
    ) -> None:
        names = [str(number) for number in range(TOGETHER)]
        works = (add(database, name, fails=name == str(failing)) for name in names)
        found = await together(writer, *works)
        assert [isinstance(outcome, LookupError) for outcome in found].count(True) == 1
        assert read() == [name for name in names if name != str(failing)]

    async def test_all_of_them(
        self, database: Database, read: Callable[[], list[str]], writer: SharedWriter
    ) -> None:
        await together(writer, *(add(database, "x", fails=True) for _ in range(TOGETHER)))
        assert read() == []
        assert not writer.line.raw.in_transaction
        await add(database, "kept")
        assert read() == ["kept"]

    async def test_a_commit_that_fails_fails_for_all(
        self,
        database: Database,
        writer: SharedWriter,
        commits: list[str],
        read: Callable[[], list[str]],
    ) -> None:
        """A foreign key that is looked at only at the end stands for whatever may go wrong."""

        async def point_nowhere() -> None:
            async with database.transaction() as session:
                connection = await session.connection()
                await connection.execute(text("PRAGMA defer_foreign_keys=ON"))
                await connection.execute(
                    text("INSERT INTO moderator (group_id, user_id) VALUES (99, 99)")
                )

        found = await together(writer, add(database, "a"), point_nowhere(), add(database, "b"))
        assert all(isinstance(outcome, IntegrityError) for outcome in found)
        assert commits == ["COMMIT", "ROLLBACK"]
        await add(database, "kept")
        assert read() == ["opens the file", "kept"]

    async def test_a_full_disk_keeps_what_it_says_it_kept(
        self, database: Database, writer: SharedWriter, read: Callable[[], list[str]]
    ) -> None:
        await add(database, "opens the file")
        pages = writer.line.raw.execute("PRAGMA page_count").fetchone()[0]
        writer.line.raw.execute(f"PRAGMA max_page_count={pages + 1}")
        names = [f"{number}" + "x" * 400 for number in range(60)]
        found = await together(writer, *(add(database, name) for name in names))
        failed = [outcome for outcome in found if outcome is not None]
        assert failed
        assert all(isinstance(outcome, NoRoomLeft) for outcome in failed)
        kept = [name for name, outcome in zip(names, found, strict=True) if outcome is None]
        assert read()[1:] == kept
        writer.line.raw.execute("PRAGMA max_page_count=1000000")
        await add(database, "again")
        assert read()[-1] == "again"


class TestWaiting:
    async def test_too_long(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, read: Callable[[], list[str]]
    ) -> None:
        monkeypatch.setattr(db, "POOL_TIMEOUT", 0.01)
        database = Database(settings)
        async with database.transaction() as session:
            await session.connection()
            with pytest.raises(DatabaseBusy):
                await add(database, "never")
            session.add(AuditEvent(action="kept"))
        await add(database, "after")
        assert read() == ["kept", "after"]
        await database.dispose()

    async def test_in_order(self, database: Database, read: Callable[[], list[str]]) -> None:
        names = [str(number) for number in range(40)]
        async with database.transaction() as session:
            await session.connection()
            waiting = [asyncio.create_task(add(database, name)) for name in names]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert read() == names

    async def test_whoever_wants_no_transaction_gets_none(
        self, database: Database, writer: SharedWriter, read: Callable[[], list[str]]
    ) -> None:
        seen: list[tuple[bool, int]] = []

        async def alone() -> None:
            async with writer.alone() as line:
                seen.append((line.raw.in_transaction, len(read())))
                await asyncio.sleep(0)
                assert not line.raw.in_transaction

        await together(writer, add(database, "a"), add(database, "b"), alone(), add(database, "c"))
        assert seen == [(False, 2)]
        assert read() == ["a", "b", "c"]

    async def test_a_file_that_does_not_open_holds_nobody_up(
        self, database: Database, writer: SharedWriter, tmp_path: Path
    ) -> None:
        aside = tmp_path / "aside"
        (tmp_path / "portfolio.db").rename(aside)
        (tmp_path / "portfolio.db").mkdir()
        for _ in range(2):
            with pytest.raises((OperationalError, sqlite3.OperationalError)):
                await add(database, "never")
        (tmp_path / "portfolio.db").rmdir()
        aside.rename(tmp_path / "portfolio.db")
        await add(database, "kept")
        assert not writer.line.raw.in_transaction


class TestCancelled:
    @pytest.mark.parametrize("steps", [*range(0, 40, 2), 60, 100])
    async def test_anywhere(
        self, database: Database, read: Callable[[], list[str]], writer: SharedWriter, steps: int
    ) -> None:
        """Others' work is kept, and the next gets their turn."""
        await add(database, "first")
        tasks = [asyncio.create_task(add(database, str(number))) for number in range(TOGETHER)]
        for _ in range(steps):
            await asyncio.sleep(0)
        tasks[steps % TOGETHER].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        told = {str(number) for number, outcome in enumerate(found) if outcome is None}
        assert len(told) >= TOGETHER - 1
        await add(database, "last")
        assert told <= set(read())
        assert not writer.line.raw.in_transaction

    async def test_and_failing_at_random(
        self, database: Database, read: Callable[[], list[str]], writer: SharedWriter
    ) -> None:
        """Whoever was told that it is kept finds it; whoever failed finds nothing."""
        chance = random.Random(20261127)  # noqa: S311  (the same each time)
        tasks: dict[str, asyncio.Task[None]] = {}
        for number in range(500):
            fails = chance.random() < 0.2
            tasks[str(number)] = asyncio.create_task(add(database, str(number), fails=fails))
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            waiting = [task for task in tasks.values() if not task.done()]
            if waiting and chance.random() < 0.3:
                chance.choice(waiting).cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        there = read()
        assert len(set(there)) == len(there)
        cancelled = {name for name, task in tasks.items() if task.cancelled()}
        kept = {
            name for name, task in tasks.items() if name not in cancelled and not task.exception()
        }
        assert len(kept) > 100
        assert len(cancelled) > 3
        assert kept <= set(there) <= kept | cancelled
        assert not writer.line.raw.in_transaction
        await add(database, "last")
        assert read()[-1] == "last"
