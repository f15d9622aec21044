"""A real server whose disk is really full: it reads on, refuses to write, and needs no new start.

The disk is a small one of its own; or a limit of what this process may write stands for a quota. Of
PostgreSQL it is the disk of the tables. Every answer in detail: tests/test_no_room.py.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests import postgres
from tests.conftest import missing
from tests.full_disks import fill, limit_files, small_disk
from tests.people import PASSWORD
from tests.photographs import photo
from tests.server.conftest import Start
from tests.server.process import RunningServer, run_command

pytestmark = pytest.mark.process

USERS, LOGIN = "/api/v1/users", "/api/v1/auth/login"
PICTURE = f"{USERS}/me/picture"
JPEG = {"Content-Type": "image/jpeg"}
MOST = 300


def sign_up(client: httpx.Client, uid: str) -> httpx.Response:
    new = {"uid": uid, "name": "Somebody", "password": PASSWORD}
    return client.post(USERS, json=new)


@dataclass
class Place:
    """A running server, and how its disk gets full and roomy."""

    server: RunningServer
    environment: dict[str, str]
    fill: Callable[[], object]
    make_room: Callable[[], object]


Filling = Callable[[Start, Path], AbstractContextManager[Place]]


@contextmanager
def on_a_small_disk(start: Start, folder: Path) -> Iterator[Place]:
    with small_disk(folder / "disk", 12) as disk:
        environment = {"INSTANCE_DIR": str(disk), "BACKUP_EVERY": "0"}
        server = start(**environment)
        yield Place(server, environment, lambda: fill(disk), (disk / "filler").unlink)
        server.close()


@contextmanager
def within_a_quota(start: Start, folder: Path) -> Iterator[Place]:
    server = start(BACKUP_EVERY="0")
    log = folder / "instance" / "portfolio.db-wal"

    def use_up() -> None:
        limit_files(server.process.pid, log.stat().st_size)

    yield Place(server, {}, use_up, lambda: limit_files(server.process.pid, None))


@contextmanager
def beside_postgres(start: Start, _folder: Path) -> Iterator[Place]:
    binaries = postgres.find_binaries()
    if binaries is None:
        missing("PostgreSQL is not installed")
        return
    # Not in the test's own folder, which PostgreSQL's user may not enter.
    with (
        tempfile.TemporaryDirectory(prefix="portfolio-disk-") as place,
        small_disk(Path(place) / "disk", 24) as disk,
        postgres.cluster(binaries) as address,
    ):
        for path in (Path(place), disk):
            shutil.chown(path, postgres.unprivileged_user() or -1)
        asyncio.run(make_database(address, disk))
        environment = {"DATABASE_URL": f"{address}/tight", "BACKUP_EVERY": "0"}
        server = start(**environment)
        yield Place(server, environment, lambda: fill(disk), (disk / "filler").unlink)
        server.close()


async def make_database(address: str, disk: Path) -> None:
    connection = await asyncpg.connect(f"{address}/postgres")
    await connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
    await connection.execute("CREATE DATABASE tight TABLESPACE small")
    await connection.close()


@pytest.mark.parametrize("filling", [on_a_small_disk, within_a_quota, beside_postgres])
def test_full_and_roomy_again(start: Start, tmp_path: Path, filling: Filling) -> None:
    with (
        filling(start, tmp_path) as place,
        httpx.Client(base_url=place.server.url, timeout=20) as client,
    ):
        assert sign_up(client, "ada").status_code == 201
        assert client.post(LOGIN, json={"uid": "ada", "password": PASSWORD}).status_code == 200
        picture = client.put(PICTURE, content=photo(), headers=JPEG).json()["url"]

        place.fill()
        # What a page of a table still has room for is stored, and said to be.
        stored: list[str] = []
        answer = sign_up(client, "new0")
        while answer.status_code == 201 and len(stored) < MOST:
            stored.append(answer.json()["uid"])
            answer = sign_up(client, f"new{len(stored)}")
        assert answer.status_code == 507, answer.text
        assert answer.json()["type"] == "/problems#no-room-left"
        for path in (f"{USERS}/me", "/account", "/", picture):
            assert client.get(path).status_code == 200, path
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"][0]["code"]) == (503, "disk-full")
        assert 'portfolio_hindrance{reason="disk-full"} 1' in client.get("/metrics").text

        place.make_room()
        assert sign_up(client, "grace").status_code == 201
        assert client.put(PICTURE, content=photo(), headers=JPEG).is_success
        for uid in ("ada", "grace", *stored):
            login = client.post(LOGIN, json={"uid": uid, "password": PASSWORD})
            assert login.status_code == 200, uid
        refused = client.post(LOGIN, json={"uid": f"new{len(stored)}", "password": PASSWORD})
        assert refused.status_code == 401
        verified = run_command(tmp_path, "audit", "verify", **place.environment)
        assert verified.returncode == 0, verified.stdout


def test_a_picture_alone_finds_no_room(start: Start, tmp_path: Path) -> None:
    """The database has room; nothing is left of the file."""
    with small_disk(tmp_path / "disk", 12) as disk:
        server = start(DATABASE_URL=f"sqlite:///{tmp_path}/other.db", INSTANCE_DIR=str(disk))
        with httpx.Client(base_url=server.url, timeout=20) as client:
            assert sign_up(client, "ada").status_code == 201
            assert client.post(LOGIN, json={"uid": "ada", "password": PASSWORD}).is_success
            filler = fill(disk)
            assert client.put(PICTURE, content=photo(), headers=JPEG).status_code == 507
            assert not list((disk / "uploads").iterdir())
            assert client.patch(f"{USERS}/me", json={"name": "Ada King"}).status_code == 200
            filler.unlink()
            assert client.put(PICTURE, content=photo(), headers=JPEG).is_success
        server.close()
