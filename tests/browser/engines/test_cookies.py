"""What each browser does with each kind of cookie, measured anew: the ground of app/cookies.py."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ssl import SSLContext

import pytest
import pytest_asyncio

from tests.browser.engines.engine import Name, Tab
from tests.browser.engines.network import end_tls, port_of
from tests.browser.engines.rows import (
    Ports,
    Row,
    api_origin,
    each_browser,
    each_row,
    page_origin,
)
from tests.browser.engines.table import TABLE, VARIANTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

SET_THEN_READ = """async (api) => {
  await fetch(`${api}/set`, { credentials: "include" });
  return (await fetch(`${api}/read`, { credentials: "include" })).text();
}"""


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Set every variant at `/set`; answer anything else with the cookies that came."""
    with contextlib.suppress(OSError), contextlib.closing(writer):
        head = await reader.read(65536)
        writer.write(make_answer(head.decode("latin-1")))
        await writer.drain()


def make_answer(head: str) -> bytes:
    line, *fields = head.split("\r\n")
    sent = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    lines = [
        "HTTP/1.1 200 OK",
        "Connection: close",
        "Access-Control-Allow-Credentials: true",
        f"Access-Control-Allow-Origin: {sent.get('origin', '')}",
    ]
    if " /set " in line:
        cookies = [f"{name}=1; Path=/; HttpOnly; {rest}" for name, rest in VARIANTS.items()]
        lines += [f"Set-Cookie: {cookie}" for cookie in cookies]
    return "\r\n".join([*lines, "", sent.get("cookie", "")]).encode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def jar(tls: SSLContext) -> AsyncIterator[Ports]:
    """Where a server listens that sets cookies of every kind."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with end_tls(tls, port_of(server)) as end:
        yield Ports(port_of(server), end.port)
    server.close()


@each_browser
@each_row
async def test_cookies_that_come_back(
    tab: Tab, pages: Ports, jar: Ports, name: Name, row: Row, *, blocks: bool
) -> None:
    await tab.goto(f"{page_origin(row, pages)}/index.html")
    text = await tab.evaluate(SET_THEN_READ, api_origin(row, jar))
    sent = {pair.partition("=")[0] for pair in text.split("; ") if pair}
    expected = TABLE[name][row][blocks]
    policy = "blocked" if blocks else "allowed"
    assert sent == expected, (
        f"{name} changed its mind about {row}, third-party cookies {policy}: it now also sends "
        f"{sorted(sent - expected)} and no longer {sorted(expected - sent)}"
    )
