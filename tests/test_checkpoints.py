"""Moving SQLite's log beside a writer who goes on writing: nothing is lost, and nobody waits."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from app import checkpoints
from app.config import Settings
from app.db import Database
from app.exact import ExactReader, LogState
from app.lines import Line
from app.models import AuditEvent
from tests.conftest import make_settings
from tests.databases import copy_instance

LONG_TEXT = "x" * 3000


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    copy_instance(sqlite_template, tmp_path)
    return make_settings(tmp_path)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.dispose()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some pages be as many as hundreds are."""
    monkeypatch.setattr(checkpoints, "LOOK_EVERY", 0)
    monkeypatch.setattr(checkpoints, "MANY", 20)
    monkeypatch.setattr(checkpoints, "FEW", 10)


async def add(database: Database, count: int = 1) -> None:
    for _ in range(count):
        async with database.transaction() as session:
            session.add(AuditEvent(action=LONG_TEXT))


def state(database: Database) -> LogState:
    reader = database._exact  # noqa: SLF001  (what tells how long the log is)
    assert reader is not None
    return reader.log_state()


def count_in_file_alone(folder: Path) -> int:
    """Return how many events the database file holds without its log."""
    copy = shutil.copy(folder / "portfolio.db", folder / "copy.db")
    with closing(sqlite3.connect(copy)) as connection:
        found: int = connection.execute("SELECT count(*) FROM audit_event").fetchone()[0]
        return found


@pytest.fixture
def moving(database: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, ...]:
    """Hold up what moves the log beside the writer: it says that it began, and waits until told."""
    begun, may_go_on = asyncio.Event(), asyncio.Event()
    own = database._checkpoints  # noqa: SLF001  (which of all connections it is)
    execute = Line.execute

    async def wait(line: Line, sql: str) -> None:
        if own is not None and line is own._line:  # noqa: SLF001
            begun.set()
            await asyncio.wait_for(may_go_on.wait(), 20)
        await execute(line, sql)

    monkeypatch.setattr(Line, "execute", wait)
    return begun, may_go_on


class TestState:
    async def test_counts_pages(self, database: Database, settings: Settings) -> None:
        await add(database, 10)
        before = state(database)
        assert before.moved == 0
        assert before.left == before.in_all > 10
        path = settings.sqlite_path
        assert path is not None
        log = path.with_name("portfolio.db-wal").stat().st_size
        assert before.in_all == (log - 32) // (4096 + 24)
        await database.checkpoint()
        assert state(database).left == 0

    async def test_of_what_nobody_has_opened(self, settings: Settings) -> None:
        path = settings.sqlite_path
        assert path is not None
        reader = ExactReader(path)
        assert reader.log_state() == LogState(0, 0)
        reader.close()


class TestBeside:
    async def test_nobody_waits_for_it(
        self, database: Database, moving: tuple[asyncio.Event, ...], tmp_path: Path
    ) -> None:
        await add(database, 10)
        begun, may_go_on = moving
        running = asyncio.create_task(database.checkpoint())
        await asyncio.wait_for(begun.wait(), 20)
        await add(database, 3)
        assert count_in_file_alone(tmp_path) == 0
        assert not running.done()
        may_go_on.set()
        await running
        assert count_in_file_alone(tmp_path) == 13
        assert await database.read_row("SELECT count(*) FROM audit_event") == (13,)

    async def test_the_log_does_not_begin_anew_meanwhile(
        self, database: Database, moving: tuple[asyncio.Event, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the bug of older releases of SQLite needs does not come about."""
        monkeypatch.setattr(checkpoints, "LONG", 0)
        await add(database, 10)
        before = state(database).in_all
        begun, may_go_on = moving
        running = asyncio.create_task(database.checkpoint())
        await asyncio.wait_for(begun.wait(), 20)
        # All of it is moved by another connection: now any commit would begin it anew.
        with closing(sqlite3.connect(database._path or "")) as other:  # noqa: SLF001
            other.execute("PRAGMA wal_checkpoint(PASSIVE)")
            assert state(database).left == 0
            await add(database)
            assert state(database).in_all > before
        may_go_on.set()
        await running
        await add(database)
        assert state(database).in_all < before

    async def test_gives_up_what_a_reader_holds_up(
        self, database: Database, settings: Settings
    ) -> None:
        await add(database, 3)
        at_first = state(database).in_all
        assert settings.sqlite_path is not None
        reader = ExactReader(settings.sqlite_path)
        reader.begin()
        assert reader.read_row("SELECT count(*) FROM audit_event", {}) == (3,)
        await add(database, 20)
        await database.checkpoint()
        assert state(database).moved == at_first
        assert state(database).left > checkpoints.FEW
        reader.end()
        await database.checkpoint()
        assert state(database).left <= checkpoints.FEW
        reader.close()

    async def test_is_done_at_once_where_little_is_left(
        self, database: Database, tmp_path: Path, moving: tuple[asyncio.Event, ...]
    ) -> None:
        await add(database)
        await database.checkpoint()
        assert count_in_file_alone(tmp_path) == 1
        assert not moving[0].is_set()


class TestForever:
    async def test_the_log_begins_anew_while_all_write(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checkpoints, "LONG", 60)
        forever = asyncio.create_task(database.checkpoint_forever())
        written, longest = 0, 0
        # Some pages for each event: the log does not become longer with all of them.
        while state(database).in_all >= longest:
            longest = state(database).in_all
            await asyncio.gather(*(add(database) for _ in range(5)))
            written += 5
            assert written < 2000
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        count = await database.read_row("SELECT count(*) FROM audit_event")
        assert count == (written,)

    async def test_looks_less_often_while_a_reader_is_in_the_way(
        self, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add(database)
        assert settings.sqlite_path is not None
        reader = ExactReader(settings.sqlite_path)
        reader.begin()
        reader.read_row("SELECT count(*) FROM audit_event", {})
        await add(database, 20)
        own, tried = database._checkpoints, asyncio.Event()  # noqa: SLF001  (what is counted)
        assert own is not None
        run, tries = own.run, 0

        async def count() -> bool:
            nonlocal tries
            tries += 1
            is_held_up = await run()
            tried.set()
            return is_held_up

        monkeypatch.setattr(own, "run", count)
        forever = asyncio.create_task(database.checkpoint_forever())
        await asyncio.wait_for(tried.wait(), 20)
        for _ in range(3000):
            await asyncio.sleep(0)
        assert tries == 1
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        reader.close()
