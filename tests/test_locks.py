"""Locks beside a SQLite file: one server, and commands that hold its checkpoints off."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import Settings
from app.locks import AnotherServer, beside_a_server, is_served, nobody_beside, only_server
from tests.conftest import make_settings

# Holds the right to serve until it is killed, as a crashed server would.
HOLDER = """
import sys
from pathlib import Path
from app.config import Settings
from app.locks import only_server
with only_server(Settings(_env_file=None, instance_dir=Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def on_postgresql(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, database_url="postgresql://u@nowhere.invalid/d")


def is_alone(settings: Settings) -> bool:
    assert settings.sqlite_path is not None
    with nobody_beside(settings.sqlite_path) as alone:
        return alone


class TestOnlyServer:
    def test_a_second_is_refused(self, settings: Settings) -> None:
        with only_server(settings):
            assert is_served(settings)
            with pytest.raises(AnotherServer, match="Another server uses"), only_server(settings):
                pytest.fail("two servers")
            assert is_served(settings)

    def test_lets_go_at_the_end(self, settings: Settings) -> None:
        for _ in range(2):
            with only_server(settings):
                pass
        assert not is_served(settings)

    @pytest.mark.process
    def test_lets_go_when_the_process_is_killed(self, settings: Settings) -> None:
        command = [sys.executable, "-c", HOLDER, str(settings.instance_dir)]
        with subprocess.Popen(  # noqa: S603  (our own program)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            assert is_served(settings)
            process.kill()
        assert not is_served(settings)

    def test_looking_makes_no_file(self, settings: Settings) -> None:
        assert not is_served(settings)
        assert list(settings.instance_dir.iterdir()) == []

    def test_another_database_is_another_matter(self, settings: Settings, tmp_path: Path) -> None:
        other = make_settings(tmp_path, database_url=f"sqlite:///{tmp_path}/other.db")
        with only_server(settings), only_server(other):
            assert is_served(other)

    def test_files_are_the_owners_alone(self, settings: Settings) -> None:
        usual = os.umask(0)
        try:
            with only_server(settings), beside_a_server(settings):
                modes = [stat.S_IMODE(p.stat().st_mode) for p in settings.instance_dir.iterdir()]
        finally:
            os.umask(usual)
        assert modes == [0o600, 0o600]

    def test_postgresql_takes_many(self, on_postgresql: Settings) -> None:
        with only_server(on_postgresql), only_server(on_postgresql):
            assert not is_served(on_postgresql)
        assert list(on_postgresql.instance_dir.iterdir()) == []


class TestBesideAServer:
    def test_commands_hold_checkpoints_off(self, settings: Settings) -> None:
        with beside_a_server(settings):
            assert not is_alone(settings)
        assert is_alone(settings)

    def test_commands_do_not_hold_one_another_off(self, settings: Settings) -> None:
        with beside_a_server(settings), beside_a_server(settings):
            assert not is_alone(settings)

    def test_only_one_checkpoint_at_a_time(self, settings: Settings) -> None:
        assert settings.sqlite_path is not None
        with nobody_beside(settings.sqlite_path) as alone:
            assert alone
            assert not is_alone(settings)

    def test_serving_does_not_hold_commands_off(self, settings: Settings) -> None:
        with only_server(settings), beside_a_server(settings):
            assert is_served(settings)

    def test_postgresql_needs_no_lock(self, on_postgresql: Settings) -> None:
        with beside_a_server(on_postgresql):
            assert list(on_postgresql.instance_dir.iterdir()) == []
