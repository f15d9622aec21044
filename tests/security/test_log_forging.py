"""Whatever a stranger sends, one request is one line of the log, and no terminal obeys it.

In both forms of the log, of a real server. What the formatters do by themselves is tested in
tests/test_observability.py, the line of a request in tests/test_middleware.py.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.server.process import RunningServer
from tests.server.raw import until

FORGED = "2026-01-01 00:00:00 error everything is lost"
BREAKS = [
    *("\n", "\r", "\r\n", "\x00", "\x08", "\x0b", "\x0c", "\x1b[2J", "\x1b]0;title\x07", "\x7f"),
    *("\x85", "\x9b2J", "\u2028", "\u2029", "\u202e", "\u200b", "\ufeff", "\x1c", "\x1e"),
]


@pytest.fixture(scope="module", params=["console", "json"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp(request.param)
    with RunningServer(folder, changes={"LOG_FORMAT": request.param}) as running:
        yield running


def log_of(server: RunningServer, size: int) -> str:
    return Path(server.log.name).read_bytes()[size:].decode()


def size_of(server: RunningServer) -> int:
    return Path(server.log.name).stat().st_size


def wait_for_lines(server: RunningServer, size: int, count: int) -> list[str]:
    """Return the lines since then, once so many are of requests: a line follows its answer."""
    asyncio.run(until(lambda: log_of(server, size).count("status") >= count))
    text = log_of(server, size)
    assert all(char.isprintable() for char in text if char != "\n")
    lines = text.split("\n")
    assert lines.pop() == ""
    assert not any(line.startswith(FORGED[:10]) for line in lines)
    if lines[0].startswith("{"):
        assert all(isinstance(json.loads(line), dict) for line in lines)
    return lines


def octets(text: str) -> bytes:
    """Return a header's value; without the controls that the parser refuses by itself."""
    return "".join(char for char in text if ord(char) > 0x1F and char != "\x7f").encode()


class TestOneLine:
    def test_for_each_request(self, server: RunningServer) -> None:
        """In the path, the query, the headers that may hold it, and the names of a login."""
        with httpx.Client(base_url=server.url) as client:
            for mark in BREAKS:
                before = size_of(server)
                text = f"x{mark}{FORGED}"
                names = (b"User-Agent", b"X-Request-ID", b"Referer")
                login = {"uid": text[:60], "password": "not the right one"}
                form = {"username": text[:60], "password": "not the right one"}
                client.get(f"/{quote(text)}?q={quote(text)}")
                client.get("/healthz", headers=[(name, octets(text)) for name in names])
                client.post("/api/v1/auth/login", json=login)
                client.post("/api/authenticate", json=login)
                client.post("/login", data=form)
                lines = wait_for_lines(server, before, 5)
                found = [line for line in lines if "GET /" in line or "POST /" in line]
                assert len(found) == 5, (mark, lines)

    def test_for_a_refused_origin(self, server: RunningServer) -> None:
        for place, mark in enumerate(BREAKS):
            before = size_of(server)
            origin = octets(f"https://evil{place}.example{mark}{FORGED}")
            answer = httpx.post(f"{server.url}/api/v1/auth/logout", headers={b"Origin": origin})
            assert answer.status_code == 403
            wait_for_lines(server, before, 1)
