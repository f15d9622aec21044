"""A full disk, in one process: writes are refused with 507, reads go on, and then all is well.

No file of this process may grow beyond what SQLite's log has; PostgreSQL answers what it answers
when its disk is full. The same with real disks and real servers: tests/server/test_full_disk.py.
"""

import asyncio
import errno
import logging
import resource
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel import SQLModel

from app.errors import NoRoomLeft
from app.metrics import Metrics
from app.models import Role, utc_now
from app.resources import Resources
from app.services import readiness
from app.services.readiness import DISK_FULL, find_hindrances
from app.tokens import Purpose
from app.trouble import has_no_room, is_passing
from tests.legacy.wire import front_end
from tests.people import PASSWORD, People
from tests.photographs import photo
from tests.wire import COOKIE, change_session, current_sid, read_users

PICTURE = "/api/v1/users/me/picture"
HTML = {"Accept": "text/html"}
NEW = {"name": "Grace Hopper", "password": PASSWORD}

_REFUSE = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$
"""


class Disk:
    """The disk of a database, which can be made full and roomy again."""

    def __init__(self, resources: Resources) -> None:
        self._database = resources.database
        self._path = resources.settings.sqlite_path
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def fill(self) -> None:
        if self._path is not None:
            log = self._path.with_name(f"{self._path.name}-wal")
            resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, self._limits[1]))
            return
        await self._postgres(
            _REFUSE,
            *(
                f'CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON "{table.name}"'
                " EXECUTE FUNCTION no_room()"
                for table in SQLModel.metadata.sorted_tables
            ),
        )

    async def make_room(self) -> None:
        if self._path is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)
        else:
            await self._postgres("DROP FUNCTION IF EXISTS no_room CASCADE")

    async def _postgres(self, *statements: str) -> None:
        async with self._database.transaction() as session:
            connection = await session.connection()
            for statement in statements:
                await connection.execute(text(statement))


@pytest.fixture
async def disk(resources: Resources) -> AsyncIterator[Disk]:
    disk = Disk(resources)
    yield disk
    await disk.make_room()


class TestWrites:
    async def test_are_refused_while_reads_go_on(
        self, people: People, client: httpx.AsyncClient, disk: Disk
    ) -> None:
        ada = await people.create_and_log_in("ada")
        await disk.fill()
        answer = await client.post("/api/v1/users", json={"uid": "grace", **NEW})
        assert answer.status_code == 507
        assert answer.headers["Retry-After"] == "60"
        assert answer.json()["type"] == "/problems#no-room-left"
        for method, path, body in (
            ("POST", "/api/v1/auth/login", {"uid": "ada", "password": PASSWORD}),
            ("POST", "/api/v1/auth/login", {"uid": "ada", "password": "wrong, and long enough"}),
            ("PATCH", "/api/v1/users/me", {"name": "Ada King"}),
            ("POST", "/api/v1/auth/logout", None),
        ):
            answer = await ada.request(method, path, json=body)
            assert answer.status_code == 507, (method, path, answer.text)
        for path in ("/api/v1/users/me", "/api/v1/auth/sessions", "/account", "/", "/healthz"):
            assert (await ada.get(path, headers=HTML)).status_code == 200, path

        await disk.make_room()
        answer = await client.post("/api/v1/users", json={"uid": "grace", **NEW})
        assert answer.status_code == 201, answer.text
        assert (await ada.get("/api/v1/users/me")).json()["uid"] == "ada"

    async def test_of_many_at_once_are_all_told_the_same(
        self, people: People, client: httpx.AsyncClient, disk: Disk
    ) -> None:
        """Those whose transaction another's failing takes along as well."""
        await people.create("ada")
        await disk.fill()
        login = {"uid": "ada", "password": PASSWORD}
        answers = await asyncio.gather(
            *(client.post("/api/v1/auth/login", json=login) for _ in range(8))
        )
        assert [answer.status_code for answer in answers] == [507] * 8

    async def test_on_a_page_in_words(
        self, people: People, client: httpx.AsyncClient, disk: Disk
    ) -> None:
        await people.create("ada")
        await disk.fill()
        form = {"username": "ada", "password": PASSWORD}
        answer = await client.post("/login", data=form, headers=HTML)
        assert answer.status_code == 507
        assert NoRoomLeft.title in answer.text
        assert NoRoomLeft.advice in answer.text

    async def test_on_the_old_wire(self, app: FastAPI, people: People, disk: Disk) -> None:
        await people.create("ada")
        await disk.fill()
        async with front_end(app) as page:
            answer = await page.post("/api/user", json={"uid": "grace", **NEW})
        assert answer.status_code == 507
        told = {"message": f"{NoRoomLeft.title}.", "data": None, "error": "Insufficient Storage"}
        assert answer.json() == told

    async def test_whose_event_finds_no_room_leaves_nothing(
        self, people: People, disk: Disk, resources: Resources
    ) -> None:
        admin = await people.create_and_log_in("boss", role=Role.ADMIN)
        await people.create("ada")
        await disk.fill()
        answer = await admin.patch("/api/v1/users/ada", json={"role": "teacher"})
        assert answer.status_code == 507
        assert (await read_users(resources))["ada"].role is Role.USER


class TestReads:
    async def test_with_a_cookie_that_cannot_be_renewed(
        self, people: People, client: httpx.AsyncClient, resources: Resources, disk: Disk
    ) -> None:
        ada = await people.create_and_log_in("ada")
        sid, now = await current_sid(ada), utc_now()
        issued, expires_at = now - timedelta(days=5), now + timedelta(days=1)
        times = {"created_at": issued, "renewed_at": issued, "expires_at": expires_at}
        await change_session(resources, sid, **times)
        public_id = (await read_users(resources))["ada"].public_id
        old = resources.codec.issue(
            Purpose.COOKIE, sub=public_id, sid=sid, now=issued, expires_at=expires_at
        )
        by_cookie = {"Cookie": f"{COOKIE}={old}"}
        await disk.fill()
        answer = await client.get("/api/v1/users/me", headers=by_cookie)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        await disk.make_room()
        assert "Set-Cookie" in (await client.get("/api/v1/users/me", headers=by_cookie)).headers


@pytest.mark.process
class TestPictures:
    async def test_find_no_room(
        self, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = await people.create_and_log_in("ada")
        headers = {"Content-Type": "image/jpeg"}

        async def write(_name: str, _webp: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(resources.picture_store, "write", write)
            answer = await ada.put(PICTURE, content=photo(), headers=headers)
            assert answer.status_code == 507
        assert (await ada.get("/api/v1/users/me")).status_code == 200
        answer = await ada.put(PICTURE, content=photo(), headers=headers)
        assert answer.is_success, answer.text


class TestTold:
    async def test_in_the_log_and_the_figures_and_when_asked(
        self,
        people: People,
        client: httpx.AsyncClient,
        resources: Resources,
        disk: Disk,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await people.create("ada")
        await disk.fill()
        with caplog.at_level(logging.ERROR, "portfolio.error"):
            await client.post("/api/v1/users", json={"uid": "grace", **NEW})
        (line,) = [one for one in caplog.records if one.name == "portfolio.error"]
        assert line.getMessage() == NoRoomLeft.title
        assert any(words in vars(line)["cause"] for words in ("I/O error", "No space left"))
        figures = (await client.get("/metrics")).text
        assert "portfolio_no_room_total 1" in figures
        assert 'portfolio_hindrance{reason="disk-full"} 1' in figures
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert [one["code"] for one in answer.json()["reasons"]] == ["disk-full"]
        monkeypatch.setattr(readiness, "NO_ROOM_SECONDS", 0.0)
        assert await find_hindrances(resources) == []


class TestWhatIsFull:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
    async def test_a_file(
        self, app: FastAPI, client: httpx.AsyncClient, number: int, engine: str
    ) -> None:
        """Such as that of a large form on its way in."""
        assert engine

        async def fail() -> None:
            raise OSError(number, "No room")

        app.add_api_route("/fails", fail, methods=["POST"])
        assert (await client.post("/fails")).status_code == 507

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.EIO, "I/O error"),
            sqlite3.OperationalError("the transaction is gone"),
            ValueError("no"),
        ],
    )
    def test_nothing_else(self, error: Exception) -> None:
        assert not has_no_room(error)

    def test_is_no_passing_trouble_of_the_connection(self) -> None:
        assert not is_passing(OSError(errno.ENOSPC, "No room"))

    def test_no_request_was_refused_at_the_start(self) -> None:
        assert Metrics().no_room_at == float("-inf")


@pytest.mark.parametrize("hindrance", [DISK_FULL])
def test_says_what_to_do(hindrance: readiness.Hindrance) -> None:
    assert "Make room" in hindrance.detail
