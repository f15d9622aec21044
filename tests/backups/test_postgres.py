"""PostgreSQL: copied with the real pg_dump, put back with the real pg_restore as the docs say."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from app import migrations
from app.backups.archive import open_archive
from app.backups.postgres import has_program
from app.backups.refusals import CannotBackUp, CannotRestore
from app.config import Settings
from app.startup import prepare
from tests import databases
from tests.backups.conftest import PICTURES, Instance
from tests.conftest import make_settings, missing
from tests.documents import ROOT, find_block
from tests.postgres import free_port

pytestmark = pytest.mark.process


@pytest.fixture
def engine() -> str:
    return "postgresql"


@pytest.fixture(autouse=True)
def _programs() -> None:
    if not has_program():
        missing("PostgreSQL's client programs are not installed")


@pytest.fixture
def filled(settings: Settings) -> Instance:
    made = Instance(settings)
    made.add_user("ada")
    made.add_picture(PICTURES[0])
    return made


def ask(address: str, statement: str) -> str:
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname", address]
    done = subprocess.run(  # noqa: S603  (what the docs name)
        [*command, "--command", statement], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class TestRefused:
    def test_without_the_programs(
        self, filled: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(CannotBackUp, match="pg_dump is not here"):
            filled.back_up()

    def test_out_of_reach(self, tmp_path: Path) -> None:
        gone = make_settings(tmp_path, database_url=f"postgresql://u@127.0.0.1:{free_port()}/x")
        with pytest.raises(CannotBackUp, match="could not be made"):
            Instance(gone).back_up()
        assert [path.name for path in gone.backups_dir.iterdir()] == [".lock"]

    def test_empty(self, postgres_server: str, tmp_path: Path) -> None:
        url = databases.create(postgres_server, "nothing_in_it")
        with pytest.raises(CannotBackUp, match="nothing to back up"):
            Instance(make_settings(tmp_path, database_url=url)).back_up()

    def test_program_fails(self, filled: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=nonsense")
        with pytest.raises(CannotBackUp, match=r"pg_dump failed: .*statement_timeout"):
            filled.back_up()

    def test_is_not_put_back_by_the_command(self, filled: Instance, tmp_path: Path) -> None:
        made = filled.back_up()
        for other in (filled, Instance(make_settings(tmp_path / "sqlite"))):
            with pytest.raises(CannotRestore, match="steps for PostgreSQL"):
                other.restore(made)


class TestMade:
    def test_says_what_it_is(self, filled: Instance) -> None:
        made = filled.back_up()
        with open_archive(made) as archive:
            archive.verify(lambda _count: None)
            assert archive.manifest.engine == "postgresql"
            assert set(archive.manifest.members) == {
                "database.dump",
                f"uploads/{PICTURES[0]}.webp",
            }
        assert {path.name for path in made.parent.iterdir()} == {".lock", made.name}

    def test_password_is_handed_over_in_a_file(self, filled: Instance) -> None:
        """The server of the tests asks for none: that it is not in the way is what is seen here."""
        address = filled.settings.database_url.replace("@", ":p%3Aq%5Cr%40s@")
        other = filled.settings.model_copy(update={"database_url": address})
        made = Instance(other).back_up()
        assert b"p:q" not in made.read_bytes()

    def test_is_put_back_as_the_docs_say(
        self, filled: Instance, postgres_server: str, tmp_path: Path
    ) -> None:
        made = filled.back_up()
        url = databases.create(postgres_server, "put_back")
        folder = tmp_path / "out"
        folder.mkdir()
        with tarfile.open(made) as tar:
            tar.extractall(folder, filter="data")
        steps = find_block(ROOT / "docs" / "backups.md", "sh", heading="PostgreSQL")
        script = steps.split("\n", 1)[1].replace("postgresql://portfolio@localhost/new", url)
        subprocess.run(["bash", "-euc", script], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607
        assert ask(url, 'SELECT uid FROM "user"') == "ada"
        assert ask(url, "SELECT count(*) FROM user_session WHERE revoked_at IS NULL") == "0"
        assert ask(url, "SELECT count(*) FROM one_time_link") == "0"
        assert (folder / "uploads" / f"{PICTURES[0]}.webp").exists()


class TestBeforeAMigration:
    def test_is_made(self, postgres_server: str, tmp_path: Path) -> None:
        settings = behind(postgres_server, "behind_with", tmp_path)
        lines: list[str] = []
        prepare(settings, lines.append)
        (made,) = settings.backups_dir.glob("before-migration-*.tar")
        assert f"Made a backup before the migration: {made}" in lines
        assert ask(settings.database_url, "SELECT action FROM audit_event") == "backup-made"

    def test_without_the_programs_it_is_told(
        self, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = behind(postgres_server, "behind_without", tmp_path)
        lines: list[str] = []
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(tmp_path))
            prepare(settings, lines.append)
        assert any("No backup before the migration: pg_dump is not here" in line for line in lines)
        assert ask(settings.database_url, "SELECT version_num FROM alembic_version") > "2026112406"


def behind(server: str, name: str, folder: Path) -> Settings:
    """Return settings of a database that an older program made."""
    settings = make_settings(folder, database_url=databases.create(server, name))
    prepare(settings, lambda _line: None)
    migrations.downgrade(settings, "2026112406")
    return settings
