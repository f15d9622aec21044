"""Several processes behind one port: looked after, renewed under load, and ended together."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.postgres_only import MIGRATING
from benchmarks import instance, ours, people
from benchmarks.asks import request
from benchmarks.instance import Login
from tests import databases, exposition
from tests.exposition import Exposition
from tests.postgres import free_port
from tests.server.conftest import Start
from tests.server.family import is_renewed, line_to_each, workers_of
from tests.server.process import RunningServer, run_command
from tests.server.raw import connect, is_open, pause, status, until
from tests.server.traffic import asks_of, traffic

ON_POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
HEALTH = request("GET", "/healthz")
# Each worker that starts loads the program anew.
START_PATIENCE = 60.0
READINESS = request("GET", "/readyz")
IS_HELD_UP = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
REQUESTS = "portfolio_http_requests_total"


@pytest.fixture
def logins(settings: Settings) -> list[Login]:
    return instance.fill(settings, users=4)


@pytest.fixture
def server(settings: Settings, start: Start) -> Iterator[RunningServer]:
    """A server of two workers."""
    running = start(
        *("-m", "app", "serve", "--workers", "2"),
        INSTANCE_DIR=str(settings.instance_dir),
        DATABASE_URL=settings.database_url,
        LOG_FORMAT="json",
    )
    yield running
    code, rest = running.stop(signal.SIGTERM)
    assert (code, rest.strip()) == (0, "Stopped.")


@pytest.fixture
def port(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


async def figures(server: RunningServer) -> Exposition:
    """Ask for the figures, on a connection of its own: of whichever worker takes it."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        return exposition.read((await client.get("/metrics")).text)


def ready(found: Exposition) -> float:
    return found.value(REQUESTS, method="GET", route="/readyz", status="2xx") or 0


class TestOnSQLite:
    def test_one_process_serves(self, tmp_path: Path) -> None:
        done = run_command(tmp_path, "serve", WORKERS="2")
        assert done.returncode == 1
        assert "SQLite" in done.stderr
        assert "set WORKERS to 1, or DATABASE_URL" in " ".join(done.stderr.split())
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "instance").exists()


@ON_POSTGRESQL
class TestWorkers:
    async def test_tell_one_tale(self, server: RunningServer, port: int) -> None:
        """Whoever is asked for figures adds all of them up; no sum goes down when one dies."""
        async with line_to_each(server, port) as lines:
            assert lines.keys() == workers_of(server)
            for line in lines.values():
                for _ in range(20):
                    await line.send(READINESS)
                    assert status(await line.answer()) == 200
        seen = [ready(await figures(server))]
        async with asyncio.timeout(10):
            while seen[-1] < 40:
                seen.append(ready(await figures(server)))
        seen += [ready(await figures(server)) for _ in range(10)]
        found = await figures(server)
        assert found.labels("process_resident_memory_bytes", "worker") == {"1", "2"}
        dead = max(workers_of(server))
        os.kill(dead, signal.SIGKILL)
        await until(lambda: len(workers_of(server) - {dead}) == 2, START_PATIENCE)
        async with line_to_each(server, port) as lines:
            assert len(lines) == 2
            assert dead not in lines
        seen.append(ready(await figures(server)))
        assert seen == sorted(seen)
        assert seen[-1] == 40

    async def test_end_with_whoever_started_them(self, settings: Settings, start: Start) -> None:
        lost = start(
            *("-m", "app", "serve", "--workers", "2"),
            INSTANCE_DIR=str(settings.instance_dir),
            DATABASE_URL=settings.database_url,
        )
        workers = workers_of(lost)
        assert len(workers) == 2
        lost.kill()
        await until(lambda: not any(map(is_alive, workers)))

    async def test_are_renewed_under_load(
        self, server: RunningServer, port: int, logins: list[Login]
    ) -> None:
        old = workers_of(server)
        async with traffic(port, *asks_of(*logins[:2])) as seen:
            server.process.send_signal(signal.SIGHUP)
            await until(lambda: is_renewed(workers_of(server), old), START_PATIENCE)
            await seen.more()
        assert seen.failures == []
        assert seen.statuses.keys() == {200}
        before = await figures(server)
        assert (before.value(REQUESTS, method="GET", route=ours.WHO, status="2xx") or 0) > 0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_two_that_start_at_once_on_one_port(
    postgres_server: str, tmp_path: Path, workers: str
) -> None:
    """One of them serves; the other says why it does not, and nothing of it is left."""
    url = await asyncio.to_thread(databases.create, postgres_server, f"port_{workers}")
    port = free_port()
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        # What holds the other up between taking the port and serving.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATING)
        run = partial(run_command, tmp_path, "serve", DATABASE_URL=url, PORT=str(port))
        starting = asyncio.create_task(asyncio.to_thread(run, WORKERS=workers))
        async with asyncio.timeout(START_PATIENCE):
            while not await connection.fetchval(IS_HELD_UP):
                assert not starting.done()
        winner = socket.create_server(("127.0.0.1", port))
    await connection.close()
    done = await starting
    winner.close()
    assert done.returncode == 1
    assert "Another program was quicker to take the port" in done.stderr
    assert done.stderr.endswith("The server could not start; the log above says why.\n")


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@ON_POSTGRESQL
class TestStop:
    async def test_what_has_begun_is_finished(
        self, settings: Settings, start: Start, logins: list[Login]
    ) -> None:
        """Also on connections that nobody has looked at yet; after the notice nobody gets in."""
        server = start(
            *("-m", "app", "serve", "--workers", "2"),
            INSTANCE_DIR=str(settings.instance_dir),
            DATABASE_URL=settings.database_url,
            STOP_NOTICE_SECONDS="1",
            LOG_FORMAT="json",
        )
        port = int(server.url.rpartition(":")[2])
        body = json.dumps({"uid": logins[0].uid, "password": people.PASSWORD}).encode()
        login = request("POST", "/api/v1/auth/login", headers=ours.JSON, body=body)
        slow = await connect(port)
        await slow.send(login[:-5])
        assert await answers(port, READINESS) == 200
        async with line_to_each(server, port) as lines:
            server.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                while await answers(port, READINESS) != 503:
                    await pause(0.01)
            # It still serves, and says with each answer that the connection ends.
            for line in lines.values():
                await line.send(HEALTH)
                answer = (await line.answer()).lower()
                assert b" 200 " in answer
                assert b"connection: close" in answer
        await until(lambda: not is_open(port))
        await slow.send(login[-5:])
        assert status(await slow.answer()) == 200
        await slow.close()
        assert await asyncio.to_thread(server.process.wait, 20) == 0


async def answers(port: int, asked: bytes) -> int:
    line = await connect(port)
    await line.send(asked)
    found = status(await line.answer())
    await line.close()
    return found
