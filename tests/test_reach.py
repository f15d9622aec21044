"""A PostgreSQL that is out of reach: nobody tries in vain, and it is found again by itself."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.db import Database
from app.errors import DatabaseBusy
from app.reach import Reach
from tests.conftest import make_settings
from tests.postgres import SUPERUSER, free_port

pytestmark = pytest.mark.process

LIMITS = {"timeout": 0.5, "keepalive": 7, "server_settings": {"lock_timeout": "1234"}}


@pytest.fixture
async def reach() -> AsyncIterator[Reach]:
    found = Reach(LIMITS)
    yield found
    await found.close()


def parts(server: str) -> dict[str, Any]:
    """Return the parts of a server's address, as SQLAlchemy hands them over."""
    port = int(server.rpartition(":")[2])
    return {"host": "127.0.0.1", "port": port, "user": SUPERUSER, "database": "postgres"}


async def until_back(reach: Reach) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                reach.check()
            except DatabaseBusy:
                await asyncio.sleep(0)
            else:
                return


class TestConnections:
    async def test_are_told_how_long_anything_may_take(
        self, reach: Reach, postgres_server: str
    ) -> None:
        connection = await reach.connect(
            **parts(postgres_server), server_settings={"application_name": "x"}
        )
        assert await connection.fetchval("SHOW lock_timeout") == "1234ms"
        assert await connection.fetchval("SHOW application_name") == "x"
        await connection.close()

    async def test_notice_that_the_other_end_is_gone(
        self, reach: Reach, postgres_server: str
    ) -> None:
        connection = await reach.connect(**parts(postgres_server))
        line = connection._transport.get_extra_info("socket")  # noqa: SLF001  (it tells nobody)
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7
        await connection.close()


class TestOutOfReach:
    async def test_is_told_at_once_from_then_on(
        self, reach: Reach, caplog: pytest.LogCaptureFixture
    ) -> None:
        nowhere = parts(f":{free_port()}")
        reach.check()
        with pytest.raises(ConnectionError):
            await reach.connect(**nowhere)
        with pytest.raises(DatabaseBusy):
            reach.check()
        with pytest.raises(DatabaseBusy):
            await reach.connect(**nowhere)
        assert caplog.messages == ["The database is out of reach (ConnectionRefusedError)"]

    async def test_passes_when_it_answers_again(
        self, reach: Reach, postgres_server: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        (await reach.connect(**parts(postgres_server))).terminate()
        reach.doubt(TimeoutError())
        with pytest.raises(DatabaseBusy):
            reach.check()
        reach.doubt(TimeoutError())
        await until_back(reach)
        assert [message.partition(",")[0] for message in caplog.messages] == [
            "The database is out of reach (TimeoutError)",
            "The database answers again",
        ]

    async def test_a_host_with_two_addresses(self, reach: Reach) -> None:
        """`localhost` has two, and what is said of both is no ConnectionError by itself."""
        with pytest.raises(ConnectionError):
            await reach.connect(**{**parts(f":{free_port()}"), "host": "localhost"})

    async def test_one_that_is_full_is_not(self, reach: Reach, postgres_server: str) -> None:
        owner = await asyncpg.connect(f"{postgres_server}/postgres")
        await owner.execute("CREATE ROLE throng LOGIN CONNECTION LIMIT 0")
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await reach.connect(**{**parts(postgres_server), "user": "throng"})
        reach.check()
        reach.doubt(TimeoutError())
        await until_back(reach)
        await owner.execute("DROP ROLE throng")
        await owner.close()

    async def test_one_that_refuses_us_is_not(self, reach: Reach, postgres_server: str) -> None:
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await reach.connect(**{**parts(postgres_server), "database": "nowhere"})
        reach.check()
        reach.doubt(TimeoutError())
        await until_back(reach)


async def test_nothing_begins_while_it_is_away(tmp_path: Path) -> None:
    """Not even a transaction that has a password to hash before it needs a connection."""
    url = f"postgresql://portfolio@127.0.0.1:{free_port()}/x"
    database = Database(make_settings(tmp_path, database_url=url))
    with pytest.raises(DatabaseBusy):
        await database.ping()
    with pytest.raises(DatabaseBusy):
        async with database.transaction():
            pytest.fail("The work has begun.")
    with pytest.raises(DatabaseBusy):
        await database.find_row("SELECT sid FROM user_session WHERE sid = :key", "x")
    await database.dispose()
