"""The threads that hash: how many, what they tell the queue, what else they do, how they end."""

import asyncio
import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import argon2.low_level
import pytest

from app import passwords
from app.errors import HashingBusy
from app.passwords import PasswordHasher
from tests.conftest import make_settings
from tests.services.hashing import PATIENCE, Pause, pause
from tests.test_passwords import DECOMPOSED, PASSWORD, Costs, Hashers, costs, hashers

__all__ = ["costs", "hashers", "pause"]


async def held(hasher: PasswordHasher, pause: Pause) -> "asyncio.Task[str]":
    """Begin a hash that does not end before `pause` goes on."""
    pause.before("hash_secret")
    task = asyncio.ensure_future(hasher.hash(PASSWORD))
    await pause.reached()
    return task


class TestHowMany:
    async def test_one_for_each_processor(
        self, hashers: Hashers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """None of three goes on before all three are there."""
        together = threading.Barrier(3)
        original = argon2.low_level.hash_secret

        def with_others(**options: Any) -> bytes:
            together.wait(PATIENCE)
            return original(**options)

        monkeypatch.setattr(argon2.low_level, "hash_secret", with_others)
        monkeypatch.setattr(passwords, "count_processors", lambda: 3)
        hasher = hashers(hash_threads=0)
        await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(3)))

    async def test_one_on_one_processor(
        self, hashers: Hashers, costs: Costs, pause: Pause, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(passwords, "count_processors", lambda: 1)
        hasher = hashers(hash_threads=0)
        first = await held(hasher, pause)
        second = asyncio.ensure_future(hasher.hash(PASSWORD))
        await asyncio.sleep(0)
        assert costs.spent == []
        pause.go_on()
        await asyncio.gather(first, second)
        assert costs.threads == {"hash_0"}


class TestWhatTheQueueLearns:
    async def test_slow_work_sends_away_whoever_would_wait_too_long(
        self, hashers: Hashers, pause: Pause, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A minute for the first, of which the average believes a tenth."""
        hasher = hashers(hash_threads=1, hash_deadline_seconds=5)
        times = iter(range(0, 6000, 60))
        monkeypatch.setattr(passwords, "time", SimpleNamespace(monotonic=lambda: next(times)))
        await hasher.hash(PASSWORD)
        first = await held(hasher, pause)
        with pytest.raises(HashingBusy) as refusal:
            await hasher.hash(PASSWORD)
        assert refusal.value.headers["Retry-After"] == "3"
        pause.go_on()
        await first

    async def test_quick_work_lets_others_wait(self, hashers: Hashers, pause: Pause) -> None:
        hasher = hashers(hash_threads=1, hash_deadline_seconds=5)
        await hasher.hash(PASSWORD)
        first = await held(hasher, pause)
        second = asyncio.ensure_future(hasher.hash(PASSWORD))
        await asyncio.sleep(0)
        pause.go_on()
        await asyncio.gather(first, second)


class TestOneComparison:
    async def test_is_enough_however_the_keyboard_writes_accents(
        self, hashers: Hashers, costs: Costs
    ) -> None:
        """Only the old servers hashed what was typed; twice the work would be twice the time."""
        hasher = hashers()
        known = await hasher.hash(PASSWORD)
        costs.spent.clear()
        assert await hasher.verify(DECOMPOSED, known) == (False, None)
        assert costs.spent == [(8, 1)]


class TestJudge:
    async def test_waits_like_a_hash(self, hashers: Hashers, pause: Pause) -> None:
        """It takes milliseconds too, and would hold up everybody on the event loop."""
        hasher = hashers(hash_threads=1, hash_queue=1)
        first = await held(hasher, pause)
        with pytest.raises(HashingBusy):
            await hasher.judge(PASSWORD, min_length=12, personal=())
        pause.go_on()
        await first

    @pytest.mark.parametrize(
        ("password", "min_length", "verdict"),
        [
            ("elevenchars", 12, "Use at least 12 characters."),
            ("elevenchars", 15, "Use at least 15 characters."),
            ("lovelace-engine", 12, "built from your name"),
        ],
    )
    async def test_says_what_is_wrong(
        self, hashers: Hashers, password: str, min_length: int, verdict: str
    ) -> None:
        judged = await hashers().judge(password, min_length=min_length, personal=("lovelace",))
        assert judged is not None
        assert verdict in judged

    async def test_says_nothing_of_a_good_one(self, hashers: Hashers) -> None:
        assert await hashers().judge(PASSWORD, min_length=12, personal=("lovelace",)) is None


class TestEnd:
    async def test_waits_for_the_work_under_way(self, hashers: Hashers, pause: Pause) -> None:
        hasher = hashers()
        work = await held(hasher, pause)
        closing = asyncio.ensure_future(asyncio.to_thread(hasher.close))
        # Nothing ends the work meanwhile, so nothing but a close that does not wait would end.
        done, _ = await asyncio.wait({closing}, timeout=0.2)
        assert not done
        pause.go_on()
        await closing
        assert (await work).startswith("$argon2id$")

    def test_work_that_outlives_the_loop_complains_of_nothing(
        self, hashers: Hashers, pause: Pause, caplog: pytest.LogCaptureFixture
    ) -> None:
        hasher = hashers()

        async def leave() -> None:
            (await held(hasher, pause)).cancel()

        asyncio.run(leave())
        pause.go_on()
        with caplog.at_level(logging.DEBUG, "concurrent.futures"):
            hasher.close()
        assert [found for found in caplog.records if found.name == "concurrent.futures"] == []


class TestQuiet:
    async def test_is_told_once_nobody_hashes(self, tmp_path: Path) -> None:
        told = asyncio.Event()
        hasher = PasswordHasher(make_settings(tmp_path), quiet_seconds=0, when_quiet=told.set)
        assert not told.is_set()
        await hasher.hash(PASSWORD)
        await asyncio.wait_for(told.wait(), PATIENCE)
        hasher.close()

    async def test_is_no_matter_any_more_after_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop, said = asyncio.get_running_loop(), list[str]()
        hasher = PasswordHasher(
            make_settings(tmp_path), quiet_seconds=3600, when_quiet=lambda: said.append("quiet")
        )
        await hasher.hash(PASSWORD)
        await asyncio.sleep(0)
        hasher.close()
        now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: now + 7200)
        for _ in range(3):
            await asyncio.sleep(0)
        assert said == []
