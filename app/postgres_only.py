"""What only PostgreSQL understands and lasts beyond a statement: here and nowhere else.

Locks of whole tables, settings of a transaction, counters of ids. All of it ends with its
transaction and nothing of it belongs to a session, so that connections may be shared on the way
(PgBouncer by transactions) and the server may be several; docs/postgresql.md says what each of them
asks of a server. On SQLite these do nothing.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Any number will do that nobody else takes: "portfoli" in ASCII.
MIGRATING = int.from_bytes(b"portfoli", "big")


def is_postgres(connection: AsyncConnection | Connection) -> bool:
    return connection.dialect.name == "postgresql"


def wait_to_migrate(connection: Connection) -> None:
    """Let one server at a time migrate: wait for another's transaction, hold off others with ours.

    SQLite's writers wait for one another anyway. A database that takes such a lock for nothing
    loses the order in which two servers migrate that start at the same moment.
    """
    if is_postgres(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})


async def wait_for_reader(connection: AsyncConnection) -> None:
    """Let a transaction do nothing for as long as whoever reads what it found takes."""
    if is_postgres(connection):
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


async def count_others(connection: AsyncConnection) -> int:
    """Return how many other connections to the same database there are. SQLite cannot tell."""
    if not is_postgres(connection):
        return 0
    query = (
        select(func.count())
        .select_from(text("pg_stat_activity"))
        .where(
            text("datname = current_database() AND backend_type = 'client backend'"),
            text("pid <> pg_backend_pid()"),
        )
    )
    return (await connection.execute(query)).scalar_one()


async def take_time(connection: AsyncConnection) -> None:
    """Let a transaction of a command take as long as its statements and locks need."""
    if is_postgres(connection):
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            await connection.execute(text(f"SET LOCAL {name} = 0"))


async def keep_writers_off(connection: AsyncConnection, names: Iterable[str]) -> None:
    """Let nobody else write to tables until the transaction ends; who reads goes on."""
    if is_postgres(connection):
        tables = ", ".join(f'"{name}"' for name in names)
        await connection.execute(text(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE"))


async def look_up_by_index(connection: AsyncConnection) -> None:
    """Have a transaction look for rows by their keys, in tables that are just being filled.

    The plans are made for the tables as they were when they were last counted, perhaps empty.
    """
    if is_postgres(connection):
        await connection.execute(text("SET LOCAL enable_seqscan = off"))


async def count_on(connection: AsyncConnection, table: Table) -> None:
    """Let the next id of a table be above its highest. SQLite looks at the rows by itself."""
    if not is_postgres(connection):
        return
    highest = select(func.coalesce(func.max(table.c.id), 0)).scalar_subquery()
    counter = func.pg_get_serial_sequence(f'"{table.name}"', "id")
    await connection.execute(select(func.setval(counter, func.greatest(highest, 1), highest > 0)))
