"""Limits that several processes share: one count, no names in the cache, and never a long wait."""

import asyncio
import re
import secrets
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.cache import BUDGET_SECONDS
from app.cache.line import CacheLine
from app.config import Settings
from app.config.caches import read_cache_address
from app.keys import KeyRing, new_key
from app.main import create_app
from app.models import utc_now
from app.observability import request_id
from app.rate_limit import Bucket, Limit
from app.shared_throttles import SharedThrottles, derive_secret, measure, open_line
from tests.cache.conftest import until_up
from tests.caches import CacheServer, TurnedLine
from tests.conftest import make_settings
from tests.databases import copy_instance
from tests.postgres import free_port
from tests.wire import visitor

pytestmark = pytest.mark.process
NOWHERE = read_cache_address("redis://127.0.0.1:1")
TEN = Limit("ten", 10, 600.0)
ADA = Bucket(TEN, "ada from 192.0.2.7")


@pytest.fixture
def secret() -> bytes:
    """What one instance's processes share, and no other test has."""
    return secrets.token_bytes(32)


@asynccontextmanager
async def sharing(
    server: CacheServer, *keys: bytes
) -> AsyncIterator[list[tuple[CacheLine, SharedThrottles]]]:
    """Yield the throttles of a process for each of these secrets."""
    async with AsyncExitStack() as stack:
        made = []
        for key in keys:
            line = open_line(server.address, key)
            await stack.enter_async_context(line.kept())
            await until_up(line)
            made.append((line, SharedThrottles(line, key)))
        yield made


@pytest.mark.usefixtures("patience")
class TestTogether:
    async def test_fifty_at_once_get_what_there_is(
        self, cache_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(cache_server, secret, secret) as ((_, here), (_, there)):
            waits = await asyncio.gather(
                *(throttles.take(ADA) for _ in range(25) for throttles in (here, there))
            )
        assert sum(not wait for wait in waits) == 10
        assert {round(wait) for wait in waits} == {0, 60}

    async def test_of_several_buckets_all_or_none(
        self, cache_server: CacheServer, secret: bytes
    ) -> None:
        wide = Bucket(Limit("wide", 100, 600.0), "everybody")
        async with sharing(cache_server, secret, secret) as ((_, here), (_, there)):
            await asyncio.gather(*(here.take(ADA, wide) for _ in range(25)))
            waits = await asyncio.gather(*(there.take(wide) for _ in range(100)))
        assert sum(not wait for wait in waits) == 90

    async def test_a_success_on_one_counts_on_the_other(
        self, cache_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(cache_server, secret, secret) as ((_, here), (_, there)):
            for _ in range(10):
                assert not await here.take(ADA)
            assert await there.peek(ADA) > 0
            await there.forget(ADA)
            assert not await here.peek(ADA)

    async def test_instances_are_kept_apart(self, cache_server: CacheServer, secret: bytes) -> None:
        async with sharing(cache_server, secret, b"another's") as ((_, ours), (_, theirs)):
            for _ in range(10):
                assert not await ours.take(ADA)
            assert not await theirs.peek(ADA)

    async def test_whatever_this_machine_s_clock_says(
        self, cache_server: CacheServer, secret: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with sharing(cache_server, secret, secret) as ((_, here), (_, there)):
            for _ in range(10):
                assert not await here.take(ADA)
            for wrong in (0.0, 4e9):
                monkeypatch.setattr(time, "time", lambda wrong=wrong: wrong)
                assert await there.take(ADA) == pytest.approx(60, abs=20)

    async def test_a_cache_s_clock_that_is_put_back(
        self, cache_server: CacheServer, secret: bytes
    ) -> None:
        """Nobody waits for longer than for the next attempt."""
        now = 10_000.0
        line = TurnedLine(cache_server.address, lambda: now)
        async with line.kept():
            throttles = SharedThrottles(line, secret)
            for _ in range(10):
                assert not await throttles.take(ADA)
            now = 5.0
            assert await throttles.take(ADA) == pytest.approx(60)
            now = 65.0
            assert await throttles.take(ADA) == 0
            assert await throttles.take(ADA) == pytest.approx(60)

    async def test_after_a_flush_all_begin_anew(
        self, own_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(own_server, secret) as ((line, throttles),):
            for _ in range(10):
                assert not await throttles.take(ADA)
            own_server.run("FLUSHALL")
            assert not await throttles.take(ADA)
            assert line.is_up


class TestKeys:
    @pytest.mark.usefixtures("patience")
    async def test_tell_no_names(self, own_server: CacheServer, secret: bytes) -> None:
        async with sharing(own_server, secret) as ((_, throttles),):
            await throttles.take(ADA, Bucket(TEN, "böb \udcff"), Bucket(TEN, "x" * 100_000))
        keys = [key.decode() for key in own_server.run("KEYS", "*:ten:*")]
        assert len(keys) == 3
        assert all(
            re.fullmatch(r"portfolio:\{[0-9a-f]{12}\}:ten:[0-9a-f]{32}", key) for key in keys
        )

    @pytest.mark.usefixtures("patience")
    async def test_lie_in_one_place_of_a_cluster(
        self, own_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(own_server, secret) as ((_, throttles),):
            await throttles.take(ADA, Bucket(TEN, "bob"))
        keys = own_server.run("KEYS", "*:ten:*")
        assert len(keys) == 2
        assert len({key.partition(b"{")[2].partition(b"}")[0] for key in keys}) == 1

    @pytest.mark.usefixtures("patience")
    async def test_are_gone_when_their_buckets_are_full(
        self, own_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(own_server, secret) as ((_, throttles),):
            for _ in range(3):
                await throttles.take(ADA)
            (key,) = own_server.run("KEYS", "*:ten:*")
            assert 170_000 <= own_server.run("PTTL", key) <= 180_000
            await throttles.refund(ADA)
            assert 110_000 <= own_server.run("PTTL", key) <= 120_000
            await throttles.forget(ADA)
            assert own_server.run("KEYS", "*:ten:*") == []

    @pytest.mark.parametrize(
        "harm",
        [("SET", "rubbish"), ("SET", "nan"), ("SET", "1e999"), ("SET", "-5"), ("LPUSH", "x")],
    )
    @pytest.mark.usefixtures("patience")
    async def test_that_somebody_else_wrote_to(
        self, own_server: CacheServer, secret: bytes, harm: tuple[str, str]
    ) -> None:
        async with sharing(own_server, secret) as ((line, throttles),):
            await throttles.take(ADA)
            (key,) = own_server.run("KEYS", "*:ten:*")
            own_server.run("DEL", key)
            own_server.run(harm[0], key, harm[1])
            assert await throttles.take(ADA) <= 60
            await throttles.forget(ADA)
            assert not await throttles.take(ADA)
            assert line.is_up

    def test_come_from_the_ring_that_all_processes_have(self) -> None:
        key, next_key = new_key(utc_now()), new_key(utc_now())
        assert derive_secret(KeyRing((key,))) == derive_secret(KeyRing((key,)))
        assert derive_secret(KeyRing((key,))) not in {key.secret, key.derive(b"audit")}
        assert derive_secret(KeyRing((key,))) != derive_secret(KeyRing((next_key,)))


@pytest.mark.usefixtures("patience")
class TestWithout:
    async def test_it_goes_on_with_what_this_process_knows(
        self, own_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(own_server, secret, secret) as ((line, here), (other, there)):
            for _ in range(7):
                assert not await here.take(ADA)
            own_server.kill()
            for each in (line, other):
                await until_up(each, is_up=False)
            assert [not await here.take(ADA) for _ in range(5)] == [True] * 3 + [False] * 2
            assert await here.peek(ADA) > 0
            assert not await there.peek(ADA)
            await here.refund(ADA)
            assert not await here.peek(ADA)
            await here.forget(ADA)
            assert [not await here.take(ADA) for _ in range(11)] == [True] * 10 + [False]

    async def test_what_was_given_back_is_known_as_well(
        self, own_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(own_server, secret) as ((line, throttles),):
            for _ in range(9):
                assert not await throttles.take(ADA)
            await throttles.refund(ADA)
            own_server.kill()
            await until_up(line, is_up=False)
            assert [not await throttles.take(ADA) for _ in range(3)] == [True, True, False]

    async def test_it_counts_there_again_when_it_can(
        self, own_server: CacheServer, secret: bytes
    ) -> None:
        async with sharing(own_server, secret, secret) as ((line, here), (other, there)):
            own_server.restart()
            for each in (line, other):
                await until_up(each)
            await until_shared(here)
            assert await there.peek(ADA) == 0
            for _ in range(30):
                if await here.take(ADA):
                    break
            await until_shared(there)
            assert await there.peek(ADA) > 0

    async def test_without_limit_nothing_is_asked(self) -> None:
        line = open_line(NOWHERE, b"x")
        throttles = SharedThrottles(line, b"x")
        endless = Bucket(Limit("endless", 0, 60.0), "ada")
        assert not await throttles.peek(endless)
        assert not await throttles.take(endless)
        assert {sample.value for family in line.families() for sample in family.samples} == {0}


async def until_shared(throttles: SharedThrottles) -> None:
    """Wait until it is the cache that answers."""
    line = throttles._line  # noqa: SLF001  (nothing outside can see it)
    before = answered(line)
    async with asyncio.timeout(20):
        while answered(line) == before:
            await throttles.peek(Bucket(TEN, "nobody"))
            await asyncio.sleep(0)


def answered(line: CacheLine) -> float:
    values = {
        dict(sample.labels).get("result"): sample.value
        for family in line.families()
        for sample in family.samples
    }
    return values["answered"]


class SlowLine(CacheLine):
    """A cache that takes 15 ms for an answer; notes until when others are waited for."""

    def __init__(self) -> None:
        super().__init__(NOWHERE, "", None)  # type: ignore[arg-type]  # nothing is sent
        self.allowed: list[float] = []

    async def ask(self, call: Any, *, until: float) -> int:
        del call
        self.allowed.append(until - asyncio.get_running_loop().time())
        loop, answer = asyncio.get_running_loop(), asyncio.Event()
        loop.call_later(0.015, answer.set)
        await answer.wait()
        return 0


class TestBudget:
    async def test_is_that_of_all_that_a_request_asks(self) -> None:
        line = SlowLine()
        throttles = SharedThrottles(line, b"x")

        async def request(name: str) -> None:
            request_id.set(name)
            for _ in range(3):
                await throttles.take(ADA)

        await asyncio.gather(*(request(f"request {number}") for number in range(4)))
        firsts, seconds, thirds = (sorted(line.allowed)[place : place + 4] for place in (8, 4, 0))
        assert BUDGET_SECONDS - 0.005 < min(firsts) <= max(firsts) <= BUDGET_SECONDS
        assert max(seconds) <= BUDGET_SECONDS - 0.015
        assert max(thirds) <= BUDGET_SECONDS - 0.03

    async def test_what_is_no_request_has_it_each_time(self) -> None:
        line = SlowLine()
        throttles = SharedThrottles(line, b"x")
        for _ in range(3):
            await throttles.take(ADA)
        assert min(line.allowed) > BUDGET_SECONDS - 0.005


async def test_it_can_be_measured(cache_server: CacheServer) -> None:
    assert 0 < await measure(cache_server.address, b"x") < 20


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


class TestServers:
    """Two servers that have nothing in common but their keys and the cache."""

    @pytest.fixture
    def settings(self, sqlite_template: Path, tmp_path: Path) -> Any:
        key = secrets.token_urlsafe(48)

        def make(name: str, url: str, **changes: Any) -> Settings:
            folder = tmp_path / name
            folder.mkdir()
            copy_instance(sqlite_template, folder)
            limits = {"login_attempts": 4, "signups_per_hour": 0}
            return make_settings(folder, secret_key=key, cache_url=url, **limits, **changes)

        return make

    async def guess(self, app: FastAPI) -> httpx.Response:
        async with visitor(app, address="192.0.2.7") as client:
            body = {"uid": "ada", "password": "not the password"}
            return await client.post("/api/v1/auth/login", json=body)

    @pytest.mark.usefixtures("patience")
    async def test_count_together(self, cache_server: CacheServer, settings: Any) -> None:
        url = cache_server.url
        async with serving(settings("a", url)) as here, serving(settings("b", url)) as there:
            tries = [(await self.guess(app)).status_code for _ in range(3) for app in (here, there)]
            refused = await self.guess(there)
        assert tries == [401] * 4 + [429] * 2
        assert 1 <= int(refused.headers["Retry-After"]) <= 225

    async def test_without_the_cache_each_for_itself(self, settings: Any) -> None:
        url = f"redis://:a%20secret@127.0.0.1:{free_port()}"
        async with serving(settings("a", url)) as here, serving(settings("b", url)) as there:
            for app in (here, there):
                tries = [(await self.guess(app)).status_code for _ in range(5)]
                assert tries == [401] * 4 + [429]

    async def test_a_cache_that_hangs_costs_one_request_little(
        self, own_server: CacheServer, settings: Any
    ) -> None:
        async with serving(settings("a", own_server.url)) as app:
            loop = asyncio.get_running_loop()
            own_server.send(signal.SIGSTOP)
            begun = loop.time()
            tries = [(await self.guess(app)).status_code for _ in range(5)]
            took = loop.time() - begun
            own_server.send(signal.SIGCONT)
        assert tries == [401] * 4 + [429]
        # Five requests with a cheap hash each, on a machine that may be busy.
        assert took < 1.5

    @pytest.mark.usefixtures("patience")
    async def test_tell_where_they_count(self, own_server: CacheServer, settings: Any) -> None:
        async with serving(settings("a", own_server.url)) as app, visitor(app) as client:
            await until_up(app.state.resources.cache)
            ready = (await client.get("/readyz")).json()
            assert (ready["status"], ready["limits"]) == ("ready", "shared")
            assert "\nportfolio_cache_up 1\n" in (await client.get("/metrics")).text
            own_server.kill()
            await until_up(app.state.resources.cache, is_up=False)
            answer = await client.get("/readyz")
            assert answer.status_code == 200
            assert answer.json()["limits"] == "fallback"
            assert "\nportfolio_cache_up 0\n" in (await client.get("/metrics")).text
