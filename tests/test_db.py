"""Transactions, on both engines: what is kept, what is undone, and what passes by itself.

What only SQLite has (one writer, checkpoints, pragmas) is in test_db_sqlite.py.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app import db
from app.config import Settings
from app.db import Database, violates
from app.engines import async_url
from app.errors import DatabaseBusy
from app.models import AuditEvent
from app.resources import Resources
from tests.conftest import make_settings
from tests.postgres import free_port


@pytest.fixture
def database(resources: Resources) -> Database:
    return resources.database


class Whatever(Exception):
    """Raised by a test inside a transaction."""


def event(action: str) -> AuditEvent:
    return AuditEvent(action=action)


async def actions(database: Database) -> list[str]:
    """Return what is stored, through another connection than the writer's."""
    async with database.transaction(read_only=True) as session:
        found = await session.exec(select(AuditEvent.action).order_by(AuditEvent.action))
        return list(found.all())


async def add(database: Database, *names: str, then: Exception | None = None) -> None:
    """Store events in one transaction, which ends with an exception if one is given."""
    async with database.transaction() as session:
        session.add_all([event(name) for name in names])
        await session.flush()
        if then is not None:
            raise then


async def run(database: Database, statement: str, *, read_only: bool = False) -> None:
    async with database.transaction(read_only=read_only) as session:
        await (await session.connection()).execute(text(statement))


class TestRaiseUndoes:
    @pytest.mark.parametrize("error", [Whatever(), KeyError("x"), DatabaseBusy()], ids=repr)
    async def test_whatever_is_raised(self, database: Database, error: Exception) -> None:
        with pytest.raises(type(error)) as raised:
            await add(database, "undone", then=error)
        assert raised.value is error
        assert await actions(database) == []

    async def test_cancelled_request(self, database: Database) -> None:
        flushed = asyncio.Event()

        async def never_ends() -> None:
            async with database.transaction() as session:
                session.add(event("undone"))
                await session.flush()
                flushed.set()
                await asyncio.Event().wait()

        request = asyncio.create_task(never_ends())
        await flushed.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await add(database, "kept")
        assert await actions(database) == ["kept"]

    async def test_failing_commit(self, database: Database) -> None:
        """What was not flushed before is refused at the end, and the caller hears of it."""
        async with database.transaction() as session:
            session.add(AuditEvent(id=1, action="first"))
        with pytest.raises(IntegrityError):
            async with database.transaction() as session:
                session.add_all([AuditEvent(id=2, action="b"), AuditEvent(id=1, action="twin")])
        assert await actions(database) == ["first"]

    async def test_connection_is_good_for_the_next(self, database: Database) -> None:
        for _ in range(20):
            with pytest.raises(Whatever):
                await add(database, "undone", then=Whatever())
        await add(database, "kept")
        assert await actions(database) == ["kept"]


class TestReturnKeeps:
    async def test_without_a_flush(self, database: Database) -> None:
        async with database.transaction() as session:
            session.add(event("kept"))
        assert await actions(database) == ["kept"]

    async def test_objects_stay_readable(self, database: Database) -> None:
        """Or every answer built from a row after its commit would need another query."""
        made = event("kept")
        async with database.transaction() as session:
            session.add(made)
        assert made.id is not None
        assert (made.action, made.detail) == ("kept", {})

    async def test_nothing_is_seen_before_the_end(self, database: Database) -> None:
        async with database.transaction() as session:
            session.add(event("later"))
            await session.flush()
            assert await actions(database) == []
        assert await actions(database) == ["later"]


class TestReadOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM audit_event",
            "UPDATE \"user\" SET role = 'admin'",
            "CREATE TABLE mine (id INTEGER)",
            "DROP TABLE one_time_link",
        ],
    )
    async def test_cannot_write(self, database: Database, statement: str) -> None:
        await add(database, "kept")
        with pytest.raises(DBAPIError):
            await run(database, statement, read_only=True)
        assert await actions(database) == ["kept"]

    async def test_cannot_write_through_the_session(self, database: Database) -> None:
        with pytest.raises(DBAPIError):
            async with database.transaction(read_only=True) as session:
                session.add(event("never"))
        assert await actions(database) == []

    async def test_is_no_trait_that_stays_on_the_connection(self, database: Database) -> None:
        for _ in range(12):
            await actions(database)
        await add(database, "kept")
        assert await actions(database) == ["kept"]

    async def test_sees_one_moment(self, database: Database, engine: str) -> None:
        """On SQLite a whole session, on PostgreSQL each statement (READ COMMITTED)."""
        async with database.transaction(read_only=True) as session:
            before = await self._count(session)
            await add(database, "meanwhile")
            assert await self._count(session) == before + (engine == "postgresql")

    @staticmethod
    async def _count(session: AsyncSession) -> int:
        return (await session.exec(select(func.count(col(AuditEvent.id))))).one()


class TestWriters:
    async def test_fifty_at_once_all_get_their_turn(self, database: Database) -> None:
        names = [f"{number:02}" for number in range(50)]
        await asyncio.gather(*(add(database, name) for name in names))
        assert await actions(database) == names

    async def test_readers_do_not_wait_for_a_writer(self, database: Database) -> None:
        async with database.transaction() as session:
            session.add(event("later"))
            await session.flush()
            seen = await asyncio.gather(*(actions(database) for _ in range(8)))
        assert seen == [[]] * 8


class TestReadRow:
    FIND = "SELECT action, client_address FROM audit_event WHERE action = :action"

    async def test_nothing_found(self, database: Database) -> None:
        assert await database.read_row(self.FIND, action="nothing") is None

    async def test_sees_a_commit_at_once(self, database: Database) -> None:
        for action in ("a", "b", "c", "d"):
            assert await database.read_row(self.FIND, action=action) is None
            await add(database, action)
            row = await database.read_row(self.FIND, action=action)
            assert row is not None
            assert tuple(row) == (action, "")

    async def test_does_not_see_what_is_not_kept(self, database: Database) -> None:
        async with database.transaction() as session:
            session.add(event("later"))
            await session.flush()
            assert await database.read_row(self.FIND, action="later") is None

    async def test_values_are_never_part_of_the_statement(self, database: Database) -> None:
        await add(database, "a")
        assert await database.read_row(self.FIND, action="' OR '1'='1") is None

    async def test_cannot_write(self, database: Database, engine: str) -> None:
        await add(database, "kept")
        kind: Any = DBAPIError if engine == "postgresql" else Exception
        with pytest.raises(kind, match="read"):
            await database.read_row("DELETE FROM audit_event RETURNING id")
        assert await actions(database) == ["kept"]

    async def test_a_wrong_statement_is_no_passing_trouble(self, database: Database) -> None:
        with pytest.raises(Exception, match="nonsense") as raised:
            await database.read_row("SELECT nonsense FROM audit_event")
        assert not isinstance(raised.value, DatabaseBusy)


class TestPassingTrouble:
    async def test_no_connection_in_time(
        self, settings: Settings, engine: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db, "POOL_TIMEOUT", 0.01)
        database = Database(settings)
        async with AsyncExitStack() as held:
            for _ in range(1 if engine == "sqlite" else 20):
                session = await held.enter_async_context(database.transaction())
                await session.connection()
            with pytest.raises(DatabaseBusy):
                await add(database, "never")
        await add(database, "kept")
        assert await actions(database) == ["kept"]
        await database.dispose()

    async def test_ping_answers(self, database: Database) -> None:
        await database.ping()

    async def test_works_again_after_dispose(self, database: Database) -> None:
        await database.dispose()
        assert await database.read_row("SELECT 1") is not None
        await add(database, "kept")
        await database.dispose()
        assert await actions(database) == ["kept"]

    async def test_wrong_statements_are_no_passing_trouble(self, database: Database) -> None:
        with pytest.raises(DBAPIError, match="nonsense"):
            await run(database, "SELECT nonsense")


@pytest.mark.process
class TestPostgreSQLOutOfReach:
    @pytest.mark.parametrize("host", ["127.0.0.1", "[fe80::1%nowhere]"])
    async def test_is_busy(self, tmp_path: Path, host: str) -> None:
        url = f"postgresql://portfolio@{host}:{free_port()}/x"
        database = Database(make_settings(tmp_path, database_url=url))
        for attempt in (database.ping(), database.read_row("SELECT 1"), add(database, "x")):
            with pytest.raises(DatabaseBusy):
                await attempt
        await database.dispose()

    async def test_too_many_connections(self, postgres_server: str, tmp_path: Path) -> None:
        """PostgreSQL itself refuses, and says so with a code of its own."""
        owner = Database(make_settings(tmp_path, database_url=f"{postgres_server}/postgres"))
        await run(owner, "CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
        url = f"{postgres_server.replace('portfolio@', 'crowd@')}/postgres"
        database = Database(make_settings(tmp_path, database_url=url))
        with pytest.raises(DatabaseBusy):
            await database.ping()
        await run(owner, "DROP ROLE crowd")
        await database.dispose()
        await owner.dispose()

    async def test_a_missing_database_does_not_pass_by_itself(
        self, postgres_server: str, tmp_path: Path
    ) -> None:
        url = f"{postgres_server}/nowhere"
        database = Database(make_settings(tmp_path, database_url=url))
        with pytest.raises(DBAPIError, match="does not exist"):
            await database.ping()
        await database.dispose()


class TestViolates:
    async def test_tells_which_constraint(self, database: Database) -> None:
        statement = (
            'INSERT INTO "user" (public_id, uid, uid_folded, name, name_folded, role, is_active, '
            "auth_epoch, created_at, updated_at) VALUES (:id, 'a', 'a', 'a', 'a', 'user', "
            "true, 0, '2026-01-01', '2026-01-01')"
        )
        await run(database, statement.replace(":id", "'one'"))
        with pytest.raises(IntegrityError) as twin:
            await run(database, statement.replace(":id", "'two'"))
        assert violates(twin.value, "user", "uid_folded")
        assert not violates(twin.value, "user", "public_id")
        assert not violates(twin.value, "user_session", "uid_folded")


class TestAddress:
    @pytest.mark.parametrize(
        ("given", "used"),
        [
            ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
            ("postgresql://u:p%40ss@h:5/d", "postgresql+asyncpg://u:p%40ss@h:5/d"),
            ("postgresql://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?sslmode=require"),
            (
                "postgresql://u:p@one:1,two/d?sslmode=require",
                "postgresql+asyncpg://u:p@/d?host=one%2Ctwo&port=1%2C5432&sslmode=require",
            ),
            (
                "postgresql://[::1]:1,two:2/d",
                "postgresql+asyncpg:///d?host=%3A%3A1%2Ctwo&port=1%2C2",
            ),
            ("sqlite:////a/b?c", "sqlite+portfolio:////a/b"),
        ],
    )
    def test_names_the_async_driver(self, tmp_path: Path, given: str, used: str) -> None:
        settings = make_settings(tmp_path, database_url=given.partition("?c")[0])
        assert async_url(settings).render_as_string(hide_password=False) == used

    def test_nothing_in_a_folder_name_is_taken_for_more(self, tmp_path: Path) -> None:
        folder = tmp_path / "what?now#50%@:&é"
        assert async_url(make_settings(folder)).database == str(folder / "portfolio.db")
