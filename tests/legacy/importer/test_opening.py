"""Opening a file: what will not do is refused in one sentence, and no file ever changes."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.legacy.importer.opening import MAX_LIST_BYTES, open_source
from app.legacy.importer.recognise import recognise
from app.legacy.importer.source import CannotImport
from tests.conftest import make_settings
from tests.legacy.old_databases import make_old_database

HOLD_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def noise(seed: int, size: int) -> bytes:
    """Return bytes that mean nothing, the same in each run."""
    return random.Random(seed).randbytes(size)  # noqa: S311  (nothing is kept secret with it)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    instance = tmp_path / "instance"
    instance.mkdir()
    return make_settings(instance)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing in it but what a test puts there."""
    made = tmp_path / "old"
    made.mkdir()
    return made


def refusal(path: Path, settings: Settings) -> str:
    """Return the one sentence, or two, of a file that will not do; nothing of ours is left."""
    with pytest.raises(CannotImport) as refused, open_source(path, settings) as source:
        recognise(source)
    text = str(refused.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert list(settings.instance_dir.iterdir()) == []
    return text


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return names, bytes and times of the files of a folder."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


class TestNotAFile:
    def test_missing(self, folder: Path, settings: Settings) -> None:
        assert "There is no file" in refusal(folder / "old.db", settings)

    def test_folder(self, folder: Path, settings: Settings) -> None:
        assert "is a folder" in refusal(folder, settings)

    def test_pipe(self, folder: Path, settings: Settings) -> None:
        """Nobody writes to it: whoever opened it would wait for ever."""
        os.mkfifo(folder / "pipe")
        assert "is not a file" in refusal(folder / "pipe", settings)

    def test_link_to_itself(self, folder: Path, settings: Settings) -> None:
        (folder / "old.db").symlink_to(folder / "old.db")
        assert "cannot be read" in refusal(folder / "old.db", settings)

    def test_no_room_for_a_copy(self, folder: Path, tmp_path: Path) -> None:
        path = make_old_database(folder / "old.db").path
        settings = make_settings(tmp_path / "nowhere")
        with pytest.raises(CannotImport, match="cannot be copied"):
            open_source(path, settings).__enter__()


class TestNotADatabase:
    def test_empty(self, folder: Path, settings: Settings) -> None:
        (folder / "old.db").touch()
        assert "is empty" in refusal(folder / "old.db", settings)

    @pytest.mark.parametrize("content", [b"hello", b"\x00" * 5000, b"PK\x03\x04", noise(1, 8192)])
    def test_junk(self, folder: Path, settings: Settings, content: bytes) -> None:
        (folder / "old.db").write_bytes(content)
        assert "neither an SQLite database nor a list" in refusal(folder / "old.db", settings)

    @pytest.mark.parametrize("head", [b"", b"SQLite format 3\x00"])
    def test_a_gigabyte_of_nothing(self, folder: Path, settings: Settings, head: bytes) -> None:
        with (folder / "old.db").open("wb") as file:
            file.write(head)
            file.truncate(1024**3)
        assert "old.db is" in refusal(folder / "old.db", settings)

    @pytest.mark.parametrize(
        "text",
        ["[", "[1, 2]", "[]", "{}", '{"users": {}}', '{"message": "no"}', "[" * 100_000, "[NaN]"],
    )
    def test_json_that_is_no_list_of_users(
        self, folder: Path, settings: Settings, text: str
    ) -> None:
        (folder / "users.json").write_text(text)
        assert "users.json is " in refusal(folder / "users.json", settings)

    def test_a_list_that_is_too_long(self, folder: Path, settings: Settings) -> None:
        with (folder / "users.json").open("wb") as file:
            file.write(b"[")
            file.truncate(MAX_LIST_BYTES + 1)
        assert "is larger than 100 MB" in refusal(folder / "users.json", settings)

    def test_json_of_something_else(self, folder: Path, settings: Settings) -> None:
        (folder / "users.json").write_text(json.dumps([{"colour": "red"}]))
        assert "not a database of those servers" in refusal(folder / "users.json", settings)


class TestAnotherDatabase:
    def test_of_2022(self, folder: Path, settings: Settings) -> None:
        made = make_old_database(folder / "old.db", "2022")
        assert "is from 2022" in refusal(made.path, settings)

    @pytest.mark.parametrize(
        "table",
        [
            "auth_user (id INTEGER PRIMARY KEY, username VARCHAR, password VARCHAR)",
            "users (id INTEGER PRIMARY KEY, email VARCHAR, password VARCHAR)",
            "users (id INTEGER PRIMARY KEY, _uid VARCHAR)",
        ],
    )
    def test_of_another_program(self, folder: Path, settings: Settings, table: str) -> None:
        with closing(sqlite3.connect(folder / "old.db")) as database:
            database.execute(f"CREATE TABLE {table}")
        assert "not a database of those servers" in refusal(folder / "old.db", settings)

    def test_whose_users_are_a_view(self, folder: Path, settings: Settings) -> None:
        with closing(sqlite3.connect(folder / "old.db")) as database:
            database.execute("CREATE VIEW users AS SELECT 1 AS id, 'a' AS _uid, 'b' AS _name")
        assert "not a database of those servers" in refusal(folder / "old.db", settings)

    def test_of_this_program(self, folder: Path, settings: Settings, sqlite_template: Path) -> None:
        (folder / "copy.db").write_bytes(sqlite_template.read_bytes())
        assert "a database of this program" in refusal(folder / "copy.db", settings)

    def test_our_own(self, tmp_path: Path, sqlite_template: Path, folder: Path) -> None:
        (folder / "portfolio.db").write_bytes(sqlite_template.read_bytes())
        (folder / "link.db").symlink_to(folder / "portfolio.db")
        (tmp_path / "instance").mkdir()
        url = f"sqlite:///{folder}/portfolio.db"
        settings = make_settings(tmp_path / "instance", database_url=url)
        for name in ("portfolio.db", "link.db"):
            assert "this server's own" in refusal(folder / name, settings)


class TestDamaged:
    @pytest.fixture
    def path(self, folder: Path) -> Path:
        """A database of many pages."""
        pupils = (f"pupil{number}" for number in range(400))
        return make_old_database(folder / "old.db", "S25", *pupils).path

    @pytest.mark.parametrize("page", [1, 2, 5, -1])
    def test_page(self, path: Path, settings: Settings, page: int) -> None:
        content = bytearray(path.read_bytes())
        start = 4096 * page if page > 0 else len(content) - 4096
        content[start : start + 4096] = noise(page, 4096)
        path.write_bytes(content)
        assert "is damaged" in refusal(path, settings)

    @pytest.mark.parametrize("kept", [100, 4096, 20_000])
    def test_cut_off(self, path: Path, settings: Settings, kept: int) -> None:
        path.write_bytes(path.read_bytes()[:kept])
        assert "is damaged" in refusal(path, settings)

    def test_list_of_free_pages(self, path: Path, settings: Settings) -> None:
        """What SQLite would read on, and only a check finds."""
        content = bytearray(path.read_bytes())
        content[36:40] = (5).to_bytes(4)
        path.write_bytes(content)
        assert "is damaged" in refusal(path, settings)

    def test_schema(self, path: Path, settings: Settings) -> None:
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA writable_schema=ON")
            database.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE users (' || sql")
            database.commit()
        assert "is damaged" in refusal(path, settings)

    def test_while_it_is_read(self, path: Path, settings: Settings) -> None:
        with pytest.raises(CannotImport, match="is damaged"), open_source(path, settings):
            raise sqlite3.DatabaseError


class TestInUse:
    @pytest.fixture
    def path(self, folder: Path) -> Path:
        return make_old_database(folder / "old.db").path

    @pytest.fixture
    def holder(self, path: Path) -> Iterator[None]:
        """Another program that is about to write."""
        command = [sys.executable, "-c", HOLD_LOCK, str(path)]
        with subprocess.Popen(  # noqa: S603  (our own program)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"locked\n"
            yield
            process.communicate(b"")

    @pytest.mark.usefixtures("holder")
    def test_is_refused(self, path: Path, settings: Settings) -> None:
        assert "is locked by another program" in refusal(path, settings)

    def test_is_refused_when_it_changes_meanwhile(
        self, path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A write that our lock does not keep out: another kind of program."""
        copy = shutil.copyfileobj

        def copy_and_write(*arguments: Any) -> None:
            copy(*arguments)
            with path.open("ab") as file:
                file.write(b"more")

        monkeypatch.setattr(shutil, "copyfileobj", copy_and_write)
        assert "changes while it is read" in refusal(path, settings)


class TestNothingChanges:
    def uids(self, path: Path, settings: Settings) -> set[str]:
        with open_source(path, settings) as source:
            return {row["_uid"] for row in source.rows("users")}

    def test_of_a_database_at_rest(self, folder: Path, settings: Settings) -> None:
        made = make_old_database(folder / "old.db", "S25", "ada", "grace")
        before = snapshot(folder)
        assert self.uids(made.path, settings) == {"ada", "grace"}
        assert snapshot(folder) == before

    def test_with_a_write_ahead_log_beside_it(
        self, folder: Path, tmp_path: Path, settings: Settings
    ) -> None:
        """A live database copied as files: half of it is in the log."""
        made = make_old_database(folder / "live.db", "S25", "ada")
        with closing(sqlite3.connect(made.path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("SELECT * FROM users").fetchall()
            made.add_user("grace")
            for ending in ("", "-wal"):
                (folder / f"copy.db{ending}").write_bytes(Path(f"{made.path}{ending}").read_bytes())
        made.path.unlink()
        before = snapshot(folder)
        assert set(before) == {"copy.db", "copy.db-wal"}
        (tmp_path / "link.db").symlink_to(folder / "copy.db")
        for path in (folder / "copy.db", tmp_path / "link.db"):
            assert self.uids(path, settings) == {"ada", "grace"}
        assert snapshot(folder) == before

    def test_with_a_transaction_that_never_ended(self, folder: Path, settings: Settings) -> None:
        """The machine went down: the journal beside the file takes half a change back."""
        made = make_old_database(folder / "live.db", "S25", "ada")
        with closing(sqlite3.connect(made.path, isolation_level=None)) as database:
            database.execute("PRAGMA cache_size=1")
            database.execute("BEGIN")
            database.execute("UPDATE users SET _uid = 'half'")
            for number in range(500):
                database.execute(
                    "INSERT INTO users (_name, _uid, _role, _email) VALUES ('x', ?, '', '')",
                    (f"half{number}",),
                )
            for ending in ("", "-journal"):
                (folder / f"copy.db{ending}").write_bytes(Path(f"{made.path}{ending}").read_bytes())
            database.execute("ROLLBACK")
        made.path.unlink()
        assert b"half" in (folder / "copy.db").read_bytes()
        before = snapshot(folder)
        assert set(before) == {"copy.db", "copy.db-journal"}
        assert self.uids(folder / "copy.db", settings) == {"ada"}
        assert snapshot(folder) == before

    def test_and_the_copy_is_private_and_goes(self, folder: Path, settings: Settings) -> None:
        made = make_old_database(folder / "old.db")
        with open_source(made.path, settings):
            (copy,) = settings.instance_dir.iterdir()
            assert copy.stat().st_mode & 0o777 == 0o700
        assert list(settings.instance_dir.iterdir()) == []


class TestOddDatabases:
    def test_rules_that_rows_break_are_no_damage(self, folder: Path, settings: Settings) -> None:
        made = make_old_database(folder / "old.db", "S23", "ada")
        made.execute("UPDATE users SET _password = NULL")
        with closing(sqlite3.connect(made.path)) as database:
            database.execute("PRAGMA writable_schema=ON")
            rule = "replace(sql, '_password VARCHAR(255)', '_password VARCHAR(255) NOT NULL')"
            database.execute(f"UPDATE sqlite_master SET sql = {rule}")
            database.commit()
        with closing(sqlite3.connect(made.path)) as database:
            (found,) = database.execute("PRAGMA quick_check").fetchone()
            assert found.startswith("NULL value in users")
        with open_source(made.path, settings) as source:
            assert source.count("users") == 1

    def test_text_that_is_no_unicode(self, folder: Path, settings: Settings) -> None:
        made = make_old_database(folder / "old.db", "S23", "ada")
        made.execute("UPDATE users SET _name = CAST(x'416461ff' AS TEXT)")
        with open_source(made.path, settings) as source:
            (row,) = source.rows("users")
        assert row["_name"] == "Ada\ufffd"
