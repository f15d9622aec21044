"""Putting a backup back: checked and made ready beside the present state, then switched.

Whoever was logged in then is not logged in again: logins that were ended since would live once
more, and so would links that were used. Passwords, roles and disabled accounts are those of then.
"""

import asyncio
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, delete, update

from app.backups import stage_of
from app.backups.archive import DATABASES, KEYS, PICTURES, Archive, Manifest, open_archive
from app.backups.making import (
    KEYS_ELSEWHERE,
    SPARE_BYTES,
    are_keys_elsewhere,
)
from app.backups.pictures import list_pictures
from app.backups.refusals import CannotRestore
from app.backups.sqlite import Damaged, check_database, fold
from app.backups.switching import (
    STAGED,
    Ending,
    Plan,
    finish,
    part_of,
    switch,
    write_plan,
)
from app.config import ASSETS_DIR, Settings
from app.db import Database
from app.keys import KeyRing
from app.locks import AnotherServer, nobody_beside, only_server
from app.models import OneTimeLink, UserSession
from app.pictures.folder import sync_folder
from app.pictures.store import find_fault
from app.principals import OPERATOR
from app.progress import Stages
from app.seals import make_seal_key
from app.services import audit
from app.standing import list_revisions


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where what was there before is."""

    manifest: Manifest
    aside: Path | None


def restore_backup(
    settings: Settings,
    file: Path,
    *,
    now: datetime,
    stages: Stages,
    report: Callable[[str], None],
    with_keys: bool = False,
) -> Restored:
    """Put a backup in the place of what is there. Not inside an event loop.

    Raises:
        NotABackup: the file is none, or damaged.
        CannotRestore: something stands in the way. Everything is as it was.
    """
    database = settings.sqlite_path
    with open_archive(file) as archive:
        if database is None or archive.manifest.engine != "sqlite":
            raise CannotRestore(
                f"{file} is a backup of {archive.manifest.engine}. This command puts back SQLite, "
                "where DATABASE_URL says SQLite; docs/backups.md has the steps for PostgreSQL."
            )
        if with_keys and are_keys_elsewhere(settings):
            raise CannotRestore(f"{KEYS_ELSEWHERE} Restore without --with-keys.")
        _check(settings, database, archive, with_keys=with_keys)
        settings.instance_dir.mkdir(mode=0o700, exist_ok=True)
        with _alone(settings, database):
            work = _Restoring(settings, database, archive, stages, with_keys, now)
            try:
                work.run(report)
            except (OSError, ValueError, sqlite3.Error, SQLAlchemyError, Damaged) as error:
                # A driver's own text may quote values.
                cause = error.strerror if isinstance(error, OSError) else type(error).__name__
                if _finish(settings) is not Ending.COMPLETED:
                    raise CannotRestore(
                        f"{file} could not be put back ({cause}): everything is as it was."
                    ) from error
            except BaseException:
                _finish(settings)
                raise
            else:
                _finish(settings)
        return Restored(archive.manifest, work.keep_aside())


def _finish(settings: Settings) -> Ending:
    try:
        return finish(settings)
    except OSError as error:
        raise CannotRestore(
            f"The restore could not be brought to its end ({error.strerror}): the next start does "
            "that, or says what is in the way."
        ) from error


@contextmanager
def _alone(settings: Settings, database: Path) -> Iterator[None]:
    """Keep servers and commands away from the database."""
    try:
        with only_server(settings), nobody_beside(database) as is_alone:
            if not is_alone:
                raise CannotRestore(f"A command uses {database}. Try again when it has ended.")
            yield
    except AnotherServer as error:
        raise CannotRestore(
            f"A server uses {database}. Stop it, restore, and start it again."
        ) from error


def _check(settings: Settings, database: Path, archive: Archive, *, with_keys: bool) -> None:
    """Raise CannotRestore where it can be told before anything is read or written."""
    manifest = archive.manifest
    if manifest.revision not in list_revisions(ASSETS_DIR / "alembic" / "versions"):
        raise CannotRestore(
            f"The backup is of a newer program ({manifest.program}, revision "
            f"{manifest.revision}). Update this one first."
        )
    if with_keys and not manifest.has_keys:
        raise CannotRestore("There are no keys in this backup. Restore it without --with-keys.")
    _check_room(settings, database, manifest)


def _check_room(settings: Settings, database: Path, manifest: Manifest) -> None:
    size = manifest.members[DATABASES["sqlite"]].size
    # It may grow while it is migrated.
    wanted = sum(member.size for member in manifest.members.values()) + size + SPARE_BYTES
    place = database.absolute().parent
    if not place.is_dir():
        place = place.parent
    if not place.is_dir():
        raise CannotRestore(f"The folder of {database} does not exist. Make it first.")
    fault = find_fault(settings.uploads_dir)
    if fault is not None:
        raise CannotRestore(fault)
    for folder in filter(None, (place, settings.uploads_dir)):
        if shutil.disk_usage(folder).free < wanted:
            raise CannotRestore(f"There is no room: {folder} needs {wanted // 2**20} MB.")


class _Restoring:
    """One restore, once nobody else uses the database."""

    def __init__(
        self,
        settings: Settings,
        database: Path,
        archive: Archive,
        stages: Stages,
        with_keys: bool,
        now: datetime,
    ) -> None:
        self._settings = settings
        self._database = database
        self._archive = archive
        self._stages = stages
        self._with_keys = with_keys
        self._now = now
        name = f"before-restore-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self._aside = settings.instance_dir.absolute() / name

    def run(self, report: Callable[[str], None]) -> None:
        """Do all of it up to the switch, and that."""
        # What an earlier one has left.
        finish(self._settings)
        stage = stage_of(self._database)
        stage.mkdir(mode=0o700)
        manifest = self._archive.manifest
        total = sum(member.size for member in manifest.members.values())
        with self._stages.stage("checking", total) as advance:
            self._archive.verify(advance)
        staged = self._stage_database(stage, report)
        asyncio.run(_close_old_doors(staged, manifest, self._now))
        fold(stage / STAGED)
        here = {path.name for path in list_pictures(self._settings.pictures_dir)}
        pictures = frozenset(manifest.pictures)
        plan = Plan(
            aside=self._aside,
            pictures=pictures,
            added=pictures - here,
            with_keys=self._with_keys,
        )
        write_plan(stage, plan)
        self._aside.mkdir(mode=0o700)
        self._add_pictures(sorted(plan.added))
        switch(self._database, self._aside)

    def keep_aside(self) -> Path | None:
        """Return where what was there before is, or None if nothing was."""
        if any(self._aside.iterdir()):
            return self._aside
        self._aside.rmdir()
        return None

    def _stage_database(self, stage: Path, report: Callable[[str], None]) -> Settings:
        """Take the database out and bring it up to date; return settings that lead to it."""
        # Imported here: it brings Alembic, which no other command needs.
        from app import migrations  # noqa: PLC0415

        name, target = DATABASES["sqlite"], stage / STAGED
        members = self._archive.manifest.members
        with self._stages.stage("database", members[name].size) as advance:
            self._archive.extract(name, target, advance)
        if check_database(target, _unseen) != self._archive.manifest.revision:
            raise Damaged("its revision is another than the backup says")
        changes: dict[str, object] = {"database_url": f"sqlite:///{target.absolute()}"}
        if self._with_keys:
            for key in members.keys() & set(KEYS):
                self._archive.extract(key, stage / key, _unseen)
                KeyRing.read(stage / key)
            changes["instance_dir"] = stage
        staged = self._settings.model_copy(update=changes)
        make_seal_key(staged, self._now)
        migrations.upgrade(staged, report)
        return staged

    def _add_pictures(self, names: Sequence[str]) -> None:
        """Put pictures beside those that are here. Nothing names them yet."""
        folder = self._settings.pictures_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        with self._stages.stage("pictures", len(names)) as advance:
            for name in names:
                partial = folder / part_of(name)
                partial.unlink(missing_ok=True)
                self._archive.extract(f"{PICTURES}{name}", partial, _unseen)
                partial.rename(folder / name)
                advance(1)
        sync_folder(folder)


def _unseen(_count: int) -> None:
    """Advance, and show nothing."""


async def _close_old_doors(settings: Settings, manifest: Manifest, now: datetime) -> None:
    """End every login and every link of then, and note what was put back, in one transaction."""
    database = Database(settings)
    try:
        async with database.transaction() as session:
            living = update(UserSession).where(col(UserSession.revoked_at).is_(None))
            ended = (await session.exec(living.values(revoked_at=now))).rowcount
            # An ended one may still change the password for a moment.
            await session.exec(update(UserSession).values(password_grace_until=None))
            await session.exec(delete(OneTimeLink))
            made_at = manifest.made_at.isoformat(timespec="seconds")
            audit.record(session, OPERATOR, "backup-restored", made_at=made_at, sessions=str(ended))
    finally:
        await database.dispose()
