"""`portfolio move` as somebody types it: what it says and refuses, and killed in the middle."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.config import Settings
from app.keys import KeyRing, new_key
from app.models import utc_now
from app.moving.progress import Mark
from app.standing import MOVING
from tests import databases
from tests.conftest import make_settings
from tests.databases import copy_instance
from tests.moving import fill, read_all, without_the_move
from tests.server.process import RunningServer, environment_for, run_command

pytestmark = pytest.mark.process

MANY = 12_000


@pytest.fixture
def instance(sqlite_template: Path, tmp_path: Path) -> Settings:
    """An instance where the command looks for it, with rows in every table."""
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o700)
    copy_instance(sqlite_template, folder)
    KeyRing((new_key(utc_now()),)).write(folder / "keys.json")
    settings = make_settings(folder)
    asyncio.run(fill(settings))
    return settings


@pytest.fixture
def address(postgres_server: str) -> Iterator[str]:
    """The address of an empty database, with a password that nobody asks for."""
    url = databases.create(postgres_server, "commanded")
    yield url.replace("@", ":hunter2@", 1)
    databases.execute(postgres_server, "DROP DATABASE commanded WITH (FORCE)")


def refused(folder: Path, *arguments: str) -> str:
    result = run_command(folder, "move", *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    return result.stderr


def test_there(instance: Settings, address: str, tmp_path: Path) -> None:
    looked = run_command(tmp_path, "move", "--check", "--to", address)
    assert "rows of 17 tables can be moved. Nothing was changed." in looked.stdout, looked.stderr
    done = run_command(tmp_path, "move", "--to", address)
    assert done.returncode == 0, done.stderr
    shown = address.replace("hunter2", "***")
    assert f"Now set DATABASE_URL={shown} (with its password) and start the server." in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert f"Pictures and keys stay in {tmp_path}/instance" in done.stdout
    assert "every one was compared" in done.stdout
    with RunningServer(tmp_path, changes={"DATABASE_URL": address}) as server:
        assert server.lines
    assert instance.sqlite_path is not None


@pytest.mark.usefixtures("instance")
def test_an_instance_that_is_served(address: str, tmp_path: Path) -> None:
    with RunningServer(tmp_path):
        assert "A server uses" in refused(tmp_path, "--to", address)


@pytest.mark.usefixtures("instance")
def test_the_same_kind(tmp_path: Path) -> None:
    assert "Name the other kind" in refused(tmp_path, "--to", "sqlite:///other.db")


@pytest.mark.usefixtures("instance")
def test_no_address(tmp_path: Path) -> None:
    said = refused(tmp_path, "--to", "mysql://u:hunter2@h/d")
    assert "DATABASE_URL is postgresql://" in said
    assert "hunter2" not in said


def test_what_is_in_the_way_is_listed(instance: Settings, address: str, tmp_path: Path) -> None:
    assert instance.sqlite_path is not None
    with sqlite3.connect(instance.sqlite_path) as connection:
        connection.execute("UPDATE post SET title = 'a' || char(0) WHERE id IN (4, 5)")
    connection.close()
    assert refused(tmp_path, "--to", address).split("\n")[:3] == [
        "  post 4: title has a zero byte (NUL) in it.",
        "  post 5: title has a zero byte (NUL) in it.",
        "PostgreSQL does not take everything that is here.",
    ]


def add_many(settings: Settings) -> None:
    assert settings.sqlite_path is not None
    with sqlite3.connect(settings.sqlite_path) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO imported_row SELECT printf('%064d', i), 'user', i, '2026-01-01 00:00:00'"
            " FROM n",
            (MANY,),
        )
    connection.close()


async def until_some_are_there(url: str) -> Mark:
    """Wait until the command has committed some of the rows."""
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    last = await connection.fetchval(
                        f"SELECT last FROM {MOVING} WHERE step = 'imported_row'"
                    )
                except asyncpg.UndefinedTableError:
                    continue
                if last is not None:
                    return Mark(last)
    finally:
        await connection.close()


def test_killed(instance: Settings, address: str, tmp_path: Path) -> None:
    """In the middle of a table: the same command goes on, and every row is there once."""
    add_many(instance)
    command = [sys.executable, "-m", "app", "move", "--to", address]
    environment = environment_for(tmp_path, {})
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:  # noqa: S603  (ours)
        mark = asyncio.run(until_some_are_there(address))
        process.kill()
    assert process.returncode == -9
    assert mark.last < f"{MANY:064}"  # type: ignore[operator]  # it is there
    served = run_command(tmp_path, "users", "list", DATABASE_URL=address)
    assert "was cut off" in served.stderr
    done = run_command(tmp_path, "move", "--to", address)
    assert done.returncode == 0, done.stderr
    target = make_settings(instance.instance_dir, database_url=address)
    sent, there = (asyncio.run(read_all(settings)) for settings in (instance, target))
    assert without_the_move(there) == without_the_move(sent)
    assert len(there["imported_row"]) > MANY
