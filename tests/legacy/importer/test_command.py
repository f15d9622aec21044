"""`portfolio import-flask` as somebody types it. What an import does is tested beside this."""

import json
import os
import pty
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.config import Settings
from app.locks import only_server
from tests.legacy.old_databases import make_old_database
from tests.photographs import photo
from tests.server.process import environment_for
from tests.test_cli import Run, query, ready, run, sentence

__all__ = ["ready", "run"]


@pytest.fixture
def old(ready: Run) -> str:
    """An old database in the present folder."""
    assert callable(ready)
    made = make_old_database(Path("old.db"), "S25", "ada", "grace", "")
    made.add_user("alan", _role="Admin", _password="")
    return str(made.path)


class TestRefuses:
    @pytest.mark.parametrize("arguments", [(), ("old.db", "two.db"), ("old.db", "--fly")])
    def test_wrong_calls(self, run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        assert run("import-flask", *arguments).exit_code == 2
        assert list(tmp_path.iterdir()) == []

    def test_settings_that_will_not_do(self, run: Run) -> None:
        found = sentence(run("import-flask", "old.db", SECRET_KEY="hunter2"))
        assert found.startswith("SECRET_KEY must be")

    def test_no_instance(self, run: Run) -> None:
        assert "no instance here yet" in sentence(run("import-flask", "old.db"))

    def test_no_file(self, ready: Run) -> None:
        assert sentence(ready("import-flask", "old.db")) == "There is no file old.db."

    def test_what_is_no_database(self, ready: Run) -> None:
        Path("notes.txt").write_text("Dear diary")
        assert "neither an SQLite database" in sentence(ready("import-flask", "notes.txt"))
        assert sorted(path.name for path in Path("instance").iterdir()) == [
            *("audit-keys.json", "keys.json", "portfolio.db", "portfolio.db-server"),
        ]

    def test_beside_a_server(self, ready: Run, old: str) -> None:
        before = query("SELECT * FROM user")
        with only_server(Settings(_env_file=None)):
            assert "Stop it, import" in sentence(ready("import-flask", old))
        assert query("SELECT * FROM user") == before

    def test_a_report_that_would_replace_a_file(self, ready: Run, old: str) -> None:
        content = Path(old).read_bytes()
        found = sentence(ready("import-flask", old, "--report", old))
        assert found.endswith("File exists. Name another file.")
        assert Path(old).read_bytes() == content

    @pytest.mark.parametrize("path", ["missing/report.json", "x" * 300])
    def test_a_report_that_cannot_be_written(self, ready: Run, old: str, path: str) -> None:
        assert "cannot be written" in sentence(ready("import-flask", old, "--report", path))
        assert query("SELECT * FROM user") == []

    def test_a_folder_of_pictures_that_is_none(self, ready: Run, old: str) -> None:
        for path in ("missing", old):
            found = sentence(ready("import-flask", old, "--uploads", path))
            assert found == f"{path} is not a folder: there are no pictures in it."
        assert query("SELECT * FROM user") == []

    def test_and_leaves_no_report_of_nothing(self, ready: Run) -> None:
        assert ready("import-flask", "old.db", "--report", "report.json").exit_code == 1
        assert not Path("report.json").exists()


class TestDryRun:
    def test_says_what_would_happen(self, ready: Run, old: str) -> None:
        result = ready("import-flask", old, "--dry-run")
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert "users: 4 rows: 2 taken, 1 changed, 1 refused" in lines
        assert lines[-1] == "That was a dry run: nothing was changed."
        assert query("SELECT * FROM user") == []
        assert not Path("instance/backups").exists()


class TestImport:
    def test_says_what_it_did(self, ready: Run, old: str) -> None:
        result = ready("import-flask", old)
        assert (result.exit_code, result.stderr) == (0, "")
        assert "users: 4 rows: 2 taken, 1 changed, 1 refused" in result.stdout
        assert "Admins: alan" in result.stdout
        assert "Without a password (1): alan" in result.stdout
        assert "dry run" not in result.stdout
        assert [uid for (uid,) in query("SELECT uid FROM user")] == ["ada", "grace", "alan"]

    def test_writes_a_private_report(self, ready: Run, old: str) -> None:
        assert ready("import-flask", old, "--report", "report.json").exit_code == 0
        assert stat.S_IMODE(Path("report.json").stat().st_mode) == 0o600
        told = json.loads(Path("report.json").read_text())
        assert len(told["rows"]) == 4
        with closing(sqlite3.connect(told["backup"])) as backup:
            assert backup.execute("SELECT count(*) FROM user").fetchone() == (0,)

    def test_whom_it_names_gets_a_link(self, ready: Run, old: str) -> None:
        ready("import-flask", old)
        assert "/reset?token=" in ready("users", "reset", "alan").stdout

    @pytest.mark.parametrize(
        ("folder", "options"),
        [
            ("instance/uploads", ()),
            ("instance/volumes/uploads", ()),
            ("elsewhere", ("--uploads", "elsewhere")),
        ],
    )
    def test_finds_the_pictures(self, ready: Run, folder: str, options: tuple[str, ...]) -> None:
        """Where the old servers had them, or where somebody says."""
        place = Path("old", folder) if not options else Path(folder)
        (place / "ada").mkdir(parents=True)
        (place / "ada" / "me.png").write_bytes(photo())
        Path("old/instance/volumes").mkdir(parents=True, exist_ok=True)
        made = make_old_database(Path("old/instance/volumes/user_management.db"))
        made.add_user("ada", _pfp="me.png")
        assert ready("import-flask", str(made.path), *options).exit_code == 0
        ((name,),) = query("SELECT name FROM picture")
        assert Path("instance/uploads", f"{name}.webp").exists()

    def test_shows_a_bar_where_somebody_watches(self, old: str) -> None:
        ours, theirs = pty.openpty()
        with subprocess.Popen(  # noqa: S603  (our own program)
            [sys.executable, "-m", "app", "import-flask", old],
            env=environment_for(Path.cwd(), {}),
            stdout=subprocess.PIPE,
            stderr=theirs,
        ) as process:
            output, _ = process.communicate(timeout=60)
        os.close(theirs)
        shown = os.read(ours, 65536).decode()
        os.close(ours)
        assert process.returncode == 0
        assert "Reading" not in output.decode()
        assert "users" in shown
        assert "100%" in shown
