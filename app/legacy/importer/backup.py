"""A copy of our own database from before an import, whole and private."""

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

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
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        # SQLite's own way: what is in the write-ahead log is in the copy.
        with (
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as ours,
            closing(sqlite3.connect(target)) as copy,
        ):
            ours.backup(copy)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            target.unlink()
        raise CannotImport(
            f"The backup before the import could not be made in {folder}: nothing was changed."
        ) from error
    return target
