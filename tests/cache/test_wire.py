"""The connection itself: TLS, which database, a user's name; what is asked is answered in order."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cache.line import CacheLine
from app.cache.wire import Call, Wire
from app.config.caches import read_cache_address
from tests import caches
from tests.cache.conftest import line_to, until_up
from tests.caches import CacheServer
from tests.certificates import Certificate, find_openssl, make_authority, vouch
from tests.conftest import missing
from tests.postgres import free_port

ECHO = "return {ARGV[#ARGV], tonumber(ARGV[1])}"


async def run(server: CacheServer, script: str, *calls: Call) -> list[int]:
    wire = Wire(server.address, script)
    try:
        await wire.open()
        return await wire.run(calls)
    finally:
        await wire.close()


class TestRun:
    async def test_each_has_its_own_answer(self, cache_server: CacheServer) -> None:
        calls = [Call((), (str(number),)) for number in range(1000)]
        assert await run(cache_server, ECHO, *calls) == list(range(1000))

    async def test_large_ones(self, cache_server: CacheServer) -> None:
        keys = tuple(b"{x}" + bytes([65 + number]) * 50_000 for number in range(3))
        assert await run(cache_server, ECHO, Call(keys, ("7",)), Call((), ("8",))) == [7, 8]

    async def test_whoever_forgot_the_script_learns_it(self, cache_server: CacheServer) -> None:
        wire = Wire(cache_server.address, ECHO)
        await wire.open()
        for _ in range(2):
            cache_server.run("SCRIPT", "FLUSH")
            assert await wire.run([Call((), ("1",)), Call((), ("2",))]) == [1, 2]
        await wire.close()

    async def test_in_the_database_of_the_address(self, own_server: CacheServer) -> None:
        address = read_cache_address(f"{own_server.url}?db=3")
        wire = Wire(address, "redis.call('SET', KEYS[1], 1) return {ARGV[#ARGV], 0}")
        await wire.open()
        await wire.run([Call((b"here",), ())])
        await wire.close()
        assert [own_server.run("EXISTS", "here", db=number) for number in (0, 3)] == [0, 1]


@dataclass
class Guarded:
    """A cache behind TLS on a port of this machine, and the authorities that one may trust."""

    port: int
    authority: Certificate
    stranger: Certificate
    visitor: Certificate

    def url(self, host: str = "127.0.0.1", authority: Certificate | None = None) -> str:
        """Return its address; `authority` in place of the one that vouches for it."""
        trusted = (authority or self.authority).cert
        mine = f"ssl_certfile={self.visitor.cert}&ssl_keyfile={self.visitor.key}"
        return f"rediss://{host}:{self.port}?ssl_ca_certs={trusted}&{mine}"


@pytest.fixture(scope="module")
def guarded(cache_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    openssl = find_openssl()
    if openssl is None:
        missing("openssl is not installed")
        return
    folder = tmp_path_factory.mktemp("certificates")
    authority, stranger = (make_authority(openssl, folder, name) for name in ("ours", "other"))
    server = vouch(openssl, authority, "cache", alternative="IP:127.0.0.1")
    visitor = vouch(openssl, authority, "portfolio")
    port = free_port()
    options = (
        *("--tls-port", str(port), "--tls-ca-cert-file", str(authority.cert)),
        *("--tls-cert-file", str(server.cert), "--tls-key-file", str(server.key)),
    )
    with caches.running(cache_program, *options):
        yield Guarded(port, authority, stranger, visitor)


@pytest.mark.usefixtures("patience")
class TestTLS:
    async def is_up(self, url: str) -> bool:
        """Return what came of the first attempt to connect."""
        line: CacheLine = line_to(read_cache_address(url))
        async with line.kept():
            return line.is_up

    async def test_each_proves_itself(self, guarded: Guarded) -> None:
        line = line_to(read_cache_address(guarded.url()))
        async with line.kept():
            await until_up(line)

    async def test_the_cache_has_to(self, guarded: Guarded) -> None:
        assert not await self.is_up(guarded.url(authority=guarded.stranger))

    async def test_by_its_name(self, guarded: Guarded) -> None:
        assert not await self.is_up(guarded.url("localhost"))

    async def test_nothing_is_sent_in_the_clear(self, guarded: Guarded) -> None:
        url = f"redis://127.0.0.1:{guarded.port}"
        assert not await self.is_up(url)

    async def test_files_that_are_not_there(self, guarded: Guarded, tmp_path: Path) -> None:
        gone = Certificate(tmp_path / "gone.crt", tmp_path / "gone.key")
        assert not await self.is_up(guarded.url(authority=gone))

    async def test_reading_certificates_holds_nobody_up(
        self, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        threads: list[object] = []
        hand_over = asyncio.to_thread

        async def note(work: object, *arguments: object) -> object:
            threads.append(work)
            return await hand_over(work, *arguments)  # type: ignore[arg-type]  # whatever it is

        monkeypatch.setattr(asyncio, "to_thread", note)
        assert await self.is_up(guarded.url())
        assert len(threads) == 1
