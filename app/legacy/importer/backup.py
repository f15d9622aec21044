"""A copy of our own database from before an import, whole and private."""

import secrets
import sqlite3
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from app.backups.sqlite import copy_database
from app.config import Settings
from app.legacy.importer.source import CannotImport


def back_up(settings: Settings, now: datetime) -> Path | None:
    """Copy the SQLite database into the folder of backups; None on PostgreSQL, which has pg_dump.

    Raises:
        CannotImport: there is no room for it, or no right to.
    """
    path, folder = settings.sqlite_path, settings.backups_dir
    if path is None:
        return None
    target = folder / f"before-import-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.db"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        copy_database(path, target, lambda _count: None)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            target.unlink()
        raise CannotImport(
            f"The backup before the import could not be made in {folder}: nothing was changed."
        ) from error
    return target
