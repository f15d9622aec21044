"""Every spelling of a way out of `static/` and the pictures, on a real socket: nothing is there.

What `httpx` would tidy up is sent as it is. Single files that `/static/` refuses are in
tests/routers/test_static.py.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.process import RunningServer
from tests.server.raw import ask, status

UP = [
    *("..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "..%00", "..;", "..%3b", "%252e%252e"),
    *("%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", "%ef%bc%8e%ef%bc%8e", "....", "..."),
    *("..%20", "..%09", "%2e%2e%0a", "\\..", "..\\", "%5c..", "..%5c", "%u002e%u002e"),
]
SLASHES = ["/", "//", "/./", "%2f", "%2F", "%252f", "%5c", "\\", "%c0%af", "%e0%80%af", "%ef%bc%8f"]
ROOTS = ["/static/", "/pictures/", "/static/app.css/", "/static//", "//static/", "/static%2f"]
TARGETS = ["pyproject.toml", "instance/keys.json", "instance/portfolio.db", "etc/passwd"]
WHOLE = [
    *(
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/file:///etc/passwd",
        "/etc/passwd",
    ),
    *("/pictures//etc/passwd.webp", "/pictures/../keys.json%00.webp", "/pictures/.webp"),
    *("/pictures/%2e%2e%2fkeys.webp", "/instance/keys.json", "/keys.json", "/.env", "/.git/config"),
    *("/uploads/", "/instance/uploads/", "/app/config/__init__.py", "/templates/base.html"),
    *("/static/../app/main.py", "/static/.", "/static/..", "/static/.gitkeep", "/static/%"),
    *("/static/con", "/static/app.css::$DATA", "/static/app.css%00.js", "/static/APP.CSS"),
    *("/static/~root/", "/static/C:%5cwindows%5cwin.ini", "/" + "a" * 20_000, "/" + "../" * 5_000),
    *("/static/" + "%2e%2e/" * 3_000, "/" + "%00" * 5_000, "//evil.example/%2f..", "///", "/%"),
]
# Words of the files that must not come out.
CONTENTS = (b"root:", b"[project]", b'"keys"', b"SQLite format", b"create_app", b"{% block")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("paths")) as running:
        yield running


def spellings() -> list[str]:
    """Return ways up of one to three steps, and addresses as a whole."""
    found = [
        root + (up + slash) * steps + target
        for root in ROOTS
        for up in UP
        for slash, target in zip(SLASHES, TARGETS * len(SLASHES), strict=False)
        for steps in (1, 3)
    ]
    return [*found, *WHOLE]


async def test_nothing_is_there(server: RunningServer) -> None:
    port = int(server.url.rpartition(":")[2])
    log = Path(server.log.name)

    async def get(path: str) -> bytes:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        return await ask(port, head.encode())

    paths = spellings()
    for start in range(0, len(paths), 50):
        some = paths[start : start + 50]
        for path, answer in zip(some, await asyncio.gather(*map(get, some)), strict=True):
            assert status(answer) in {400, 404}, path
            assert not any(content in answer for content in CONTENTS), path
            assert b"location:" not in answer.lower(), path
    text = await asyncio.to_thread(log.read_text)
    assert "Traceback" not in text
    assert "status=5" not in text


async def test_what_is_there_is_found(server: RunningServer) -> None:
    port = int(server.url.rpartition(":")[2])
    head = "GET /static/%61pp.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert status(await ask(port, head.encode())) == 200
