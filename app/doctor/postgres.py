"""Whether PostgreSQL has room for the connections of this server, and takes writes."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.config import Settings
from app.doctor.findings import Finding, Verdict
from app.engines import make_engine
from app.shared_reads import CONNECTIONS

_HEADING, _NAME = "PostgreSQL", "connections"
_LOOK = """
SELECT current_setting('server_version'),
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int,
       pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"""


@dataclass(frozen=True, slots=True)
class _Server:
    version: str
    room: int
    is_read_only: bool


def examine_connections(settings: Settings) -> list[Finding]:
    """Say for how many processes there is room, and whether it can be written to."""
    try:
        server = asyncio.run(_look(settings))
    except (SQLAlchemyError, OSError):
        return [Finding(_HEADING, _NAME, "cannot be counted", Verdict.NOTE, "Look at its log.")]
    needed = settings.database_connections + CONNECTIONS
    processes = server.room // needed
    is_enough = processes >= settings.workers
    most = max(1, server.room // settings.workers - CONNECTIONS)
    advice = (
        f"Set DATABASE_CONNECTIONS to {most} or less, or raise max_connections in PostgreSQL; "
        "backups and commands need some too."
    )
    room = Finding(
        _HEADING,
        _NAME,
        f"{needed} for each process, of {server.room}: {processes} fit",
        Verdict.FINE if is_enough else Verdict.BAD,
        "" if is_enough else advice,
    )
    found = [Finding(_HEADING, "version", server.version), room]
    if server.is_read_only:
        advice = "It is a standby, or was told to take no writes. Lead DATABASE_URL to the primary."
        found.append(Finding(_HEADING, "writes", "are refused", Verdict.BAD, advice))
    return found


async def _look(settings: Settings) -> _Server:
    engine = make_engine(settings, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return _Server(*(await connection.execute(text(_LOOK))).one())
    finally:
        await engine.dispose()
