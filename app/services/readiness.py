"""Whether this instance can do its work, and if not, what a person has to do.

Load balancers ask every few seconds, and anybody may: a reason names no address and no path. It is
about what can be mended while the server runs; what can only be wrong at a start, startup.py says.
"""

import asyncio
import os
import shutil
import time
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from app.config import ASSETS_DIR, Settings
from app.errors import DatabaseBusy, PicturesAway
from app.resources import Resources
from app.standing import find_revision, list_revisions

# Whoever asks gives up soon, and a database that takes this long is no help to anybody. Giving up a
# connection may take two seconds more.
PATIENCE_SECONDS = 2.0
# Below this SQLite and the pictures soon find no room.
LEAST_FREE_BYTES = 16 * 1024 * 1024
# For so long after a request found no room, nobody takes the disk for free: a quota, or the disk
# of a database elsewhere, shows itself in nothing else.
NO_ROOM_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What stands in the way: a word for programs, and a sentence for who can mend it."""

    code: str
    detail: str


NO_DATABASE = Hindrance(
    "database-out-of-reach",
    "The database does not answer. Start it, or set DATABASE_URL to where it is.",
)
MIGRATIONS_PENDING = Hindrance(
    "migrations-pending",
    "The database is older than this program. Run `portfolio migrate`, or start the server anew.",
)
NOT_WRITABLE = Hindrance(
    "instance-not-writable",
    "The instance folder cannot be written to. Give the server's user the right to.",
)
DISK_FULL = Hindrance(
    "disk-full",
    "The disk of the instance folder or of the database is full: what is there can be read, "
    "nothing can be stored. Make room on it.",
)
PICTURES_AWAY = Hindrance(
    "pictures-out-of-reach",
    "Pictures cannot be stored. Look whether the folder of UPLOADS_DIR is mounted, and may be "
    "written to by the server's user, or whether the store of UPLOADS_URL runs.",
)
STOPPING = Hindrance("stopping", "The server was told to stop. Ask another one.")
HINDRANCES = (NO_DATABASE, MIGRATIONS_PENDING, NOT_WRITABLE, DISK_FULL, PICTURES_AWAY, STOPPING)


async def find_hindrances(resources: Resources) -> list[Hindrance]:
    """Return everything that keeps this instance from its work, in the order of HINDRANCES."""
    found = [
        await _look_at_database(resources),
        await asyncio.to_thread(_look_at_disk, resources.settings),
    ]
    found_no_room = time.monotonic() - resources.metrics.no_room_at < NO_ROOM_SECONDS
    if found_no_room and DISK_FULL not in found:
        found.append(DISK_FULL)
    found.append(await _look_at_pictures(resources))
    if resources.stopping.has_begun:
        found.append(STOPPING)
    return [hindrance for hindrance in found if hindrance is not None]


def tell_limits(resources: Resources) -> Literal["local", "shared", "fallback"]:
    """Return where it is counted how often something is tried. None of these is a hindrance."""
    if resources.cache is None:
        return "local"
    return "shared" if resources.cache.is_up else "fallback"


async def _look_at_database(resources: Resources) -> Hindrance | None:
    try:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            resources.database.transaction(read_only=True) as session,
        ):
            revision = await (await session.connection()).run_sync(find_revision)
    except (DatabaseBusy, SQLAlchemyError, OSError):
        # Not logged: a driver's message may quote the address, password included.
        return NO_DATABASE
    known = _list_revisions()
    # A revision that is not known is newer than this program. That refuses to start with it, but
    # what runs already goes on: in a rolling update all old servers would be gone at once.
    return MIGRATIONS_PENDING if revision is None or revision in known[:-1] else None


async def _look_at_pictures(resources: Resources) -> Hindrance | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await resources.picture_store.check()
    except (PicturesAway, OSError):
        return PICTURES_AWAY
    return None


@cache
def _list_revisions() -> tuple[str, ...]:
    """Return the revisions that this program came with."""
    return list_revisions(ASSETS_DIR / "alembic" / "versions")


def _look_at_disk(settings: Settings) -> Hindrance | None:
    folders = {settings.instance_dir}
    if settings.sqlite_path is not None:
        folders.add(settings.sqlite_path.parent)
    if not all(os.access(folder, os.W_OK | os.X_OK) for folder in folders):
        return NOT_WRITABLE
    free = min(shutil.disk_usage(folder).free for folder in folders)
    return DISK_FULL if free < LEAST_FREE_BYTES else None
