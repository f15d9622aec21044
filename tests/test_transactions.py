"""Plain statements and the ORM in one transaction, on both engines, whichever comes first."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import delete
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import Database
from app.models import AuditEvent, Role, User
from app.models.columns import table_of
from app.plain_statements import PlainStatement
from app.resources import Resources
from app.services.adding import add_row
from app.transactions import run
from tests.services.rows import make_user, reload, store

EVENTS = table_of(AuditEvent)
ACTIONS = PlainStatement(select(EVENTS.c.action).order_by(EVENTS.c.id).limit(100))
ONE = PlainStatement(select(EVENTS.c.id).where(EVENTS.c.action == bindparam("action")))
USERS = table_of(User)
FORGET = PlainStatement(delete(USERS).where(USERS.c.uid == bindparam("uid")))


@pytest.fixture
def database(resources: Resources) -> Database:
    return resources.database


async def plainly(session: AsyncSession, action: str) -> None:
    await add_row(session, table=AuditEvent, action=action)


async def by_orm(session: AsyncSession, action: str) -> None:
    session.add(AuditEvent(action=action))
    await session.flush()


async def actions(database: Database) -> list[str]:
    return [row[0] for row in await database.read_rows(ACTIONS)]


Way = Callable[[AsyncSession, str], Awaitable[None]]
ORDERS = pytest.mark.parametrize(
    "ways",
    [
        (plainly, plainly, plainly),
        (plainly, by_orm, plainly),
        (by_orm, plainly, by_orm),
        (by_orm, by_orm, plainly),
    ],
)


class TestOneTransaction:
    @ORDERS
    async def test_is_kept_as_a_whole(self, database: Database, ways: tuple[Way, ...]) -> None:
        async with database.transaction() as session:
            for number, way in enumerate(ways):
                await way(session, str(number))
            assert [row[0] for row in await run(session, ACTIONS)] == ["0", "1", "2"]
            assert await actions(database) == []
        assert await actions(database) == ["0", "1", "2"]

    @ORDERS
    async def test_is_undone_as_a_whole(self, database: Database, ways: tuple[Way, ...]) -> None:
        async def fail() -> None:
            async with database.transaction() as session:
                for number, way in enumerate(ways):
                    await way(session, str(number))
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert await actions(database) == []
        async with database.transaction() as session:
            await plainly(session, "next")
        assert await actions(database) == ["next"]

    @ORDERS
    async def test_is_undone_when_cancelled(
        self, database: Database, ways: tuple[Way, ...]
    ) -> None:
        reached = asyncio.Event()

        async def wait() -> None:
            async with database.transaction() as session:
                for number, way in enumerate(ways):
                    await way(session, str(number))
                reached.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(wait())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.transaction() as session:
            await plainly(session, "next")
        assert await actions(database) == ["next"]

    async def test_begins_with_its_first_statement(self, database: Database) -> None:
        async with database.transaction() as outer:
            async with database.transaction() as inner:
                await plainly(inner, "inner")
            await plainly(outer, "outer")
        assert await actions(database) == ["inner", "outer"]

    async def test_what_the_orm_has_not_written_fails_and_undoes_the_rest(
        self, database: Database
    ) -> None:
        await store_event(database, AuditEvent(id=7, action="there"))

        async def fail() -> None:
            async with database.transaction() as session:
                await plainly(session, "undone")
                session.add(AuditEvent(id=7, action="twin"))

        with pytest.raises(IntegrityError):
            await fail()
        assert await actions(database) == ["there"]
        async with database.transaction() as session:
            await plainly(session, "next")
        assert sorted(await actions(database)) == ["next", "there"]

    async def test_an_object_that_was_never_written_leaves_nothing_open(
        self, database: Database
    ) -> None:
        async def fail() -> None:
            async with database.transaction() as session:
                await plainly(session, "undone")
                session.add(AuditEvent(action="unwritten"))
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        async with database.transaction() as session:
            await plainly(session, "next")
        assert await actions(database) == ["next"]


async def store_event(database: Database, event: AuditEvent) -> None:
    async with database.transaction() as session:
        session.add(event)


class TestRun:
    async def test_a_broken_constraint_is_what_the_orm_makes_of_it(
        self, database: Database, resources: Resources
    ) -> None:
        there = await store(resources, make_user(email="ada@school.example", role=Role.TEACHER))
        twin = there.model_dump(exclude={"id", "public_id"})
        with pytest.raises(IntegrityError) as raised:
            async with database.transaction() as session:
                await add_row(session, table=User, **twin)
        # No value stands in a log.
        assert "school.example" not in str(raised.value)

    async def test_a_value_that_is_missing(self, database: Database) -> None:
        with pytest.raises(SQLAlchemyError):
            async with database.transaction() as session:
                await run(session, ONE)

    async def test_no_rows(self, database: Database, resources: Resources) -> None:
        there = await store(resources, make_user())
        async with database.transaction() as session:
            assert await run(session, FORGET, uid=there.uid) == []
            assert await run(session, ONE, action="x") == []
        assert await reload(resources, there) is None

    async def test_where_nothing_may_be_written(self, database: Database) -> None:
        await store_event(database, AuditEvent(id=7, action="there"))
        async with database.transaction(read_only=True) as session:
            assert [tuple(row) for row in await run(session, ONE, action="there")] == [(7,)]
        with pytest.raises(SQLAlchemyError):
            async with database.transaction(read_only=True) as session:
                await plainly(session, "never")
        assert await actions(database) == ["there"]


class TestAddRow:
    async def test_is_what_the_orm_reads(self, database: Database) -> None:
        async with database.transaction() as session:
            made = await add_row(
                session, table=AuditEvent, action="x", detail={"a": ["ä", None]}, subject="s"
            )
        async with database.transaction(read_only=True) as session:
            found = await session.get(AuditEvent, made.id)
        assert found is not None
        assert found.model_dump() == made.model_dump()
        assert (found.detail, found.subject, found.actor) == ({"a": ["ä", None]}, "s", None)

    async def test_is_nobodys_object(self, database: Database) -> None:
        async with database.transaction() as session:
            made = await add_row(session, table=AuditEvent, action="x")
            assert not list(session.new)
            assert not list(session.identity_map.values())
        assert await actions(database) == [made.action]
