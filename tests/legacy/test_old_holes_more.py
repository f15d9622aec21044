"""What was wrong with the old servers, continued: rights, pages, crashes, operation."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from jose import jwt
from sqlalchemy import event

from app.legacy.importer.backup import back_up
from app.models import Role
from app.resources import Resources
from tests.documents import ROOT
from tests.legacy.wire import NEW_PASSWORD, front_end, log_in, log_in_admin, refused, sign_up
from tests.people import PASSWORD, People
from tests.wire import (
    COOKIE,
    ONE_ENGINE,
    read_users,
    visitor,
)

MISSING = "Authentication Token is missing!"
ENDED = "Authentication Token is invalid or has expired"
FORBIDDEN = "Insufficient permissions."
HTML = {"Accept": "text/html"}
PEOPLE = ["/api/id", "/api/user", "/api/user?page=1", "/api/users", "/api/users/"]
SOURCES = [path for folder in ("app", "alembic") for path in sorted((ROOT / folder).rglob("*.py"))]


@ONE_ENGINE
class TestRights:
    async def test_public_bulk_creation(self, app: FastAPI, resources: Resources) -> None:
        pupils = [{"name": "Pupil", "uid": f"pupil{number}"} for number in range(3)]
        async with front_end(app) as page:
            for path in ("/api/users", "/api/users/"):
                refused(await page.post(path, json=pupils), 403, FORBIDDEN)
        assert await read_users(resources) == {}

    async def test_any_logged_in_user_could_delete_any_user(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        bob = await people.create("bob")
        async with front_end(app) as page:
            await sign_up(page)
            await log_in(page)
            for path in ("/api/user", "/api/users", "/api/users/"):
                answer = await page.request("DELETE", path, json={"uid": "bob"})
                refused(answer, 403, FORBIDDEN)
        ada = await people.log_in("ada")
        assert (await ada.delete(f"/users/delete/{bob.id}")).status_code == 403
        assert "bob" in await read_users(resources)

    @pytest.mark.parametrize("role", ["Admin", "min", "admin,user", "Administrator"])
    async def test_substring_role_check(
        self, app: FastAPI, resources: Resources, role: str
    ) -> None:
        """Part of a role's name was enough, and a role could be asked for."""
        async with front_end(app) as page:
            await sign_up(page, role=role)
            await log_in(page)
            for path in ("/api/user", "/api/users"):
                await page.put(path, json={"uid": "ada", "role": role})
            answer = await page.request("DELETE", "/api/user", json={"uid": "ada"})
            refused(answer, 403, FORBIDDEN)
        assert (await read_users(resources))["ada"].role is Role.USER

    async def test_update_user_without_a_login(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        before = await read_users(resources)
        body = {"name": "Eve", "role": "Admin", "password": NEW_PASSWORD}
        async with front_end(app) as page:
            for method, path, status in [
                ("PUT", "/update_user/ada", 403),
                ("PUT", "/api/user", 401),
                ("PUT", "/api/users", 401),
            ]:
                assert (await page.request(method, path, json=body)).status_code == status
        async with visitor(app) as script:
            assert (await script.put("/update_user/ada", json=body)).status_code == 404
        assert await read_users(resources) == before


@ONE_ENGINE
class TestPages:
    async def test_no_csrf_protection_on_the_pages_post(
        self, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        before = await read_users(resources)
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", **HTML}
        for path in ("/login", "/login/", "/logout", "/account/profile", "/account/delete"):
            answer = await ada.post(path, data={"name": "Eve"}, headers=foreign)
            assert answer.status_code == 403, path
            assert "Set-Cookie" not in answer.headers
        assert await read_users(resources) == before
        assert (await ada.get("/api/id")).status_code == 200

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
    async def test_no_csrf_protection_on_get_logout(self, people: People, site: str) -> None:
        ada = await people.create_and_log_in("ada")
        for path in ("/logout", "/logout?next=/"):
            await ada.get(path, headers={"Sec-Fetch-Site": site, **HTML})
        assert (await ada.get("/api/id")).status_code == 200

    @pytest.mark.parametrize(
        "target",
        ["https://evil.example", "//evil.example", "/\\evil.example", "/%2f/evil.example", "http:"],
    )
    async def test_off_site_next(self, people: People, target: str) -> None:
        await people.create("ada")
        page = await people.visitor()
        form = {"username": "ada", "password": PASSWORD, "next": target}
        answer = await page.post("/login", data=form, headers=HTML)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")

    async def test_public_guessable_uploads(self, app: FastAPI) -> None:
        async with visitor(app) as stranger:
            for path in (
                "/uploads",
                "/uploads/",
                "/uploads/ada/ada.jpg",
                "/uploads/../portfolio.db",
                "/instance/keys.json",
                "/static/../instance/keys.json",
            ):
                assert (await stranger.get(path)).status_code == 404


@ONE_ENGINE
class TestCrashes:
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    async def test_500_for_malformed_json(self, app: FastAPI, people: People, method: str) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            for path in ("/api/user", "/api/users", "/api/user/class", "/api/authenticate"):
                for content in (b"{", b"\xff\xfe", b'{"a":', b"[" * 100_000, b"NaN"):
                    answer = await page.request(method, path, content=content)
                    assert answer.status_code < 500, (path, content[:9])
                    assert answer.status_code in {200, 400, 401, 405}

    async def test_500_for_a_duplicate_uid_on_put(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page, uid="bob")
            me = await sign_up(page)
            await log_in(page)
            taken = "That user name is taken."
            refused(await page.put("/api/user", json={"uid": "bob"}), 409, taken)
            body = {"id": me["id"], "uid": "bob"}
            refused(await page.put("/api/users", json=body), 409, taken)
            assert (await page.get("/api/id")).json()["uid"] == "ada"

    async def test_500_for_a_null_dob(self, app: FastAPI) -> None:
        async with front_end(app) as page:
            await sign_up(page, dob=None)
            await log_in(page)
            for path in PEOPLE:
                assert (await page.get(path)).status_code == 200
            assert (await page.put("/api/user", json={"dob": None})).status_code == 200

    async def test_500_for_an_expired_token(self, app: FastAPI) -> None:
        expired = jwt.encode({"_uid": "ada", "exp": 1}, "secret", algorithm="HS256")
        async with front_end(app) as page:
            for headers in (
                {"Cookie": f"{COOKIE}={expired}"},
                {"Authorization": f"Bearer {expired}"},
            ):
                refused(await page.get("/api/id", headers=headers), 401, ENDED)
            old = {"Cookie": f"jwt_python_flask={expired}"}
            refused(await page.get("/api/id", headers=old), 401, MISSING)


@ONE_ENGINE
class TestOperation:
    async def test_one_query_per_row_on_lists(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        async with front_end(app) as page:
            await log_in_admin(people, page)
            engine = resources.database._reader.sync_engine  # noqa: SLF001  (what it counts)
            statements: list[str] = []
            stop = watch_selects(engine, statements)
            counts = []
            for number in range(2):
                await people.create(f"pupil{number}")
                statements.clear()
                assert len((await page.get("/api/users")).json()) == number + 2
                counts.append(len(statements))
            stop()
        assert counts[0] == counts[1]

    async def test_blocking_http_inside_requests(
        self, app: FastAPI, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Signing up and changing one's name ask nobody else, GitHub and the like included."""

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("A request opened a connection.")

        async with front_end(app) as page:
            monkeypatch.setattr("socket.socket.connect", refuse)
            monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", refuse)
            await sign_up(page, kasm_server_needed=True)
            await log_in(page)
            assert (await page.put("/api/user", json={"uid": "ada.king"})).status_code == 200

    async def test_a_live_database_copied_as_a_file(
        self, people: People, resources: Resources
    ) -> None:
        """What is committed and still in the write-ahead log is in a backup, and not in a copy."""
        await people.create("ada")
        path = resources.settings.sqlite_path
        backup = back_up(resources.settings, datetime.now(UTC))
        assert path is not None
        assert backup is not None
        mere_copy = backup.with_suffix(".copy")
        await asyncio.to_thread(shutil.copyfile, path, mere_copy)
        assert (read_uids(backup), read_uids(mere_copy)) == (["ada"], [])
        assert backup.stat().st_mode & 0o777 == 0o600


def watch_selects(engine: Any, statements: list[str]) -> Callable[[], None]:
    """Write down the SELECTs of an engine until the returned function is called."""

    def see(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", see)
    return lambda: event.remove(engine, "before_cursor_execute", see)


def read_uids(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [uid for (uid,) in database.execute('SELECT uid FROM "user"')]
