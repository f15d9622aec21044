"""The moment at which a backup takes the place of what is there: one new name for one file.

What is to come is made in a folder beside the database, the stage. As long as the database is in
there, everything is as it was; once it has left for its place, everything is new. So whoever finds
a stage after a power cut knows which of the two to make whole, without a memory of what was done.
"""

import os
import shutil
import sqlite3
from contextlib import suppress
from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from app.backups import stage_of
from app.backups.archive import KEYS
from app.backups.pictures import list_pictures
from app.backups.refusals import CannotRestore
from app.backups.sqlite import fold
from app.config import Settings
from app.keys import KeyRing
from app.pictures.folder import sync_folder

STAGED = "database.db"
_PLAN = "plan.json"
_BESIDE = ("-wal", "-shm")


class Ending(Enum):
    """What became of a restore."""

    NOTHING = "only leftovers of it had to be removed"
    UNDONE = "all is as it was before"
    COMPLETED = "the backup is in place"


class Plan(BaseModel):
    """What belongs to the switch besides the database."""

    model_config = ConfigDict(frozen=True)

    # Where what was there before is kept.
    aside: Path
    # Files of pictures: of the backup, and those of them that were not here.
    pictures: frozenset[str]
    added: frozenset[str]
    with_keys: bool


def part_of(picture: str) -> str:
    """Return the name of a picture's file while it is written."""
    return f"{picture}.part"


def write_plan(stage: Path, plan: Plan) -> None:
    """Put the plan into the stage, before anything outside the stage is changed."""
    temporary = stage / f"{_PLAN}.new"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(plan.model_dump_json())
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(stage / _PLAN)
    sync_folder(stage)


def switch(database: Path, aside: Path) -> None:
    """Keep the present database aside, and put the staged one into its place.

    Raises:
        CannotRestore: another program has it open.
        OSError: the disk does not take it.
    """
    if database.exists():
        _keep_aside(database, aside)
    (stage_of(database) / STAGED).replace(database)
    sync_folder(database.absolute().parent)


def _keep_aside(database: Path, aside: Path) -> None:
    log = database.with_name(f"{database.name}-wal")
    if log.exists():
        _copy_name(log, aside / log.name)
    try:
        fold(database)
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise CannotRestore(f"Another program has {database} open. End it first.") from error
        # It is damaged, which may be why somebody restores. The log stays with it.
    else:
        (aside / log.name).unlink(missing_ok=True)
    _copy_name(database, aside / database.name)
    sync_folder(aside)
    # One that is not of the database beside it would be taken for its own.
    for suffix in _BESIDE:
        database.with_name(f"{database.name}{suffix}").unlink(missing_ok=True)


def _copy_name(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except OSError:
        # Another disk, or one that knows no second names.
        shutil.copy2(path, other)


def finish(settings: Settings) -> Ending:
    """Make the one state or the other whole. Call it while nobody else uses the database."""
    database = settings.sqlite_path
    if database is None or not stage_of(database).exists():
        return Ending.NOTHING
    # Without a plan nothing outside the stage was changed, or nothing is left to be.
    stage, ending = stage_of(database), Ending.NOTHING
    with suppress(FileNotFoundError):
        plan = Plan.model_validate_json((stage / _PLAN).read_text("utf-8"))
        if (stage / STAGED).exists():
            _undo(settings, database, plan)
            ending = Ending.UNDONE
        else:
            _complete(settings, plan, stage)
            ending = Ending.COMPLETED
        # Without it nothing more happens, however much of the stage is left.
        (stage / _PLAN).unlink()
        sync_folder(stage)
    shutil.rmtree(stage)
    return ending


def _undo(settings: Settings, database: Path, plan: Plan) -> None:
    log = plan.aside / f"{database.name}-wal"
    if log.exists():
        log.replace(database.with_name(log.name))
    for name in plan.added:
        for left in (name, part_of(name)):
            (settings.pictures_dir / left).unlink(missing_ok=True)
    if plan.aside.exists():
        shutil.rmtree(plan.aside)


def _complete(settings: Settings, plan: Plan, stage: Path) -> None:
    """Move everything else to where the database is already. What was moved before stays so."""
    if plan.with_keys:
        for name in KEYS:
            if (stage / name).exists():
                _replace_keys(settings.instance_dir / name, stage / name, plan.aside / name)
    strangers = [p for p in list_pictures(settings.pictures_dir) if p.name not in plan.pictures]
    if strangers:
        (plan.aside / "uploads").mkdir(mode=0o700, exist_ok=True)
    # Another server may use a folder that lies elsewhere: what is there stays, until the next start
    # finds that no row names it.
    put = shutil.copy2 if settings.are_pictures_elsewhere else shutil.move
    for picture in strangers:
        put(picture, plan.aside / "uploads" / picture.name)


def _replace_keys(present: Path, new: Path, kept: Path) -> None:
    if present.exists() and not kept.exists():
        shutil.copy2(present, kept)
    KeyRing.read(new).write(present)
