"""A cache that hangs, dies, forgets, refuses, is slow or none: nobody waits, and it comes back."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterable

import pytest

from app.cache.line import Away, CacheLine
from app.cache.wire import Call
from app.config.caches import CacheAddress, read_cache_address
from app.metrics import Family
from tests.cache.conftest import line_to, until, until_up
from tests.cache.impostors import Detour, listening, saying
from tests.caches import CacheServer
from tests.documents import ROOT
from tests.postgres import free_port

CALL = Call((b"{test}:key",), ("peek", "1000000.0", "60000000.0"))
AWAY = "The cache cannot be used: each process counts limits for itself until it can."
BACK = "The cache answers again: limits are counted there."


async def ask(line: CacheLine, within: float = 20.0) -> int:
    return await line.ask(CALL, until=asyncio.get_running_loop().time() + within)


async def time_refusal(line: CacheLine) -> float:
    """Ask for what does not come; return how long it took to learn that."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(Away):
        await ask(line, 0.045)
    return loop.time() - begun


async def connected_anew(line: CacheLine, server: CacheServer) -> None:
    await until(lambda: line.is_up and len(server.run("CLIENT", "LIST").splitlines()) > 1)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "portfolio.cache"]


def count_failures(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return what grows with each attempt to connect that comes to nothing."""
    found: list[None] = []
    note = CacheLine._note_away  # noqa: SLF001  (nothing else happens that could be seen)

    def count(self: CacheLine, trouble: Exception) -> None:
        found.append(note(self, trouble))

    monkeypatch.setattr(CacheLine, "_note_away", count)
    return found


def read(families: Iterable[Family]) -> dict[str, float]:
    """Return what is told of a line, by the one label or by what stands behind the name."""
    samples = (sample for family in families for sample in family.samples)
    return {
        "".join((sample.suffix, *(value for _, value in sample.labels))): sample.value
        for sample in samples
    }


@pytest.fixture
async def line(own_server: CacheServer) -> AsyncIterator[CacheLine]:
    """The way to a cache that the test may harm, when it is open."""
    made = line_to(own_server.address)
    async with made.kept():
        await until_up(made)
        yield made


class TestHanging:
    async def test_one_waits_fifty_milliseconds_and_the_next_do_not(
        self, line: CacheLine, own_server: CacheServer
    ) -> None:
        firsts, nexts = [], []
        # A busy machine may be late now and then, not every time.
        for _ in range(5):
            await until_up(line)
            own_server.send(signal.SIGSTOP)
            firsts.append(await time_refusal(line))
            nexts += [await time_refusal(line) for _ in range(20)]
            own_server.send(signal.SIGCONT)
        assert min(firsts) < 0.05
        assert sorted(nexts)[50] < 0.001

    @pytest.mark.usefixtures("patience")
    async def test_all_who_ask_at_once_learn_it_at_once(
        self, line: CacheLine, own_server: CacheServer
    ) -> None:
        own_server.send(signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        asked = [asyncio.create_task(ask(line, within)) for within in (0.03, *[9.0] * 250)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(answer) for answer in found} == {Away}
        assert loop.time() - begun < 5
        own_server.send(signal.SIGCONT)

    async def test_is_noticed_though_nobody_asks(
        self, line: CacheLine, own_server: CacheServer
    ) -> None:
        assert await ask(line) == 0
        own_server.send(signal.SIGSTOP)
        await until_up(line, is_up=False)
        own_server.send(signal.SIGCONT)
        await until_up(line)

    async def test_is_told_once_and_so_is_its_end(
        self,
        line: CacheLine,
        own_server: CacheServer,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name in ("PATIENCE_SECONDS", "LONGEST_PAUSE_SECONDS"):
            monkeypatch.setattr(f"app.cache.line.{name}", 0.02)
        caplog.set_level(logging.INFO, "portfolio.cache")
        own_server.send(signal.SIGSTOP)
        await time_refusal(line)
        tries = count_failures(monkeypatch)
        await until(lambda: len(tries) > 3)
        assert said(caplog) == [AWAY]
        (record,) = (record for record in caplog.records if record.getMessage() == AWAY)
        assert vars(record)["cause"] == "TimeoutError"
        own_server.send(signal.SIGCONT)
        await until_up(line)
        assert said(caplog) == [AWAY, BACK]

    async def test_a_moment_s_trouble_is_not_told(
        self,
        line: CacheLine,
        own_server: CacheServer,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Whoever gave up too early, as on a busy machine, finds the cache where it was."""
        for name in ("QUICK_SECONDS", "PATIENCE_SECONDS"):
            monkeypatch.setattr(f"app.cache.line.{name}", 20)
        caplog.set_level(logging.INFO, "portfolio.cache")
        own_server.send(signal.SIGSTOP)
        await time_refusal(line)
        await until_up(line, is_up=False)
        own_server.send(signal.SIGCONT)
        await until_up(line)
        assert await ask(line) == 0
        assert said(caplog) == []


class TestGone:
    async def test_killed_and_started_again(self, line: CacheLine, own_server: CacheServer) -> None:
        assert await ask(line) == 0
        own_server.kill()
        with pytest.raises(Away):
            await ask(line)
        own_server.start()
        await until_up(line)
        assert await ask(line) == 0

    async def test_a_restart_that_nobody_saw(
        self, line: CacheLine, own_server: CacheServer
    ) -> None:
        assert await ask(line) == 0
        own_server.restart()
        await connected_anew(line, own_server)
        assert await ask(line) == 0

    @pytest.mark.parametrize("command", [("FLUSHALL",), ("SCRIPT", "FLUSH")])
    @pytest.mark.usefixtures("patience")
    async def test_flushed(
        self, line: CacheLine, own_server: CacheServer, command: tuple[str, ...]
    ) -> None:
        own_server.run(*command)
        found = await asyncio.gather(*(ask(line) for _ in range(20)))
        assert found == [0] * 20
        assert line.is_up

    async def test_that_drops_the_connection(
        self, line: CacheLine, own_server: CacheServer
    ) -> None:
        own_server.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await connected_anew(line, own_server)
        assert await ask(line) == 0

    async def test_not_there_at_the_start(self, caplog: pytest.LogCaptureFixture) -> None:
        line = line_to(read_cache_address(f"redis://127.0.0.1:{free_port()}"))
        async with line.kept():
            assert not line.is_up
            with pytest.raises(Away):
                await ask(line)
        assert said(caplog) == [AWAY]

    async def test_whoever_waits_at_the_end_is_let_go(self, own_server: CacheServer) -> None:
        line = line_to(own_server.address)
        async with line.kept():
            await until_up(line)
            own_server.send(signal.SIGSTOP)
            waiting = [asyncio.create_task(ask(line)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
        own_server.send(signal.SIGCONT)
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in found] == [asyncio.CancelledError, Away, Away]


@pytest.mark.usefixtures("patience")
class TestRefusing:
    @pytest.mark.parametrize(
        ("options", "harm", "mend"),
        [
            ((), ("CONFIG", "SET", "requirepass", "secret"), None),
            ((), ("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
            ((), ("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
            ((), ("ACL", "SETUSER", "default", "-set"), ("ACL", "SETUSER", "default", "+set")),
        ],
        ids=["password", "memory", "replica", "rights"],
    )
    async def test_to_work(
        self,
        own_server: CacheServer,
        caplog: pytest.LogCaptureFixture,
        options: tuple[str, ...],
        harm: tuple[str, ...],
        mend: tuple[str, ...] | None,
    ) -> None:
        del options
        own_server.run(*harm)
        line = line_to(own_server.address)
        async with line.kept():
            assert not line.is_up
            assert said(caplog) == [AWAY]
            own_server.run(*(mend or ("CONFIG", "SET", "requirepass", "")), **_password(mend))
            await until_up(line)
            assert await ask(line) == 0

    async def test_wrong_password(self, own_server: CacheServer) -> None:
        own_server.run("CONFIG", "SET", "requirepass", "the right one")
        for password, is_right in (("the%20wrong%20one", False), ("the%20right%20one", True)):
            url = own_server.url.replace("//", f"//:{password}@")
            line = line_to(read_cache_address(url))
            async with line.kept():
                assert line.is_up is is_right

    async def test_a_user_with_no_right_too_many(self, own_server: CacheServer) -> None:
        """Those that docs/deploying.md names are enough."""
        rights = "~portfolio:* +evalsha +eval +time +get +set +del"
        assert f"`{rights}`" in (ROOT / "docs/deploying.md").read_text()
        own_server.run("ACL", "SETUSER", "portfolio", "on", ">secret", *rights.split())
        line = line_to(read_cache_address(own_server.url.replace("//", "//portfolio:secret@")))
        async with line.kept():
            await until_up(line)


def _password(mend: tuple[str, ...] | None) -> dict[str, str]:
    return {"password": "secret"} if mend is None else {}


NONSENSE = {
    "web": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "yes": b":0\r\n",
    "many yes": b":0\r\n" * 1000,
    "pairs": b"*2\r\n$1\r\n0\r\n:0\r\n",
    "refusal": b"-NOAUTH Authentication required.\r\n",
    "unknown script": b"-NOSCRIPT No matching script.\r\n",
    "elsewhere": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "nothing": b"$-1\r\n",
    "no number": b":x\r\n",
    "no text": b"$4\r\n\xff\xfe\xff\xfe\r\n",
    "deep": b"*1\r\n" * 20_000,
    "long": b"$999999999999\r\n",
    "endless": b"x" * 200_000,
    "bytes": bytes(range(256)),
    "silence": b"",
}


class TestImpostors:
    @pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
    async def test_are_not_believed(
        self, text: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("app.cache.line.PATIENCE_SECONDS", 0.1)
        async with listening(saying(text)) as address:
            line = line_to(address)
            async with line.kept():
                assert not line.is_up
                with pytest.raises(Away):
                    await ask(line)
        assert said(caplog) == [AWAY]

    async def test_that_hang_up(self, caplog: pytest.LogCaptureFixture) -> None:
        async def hang_up(_reader: object, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with listening(hang_up) as address:
            line = line_to(address)
            async with line.kept():
                assert not line.is_up
        assert said(caplog) == [AWAY]


class TestSlow:
    @pytest.fixture
    async def detour(self, cache_server: CacheServer) -> Detour:
        return Detour(cache_server.address.path)

    @pytest.fixture
    async def address(self, detour: Detour) -> AsyncIterator[CacheAddress]:
        async with listening(detour.listen) as found:
            yield found

    async def test_is_not_used_until_it_is_quick(
        self, detour: Detour, address: CacheAddress, caplog: pytest.LogCaptureFixture
    ) -> None:
        detour.delay = 0.015
        line = line_to(address)
        async with line.kept():
            assert not line.is_up
            (record,) = caplog.records
            assert vars(record)["cause"] == "TooSlow"
            detour.delay = 0.0
            await until_up(line)

    async def test_becomes_so(self, detour: Detour, address: CacheAddress) -> None:
        line = line_to(address)
        async with line.kept():
            await until_up(line)
            detour.delay = 0.2
            assert await time_refusal(line) < 0.15
            await until_up(line, is_up=False)


@pytest.mark.usefixtures("patience")
class TestFigures:
    async def test_tell_what_came_of_it(self, line: CacheLine, own_server: CacheServer) -> None:
        assert read(line.families())[""] == 1
        for _ in range(3):
            await ask(line)
        own_server.send(signal.SIGSTOP)
        for _ in range(2):
            with pytest.raises(Away):
                await ask(line, 0.02)
            await until_up(line, is_up=False)
        own_server.send(signal.SIGCONT)
        found = read(line.families())
        seconds = found.pop("_sum")
        assert found == {"": 0, "answered": 3, "failed": 1, "spared": 1, "_count": 4}
        assert 0.02 <= seconds < 20

    async def test_who_has_no_time_left_does_not_ask(self, line: CacheLine) -> None:
        with pytest.raises(Away):
            await ask(line, 0.0)
        assert line.is_up
        assert read(line.families())["spared"] == 1
