"""An instance on SQLite with an account, a login, a link and a picture."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.backups import Reason
from app.backups.making import Order, make_backup
from app.backups.restoring import Restored, restore_backup
from app.config import Settings
from app.db import Database
from app.models import LinkPurpose, OneTimeLink, utc_now
from app.progress import Terminal
from tests.services.rows import make_session, make_user

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PICTURES = ("A" * 16, "B" * 16, "C" * 16)


@pytest.fixture
def engine() -> str:
    return "sqlite"


@dataclass
class Instance:
    """What tests do with it, and see of it."""

    settings: Settings

    @property
    def folder(self) -> Path:
        return self.settings.instance_dir

    @property
    def database(self) -> Path:
        assert self.settings.sqlite_path is not None
        return self.settings.sqlite_path

    def back_up(self, target: Path | None = None, *, with_keys: bool = False) -> Path:
        order = Order(
            settings=self.settings,
            reason=Reason.ASKED,
            now=NOW,
            stages=Terminal(),
            with_keys=with_keys,
        )
        return make_backup(order, target)

    def restore(self, file: Path, *, with_keys: bool = False) -> Restored:
        return restore_backup(
            self.settings,
            file,
            now=utc_now(),
            stages=Terminal(),
            report=lambda _line: None,
            with_keys=with_keys,
        )

    def add_user(self, uid: str) -> None:
        asyncio.run(_add_user(self.settings, uid))

    def add_picture(self, name: str) -> None:
        self.settings.pictures_dir.mkdir(mode=0o700, exist_ok=True)
        (self.settings.pictures_dir / f"{name}.webp").write_bytes(name.encode() * 100)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        return ask(self.database, statement)

    @property
    def uids(self) -> list[object]:
        return [row[0] for row in self.query("SELECT uid FROM user ORDER BY uid")]

    @property
    def pictures(self) -> list[str]:
        return sorted(path.stem[0] for path in self.settings.pictures_dir.iterdir())

    def state(self) -> dict[str, bytes]:
        """Return every file with something in it, but for what SQLite keeps beside a database."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.stat().st_size and not path.name.endswith("-shm")
        }


def ask(database: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


async def _add_user(settings: Settings, uid: str) -> None:
    database = Database(settings)
    try:
        async with database.transaction() as session:
            user = make_user(uid)
            session.add(user)
            await session.flush()
            session.add(make_session(user, ends_at=utc_now() + timedelta(days=9)))
            session.add(
                OneTimeLink(
                    purpose=LinkPurpose.RESET,
                    digest=uid.ljust(64, "0"),
                    user_id=user.id,
                    expires_at=utc_now() + timedelta(days=9),
                )
            )
    finally:
        await database.dispose()


@pytest.fixture
def instance(settings: Settings) -> Instance:
    """Ada is here, with the pictures A and B."""
    made = Instance(settings)
    made.add_user("ada")
    for name in PICTURES[:2]:
        made.add_picture(name)
    return made


@pytest.fixture
def moved_on(instance: Instance) -> tuple[Instance, Path]:
    """The instance, a backup of it, and since then: Bob came, B was replaced by C."""
    made = instance.back_up()
    instance.add_user("bob")
    instance.add_picture(PICTURES[2])
    (instance.settings.pictures_dir / f"{PICTURES[1]}.webp").unlink()
    return instance, made
