"""The canary that watches every test: a secret let out anywhere is found, and not repeated."""

import base64
import logging
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response

from app.config import Settings
from app.keys import KeyRing, new_key
from app.resources import Resources
from app.tokens import Purpose, new_secret
from tests.canary import CANARY
from tests.people import PASSWORD, People
from tests.server.process import RunningServer
from tests.services.rows import make_user, store
from tests.wire import ONE_ENGINE

log = logging.getLogger("portfolio.planted")
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def access_token(resources: Resources) -> str:
    ends = NOW + timedelta(days=1)
    return resources.codec.issue(Purpose.ACCESS, sub="u", sid="s" * 16, now=NOW, expires_at=ends)


@pytest.fixture(autouse=True)
def _planted() -> Iterator[None]:
    """Whatever a test here lets out it takes back itself."""
    yield
    CANARY.take()


def found() -> set[str]:
    """Return the kinds of secrets that were found since, each with the place."""
    return set(CANARY.take())


class TestLogs:
    @ONE_ENGINE
    async def test_every_kind(self, resources: Resources) -> None:
        token, refresh = access_token(resources), resources.codec.issue_refresh("s" * 16, 0)
        password = f"grün und laut {secrets.token_hex(4)}"
        stored = await resources.hasher.hash(password)
        key = new_key(NOW)
        KeyRing((key,))
        for secret, kind in [
            (password, "password"),
            (PASSWORD, "password"),
            (stored, "password hash"),
            (token, "JWT"),
            (token.rpartition(".")[2], "token"),
            (refresh, "refresh token"),
            (refresh[-43:], "refresh token"),
            (new_secret(), "one-time secret"),
            (base64.urlsafe_b64encode(key.secret).decode(), "signing key"),
        ]:
            log.info("Planted: %s", secret)
            (*_, last) = leaks = sorted(CANARY.take())
            assert any(leak.startswith(f"a {kind} in a log record") for leak in leaks), kind
            assert secret not in last

    def test_in_a_field_and_in_a_trace(self) -> None:
        log.info("A field.", extra={"typed": PASSWORD})
        assert found()
        log.error("A trace.", exc_info=ValueError(PASSWORD))
        assert found()

    @pytest.mark.parametrize("spelling", ["{}", "x={}&y", "correct+horse+battery", "[{}]"])
    def test_in_other_spellings(self, spelling: str) -> None:
        log.warning("Body: %s", spelling.format(PASSWORD))
        assert found()

    def test_a_password_is_forgotten_with_its_test(self) -> None:
        """Whatever its shape: what one test sends as a password may be another's digest."""
        digest = secrets.token_hex(32)
        CANARY.note("password", digest)
        log.warning("Heard %s", digest)
        assert found()
        CANARY.begin()
        log.warning("Heard %s", digest)
        assert not found()

    def test_nothing_else(self) -> None:
        log.info("ada %s %s", "a" * 42, "correct horse")
        assert not found()


@ONE_ENGINE
class TestAnswers:
    @staticmethod
    async def ask(app: FastAPI, client: httpx.AsyncClient, answer: Response) -> set[str]:
        async def plant(_request: Request) -> Response:
            return answer

        path = f"/planted/{secrets.token_hex(4)}"
        app.add_route(path, plant)
        await client.get(path)
        return found()

    async def test_of_a_refusal(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        answer = PlainTextResponse(f"Not {PASSWORD}", 401)
        assert await self.ask(app, client, answer) == {"a password in an answer 401 to a GET"}

    async def test_in_a_header(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        answer = PlainTextResponse("No.", 403, {"X-Why": PASSWORD})
        assert await self.ask(app, client, answer)

    async def test_of_success_is_the_askers_own(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        assert not await self.ask(app, client, PlainTextResponse(PASSWORD))

    async def test_a_form_carries_on_the_token_of_its_link(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        secret = new_secret()
        hidden = f'<input type="hidden" name="token" value="{secret}">'
        assert not await self.ask(app, client, PlainTextResponse(hidden, 422))
        assert await self.ask(app, client, PlainTextResponse(hidden + secret, 422))


class TestTables:
    async def test_a_secret_in_a_row(
        self, resources: Resources, settings: Settings, tmp_path: Path
    ) -> None:
        await store(resources, make_user("ada", name=PASSWORD, password_hash="$argon2id$x"))
        if settings.sqlite_path is not None:
            CANARY.check_sqlite(tmp_path / "portfolio.db")
            places = {"a password in the database (.db)", "a password in the database (.db-wal)"}
            assert found() & places
            return
        connection = await asyncpg.connect(settings.database_url)
        try:
            await CANARY.check_postgres(connection)
        finally:
            await connection.close()
        assert found() == {"a password in the table user"}

    async def test_a_token_in_a_row(
        self, resources: Resources, settings: Settings, tmp_path: Path
    ) -> None:
        token = access_token(resources)
        await store(resources, make_user("ada", email=token[-43:]))
        if settings.sqlite_path is not None:
            CANARY.check_sqlite(tmp_path / "portfolio.db")
            assert found()


class TestServers:
    def test_a_line_of_a_log(self, tmp_path: Path) -> None:
        (tmp_path / "server.log").write_text(f"12:00:00 info typed={PASSWORD}\n", "utf-8")
        CANARY.check_output(tmp_path)
        assert found() == {"a password in a server's log"}

    def test_each_is_looked_at_when_it_stops(self, tmp_path: Path) -> None:
        with RunningServer(tmp_path) as server:
            server.log.write(f"{PASSWORD}\n".encode())
            server.log.flush()
        assert found() == {"a password in a server's log"}

    def test_at_its_most_talkative(self, tmp_path: Path) -> None:
        """With LOG_LEVEL=debug libraries speak as well, and they know all that is stored."""
        with (
            RunningServer(tmp_path, changes={"LOG_LEVEL": "debug"}) as server,
            httpx.Client(base_url=server.url) as client,
        ):
            new = {"uid": "ada", "name": "Ada", "password": PASSWORD}
            assert client.post("/api/v1/users", json=new).status_code == 201
            form = {"username": "ada", "password": PASSWORD}
            pair = client.post("/api/v1/auth/token", data=form).json()
            body = {"refresh_token": pair["refresh_token"]}
            assert client.post("/api/v1/auth/refresh", json=body).status_code == 200
            client.post("/login", data=form, headers={"Accept": "text/html"})
        assert not found()


@ONE_ENGINE
async def test_people_leave_none(people: People) -> None:
    """The watch is on while a test works as all tests do."""
    ada = await people.create_and_log_in("ada")
    assert (await ada.get("/api/v1/nothing")).status_code == 404
    assert not found()
