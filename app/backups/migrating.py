"""The backup before a migration. The trail tells of it once the database has the shape for it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.backups import Reason
from app.backups.making import Order, make_backup, note
from app.backups.postgres import NO_PROGRAM, has_program
from app.config import Settings
from app.db import Database
from app.models import utc_now
from app.principals import OPERATOR
from app.progress import Terminal


@contextmanager
def backed_up(settings: Settings, report: Callable[[str], None]) -> Iterator[None]:
    """Make a backup, let the migration run, and note the backup. Not inside an event loop.

    Raises:
        CannotBackUp: it could not be made.
    """
    if settings.sqlite_path is None and not has_program():
        report(f"No backup before the migration: {NO_PROGRAM}")
        yield
        return
    order = Order(settings=settings, reason=Reason.MIGRATION, now=utc_now(), stages=Terminal())
    made = make_backup(order)
    report(f"Made a backup before the migration: {made}")
    yield
    asyncio.run(_note(settings, made))


async def _note(settings: Settings, made: Path) -> None:
    database = Database(settings)
    try:
        async with database.transaction() as session:
            note(session, OPERATOR, made, with_keys=False)
    finally:
        await database.dispose()
