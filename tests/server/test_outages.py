"""PostgreSQL fails under load in every way that it has, and comes back: what clients are told.

Whatever happens, an answer is a success or 503 with Retry-After, none takes longer than the
time-outs, all is well again within three seconds, and the database has what was acknowledged: once,
and nothing of what was refused.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests import databases, postgres
from tests.conftest import missing
from tests.people import PASSWORD
from tests.postgres import Cluster
from tests.server import outages
from tests.server.outages import Load
from tests.server.process import RunningServer

pytestmark = pytest.mark.process

SETTINGS = {
    "POSTS_PER_HOUR": "0",
    "DATABASE_CONNECTIONS": "8",
    "DATABASE_CONNECT_SECONDS": "1",
    "DATABASE_WAIT_SECONDS": "2",
    "DATABASE_STATEMENT_SECONDS": "1",
}
# Until it is taken for dead, what asked it is given up, and a connection is not to be had.
LONGEST = 2 + 1 + 1 + 2 + 1
SOON = 3.0


@dataclass
class Site:
    """A server on a PostgreSQL of its own, and who asks it."""

    cluster: Cluster
    database: str
    server: RunningServer
    load: Load

    @asynccontextmanager
    async def surviving(self) -> AsyncIterator[None]:
        """Ask while the block lasts, at whose end the database is well again; then judge."""
        load = self.load
        async with load.running():
            yield
            took = await load.until_well()
        assert took < SOON
        assert not load.broken
        assert {answer.status for answer in load.answers} <= {200, 201, 503}
        refused = [answer for answer in load.answers if answer.status == 503]
        assert all(int(answer.retry_after or 0) >= 1 for answer in refused)
        assert load.longest < LONGEST
        assert await outages.compare(load, self.database) == []
        log = (self.server.folder / "server.log").read_text("utf-8")
        assert "Traceback" not in log
        assert "Unhandled" not in log

    async def execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(f"{self.cluster.address}/postgres")
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def find_binaries() -> Path:
    binaries = postgres.find_binaries()
    if binaries is None:
        missing("PostgreSQL is not installed")
    assert binaries is not None
    return binaries


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    # Nothing acknowledged may be lost when it crashes.
    with postgres.running(find_binaries()) as cluster:
        # No superuser's, for whom there is always some room.
        address = cluster.address.replace(postgres.SUPERUSER, "site")
        databases.execute(
            cluster.address, "CREATE ROLE site LOGIN", "CREATE DATABASE site OWNER site"
        )
        url = f"{address}/site"
        folder = tmp_path_factory.mktemp("site")
        with RunningServer(folder, changes={**SETTINGS, "DATABASE_URL": url}) as server:
            yield Site(cluster, url, server, asyncio.run(outages.prepare(server.url, url)))


async def restart_fast(site: Site) -> None:
    await asyncio.to_thread(site.cluster.restart, "fast")


async def restart_at_once(site: Site) -> None:
    """As after a crash: it recovers from its log when it starts."""
    await asyncio.to_thread(site.cluster.restart, "immediate")


async def be_away(site: Site) -> None:
    await asyncio.to_thread(site.cluster.stop, "fast")
    await site.load.until_refused("page")
    await asyncio.to_thread(site.cluster.start)


async def end_all_connections(site: Site) -> None:
    await site.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'site'"
    )


async def be_read_only(site: Site) -> None:
    """As a managed database is when its disk is full, or while another takes its place."""
    await site.execute("ALTER ROLE site SET default_transaction_read_only = on")
    await end_all_connections(site)
    await site.load.until_refused("write")
    await site.execute("ALTER ROLE site RESET default_transaction_read_only")


async def hang(site: Site) -> None:
    site.cluster.signal_all(signal.SIGSTOP)
    await site.load.until_refused("who")
    await site.load.until_refused("write")
    site.cluster.signal_all(signal.SIGCONT)


async def be_full(site: Site) -> None:
    """There is no room for one more connection, as when others take all."""
    await site.execute("ALTER ROLE site CONNECTION LIMIT 0")
    await end_all_connections(site)
    await site.load.until_refused("who")
    await site.execute("ALTER ROLE site CONNECTION LIMIT -1")


@pytest.mark.parametrize(
    "fail",
    [end_all_connections, restart_fast, restart_at_once, be_away, be_read_only, hang, be_full],
    ids=lambda fail: fail.__name__,
)
async def test_comes_back(site: Site, fail: Callable[[Site], Awaitable[None]]) -> None:
    async with site.surviving():
        await fail(site)


class TestWhileItIsAway:
    """What each kind of client is told, and that it is told at once."""

    @pytest.fixture(scope="class")
    @classmethod
    def away(cls, site: Site) -> Iterator[httpx.Client]:
        site.cluster.stop("fast")
        with httpx.Client(base_url=site.server.url) as client:
            client.headers["Authorization"] = f"Bearer {site.load.token}"
            # It learns it from the first.
            client.get("/readyz")
            yield client
        site.cluster.start()

    def test_the_api(self, away: httpx.Client) -> None:
        answer = away.get("/api/v1/users/me")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems#database-busy"

    def test_a_page(self, away: httpx.Client) -> None:
        answer = away.get("/account", headers={"Accept": "text/html"})
        assert answer.status_code == 503
        assert "Wait a few seconds, then try again." in answer.text

    def test_the_old_wire(self, away: httpx.Client) -> None:
        answer = away.get("/api/id")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["message"] == "The database is busy."
        assert answer.json()["error"] == "Service Unavailable"

    def test_no_password_is_hashed(self, away: httpx.Client) -> None:
        figures = _hashes(away)
        new = {"uid": "bob", "name": "Bob", "password": PASSWORD}
        assert away.post("/api/v1/users", json=new).status_code == 503
        form = {"username": "ada", "password": PASSWORD}
        assert away.post("/api/v1/auth/token", data=form).status_code == 503
        assert _hashes(away) == figures

    def test_readiness_says_why(self, away: httpx.Client) -> None:
        answer = away.get("/readyz")
        assert answer.status_code == 503
        assert [reason["code"] for reason in answer.json()["reasons"]] == ["database-out-of-reach"]
        assert away.get("/healthz").status_code == 200


def _hashes(client: httpx.Client) -> list[str]:
    lines = client.get("/metrics").text.split("\n")
    return [line for line in lines if line.startswith("portfolio_hash")]


async def test_another_takes_its_place(tmp_path: Path) -> None:
    """The primary dies, its standby is promoted: the address names both."""
    names = "synchronous_standby_names=*"
    with (
        postgres.running(find_binaries(), names, "max_connections=40") as primary,
        postgres.running(find_binaries(), "max_connections=40", copy_of=primary) as standby,
    ):
        await asyncio.to_thread(databases.execute, primary.address, "CREATE DATABASE site")
        hosts = ",".join(f"127.0.0.1:{cluster.port}" for cluster in (standby, primary))
        url = f"postgresql://{postgres.SUPERUSER}@{hosts}/site"
        with RunningServer(tmp_path, changes={**SETTINGS, "DATABASE_URL": url}) as server:
            load = await outages.prepare(server.url, f"{primary.address}/site")
            site = Site(standby, f"{standby.address}/site", server, load)
            async with site.surviving():
                await asyncio.to_thread(primary.stop)
                await load.until_refused("who")
                await asyncio.to_thread(standby.promote)
