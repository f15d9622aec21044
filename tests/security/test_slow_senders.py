"""Five hundred at once who send slowly, for ever or nothing, or never read: others are served.

Against `portfolio serve` with short deadlines. What each deadline does to one connection is in
tests/server/test_connections.py.
"""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.server.process import RunningServer
from tests.server.raw import HEAD, Line, connect, pause, status, until

MANY = 500
DEADLINE = 2.0
# How long what a person does may take meanwhile.
PATIENCE = 3.0
UID, SECRET = "ada", "correct horse battery"
_TYPE = b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/"
LOGIN = b"POST /api/v1/auth/login" + _TYPE + b"json\r\n"
FORM = b"POST /login" + _TYPE + b"x-www-form-urlencoded\r\n"
SWAGGER = b"GET /static/swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEGINNING = b'{"uid":"ada","password":"correct horse'

SENDERS = {
    "silent": (b"", b""),
    "a head that trickles": (HEAD, b"X: a\r\n"),
    "a declared body that stops": (LOGIN + b"Content-Length: 500\r\n\r\n" + BEGINNING, b""),
    "a chunked body that trickles": (
        LOGIN + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
    "a form that stops": (FORM + b"Content-Length: 500\r\n\r\nusername=ada", b""),
}


@pytest.fixture(scope="module", autouse=True)
def _files() -> Iterator[None]:
    """Let this process open as many connections as it needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * MANY), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    changes = {
        "HEADER_SECONDS": str(DEADLINE),
        "BODY_SECONDS": str(DEADLINE),
        # Nobody here sends or reads as much.
        "MIN_BYTES_PER_SECOND": "1000000000",
        "LOGIN_ATTEMPTS": "1000",
    }
    with RunningServer(tmp_path_factory.mktemp("slow"), changes=changes) as running:
        new = {"uid": UID, "name": "Ada", "password": SECRET}
        assert httpx.post(f"{running.url}/api/v1/users", json=new).status_code == 201
        yield running


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


def log_of(server: RunningServer) -> str:
    return Path(server.log.name).read_text()


def memory_of(server: RunningServer) -> int:
    """Return the resident bytes of a server."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024


@asynccontextmanager
async def crowd(
    port: int, first: bytes, more: bytes = b"", window: int = 0
) -> AsyncIterator[list[Line]]:
    """Open many connections that have all sent something, and perhaps go on."""
    lines = [await connect(port, window=window) for _ in range(MANY)]
    await asyncio.gather(*(line.send(first) for line in lines))

    async def go_on() -> None:
        while more:
            for line in lines:
                await line.send(more)
            await pause(0.5)

    task = asyncio.create_task(go_on())
    try:
        yield lines
    finally:
        task.cancel()
        await asyncio.gather(*(line.close() for line in lines))


async def log_in_and_write(url: str) -> float:
    """Do what a person does, on connections of their own; return the seconds it took."""
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=url) as person:
        login = await person.post("/api/v1/auth/login", json={"uid": UID, "password": SECRET})
        assert login.status_code == 200
        change = await person.patch("/api/v1/users/me", json={"name": "Ada Lovelace"})
        assert change.status_code == 200
        assert (await person.post("/api/v1/auth/logout")).status_code == 204
    return time.monotonic() - began


class TestFiveHundred:
    @pytest.mark.parametrize("kind", SENDERS)
    async def test_slow_senders(self, server: RunningServer, kind: str) -> None:
        first, more = SENDERS[kind]
        before = memory_of(server)
        async with crowd(port_of(server), first, more) as lines:
            assert await log_in_and_write(server.url) < PATIENCE
            answers = await asyncio.gather(*(line.rest() for line in lines))
        assert {status(answer) for answer in answers} == ({408} if first else {0})
        assert not any(SECRET.encode()[:12] in answer for answer in answers)
        assert memory_of(server) - before < 60_000_000
        assert SECRET[:12] not in log_of(server)
        assert "Traceback" not in log_of(server)
        assert "status=5" not in log_of(server)

    async def test_readers_that_do_not_read(self, server: RunningServer) -> None:
        before = memory_of(server)
        async with crowd(port_of(server), SWAGGER, window=4096) as lines:
            assert await log_in_and_write(server.url) < PATIENCE
            assert memory_of(server) - before < 100_000_000
            await until(lambda: log_of(server).count("does not read") == MANY)
            answers = await asyncio.gather(*(line.rest() for line in lines[:20]))
        assert all(status(answer) == 200 for answer in answers)
        assert max(map(len, answers)) < 1_000_000
