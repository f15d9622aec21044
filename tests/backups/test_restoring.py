"""Putting a backup back: what is refused leaves everything as it was, what is done is whole."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app import migrations
from app.backups import stage_of
from app.backups.archive import MANIFEST
from app.backups.refusals import BackupRefused, CannotRestore
from app.config import Settings
from app.keys import KeyRing, new_key
from app.locks import beside_a_server, only_server
from app.models import utc_now
from app.startup import CannotStart, prepare
from tests.backups.conftest import PICTURES, Instance, ask
from tests.backups.test_archive import part, read, write
from tests.backups.test_making import no_file_over
from tests.conftest import make_settings

Moved = tuple[Instance, Path]


@contextmanager
def nothing_changes(instance: Instance) -> Iterator[None]:
    before = instance.state()
    yield
    assert instance.state() == before
    assert not stage_of(instance.database).exists()


def refusal(instance: Instance, file: Path, *, with_keys: bool = False) -> str:
    with nothing_changes(instance), pytest.raises(BackupRefused) as error:
        instance.restore(file, with_keys=with_keys)
    return str(error.value)


def say_otherwise(made: Path, **changes: Any) -> None:
    *parts, (_, content) = read(made)
    said = {**json.loads(content), **changes}
    write(made, [*parts, part(MANIFEST, json.dumps(said).encode())])


class TestRefused:
    def test_while_a_server_runs(self, moved_on: Moved) -> None:
        instance, made = moved_on
        with only_server(instance.settings):
            assert "A server uses" in refusal(instance, made)

    def test_while_a_command_writes(self, moved_on: Moved) -> None:
        instance, made = moved_on
        with beside_a_server(instance.settings):
            assert "A command uses" in refusal(instance, made)

    def test_while_another_program_has_it_open(self, moved_on: Moved) -> None:
        instance, made = moved_on
        with closing(sqlite3.connect(instance.database)) as other:
            other.execute("PRAGMA wal_autocheckpoint=0")
            other.execute("SELECT * FROM user").fetchall()
            with pytest.raises(CannotRestore, match="Another program has"):
                instance.restore(made)
            assert other.execute("SELECT uid FROM user ORDER BY uid").fetchall() == [
                ("ada",),
                ("bob",),
            ]
        assert instance.pictures == ["A", "C"]
        assert not stage_of(instance.database).exists()
        assert not list(instance.folder.glob("before-restore-*"))

    def test_damaged(self, moved_on: Moved) -> None:
        instance, made = moved_on
        content = bytearray(made.read_bytes())
        content[len(content) // 2] ^= 1
        made.write_bytes(content)
        assert "is not as it was" in refusal(instance, made)

    def test_cut_off(self, moved_on: Moved) -> None:
        instance, made = moved_on
        made.write_bytes(made.read_bytes()[:150_000])
        assert "no whole backup" in refusal(instance, made)

    def test_of_another_engine(self, moved_on: Moved) -> None:
        instance, made = moved_on
        parts = read(made)
        for info, _ in parts:
            info.name = info.name.replace("database.db", "database.dump")
        said = json.loads(parts[-1][1])
        said["engine"] = "postgresql"
        said["members"]["database.dump"] = said["members"].pop("database.db")
        write(made, [*parts[:-1], part(MANIFEST, json.dumps(said).encode())])
        assert "a backup of postgresql" in refusal(instance, made)

    def test_onto_postgresql(self, moved_on: Moved, tmp_path: Path) -> None:
        _, made = moved_on
        url = "postgresql://u@nowhere.invalid/d"
        other = Instance(make_settings(tmp_path / "other", database_url=url))
        with pytest.raises(CannotRestore, match="puts back SQLite"):
            other.restore(made)

    def test_of_a_newer_program(self, moved_on: Moved) -> None:
        instance, made = moved_on
        say_otherwise(made, revision="2099010101")
        assert "newer program" in refusal(instance, made)

    def test_of_another_revision_than_it_says(self, moved_on: Moved) -> None:
        instance, made = moved_on
        say_otherwise(made, revision="2026112401")
        assert "could not be put back (Damaged)" in refusal(instance, made)

    def test_keys_that_it_has_not(self, moved_on: Moved) -> None:
        instance, made = moved_on
        assert "no keys in this backup" in refusal(instance, made, with_keys=True)

    def test_keys_that_are_kept_elsewhere(self, instance: Instance, tmp_path: Path) -> None:
        made = instance.back_up(with_keys=True)
        other = Instance(instance.settings.model_copy(update={"keys_dir": tmp_path}))
        assert "kept there" in refusal(other, made, with_keys=True)

    @pytest.mark.parametrize("size", [1000, 100_000, 196_000])
    def test_disk_full(self, moved_on: Moved, size: int) -> None:
        instance, made = moved_on
        with no_file_over(size):
            assert "could not be put back" in refusal(instance, made)

    def test_no_room(self, moved_on: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
        instance, made = moved_on
        monkeypatch.setattr("app.backups.restoring.SPARE_BYTES", 2**60)
        assert "There is no room" in refusal(instance, made)

    def test_no_folder_for_the_database(self, moved_on: Moved, tmp_path: Path) -> None:
        _, made = moved_on
        other = make_settings(tmp_path, database_url=f"sqlite:///{tmp_path}/no/folder/a.db")
        with pytest.raises(CannotRestore, match="does not exist"):
            Instance(other).restore(made)

    def test_a_picture_cannot_be_written(self, instance: Instance) -> None:
        large = instance.settings.pictures_dir / f"{PICTURES[2]}.webp"
        large.write_bytes(b"x" * 2**20)
        made = instance.back_up()
        large.unlink()
        with no_file_over(2**19):
            assert "File too large" in refusal(instance, made)

    def test_what_cannot_be_undone_is_told(self, moved_on: Moved) -> None:
        instance, made = moved_on
        in_the_way = instance.settings.pictures_dir / f"{PICTURES[1]}.webp.part"
        in_the_way.mkdir()
        with pytest.raises(CannotRestore, match="the next start does that"):
            instance.restore(made)
        with pytest.raises(CannotStart, match="Is a directory"):
            prepare(instance.settings, lambda _line: None)
        in_the_way.rmdir()
        lines: list[str] = []
        prepare(instance.settings, lines.append)
        assert lines == ["A restore was cut off: all is as it was before."]
        assert (instance.uids, instance.pictures) == (["ada", "bob"], ["A", "C"])


class TestRestored:
    def test_is_as_it_was(self, moved_on: Moved) -> None:
        instance, made = moved_on
        restored = instance.restore(made)
        assert instance.uids == ["ada"]
        assert instance.pictures == ["A", "B"]
        assert not stage_of(instance.database).exists()
        assert stat.S_IMODE(instance.database.stat().st_mode) == 0o600
        assert restored.manifest.pictures == [f"{name}.webp" for name in PICTURES[:2]]

    def test_what_was_there_is_kept(self, moved_on: Moved) -> None:
        instance, made = moved_on
        aside = instance.restore(made).aside
        assert aside is not None
        assert stat.S_IMODE(aside.stat().st_mode) == 0o700
        assert ask(aside / "portfolio.db", "SELECT count(*) FROM user") == [(2,)]
        assert [path.stem[0] for path in (aside / "uploads").iterdir()] == ["C"]

    def test_pictures_elsewhere(self, moved_on: Moved, tmp_path: Path) -> None:
        """Another server may use the folder: what the backup has not is copied, not taken away."""
        instance, made = moved_on
        shared = tmp_path / "shared"
        instance.settings.pictures_dir.rename(shared)
        instance.settings = instance.settings.model_copy(update={"uploads_dir": shared})
        assert instance.pictures == ["A", "C"]
        aside = instance.restore(made).aside
        assert aside is not None
        assert instance.pictures == ["A", "B", "C"]
        assert [path.stem[0] for path in (aside / "uploads").iterdir()] == ["C"]
        assert instance.back_up() is not None
        assert not (instance.settings.instance_dir / "uploads").exists()

    def test_no_folder_for_pictures_elsewhere(self, moved_on: Moved, tmp_path: Path) -> None:
        instance, made = moved_on
        other = instance.settings.model_copy(update={"uploads_dir": tmp_path / "unmounted"})
        assert "Make or mount it" in refusal(Instance(other), made)

    def test_no_login_lives_again(self, moved_on: Moved) -> None:
        instance, made = moved_on
        instance.restore(made)
        assert instance.query("SELECT count(*) FROM user_session WHERE revoked_at IS NULL") == [
            (0,)
        ]
        assert instance.query("SELECT count(*) FROM one_time_link") == [(0,)]
        assert instance.query(
            "SELECT detail ->> 'sessions' FROM audit_event WHERE action = 'backup-restored'"
        ) == [("1",)]

    def test_keys_stay(self, instance: Instance) -> None:
        made = instance.back_up(with_keys=True)
        before = instance.settings.keys_path.read_bytes()
        KeyRing((new_key(utc_now()),)).write(instance.settings.keys_path)
        now = instance.settings.keys_path.read_bytes()
        instance.restore(made)
        assert instance.settings.keys_path.read_bytes() == now != before

    def test_keys_when_asked(self, instance: Instance) -> None:
        made = instance.back_up(with_keys=True)
        paths = (instance.settings.keys_path, instance.settings.audit_keys_path)
        before = [KeyRing.read(path).keys for path in paths]
        for path in paths:
            KeyRing((new_key(utc_now()),)).write(path)
        others = [path.read_bytes() for path in paths]
        aside = instance.restore(made, with_keys=True).aside
        assert aside is not None
        assert [KeyRing.read(path).keys for path in paths] == before
        assert [(aside / path.name).read_bytes() for path in paths] == others
        assert instance.query(
            "SELECT count(*) FROM audit_event WHERE action = 'audit-key-changed'"
        ) == [(0,)]

    def test_on_a_new_machine(self, instance: Instance, tmp_path: Path) -> None:
        made = instance.back_up()
        other = Instance(make_settings(tmp_path / "new"))
        restored = other.restore(made)
        assert restored.aside is None
        assert other.uids == ["ada"]
        assert other.pictures == ["A", "B"]
        assert not list(other.folder.glob("before-restore-*"))

    def test_in_place_of_a_damaged_database(self, moved_on: Moved) -> None:
        instance, made = moved_on
        instance.database.write_bytes(b"no database any more" * 999)
        instance.database.with_name("portfolio.db-wal").write_bytes(b"and no log")
        aside = instance.restore(made).aside
        assert aside is not None
        assert instance.uids == ["ada"]
        assert (aside / "portfolio.db").read_bytes() == b"no database any more" * 999
        assert (aside / "portfolio.db-wal").read_bytes() == b"and no log"

    def test_of_an_older_program(self, settings: Settings, instance: Instance) -> None:
        migrations.downgrade(settings, "2026112404")
        made = instance.back_up()
        migrations.upgrade(settings, lambda _line: None)
        instance.restore(made)
        assert instance.uids == ["ada"]
        assert instance.query("SELECT version_num FROM alembic_version") == [("2026112701",)]

    def test_twice(self, moved_on: Moved) -> None:
        instance, made = moved_on
        first, second = (instance.restore(made).aside for _ in range(2))
        assert first != second
        assert instance.uids == ["ada"]

    def test_and_back_again(self, moved_on: Moved) -> None:
        """What is kept aside is put back by hand: the database is one whole file."""
        instance, made = moved_on
        aside = instance.restore(made).aside
        assert aside is not None
        instance.database.unlink()
        (aside / "portfolio.db").rename(instance.database)
        assert instance.uids == ["ada", "bob"]
