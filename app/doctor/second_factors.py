"""Second factors whose key is gone: nobody who has one gets in with a code of it."""

import asyncio
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.codes import CodeKeys
from app.config import Settings
from app.db import Database
from app.doctor.findings import Finding, Verdict
from app.errors import DatabaseBusy
from app.resources import load_key_ring
from app.services import second_factors

_HEADING, _NAME = "Database", "second factors"
_NAMED = 5


def examine_second_factors(settings: Settings) -> Finding:
    """Say how many there are, and who is kept out because the key of theirs is gone."""
    try:
        codes = CodeKeys(load_key_ring(settings))
        count, stranded = asyncio.run(_look(settings, codes))
    except (OSError, ValueError, KeyError, TypeError):
        advice = "Restore keys.json from a copy: codes hold by its keys alone."
        return Finding(_HEADING, _NAME, "their keys cannot be read", Verdict.BAD, advice)
    except (SQLAlchemyError, DatabaseBusy):
        return Finding(_HEADING, _NAME, "cannot be read", Verdict.BAD, "Look at the server's log.")
    if not stranded:
        return Finding(_HEADING, _NAME, str(count) if count else "none")
    names = ", ".join(stranded[:_NAMED]) + (" …" if len(stranded) > _NAMED else "")
    advice = (
        "Restore the keys.json that they were made with, or run `portfolio users "
        f"remove-second-factor` for each: {names}."
    )
    value = f"{count}, of which {len(stranded)} without their key"
    return Finding(_HEADING, _NAME, value, Verdict.BAD, advice)


async def _look(settings: Settings, codes: CodeKeys) -> tuple[int, Sequence[str]]:
    database = Database(settings)
    try:
        async with database.transaction(read_only=True) as session:
            count = await second_factors.count_factors(session)
            return count, await second_factors.list_stranded(session, codes=codes)
    finally:
        await database.dispose()
