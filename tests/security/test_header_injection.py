"""What we echo in headers, on a real socket: no value breaks a line, no forged host comes back.

Where a login may lead to is in tests/test_forms.py, spelling by spelling; the request id in
tests/test_middleware.py; origins that only resemble an allowed one in tests/test_cors.py.
"""

import asyncio
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.server.process import RunningServer
from tests.server.raw import ask, status

EVIL = b"evil.example"
PLANTED = "x\r\nSet-Cookie: planted=1\r\nX-Planted: 1\r\n\r\n<script>"
SPELLINGS = [
    quote(PLANTED),
    quote(quote(PLANTED)),
    PLANTED.replace("\r\n", "%0a"),
    PLANTED.replace("\r\n", "%0d"),
    PLANTED.replace("\r\n", "%E5%98%8A%E5%98%8D"),
    PLANTED.replace("\r\n", "%c4%8d%c4%8a"),
    PLANTED.replace("\r\n", "%u000d%u000a"),
    PLANTED.replace("\r\n", "%E2%80%A8"),
]
# Pages that redirect, to the login or after it, and files whose name could come back.
ECHOES = [
    "/login?next=/{}",
    "/account?done={}",
    "/account/{}",
    "/admin/users/{}",
    "/static/{}",
    "/pictures/{}.webp",
    "/{}",
]
FORGED = [
    (b"Host", EVIL),
    (b"Host", b"localhost@" + EVIL),
    (b"Host", EVIL + b":80"),
    (b"X-Forwarded-Host", EVIL),
    (b"X-Forwarded-Server", EVIL),
    (b"X-Original-URL", b"https://evil.example/"),
    (b"X-Rewrite-URL", b"https://evil.example/"),
    (b"X-HTTP-Method-Override", b"DELETE"),
    (b"Forwarded", b"host=evil.example;proto=https"),
    (b"Origin", b"https://evil.example"),
    (b"Access-Control-Request-Headers", b"x, " + EVIL),
    (b"X-Request-ID", EVIL),
    (b"Referer", b"https://evil.example/"),
]
PAGES = [b"/", b"/login", b"/account", b"/signup", b"/api/v1/users/me", b"/static", b"/nothing/"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("headers")) as running:
        yield running


def get(server: RunningServer, path: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    """Ask for a path as a browser does; return the whole answer."""
    sent = {b"Host": b"localhost", b"Accept": b"text/html", b"Connection": b"close"}
    sent.update(headers)
    lines = [b"GET " + path + b" HTTP/1.1", *(b": ".join(pair) for pair in sent.items())]
    port = int(server.url.rpartition(":")[2])
    return asyncio.run(ask(port, b"\r\n".join([*lines, b"", b""])))


def head_of(answer: bytes) -> list[bytes]:
    return answer.partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.mark.parametrize("echo", ECHOES)
def test_no_line_is_broken(server: RunningServer, echo: str) -> None:
    for spelling in SPELLINGS:
        path = echo.format(spelling.replace(" ", "%20").replace("\r\n", "%0D%0A"))
        answer = get(server, path.encode())
        assert 200 <= status(answer) < 500, path
        names = [line.partition(b":")[0].lower() for line in head_of(answer)[1:]]
        assert b"x-planted" not in names, path
        assert not any(
            line.lower().startswith(b"set-cookie: planted") for line in head_of(answer)
        ), path
        assert answer.count(b"HTTP/1.1 ") == 1, path
        assert b"<script>" not in answer, path


@pytest.mark.parametrize(("name", "value"), FORGED)
def test_nothing_forged_comes_back(server: RunningServer, name: bytes, value: bytes) -> None:
    for path in PAGES:
        answer = get(server, path, (name, value))
        assert 200 <= status(answer) < 500, path
        locations = [line for line in head_of(answer) if line.lower().startswith(b"location:")]
        assert all(line.partition(b": ")[2].startswith(b"/") for line in locations), path
        if name != b"X-Request-ID":
            assert EVIL not in answer, path
