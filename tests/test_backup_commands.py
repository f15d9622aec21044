"""`portfolio backup` and `portfolio restore` as somebody types them, and before a migration."""

import os
from pathlib import Path

import pytest

from app import migrations
from app.config import Settings
from tests.server.process import RunningServer, run_command
from tests.test_cli import Run, create, query, ready, run, sentence

pytestmark = pytest.mark.process

__all__ = ["ready", "run"]

BACKUPS = Path("instance/backups")


def downgraded(revision: str) -> Settings:
    settings = Settings(_env_file=None, instance_dir=Path("instance"))
    migrations.downgrade(settings, revision)
    return settings


class TestBackup:
    def test_without_an_instance(self, run: Run) -> None:
        assert "There is no instance here yet" in sentence(run("backup"))
        assert not Path("instance").exists()

    def test_cannot(self, ready: Run) -> None:
        Path("there.tar").write_text("mine")
        assert "is there already" in sentence(ready("backup", "there.tar"))
        assert query("SELECT * FROM audit_event") == []

    def test_that_the_trail_cannot_tell_of(self, ready: Run) -> None:
        Path("instance/audit-keys.json").write_text("junk")
        assert "cannot be read as a key ring" in sentence(ready("backup"))
        assert not BACKUPS.exists()

    def test_here(self, ready: Run) -> None:
        result = ready("backup")
        assert result.exit_code == 0, result.output
        (made,) = BACKUPS.glob("*.tar")
        assert result.stdout.startswith(f"{made}: ")
        assert "The keys are not in it." in result.stdout
        assert query("SELECT action, client_address, detail ->> 'file' FROM audit_event") == [
            ("backup-made", "console", made.name)
        ]

    def test_elsewhere_with_keys(self, ready: Run) -> None:
        result = ready("backup", "mine.tar", "--with-keys")
        assert "can log in as anybody" in result.stdout
        assert os.stat("mine.tar").st_mode & 0o777 == 0o600  # noqa: PTH116  (as the shell says)
        assert query("SELECT detail ->> 'keys' FROM audit_event") == [("yes",)]

    def test_beside_a_server(self, tmp_path: Path) -> None:
        with RunningServer(tmp_path):
            result = run_command(tmp_path, "backup", str(tmp_path / "made.tar"))
            assert result.returncode == 0, result.stderr
            refused = run_command(tmp_path, "restore", str(tmp_path / "made.tar"))
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "A server uses" in refused.stderr


class TestRestore:
    def test_no_backup(self, ready: Run) -> None:
        assert "There is no file none.tar" in sentence(ready("restore", "none.tar"))

    def test_back(self, ready: Run) -> None:
        create(ready, "ada")
        assert ready("backup", "mine.tar", "--with-keys").exit_code == 0
        create(ready, "bob")
        result = ready("restore", "mine.tar")
        assert result.exit_code == 0, result.output
        assert "What was here before is in" in result.stdout
        assert "Every login has ended" in result.stdout
        assert "they were not taken (--with-keys)" in result.stdout
        assert query("SELECT uid FROM user") == [("ada",)]
        assert ready("audit", "verify").exit_code == 0

    def test_of_an_older_program(self, ready: Run) -> None:
        downgraded("2026112406")
        assert ready("migrate").exit_code == 0
        (made,) = BACKUPS.glob("before-migration-*.tar")
        result = ready("restore", str(made))
        assert "Migrated the database: 2026112407" in result.stdout
        assert "were not taken" not in result.stdout

    def test_on_a_new_machine(self, ready: Run) -> None:
        assert ready("backup", "mine.tar").exit_code == 0
        result = ready("restore", "mine.tar", INSTANCE_DIR="new")
        assert result.exit_code == 0, result.output
        assert "before is in" not in result.stdout
        assert ready("migrate", INSTANCE_DIR="new").exit_code == 0


class TestBeforeAMigration:
    def test_is_noted(self, ready: Run) -> None:
        downgraded("2026112406")
        result = ready("migrate")
        assert result.exit_code == 0, result.output
        (made,) = BACKUPS.glob("*.tar")
        assert f"Made a backup before the migration: {made}" in result.stdout
        assert query("SELECT action, detail ->> 'file' FROM audit_event") == [
            ("backup-made", made.name)
        ]

    def test_not_of_nothing(self, run: Run) -> None:
        assert run("migrate").exit_code == 0
        assert not BACKUPS.exists()

    def test_none_without_it(self, ready: Run) -> None:
        downgraded("2026112406")
        BACKUPS.write_text("in the way")
        result = ready("migrate")
        assert result.exit_code == 1
        assert "Nothing was migrated, for want of a backup." in result.stderr
        assert query("SELECT version_num FROM alembic_version") == [("2026112406",)]
