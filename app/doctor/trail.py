"""The end of the audit trail: whether the head tells of the last event. All of it is `verify`'s."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.db import Database
from app.doctor.findings import Finding, Verdict
from app.errors import DatabaseBusy
from app.services.audit.checking import look_at_end

_HEADING, _NAME = "Database", "audit trail"


def examine_trail(settings: Settings) -> Finding:
    """Say how many events there are and whether they end as the head says."""
    try:
        count, is_whole = asyncio.run(_look(settings))
    except (OSError, ValueError, KeyError, TypeError):
        advice = "Restore audit-keys.json from a copy, or run `portfolio migrate`."
        return Finding(_HEADING, _NAME, "its key cannot be read", Verdict.BAD, advice)
    except (SQLAlchemyError, DatabaseBusy):
        return Finding(_HEADING, _NAME, "cannot be read", Verdict.BAD, "Look at the server's log.")
    if is_whole:
        return Finding(_HEADING, _NAME, f"{count} events, the last as the head says")
    advice = "Somebody changed it, or its key. Run `portfolio audit verify`."
    return Finding(_HEADING, _NAME, "does not end as its head says", Verdict.BAD, advice)


async def _look(settings: Settings) -> tuple[int, bool]:
    database = Database(settings)
    try:
        async with database.transaction(read_only=True) as session:
            return await look_at_end(session, keys=database.seal_keys)
    finally:
        await database.dispose()
