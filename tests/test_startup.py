"""Getting ready: every sentence that stops a start, and that nothing was changed when it did."""

import asyncio
import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import pytest

from app import startup
from app.config import Settings
from app.keys import KeyRing
from app.locks import only_server
from app.startup import (
    CannotStart,
    check_instance_dir,
    check_ready,
    make_instance_dir,
    prepare,
)
from tests.breached import write_list
from tests.conftest import make_settings
from tests.databases import copy_instance
from tests.postgres import free_port
from tests.revisions import LINES

SECRET = "k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d"
NOBODY = 65534


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return tmp_path / "instance"


@pytest.fixture
def ready(instance: Path, sqlite_template: Path) -> Settings:
    """An instance as a first start leaves it."""
    instance.mkdir(mode=0o700)
    copy_instance(sqlite_template, instance)
    settings = make_settings(instance)
    prepare(settings, lambda _line: None)
    return settings


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Return mode and content of everything below a folder."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def refusal(settings: Settings, folder: Path, attempt: Callable[..., object] = prepare) -> str:
    """Return the sentence with which a start is refused, having seen that nothing changed."""
    before, lines = snapshot(folder), list[str]()
    with pytest.raises(CannotStart) as error:
        attempt(settings, *([lines.append] if attempt is prepare else []))
    assert lines == []
    assert snapshot(folder) == before
    sentence = str(error.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", f"chmod 600 {settings.keys_path}"))
    return sentence


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be without rights for a moment. Root may do everything, and would notice nothing."""
    if os.geteuid() != 0:
        yield
        return
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


@pytest.fixture
def others_folder() -> Iterator[Path]:
    """A folder that an ordinary user may look into and not change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


class TestInstanceFolder:
    def test_parent_is_missing(self, tmp_path: Path) -> None:
        sentence = refusal(make_settings(tmp_path / "a" / "b"), tmp_path)
        assert sentence == (
            f"{tmp_path}/a does not exist. Make it, or set INSTANCE_DIR to another place."
        )

    def test_is_a_file(self, instance: Path, tmp_path: Path) -> None:
        instance.write_text("x")
        assert refusal(make_settings(instance), tmp_path) == (
            f"{instance} is not a folder. Make it, or set INSTANCE_DIR to another place."
        )

    def test_lies_in_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        assert refusal(make_settings(tmp_path / "file" / "instance"), tmp_path) == (
            f"{tmp_path}/file is not a folder. Make it, or set INSTANCE_DIR to another place."
        )

    @pytest.mark.parametrize("name", ["", "instance"])
    def test_cannot_be_written_to(self, others_folder: Path, name: str) -> None:
        with as_nobody(), pytest.raises(CannotStart) as error:
            check_instance_dir(others_folder / name)
        assert str(error.value) == (
            f"{others_folder} cannot be written to. Give this user the right to, "
            "or set INSTANCE_DIR."
        )

    def test_cannot_be_looked_at(self, others_folder: Path) -> None:
        others_folder.chmod(0o000)
        with as_nobody(), pytest.raises(CannotStart) as error:
            check_instance_dir(others_folder / "a" / "b")
        assert str(error.value) == (
            f"{others_folder}/a/b cannot be looked at: Permission denied. "
            "Set INSTANCE_DIR to another place."
        )

    def test_cannot_be_made_after_all(self, others_folder: Path) -> None:
        """The rights changed between the check and the deed."""
        with as_nobody(), pytest.raises(CannotStart, match="instance cannot be written to"):
            make_instance_dir(others_folder / "instance")

    def test_mode_is_made_private(self, ready: Settings) -> None:
        ready.instance_dir.chmod(0o755)
        prepare(ready, lambda _line: None)
        assert stat.S_IMODE(ready.instance_dir.stat().st_mode) == 0o700


class TestKeys:
    @pytest.mark.parametrize(
        "content", ["", "{}", '{"keys": []}', "junk", '{"keys": [{"kid": 1}]}']
    )
    def test_damaged(self, ready: Settings, tmp_path: Path, content: str) -> None:
        ready.keys_path.write_text(content)
        sentence = refusal(ready, tmp_path)
        assert sentence == (
            f"{ready.keys_path} cannot be read as a key ring. Restore it from a copy, or move it "
            "away: a new one is made and everybody logs in again."
        )
        assert refusal(ready, tmp_path, check_ready) == sentence

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
    def test_readable_by_others(self, ready: Settings, tmp_path: Path, mode: int) -> None:
        ready.keys_path.chmod(mode)
        path = ready.keys_path
        assert refusal(ready, tmp_path) == f"{path} can be read by others. Run: chmod 600 {path}"

    def test_in_a_folder_that_cannot_be_looked_into(self, ready: Settings, tmp_path: Path) -> None:
        """A file where a folder is named, since nothing is closed to root."""
        inside = ready.instance_dir / "portfolio.db"
        settings = make_settings(ready.instance_dir, keys_dir=inside)
        assert "cannot be read as a key ring" in refusal(settings, tmp_path)

    def test_a_folder_in_their_place(self, ready: Settings, tmp_path: Path) -> None:
        ready.keys_path.unlink()
        ready.keys_path.mkdir()
        assert "cannot be read as a key ring" in refusal(ready, tmp_path)

    def test_do_not_matter_with_a_secret_of_ones_own(self, ready: Settings) -> None:
        ready.keys_path.write_text("junk")
        settings = make_settings(ready.instance_dir, secret_key=SECRET)
        prepare(settings, lambda _line: None)
        check_ready(settings)
        assert ready.keys_path.read_text() == "junk"

    def test_are_not_made_with_a_secret_of_ones_own(self, instance: Path) -> None:
        settings = make_settings(instance, secret_key=SECRET)
        prepare(settings, lambda _line: None)
        assert not settings.keys_path.exists()
        check_ready(settings)


class TestSQLite:
    def test_no_database(self, ready: Settings, tmp_path: Path) -> None:
        path = ready.instance_dir / "portfolio.db"
        path.write_bytes(b"something else" * 1000)
        sentence = f"{path} cannot be opened as a database: file is not a database."
        assert refusal(ready, tmp_path) == sentence
        assert refusal(ready, tmp_path, check_ready) == sentence

    @pytest.mark.parametrize("journal", ["wal", "delete"])
    def test_newer_than_the_program(self, ready: Settings, tmp_path: Path, journal: str) -> None:
        with closing(sqlite3.connect(ready.instance_dir / "portfolio.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = '2999010101'")
            database.commit()
            database.execute(f"PRAGMA journal_mode={journal}")
        assert refusal(ready, tmp_path) == (
            "The database is newer than this program (revision 2999010101). "
            "Update the program, or restore a backup from before."
        )

    def test_a_folder_in_its_place(self, instance: Path, tmp_path: Path) -> None:
        (instance / "portfolio.db").mkdir(parents=True)
        assert refusal(make_settings(instance), tmp_path) == (
            f"{instance}/portfolio.db is not a file that this user can read and write. "
            "Mend that, or set DATABASE_URL to another place."
        )

    def test_cannot_be_written_to(self, others_folder: Path) -> None:
        others_folder.chmod(0o777)
        path = others_folder / "portfolio.db"
        path.touch(mode=0o444)
        with as_nobody(), pytest.raises(CannotStart, match="is not a file that this user can read"):
            startup.check_database_file(make_settings(others_folder))

    def test_elsewhere_in_a_missing_folder(self, instance: Path, tmp_path: Path) -> None:
        settings = make_settings(instance, database_url=f"sqlite:///{tmp_path}/missing/x.db")
        assert refusal(settings, tmp_path) == (
            f"{tmp_path}/missing does not exist. Make it, or set DATABASE_URL to another place."
        )

    def test_elsewhere_in_a_folder_of_others(self, others_folder: Path, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, database_url=f"sqlite:///{others_folder}/x.db")
        with as_nobody(), pytest.raises(CannotStart) as error:
            startup.check_database_file(settings)
        assert str(error.value) == (
            f"{others_folder} cannot be written to. Give this user the right to, "
            "or set DATABASE_URL."
        )

    def test_elsewhere_out_of_sight(self, others_folder: Path, tmp_path: Path) -> None:
        others_folder.chmod(0o000)
        url = f"sqlite:///{others_folder}/a/x.db"
        with (
            as_nobody(),
            pytest.raises(CannotStart, match="cannot be looked at: Permission denied"),
        ):
            startup.check_database_file(make_settings(tmp_path, database_url=url))

    def test_elsewhere(self, instance: Path, tmp_path: Path) -> None:
        settings = make_settings(instance, database_url=f"sqlite:///{tmp_path}/x.db")
        prepare(settings, lambda _line: None)
        assert stat.S_IMODE((tmp_path / "x.db").stat().st_mode) == 0o600
        check_ready(settings)

    def test_migrating_under_a_running_server(self, instance: Path, tmp_path: Path) -> None:
        instance.mkdir()
        settings = make_settings(instance)
        with only_server(settings):
            assert refusal(settings, tmp_path) == (
                f"Another server uses {instance}/portfolio.db. SQLite takes one: "
                "stop that one first."
            )

    def test_is_made_private(self, ready: Settings) -> None:
        path = ready.instance_dir / "portfolio.db"
        path.chmod(0o644)
        prepare(ready, lambda _line: None)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_folder_with_an_odd_name(self, tmp_path: Path) -> None:
        settings = make_settings(tmp_path / "what?now#50%20é")
        prepare(settings, lambda _line: None)
        assert [path.name for path in tmp_path.iterdir()] == ["what?now#50%20é"]
        check_ready(settings)


@pytest.mark.process
class TestPostgreSQL:
    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("postgresql://u:hunter2@127.0.0.1:{port}/d", "ConnectionRefusedError"),
            ("postgresql://u:hunter2@[fe80::1%nowhere]/d", "gaierror"),
            ("postgresql://u:hunter2@127.0.0.1:port/d", "ValueError"),
            ("postgresql://u:hunter2@127.0.0.1:{port}/d?nonsense=1", "TypeError"),
        ],
    )
    def test_out_of_reach(self, instance: Path, tmp_path: Path, url: str, kind: str) -> None:
        settings = make_settings(instance, database_url=url.format(port=free_port()))
        sentence = refusal(settings, tmp_path)
        assert "hunter2" not in sentence
        assert sentence == (
            f"PostgreSQL cannot be reached as DATABASE_URL says ({kind}). Check both."
        )

    def test_no_such_database(self, postgres_server: str, instance: Path, tmp_path: Path) -> None:
        settings = make_settings(instance, database_url=f"{postgres_server}/nowhere")
        assert refusal(settings, tmp_path) == (
            "PostgreSQL cannot be reached as DATABASE_URL says (InvalidCatalogNameError). "
            "Check both."
        )

    def test_first_start(self, postgres_server: str, instance: Path) -> None:
        asyncio.run(self._on_server(postgres_server, "CREATE DATABASE first_start"))
        settings = make_settings(instance, database_url=f"{postgres_server}/first_start")
        lines: list[str] = []
        prepare(settings, lines.append)
        assert [line.partition(" ")[0] for line in lines] == [
            "Made",
            "Made",
            "Made",
            *(["Migrated"] * len(LINES)),
        ]
        check_ready(settings)
        assert {path.name for path in instance.iterdir()} == {"keys.json", "audit-keys.json"}
        asyncio.run(self._on_server(postgres_server, "DROP DATABASE first_start WITH (FORCE)"))

    @staticmethod
    async def _on_server(address: str, statement: str) -> None:
        connection = await asyncpg.connect(f"{address}/postgres")
        await connection.execute(statement)
        await connection.close()


class TestFirstAndSecondStart:
    def test_first(self, instance: Path) -> None:
        lines: list[str] = []
        prepare(make_settings(instance), lines.append)
        assert lines == [
            f"Made {instance}/ (yours alone).",
            f"Made a key ring in {instance}/keys.json.",
            f"Made a key for the audit trail in {instance}/audit-keys.json.",
            *(f"Migrated the database: {line}" for line in LINES),
        ]

    def test_everything_is_the_owners_alone(self, instance: Path) -> None:
        """Also where new files are everybody's."""
        usual = os.umask(0)
        try:
            prepare(make_settings(instance), lambda _line: None)
        finally:
            os.umask(usual)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in instance.iterdir()}
        assert stat.S_IMODE(instance.stat().st_mode) == 0o700
        files = ("keys.json", "audit-keys.json", "portfolio.db")
        assert [modes[name] for name in files] == [0o600] * 3

    def test_second_changes_nothing(self, instance: Path) -> None:
        settings = make_settings(instance)
        prepare(settings, lambda _line: None)
        before, lines = snapshot(instance), list[str]()
        prepare(settings, lines.append)
        assert lines == []
        assert snapshot(instance) == before

    def test_lost_keys_are_made_anew(self, ready: Settings) -> None:
        old = KeyRing.read(ready.keys_path).current
        ready.keys_path.unlink()
        lines: list[str] = []
        prepare(ready, lines.append)
        assert lines == [f"Made a key ring in {ready.keys_path}."]
        assert KeyRing.read(ready.keys_path).current != old


class TestBreachedPasswords:
    @pytest.mark.parametrize("attempt", [prepare, check_ready])
    def test_a_list_that_is_none(
        self, ready: Settings, tmp_path: Path, attempt: Callable[..., object]
    ) -> None:
        path = tmp_path / "list"
        path.write_text("password\n")
        changed = ready.model_copy(update={"breached_passwords": path})
        assert refusal(changed, tmp_path, attempt) == (
            f"BREACHED_PASSWORDS: {path} is not a list of SHA-1 hashes, HASH:COUNT in each line."
        )

    def test_a_good_one(self, ready: Settings, tmp_path: Path) -> None:
        path = write_list(tmp_path / "list", ["password"])
        check_ready(ready.model_copy(update={"breached_passwords": path}))


class TestCheckReady:
    def test_no_instance(self, instance: Path, tmp_path: Path) -> None:
        assert refusal(make_settings(instance), tmp_path, check_ready) == (
            "There is no instance here yet. Run `portfolio serve` or `portfolio migrate`."
        )

    def test_database_behind_the_program(self, ready: Settings, tmp_path: Path) -> None:
        (ready.instance_dir / "portfolio.db").unlink()
        assert refusal(ready, tmp_path, check_ready) == (
            "The database is behind this program. Run `portfolio migrate` first."
        )

    def test_ready(self, ready: Settings) -> None:
        check_ready(ready)
