"""The backups in the folder: when they were made, as their names say, and which are to go.

Only what the server made by itself is ever removed, and never the newest of them.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.backups import Reason
from app.config import Settings

_NAME = re.compile(r"([a-z-]+)-(\d{8}-\d{6})-[0-9a-f]{4}\.tar")


def list_backups(folder: Path, *reasons: Reason) -> list[tuple[datetime, Path]]:
    """Return moment and file of the backups that were made for these reasons, the newest first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        name = _NAME.fullmatch(path.name)
        if name is not None and name[1] in reasons:
            moment = datetime.strptime(name[2], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
            found.append((moment, path))
    return sorted(found, reverse=True)


def is_due(settings: Settings, now: datetime) -> bool:
    """Whether the server should make a backup. What is from the future says nothing."""
    made = [moment for moment, _ in list_backups(settings.backups_dir, Reason.AUTOMATIC)]
    newest = max((moment for moment in made if moment <= now), default=None)
    return newest is None or now - newest >= timedelta(hours=settings.backup_every)


def remove_old(settings: Settings, now: datetime) -> list[Path]:
    """Remove those that are too many or too old; return them."""
    oldest = now - timedelta(days=settings.backup_days)
    removed = []
    made = list_backups(settings.backups_dir, Reason.AUTOMATIC)
    for place, (moment, path) in enumerate(made[1:], 1):
        if place >= settings.backups_kept or moment < oldest:
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed
