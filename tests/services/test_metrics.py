"""What is measured when somebody asks: sessions, connections, readiness."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.config import Settings
from app.keys import KeyRing, new_key
from app.models import utc_now
from app.resources import Resources, open_resources
from app.services import metrics, readiness
from app.services.metrics import describe_server
from tests.conftest import make_settings
from tests.exposition import Exposition, read
from tests.people import People
from tests.services.test_readiness import at_revision
from tests.wire import ONE_ENGINE, change_session, current_sid


async def look(resources: Resources, *, anew: bool = True) -> Exposition:
    if anew:
        resources.metrics.sessions_asked_at = float("-inf")
    return read(await describe_server(resources))


class TestSessions:
    async def test_those_that_live(self, people: People, resources: Resources) -> None:
        assert (await look(resources)).value("portfolio_sessions") == 0
        names = ("ada", "bob", "eve", "joe")
        clients = {name: await people.create_and_log_in(name) for name in names}
        assert (await look(resources)).value("portfolio_sessions") == 4
        past = utc_now() - timedelta(seconds=1)
        for name, column in (("ada", "expires_at"), ("bob", "ends_at"), ("eve", "revoked_at")):
            sid = await current_sid(clients[name])
            await change_session(resources, sid, **{column: past})
        assert (await look(resources)).value("portfolio_sessions") == 1

    async def test_are_counted_once_a_minute(self, people: People, resources: Resources) -> None:
        assert (await look(resources)).value("portfolio_sessions") == 0
        await people.create_and_log_in("ada")
        assert (await look(resources, anew=False)).value("portfolio_sessions") == 0
        resources.metrics.sessions_asked_at -= metrics.SESSIONS_EVERY_SECONDS
        assert (await look(resources, anew=False)).value("portfolio_sessions") == 1

    @ONE_ENGINE
    async def test_that_cannot_be_counted(self, resources: Resources) -> None:
        async with resources.database.transaction() as session:
            statement = text("ALTER TABLE user_session RENAME TO gone")
            await (await session.connection()).execute(statement)
        found = await look(resources)
        assert found.value("portfolio_sessions") is None
        assert found.value("portfolio_ready") == 1


class TestReadiness:
    async def test_ready(self, resources: Resources) -> None:
        found = await look(resources)
        assert found.value("portfolio_ready") == 1
        assert set(found.families["portfolio_hindrance"].samples.values()) == {0}

    async def test_not_ready(self, resources: Resources) -> None:
        async with at_revision(resources, None):
            found = await look(resources)
        assert found.value("portfolio_ready") == 0
        assert found.value("portfolio_hindrance", reason="migrations-pending") == 1
        assert found.value("portfolio_hindrance", reason="disk-full") == 0

    @pytest.mark.process
    async def test_without_a_database(self, tmp_path: Path) -> None:
        KeyRing((new_key(utc_now()),)).write(tmp_path / "keys.json")
        url = "postgresql://nobody@127.0.0.1:1/none"
        async with open_resources(make_settings(tmp_path, database_url=url)) as resources:
            resources.metrics.sessions = 7
            found = await look(resources)
            assert found.value("portfolio_hindrance", reason="database-out-of-reach") == 1
            assert found.value("portfolio_sessions") is None
            assert found.value("portfolio_database_connections") == 0

    @pytest.mark.process
    async def test_waits_for_a_database_that_hangs_no_longer_than_it_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0.05)
        KeyRing((new_key(utc_now()),)).write(tmp_path / "keys.json")
        gone = asyncio.Event()

        async def say_nothing(_reader: object, writer: asyncio.StreamWriter) -> None:
            await gone.wait()
            writer.close()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://nobody@127.0.0.1:{port}/none"
        async with server, open_resources(make_settings(tmp_path, database_url=url)) as resources:
            found = await asyncio.wait_for(look(resources), 5)
            gone.set()
        assert found.value("portfolio_hindrance", reason="database-out-of-reach") == 1
        assert found.value("portfolio_sessions") is None


class TestDatabase:
    async def test_connections(self, resources: Resources, engine: str) -> None:
        found = await look(resources)
        assert found.value("portfolio_database_connections") == 0
        assert found.value("portfolio_database_connections_max") == (
            4 if engine == "sqlite" else 20
        )
        async with resources.database.transaction(read_only=True) as session:
            await session.connection()
            found = await look(resources)
        assert found.value("portfolio_database_connections") == 1

    async def test_writers_who_wait(self, resources: Resources, engine: str) -> None:
        async def write() -> None:
            async with resources.database.transaction() as session:
                await session.connection()

        async with resources.database.transaction() as session:
            await session.connection()
            waiting = [asyncio.create_task(write()) for _ in range(3)]
            for _ in range(20):
                await asyncio.sleep(0)
            told = (await look(resources)).value("portfolio_database_writers_waiting")
            assert told == (3 if engine == "sqlite" else None)
        await asyncio.gather(*waiting)
        told = (await look(resources)).value("portfolio_database_writers_waiting")
        assert told == (0 if engine == "sqlite" else None)


async def test_other_processes_count_for_themselves(settings: Settings) -> None:
    async with open_resources(settings) as one, open_resources(settings) as other:
        one.metrics.count_answer("GET", "/a", 200, 0.1)
        assert (await look(other)).families["portfolio_http_requests_total"].samples == {}
