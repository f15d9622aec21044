"""Making a backup beside a running server: all of it checked before it gets its name, or nothing.

One at a time for a folder, whichever process asks. A process that was killed leaves a work folder,
which the next backup removes.
"""

import fcntl
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from app import __version__
from app.backups import Reason
from app.backups.archive import DATABASES, Engine, Manifest, Writer, open_archive
from app.backups.pictures import add_pictures, measure_pictures
from app.backups.postgres import dump_database
from app.backups.refusals import AnotherBackup, CannotBackUp, NotABackup
from app.backups.sqlite import Damaged, check_database, copy_database
from app.config import Settings
from app.errors import PicturesAway
from app.pictures.folder import sync_folder
from app.principals import Actor
from app.progress import Stages
from app.services import audit

_WORK = ".making-"
# The server goes on writing while a backup is made.
SPARE_BYTES = 64 * 2**20
KEYS_ELSEWHERE = "The keys come from KEYS_DIR or SECRET_KEY, and are kept there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be backed up, and why."""

    settings: Settings
    reason: Reason
    now: datetime
    stages: Stages
    with_keys: bool = False


def make_backup(order: Order, target: Path | None = None) -> Path:
    """Make a backup and return where it is: in the folder of backups, unless said otherwise.

    Raises:
        AnotherBackup: one is being made at this moment.
        CannotBackUp: there is no room, no right, or nothing to back up.
    """
    folder, database = order.settings.backups_dir, order.settings.sqlite_path
    if target is None:
        suffix = secrets.token_hex(2)
        target = folder / f"{order.reason}-{order.now:%Y%m%d-%H%M%S}-{suffix}.tar"
    if target.exists():
        raise CannotBackUp(f"{target} is there already. Name another file.")
    if database is not None and not database.is_file():
        raise CannotBackUp(f"There is nothing to back up: {database} does not exist.")
    if order.with_keys and are_keys_elsewhere(order.settings):
        raise CannotBackUp(f"{KEYS_ELSEWHERE} Make the backup without --with-keys.")
    try:
        with _work_folder(folder) as work:
            _check_room(order.settings, database, work, target.absolute().parent)
            _make(order, database, work, target)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        # A driver's own text may quote an address.
        cause = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise CannotBackUp(f"The backup could not be made at {target}: {cause}.") from error
    except PicturesAway as error:
        raise CannotBackUp(f"The pictures are out of reach ({error.__cause__}).") from error
    except (Damaged, NotABackup) as error:
        raise CannotBackUp(f"The copy did not pass its check: {error}.") from error
    return target


def are_keys_elsewhere(settings: Settings) -> bool:
    """Whether the keys are not the instance's own to keep."""
    return settings.keys_dir is not None or settings.secret_key is not None


def note(session: AsyncSession, actor: Actor, made: Path, *, with_keys: bool) -> None:
    """Have the trail tell of a backup."""
    keys = "yes" if with_keys else "no"
    audit.record(session, actor, "backup-made", file=made.name[:200], keys=keys)


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """Be the only one who makes a backup there, with a folder for what is not done."""
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AnotherBackup(f"Another backup is being made in {folder}.") from error
        for left in folder.glob(f"{_WORK}*"):
            shutil.rmtree(left)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(descriptor)


def _check_room(settings: Settings, database: Path | None, work: Path, place: Path) -> None:
    """Raise CannotBackUp unless there is room for the copy and for the file that it goes into."""
    # How large a dump will be is not known before.
    size = 0 if database is None else database.stat().st_size
    whole = size + measure_pictures(settings)
    is_one_disk = work.stat().st_dev == place.stat().st_dev
    for folder, needed in ((work, size), (place, whole + (size if is_one_disk else 0))):
        wanted = needed + SPARE_BYTES
        if shutil.disk_usage(folder).free < wanted:
            sentence = f"There is no room for a backup: {place} needs {wanted // 2**20} MB."
            raise CannotBackUp(sentence)


def _make(order: Order, database: Path | None, work: Path, target: Path) -> None:
    # Beside the place where it is to be: a new name for a file is given in one step there.
    partial = target.with_name(f".{target.name}.part")
    partial.unlink(missing_ok=True)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            _write(order, database, work, Writer(file))
        with open_archive(partial) as archive:
            total = sum(member.size for member in archive.manifest.members.values())
            with order.stages.stage("checking", total) as advance:
                archive.verify(advance)
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(target.absolute().parent)


def _write(order: Order, database: Path | None, work: Path, writer: Writer) -> None:
    settings, stages = order.settings, order.stages
    # Pictures never change: those that the database will name are there before its copy is made,
    # or come while it is made.
    add_pictures(writer, settings, work, stages)
    engine: Engine = "postgresql" if database is None else "sqlite"
    copy = work / DATABASES[engine]
    revision = _copy(order, database, copy)
    with stages.stage("writing", copy.stat().st_size) as advance:
        writer.add(copy.name, copy, advance)
    add_pictures(writer, settings, work, stages)
    if order.with_keys:
        for path in (settings.keys_path, settings.audit_keys_path):
            writer.add(path.name, path, lambda _count: None)
    writer.finish(
        Manifest(
            program=__version__,
            revision=revision,
            engine=engine,
            reason=order.reason,
            made_at=order.now,
            members=writer.members,
        )
    )


def _copy(order: Order, database: Path | None, copy: Path) -> str:
    """Copy the database and check the copy; return its revision."""
    size = 0 if database is None else database.stat().st_size
    with order.stages.stage("copying", size) as advance:
        if database is None:
            return dump_database(order.settings, copy, advance)
        copy_database(database, copy, advance)
    with order.stages.stage("checking", 0) as advance:
        return check_database(copy, advance)
