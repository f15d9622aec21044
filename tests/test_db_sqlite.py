"""SQLite's own: pragmas, one writer, the exact read, and checkpoints that stand back."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import delete

from app import checkpoints, db, exact, lines
from app.config import Settings
from app.db import Database
from app.errors import DatabaseBusy
from app.locks import beside_a_server
from app.models import (
    AuditEvent,
    LinkPurpose,
    OneTimeLink,
    SessionKind,
    User,
    UserSession,
    utc_now,
)
from tests.conftest import make_settings
from tests.databases import copy_instance


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
def path(tmp_path: Path) -> Path:
    return tmp_path / "portfolio.db"


async def ask(database: Database, pragma: str, *, read_only: bool) -> object:
    async with database.transaction(read_only=read_only) as session:
        return (await (await session.connection()).execute(text(f"PRAGMA {pragma}"))).scalar()


async def add(database: Database, action: str = "x") -> None:
    async with database.transaction() as session:
        session.add(AuditEvent(action=action))


async def until(condition: Callable[[], bool]) -> None:
    """Give way to others until something holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("never came true")


def is_there(path: Path) -> bool:
    return path.exists()


def count_in_file_alone(path: Path, copy: Path) -> int:
    """Return how many events the database file holds without its write-ahead log."""
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        found: int = connection.execute("SELECT count(*) FROM audit_event").fetchone()[0]
        return found


class TestPragmas:
    @pytest.mark.parametrize("read_only", [True, False])
    @pytest.mark.parametrize(
        ("pragma", "value"),
        [
            ("journal_mode", "wal"),
            ("foreign_keys", 1),
            ("synchronous", 2),  # FULL
            ("wal_autocheckpoint", 0),
        ],
    )
    async def test_of_every_connection(
        self, database: Database, pragma: str, value: object, *, read_only: bool
    ) -> None:
        assert await ask(database, pragma, read_only=read_only) == value

    @pytest.mark.parametrize(("read_only", "value"), [(True, 1), (False, 0)])
    async def test_only_the_writer_writes(
        self, database: Database, value: int, *, read_only: bool
    ) -> None:
        assert await ask(database, "query_only", read_only=read_only) == value

    async def test_deleting_a_user_deletes_what_is_theirs(self, database: Database) -> None:
        async with database.transaction() as session:
            session.add(User(id=1, uid="ada", uid_folded="ada", name="Ada", name_folded="ada"))
            await session.flush()
            session.add(
                OneTimeLink(purpose=LinkPurpose.RESET, digest="d", user_id=1, expires_at=utc_now())
            )
        async with database.transaction() as session:
            await session.exec(delete(User))
        assert await database.read_row("SELECT * FROM one_time_link") is None


class TestOneWriter:
    async def test_other_programs_are_waited_for(self, database: Database, path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(add(database))
            for _ in range(10):
                await asyncio.sleep(0)
            assert not waiting.done()
            other.execute("COMMIT")
            await waiting
        assert await database.read_row("SELECT 1 FROM audit_event") == (1,)

    async def test_a_lock_that_stays_is_busy(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "PATIENCE_MS", 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseBusy):
                await add(database)
        await add(database)

    async def test_writes_on_after_a_commit_that_failed(self, database: Database) -> None:
        """SQLite keeps such a transaction open; here a foreign key that is checked at the end."""
        with pytest.raises(IntegrityError):
            await self._point_nowhere(database)
        await add(database)
        assert await database.read_row("SELECT count(*) FROM user_session") == (0,)
        assert await database.read_row("SELECT count(*) FROM audit_event") == (1,)

    @staticmethod
    async def _point_nowhere(database: Database) -> None:
        now = utc_now()
        orphan = UserSession(
            user_id=9, kind=SessionKind.COOKIE, auth_epoch=0, expires_at=now, ends_at=now
        )
        async with database.transaction() as session:
            await (await session.connection()).execute(text("PRAGMA defer_foreign_keys=ON"))
            session.add(orphan)
            await session.flush()


class TestExactRead:
    async def test_busy_when_another_program_locks_the_file(
        self, settings: Settings, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exact, "PATIENCE_MS", 1)
        database = Database(settings)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(DatabaseBusy):
                await database.read_row("SELECT * FROM audit_event")
        assert await database.read_row("SELECT * FROM audit_event") is None
        await database.dispose()

    async def test_missing_file_is_not_made(self, tmp_path: Path, path: Path) -> None:
        database = Database(make_settings(tmp_path))
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            await database.read_row("SELECT 1")
        await database.dispose()
        assert not is_there(path)

    async def test_folder_with_an_odd_name(self, tmp_path: Path, sqlite_template: Path) -> None:
        folder = tmp_path / "what?now#50%20é"
        folder.mkdir()
        shutil.copy(sqlite_template, folder / "portfolio.db")
        database = Database(make_settings(folder))
        await add(database)
        assert await database.read_row("SELECT action FROM audit_event") == ("x",)
        await database.dispose()


class TestCheckpoint:
    async def test_nothing_moves_by_itself(
        self, database: Database, path: Path, tmp_path: Path
    ) -> None:
        for _ in range(30):
            await add(database, "x" * 40)
        assert count_in_file_alone(path, tmp_path / "copy.db") == 0

    async def test_stands_back_while_a_command_holds_the_lock(
        self, settings: Settings, database: Database, path: Path, tmp_path: Path
    ) -> None:
        await add(database)
        with beside_a_server(settings):
            await database.checkpoint()
            assert count_in_file_alone(path, tmp_path / "copy.db") == 0
        await database.checkpoint()
        assert count_in_file_alone(path, tmp_path / "copy.db") == 1

    async def test_moves_the_log_into_the_file(
        self, database: Database, path: Path, tmp_path: Path
    ) -> None:
        await add(database)
        await database.checkpoint()
        assert count_in_file_alone(path, tmp_path / "copy.db") == 1
        await add(database)
        assert await database.read_row("SELECT count(*) FROM audit_event") == (2,)

    async def test_waits_for_the_writer(self, database: Database) -> None:
        async with database.transaction() as session:
            session.add(AuditEvent(action="x"))
            await session.flush()
            waiting = asyncio.create_task(database.checkpoint())
            for _ in range(10):
                await asyncio.sleep(0)
            assert not waiting.done()
        await waiting

    async def test_lets_go_of_the_lock(
        self, settings: Settings, database: Database, path: Path
    ) -> None:
        await database.checkpoint()
        with path.with_name("portfolio.db-lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        await database.checkpoint()
        with beside_a_server(settings), beside_a_server(settings):
            assert path.with_name("portfolio.db-lock").exists()

    async def test_runs_from_time_to_time_when_something_was_written(
        self, database: Database, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checkpoints, "LOOK_EVERY", 0)
        monkeypatch.setattr(checkpoints, "MOVE_EVERY", 0)
        forever = asyncio.create_task(database.checkpoint_forever())
        for written in (1, 2, 3):
            await add(database)
            await until(partial(self._moved, path, tmp_path, written))
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever

    async def test_goes_on_after_one_that_failed(
        self,
        settings: Settings,
        path: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Somebody holds the writer longer than a checkpoint waits for it."""
        monkeypatch.setattr(checkpoints, "LOOK_EVERY", 0)
        monkeypatch.setattr(checkpoints, "MOVE_EVERY", 0)
        monkeypatch.setattr(db, "POOL_TIMEOUT", 0.01)
        database = Database(settings)
        await add(database)
        forever = asyncio.create_task(database.checkpoint_forever())
        await asyncio.sleep(0)
        async with database.transaction() as session:
            await session.connection()
            os.utime(path.with_name("portfolio.db-wal"))
            await until(lambda: "The checkpoint failed" in caplog.text)
        await until(partial(self._moved, path, tmp_path, 1))
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        await database.dispose()

    @staticmethod
    def _moved(path: Path, folder: Path, count: int) -> bool:
        return count_in_file_alone(path, folder / "copy.db") == count

    async def test_postgresql_has_none(self, tmp_path: Path) -> None:
        database = Database(
            make_settings(tmp_path, database_url="postgresql://u@nowhere.invalid/d")
        )
        await database.checkpoint()
        await database.dispose()
