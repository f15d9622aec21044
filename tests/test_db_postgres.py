"""What PostgreSQL does to a transaction: it ends its connection, a statement, or one of two.

What its going away does to a server under load is in server/test_outages.py.
"""

import asyncio

import pytest
from sqlalchemy import text
from sqlmodel import func, select

from app.db import Database
from app.errors import DatabaseBusy, OutcomeUnknown
from app.models import AuditEvent
from app.plain_statements import PlainStatement
from app.resources import Resources
from app.transactions import at_the_end

pytestmark = pytest.mark.parametrize("engine", ["postgresql"])

PROCESS = text("SELECT pg_backend_pid()")


@pytest.fixture
def database(resources: Resources) -> Database:
    return resources.database


async def run(database: Database, statement: str) -> None:
    async with database.transaction() as session:
        await (await session.connection()).execute(text(statement))


async def actions(database: Database) -> list[str]:
    async with database.transaction(read_only=True) as session:
        return list((await session.exec(select(AuditEvent.action))).all())


async def test_lost_during_a_commit(database: Database) -> None:
    """Nobody knows then whether it took place."""
    process = 0

    async def cut() -> None:
        await run(database, f"SELECT pg_terminate_backend({process})")

    async def write() -> None:
        nonlocal process
        async with database.transaction() as session:
            process = (await (await session.connection()).execute(PROCESS)).scalar_one()
            session.add(AuditEvent(action="lost"))
            await session.flush()
            at_the_end(session, cut)

    with pytest.raises(OutcomeUnknown):
        await write()
    assert await actions(database) == []


async def test_lost_while_reading(database: Database, elsewhere: Database) -> None:

    async def read() -> None:
        async with database.transaction(read_only=True) as session:
            process = (await (await session.connection()).execute(PROCESS)).scalar_one()
            await run(elsewhere, f"SELECT pg_terminate_backend({process})")

    with pytest.raises(DatabaseBusy) as raised:
        await read()
    assert type(raised.value) is DatabaseBusy


async def test_two_that_wait_for_each_other(database: Database) -> None:
    """One of them is told to come again; the other goes on."""
    await run(
        database,
        "INSERT INTO section (abbreviation, abbreviation_folded, name, created_at)"
        " VALUES ('A', 'a', 'A', now()), ('B', 'b', 'B', now())",
    )
    both = asyncio.Barrier(2)

    async def change(*names: str) -> None:
        async with database.transaction() as session:
            connection = await session.connection()
            for name in names:
                await connection.execute(
                    text("UPDATE section SET name = name || 'x' WHERE abbreviation = :name"),
                    {"name": name},
                )
                if name == names[0]:
                    await both.wait()

    ended = await asyncio.gather(change("A", "B"), change("B", "A"), return_exceptions=True)
    assert {type(end) for end in ended} == {DatabaseBusy, type(None)}
    await database.dispose()


@pytest.mark.parametrize("settings_changes", [{"database_lock_seconds": 0.05}])
async def test_a_lock_that_is_not_given_back(database: Database, elsewhere: Database) -> None:
    async with elsewhere.transaction() as session:
        await (await session.connection()).execute(text("SELECT * FROM audit_head FOR UPDATE"))
        with pytest.raises(DatabaseBusy):
            await run(database, "SELECT * FROM audit_head FOR UPDATE")


@pytest.mark.parametrize("settings_changes", [{"database_statement_seconds": 0.05}])
async def test_a_statement_that_takes_too_long(database: Database) -> None:
    with pytest.raises(DatabaseBusy):
        await run(database, "SELECT pg_sleep(10)")
    assert await actions(database) == []


@pytest.mark.parametrize("settings_changes", [{"database_idle_seconds": 0.05}])
async def test_whoever_reads_a_long_list_may_take_long(database: Database) -> None:
    idle = PlainStatement(select(func.current_setting("idle_in_transaction_session_timeout")))
    async with database.snapshot() as read_rows:
        assert [row[0] for row in await read_rows(idle)] == ["0"]
    assert [row[0] for row in await database.read_rows(idle)] == ["50ms"]


async def test_writes_that_are_refused_lead_to_another_connection(database: Database) -> None:
    """That was the primary until now. What may only read is refused for another reason."""
    async with database.transaction() as session:
        connection = await session.connection()
        before = (await connection.execute(PROCESS)).scalar_one()

    async def write() -> None:
        async with database.transaction() as session:
            connection = await session.connection()
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            await connection.execute(text("DELETE FROM section"))

    with pytest.raises(DatabaseBusy):
        await write()
    async with database.transaction() as session:
        connection = await session.connection()
        assert (await connection.execute(PROCESS)).scalar_one() != before
