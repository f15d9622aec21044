"""Backups of an instance: made beside a running server, checked, kept, and put back.

`archive` is the file and what may be in it; `sqlite` copies and checks a database; `making` makes
one, `schedule` has the server make them, `keeping` finds and removes those; `restoring` puts one
back, and `switching` is the moment of it, which is whole or has not been, whenever the power fails.
docs/backups.md is for whoever runs a server.

What every start needs to know of them is here. The rest is loaded by whoever makes one or puts one
back.
"""

from enum import StrEnum
from pathlib import Path

from app.config import Settings


class Reason(StrEnum):
    """Why a backup is made: its name begins with it."""

    ASKED = "backup"
    AUTOMATIC = "auto"
    MIGRATION = "before-migration"


def stage_of(database: Path) -> Path:
    """Return where a restore prepares what is to come."""
    return database.with_name(f"{database.name}-restoring")


def is_unfinished(settings: Settings) -> bool:
    """Whether a restore was cut off."""
    return settings.sqlite_path is not None and stage_of(settings.sqlite_path).exists()
