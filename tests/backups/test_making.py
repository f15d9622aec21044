"""Making a backup: all of it or nothing, beside whoever writes, as private as the database."""

import os
import resource
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.backups import Reason
from app.backups.archive import open_archive
from app.backups.making import Order, make_backup
from app.backups.refusals import AnotherBackup, CannotBackUp
from app.backups.sqlite import Damaged, check_database
from app.progress import Advance, Terminal
from tests.backups.conftest import NOW, Instance, ask
from tests.conftest import make_settings


def taken_out(made: Path, folder: Path) -> Path:
    """Return the database of a backup as any program takes it out."""
    folder.mkdir()
    with tarfile.open(made) as tar:
        tar.extract("database.db", folder, filter="data")
    return folder / "database.db"


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Have the system refuse what a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def leftovers(instance: Instance) -> list[str]:
    return [path.name for path in instance.settings.backups_dir.iterdir() if path.name != ".lock"]


class TestRefused:
    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(CannotBackUp, match="nothing to back up"):
            Instance(make_settings(tmp_path)).back_up()

    def test_a_file_is_never_replaced(self, instance: Instance, tmp_path: Path) -> None:
        target = tmp_path / "mine.tar"
        target.write_text("mine")
        with pytest.raises(CannotBackUp, match="is there already"):
            instance.back_up(target)
        assert target.read_text() == "mine"

    def test_keys_that_are_kept_elsewhere(self, tmp_path: Path, instance: Instance) -> None:
        other = Instance(instance.settings.model_copy(update={"keys_dir": tmp_path}))
        with pytest.raises(CannotBackUp, match="kept there"):
            other.back_up(with_keys=True)

    def test_no_folder(self, instance: Instance, tmp_path: Path) -> None:
        with pytest.raises(CannotBackUp, match="No such file"):
            instance.back_up(tmp_path / "none" / "mine.tar")
        assert leftovers(instance) == []

    def test_one_at_a_time(self, instance: Instance) -> None:
        with open_first(instance), pytest.raises(AnotherBackup, match="Another backup"):
            instance.back_up()

    @pytest.mark.parametrize("size", [0, 1000, 100_000, 190_000])
    def test_disk_full(self, instance: Instance, size: int) -> None:
        before = instance.state()
        with no_file_over(size), pytest.raises(CannotBackUp, match="could not be made"):
            instance.back_up()
        assert leftovers(instance) == []
        assert instance.state() == before

    def test_no_room(self, instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        full = os.statvfs_result((1, 1, 1, 0, 0, 1, 1, 1, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda _path: full)
        with pytest.raises(CannotBackUp, match=r"There is no room for a backup: .* needs 64 MB"):
            instance.back_up()
        assert leftovers(instance) == []

    def test_a_database_that_is_damaged(self, instance: Instance) -> None:
        content = bytearray(instance.database.read_bytes())
        content[5 * 4096 : 6 * 4096] = b"\xff" * 4096
        instance.database.write_bytes(content)
        with pytest.raises(CannotBackUp):
            instance.back_up()
        assert leftovers(instance) == []


@contextmanager
def open_first(instance: Instance) -> Iterator[None]:
    """Be in the middle of a backup."""
    begun, done = threading.Event(), threading.Event()

    class Waiting(Terminal):
        @contextmanager
        def stage(self, name: str, total: int) -> Iterator[Advance]:
            begun.set()
            assert done.wait(20)
            with super().stage(name, total) as advance:
                yield advance

    order = Order(settings=instance.settings, reason=Reason.ASKED, now=NOW, stages=Waiting())
    thread = threading.Thread(target=make_backup, args=(order,))
    thread.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        done.set()
        thread.join()


class TestMade:
    def test_is_private(self, instance: Instance) -> None:
        usual = os.umask(0)
        try:
            made = instance.back_up()
        finally:
            os.umask(usual)
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
        assert leftovers(instance) == [made.name]

    def test_any_program_reads_it(self, instance: Instance, tmp_path: Path) -> None:
        found = taken_out(instance.back_up(), tmp_path / "out")
        assert ask(found, "SELECT uid FROM user") == [("ada",)]
        assert not found.with_name("database.db-wal").exists()

    def test_keys_only_when_asked(self, instance: Instance, tmp_path: Path) -> None:
        secret = b'"secret"'
        assert secret not in instance.back_up().read_bytes()
        with open_archive(instance.back_up(tmp_path / "all.tar", with_keys=True)) as archive:
            assert {"keys.json", "audit-keys.json"} <= archive.manifest.members.keys()
        assert (tmp_path / "all.tar").read_bytes().count(secret) == 2

    def test_nothing_deleted_is_in_it(self, instance: Instance, tmp_path: Path) -> None:
        with closing(sqlite3.connect(instance.database)) as database:
            database.execute("UPDATE user SET email = 'gone@example.org'")
            database.commit()
            database.execute("DELETE FROM user_session")
            database.execute("DELETE FROM one_time_link")
            database.execute("DELETE FROM user")
            database.commit()
        found = taken_out(instance.back_up(), tmp_path / "out")
        assert b"gone@example.org" not in found.read_bytes()

    def test_clears_up_after_one_that_was_killed(self, instance: Instance) -> None:
        left = instance.settings.backups_dir / ".making-abc"
        left.mkdir(parents=True)
        (left / "database.db").write_bytes(b"half")
        made = instance.back_up()
        assert leftovers(instance) == [made.name]

    def test_a_picture_that_goes_meanwhile(self, instance: Instance) -> None:
        stray = instance.settings.pictures_dir / f"{'D' * 16}.webp"
        stray.symlink_to("nowhere")
        with open_archive(instance.back_up()) as archive:
            assert len(archive.manifest.pictures) == 2

    def test_beside_writers(self, instance: Instance, tmp_path: Path) -> None:
        """Whatever was acknowledged before it began is in it, and nothing half."""
        with writing(instance.database) as acknowledged:
            for place in range(4):
                before = len(acknowledged)
                found = taken_out(
                    instance.back_up(tmp_path / f"{place}.tar"), tmp_path / f"{place}"
                )
                check_database(found, lambda _count: None)
                rows = ask(found, "SELECT row_id, count(*) FROM imported_row GROUP BY row_id")
                assert len(rows) >= before
                assert {count for _, count in rows} <= {2}
        assert len(acknowledged) > 4


@contextmanager
def writing(path: Path) -> Iterator[list[int]]:
    """Write pairs of rows meanwhile; yield the numbers of those that were acknowledged."""
    acknowledged: list[int] = []
    is_over = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=10)) as database:
            database.execute("PRAGMA wal_autocheckpoint=0")
            number = 0
            while not is_over.is_set():
                number += 1
                database.executemany(
                    "INSERT INTO imported_row (kind, digest, row_id, imported_at) "
                    "VALUES ('t', ?, ?, '2026-11-24')",
                    [(f"{number}-{half}", number) for half in "ab"],
                )
                database.commit()
                acknowledged.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield acknowledged
    finally:
        is_over.set()
        writer.join()


class TestCheck:
    def test_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"no database at all" * 100)
        with pytest.raises(Damaged, match="is not a database"):
            check_database(tmp_path / "x", lambda _count: None)

    def test_no_revision(self, instance: Instance) -> None:
        with closing(sqlite3.connect(instance.database)) as database:
            database.execute("DELETE FROM alembic_version")
            database.commit()
        with pytest.raises(CannotBackUp, match="it has no revision"):
            instance.back_up()
