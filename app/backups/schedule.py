"""Backups that the server makes by itself, beside its work, as often as BACKUP_EVERY says.

A backup that fails is logged and tried again after an hour; it never ends the task. Another process
with the same folder is waited for by the lock of that folder.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from app.backups import Reason
from app.backups.keeping import is_due, remove_old
from app.backups.postgres import NO_PROGRAM, has_program
from app.backups.refusals import AnotherBackup
from app.models import utc_now
from app.principals import Actor
from app.progress import Advance
from app.resources import Resources

log = logging.getLogger("portfolio.backups")

LOOK_EVERY = 60.0
AGAIN_AFTER = timedelta(hours=1)
_SERVER = Actor(client_address="server")


class Stopped(Exception):
    """The server stops: what is not done is given up."""


class Quiet:
    """Shows nobody anything, and stops the work when it is told to."""

    def __init__(self) -> None:
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        self._is_stopped.set()

    @contextmanager
    def stage(self, _name: str, _total: int) -> Iterator[Advance]:
        yield self._advance

    def _advance(self, _count: int) -> None:
        if self._is_stopped.is_set():
            raise Stopped


async def back_up_forever(resources: Resources) -> None:
    """Make backups when they are due, until cancelled."""
    settings = resources.settings
    if not settings.backup_every:
        return
    if settings.sqlite_path is None and not has_program():
        log.warning("No backups are made", extra={"reason": NO_PROGRAM})
        return
    pause = LOOK_EVERY
    while True:
        await asyncio.sleep(pause)
        pause = LOOK_EVERY
        try:
            if is_due(settings, utc_now()):
                made = await back_up(resources)
                log.info("Made a backup", extra={"file": str(made)})
        except AnotherBackup:
            log.info("Another process makes a backup")
        except Exception:
            pause = AGAIN_AFTER.total_seconds()
            log.exception("The backup failed and is tried again in an hour")


async def back_up(resources: Resources) -> Path:
    """Make one in a thread, note it in the trail, and remove those that are too old.

    Raises:
        CannotBackUp: there is no room or no right.
        DatabaseBusy: it could not be noted; then there is none.
    """
    # Loaded by whoever makes one: it is a megabyte.
    from app.backups import making  # noqa: PLC0415

    quiet = Quiet()
    order = making.Order(
        settings=resources.settings, reason=Reason.AUTOMATIC, now=utc_now(), stages=quiet
    )
    job = asyncio.get_running_loop().run_in_executor(None, making.make_backup, order)
    try:
        made = await asyncio.shield(job)
    except asyncio.CancelledError:
        quiet.stop()
        with suppress(Exception):
            await job
        raise
    try:
        async with resources.database.transaction() as session:
            making.note(session, _SERVER, made, with_keys=False)
    except BaseException:
        made.unlink()
        raise
    remove_old(resources.settings, order.now)
    return made
