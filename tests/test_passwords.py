"""Hashing: what is compared, what it costs, where it runs. The policy has a module of its own.

What was hashed is seen by listening at argon2-cffi, below everything of ours.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2.low_level
import pytest
from passlib.hash import argon2 as argon2_format

from app.errors import HashingBusy, TooManyAttempts
from app.passwords import PasswordHasher, normalise
from tests.breached import BREACHED, write_list
from tests.conftest import make_settings
from tests.services.hashing import Pause, pause

__all__ = ["pause"]

PASSWORD = "correct horse battery"
# One letter and its accent, as one character and as two.
COMPOSED, DECOMPOSED = "caf\u00e9 society", "cafe\u0301 society"


@dataclass
class Costs:
    """What argon2 was asked to do: memory in KiB and passes of each hash, and on which thread."""

    spent: list[tuple[int, int]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    priorities: set[int] = field(default_factory=set)

    def count(self, memory: int, passes: int) -> None:
        self.spent.append((memory, passes))
        self.threads.add(threading.current_thread().name)
        self.priorities.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Costs:
    costs = Costs()
    make, compare = argon2.low_level.hash_secret, argon2.low_level.verify_secret

    def hash_secret(**options: Any) -> bytes:
        costs.count(options["memory_cost"], options["time_cost"])
        return make(**options)

    def verify_secret(known: bytes, secret: bytes, kind: argon2.low_level.Type) -> bool:
        found = argon2_format.from_string(known)
        costs.count(found.memory_cost, found.rounds)
        return compare(known, secret, kind)

    monkeypatch.setattr(argon2.low_level, "hash_secret", hash_secret)
    monkeypatch.setattr(argon2.low_level, "verify_secret", verify_secret)
    return costs


class Hashers:
    """Makes hashers and closes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[PasswordHasher] = []

    def __call__(self, **changes: Any) -> PasswordHasher:
        self._made.append(PasswordHasher(make_settings(self._folder, **changes)))
        return self._made[-1]

    def close(self) -> None:
        for hasher in self._made:
            hasher.close()


@pytest.fixture
def hashers(tmp_path: Path) -> Iterator[Hashers]:
    maker = Hashers(tmp_path)
    yield maker
    maker.close()


@pytest.fixture
def hasher(hashers: Hashers) -> PasswordHasher:
    return hashers()


class TestJudge:
    async def test_knows_the_list_that_the_settings_name(
        self, hashers: Hashers, tmp_path: Path
    ) -> None:
        path = write_list(tmp_path / "list", [BREACHED])
        found = await hashers(breached_passwords=path).judge(BREACHED, min_length=12, personal=())
        assert found is not None
        assert "breach" in found
        assert await hashers().judge(BREACHED, min_length=12, personal=()) is None


class TestVerifyRefuses:
    @pytest.mark.parametrize("wrong", ["", " ", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1]])
    async def test_wrong_password(self, hasher: PasswordHasher, wrong: str) -> None:
        assert await hasher.verify(wrong, await hasher.hash(PASSWORD)) == (False, None)

    async def test_no_account(self, hasher: PasswordHasher) -> None:
        assert await hasher.verify(PASSWORD, None) == (False, None)

    @pytest.mark.parametrize(
        "known",
        [
            *("", "!", PASSWORD, "pbkdf2:sha256:1$salt$00", "$2b$12$" + "a" * 53, "\ud800", "\x00"),
            *("$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$bad", "x" * 5000),
            "$argon2id$v=19$m=0,t=0,p=0$c2FsdHNhbHQ$aA",
            "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
            "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
        ],
    )
    async def test_stored_text_that_is_no_hash_of_ours(
        self, hasher: PasswordHasher, known: str
    ) -> None:
        assert await hasher.verify(PASSWORD, known) == (False, None)

    @pytest.mark.parametrize("damage", [1, 5, 43])
    async def test_damaged_hash(self, hasher: PasswordHasher, damage: int) -> None:
        known = await hasher.hash(PASSWORD)
        assert await hasher.verify(PASSWORD, known[:-damage]) == (False, None)

    async def test_look_alikes(self, hasher: PasswordHasher) -> None:
        """NFC and no more: a ligature is not its two letters."""
        assert await hasher.verify("fishing", await hasher.hash("\ufb01shing")) == (False, None)

    async def test_characters_after_a_nul_count(self, hasher: PasswordHasher) -> None:
        known = await hasher.hash("horse\x00battery")
        assert await hasher.verify("horse\x00batterx", known) == (False, None)


class TestTooLong:
    TOO_LONG = ("x" * 1025, "é" * 513, "x" * 5000, "x" * 1_000_000, "\ud800")

    @pytest.mark.parametrize("password", TOO_LONG, ids=range(5))
    async def test_is_wrong_before_anything_is_hashed(
        self, hasher: PasswordHasher, password: str, costs: Costs
    ) -> None:
        known = await hasher.hash(PASSWORD)
        costs.spent.clear()
        assert await hasher.verify(password, known) == (False, None)
        assert await hasher.verify(password, None) == (False, None)
        assert costs.spent == []

    @pytest.mark.parametrize("password", TOO_LONG, ids=range(5))
    async def test_is_never_hashed(
        self, hasher: PasswordHasher, password: str, costs: Costs
    ) -> None:
        with pytest.raises(ValueError, match=r"^The password cannot be hashed\.$"):
            await hasher.hash(password)
        assert costs.spent == []


class TestVerify:
    @pytest.mark.parametrize(
        "password", [PASSWORD, "x" * 1024, "é" * 512, "a\x00b", "пароль", "🐎", ""]
    )
    async def test_right_password(self, hasher: PasswordHasher, password: str) -> None:
        assert await hasher.verify(password, await hasher.hash(password)) == (True, None)

    async def test_accents_however_the_keyboard_writes_them(self, hasher: PasswordHasher) -> None:
        assert normalise(DECOMPOSED) == COMPOSED != DECOMPOSED
        assert await hasher.verify(DECOMPOSED, await hasher.hash(COMPOSED)) == (True, None)
        assert await hasher.verify(COMPOSED, await hasher.hash(DECOMPOSED)) == (True, None)

    async def test_same_password_never_has_the_same_hash(self, hasher: PasswordHasher) -> None:
        assert await hasher.hash(PASSWORD) != await hasher.hash(PASSWORD)


class TestCost:
    @pytest.mark.parametrize(("memory", "passes"), [(8, 1), (64, 3)])
    async def test_is_what_the_settings_say(
        self, hashers: Hashers, memory: int, passes: int
    ) -> None:
        made = await hashers(argon2_memory_kib=memory, argon2_time=passes).hash(PASSWORD)
        assert made.startswith(f"$argon2id$v=19$m={memory},t={passes},p=1$")

    async def test_is_19_mib_and_two_passes_by_default(self, tmp_path: Path) -> None:
        fields = type(make_settings(tmp_path)).model_fields
        assert (fields["argon2_memory_kib"].default, fields["argon2_time"].default) == (
            19 * 1024,
            2,
        )

    @pytest.mark.parametrize("known", [None, "", "pbkdf2:sha256:1$salt$00", "$argon2id$bad"])
    async def test_of_an_unknown_user_is_that_of_a_known_one(
        self, hashers: Hashers, costs: Costs, known: str | None
    ) -> None:
        """From the first login on, or the first would tell."""
        hasher = hashers(argon2_memory_kib=16, argon2_time=3)
        await hasher.verify(PASSWORD, known)
        unknown, costs.spent[:] = costs.spent.copy(), []
        stored = await hasher.hash("something else")
        costs.spent.clear()
        await hasher.verify(PASSWORD, stored)
        assert unknown == costs.spent == [(16, 3)]


class TestUpgrade:
    @pytest.mark.parametrize("stronger", [{"argon2_memory_kib": 16}, {"argon2_time": 2}], ids=str)
    async def test_weaker_hash_is_made_anew(
        self, hashers: Hashers, stronger: dict[str, int]
    ) -> None:
        known = await hashers().hash(PASSWORD)
        hasher = hashers(**stronger)
        is_match, better = await hasher.verify(PASSWORD, known)
        assert is_match
        assert better is not None
        assert await hasher.verify(PASSWORD, better) == (True, None)

    async def test_not_for_a_wrong_password(self, hashers: Hashers) -> None:
        known = await hashers().hash(PASSWORD)
        assert await hashers(argon2_time=2).verify("wrong", known) == (False, None)


async def until_free(hasher: PasswordHasher) -> None:
    """Wait until a hasher takes something again."""
    async with asyncio.timeout(10):
        while True:
            with suppress(HashingBusy):
                await hasher.hash(PASSWORD)
                return
            await asyncio.sleep(0)


class TestPool:
    async def test_beyond_the_queue_is_busy(self, hashers: Hashers) -> None:
        hasher = hashers(hash_queue=3)
        at_once = [hasher.hash(PASSWORD) for _ in range(5)]
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert [type(answer) for answer in answers] == [str, str, str, HashingBusy, HashingBusy]

    async def test_unknown_users_queue_like_others(self, hashers: Hashers) -> None:
        hasher = hashers(hash_queue=1)
        at_once = [hasher.verify(PASSWORD, None) for _ in range(2)]
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert isinstance(answers[1], HashingBusy)

    async def test_takes_more_when_some_are_done(self, hashers: Hashers) -> None:
        hasher = hashers(hash_queue=1)
        for _ in range(3):
            await hasher.hash(PASSWORD)
        at_once = [hasher.hash(PASSWORD) for _ in range(2)]
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert isinstance(answers[1], HashingBusy)

    async def test_who_gave_up_waiting_is_not_hashed(
        self, hashers: Hashers, costs: Costs, pause: Pause
    ) -> None:
        hasher = hashers(hash_threads=1, hash_queue=2)
        pause.before("hash_secret")
        first = asyncio.ensure_future(hasher.hash(PASSWORD))
        await pause.reached()
        for _ in range(5):
            waiting = asyncio.ensure_future(hasher.hash(PASSWORD))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        pause.go_on()
        await first
        await hasher.hash(PASSWORD)
        assert len(costs.spent) == 2

    async def test_work_that_nobody_waits_for_keeps_its_place_until_it_ends(
        self, hashers: Hashers, pause: Pause
    ) -> None:
        hasher = hashers(hash_threads=1, hash_queue=1)
        pause.before("hash_secret")
        first = asyncio.ensure_future(hasher.hash(PASSWORD))
        await pause.reached()
        first.cancel()
        await asyncio.wait({first})
        with pytest.raises(HashingBusy):
            await hasher.hash(PASSWORD)
        pause.go_on()
        await until_free(hasher)

    async def test_too_long_a_wait_is_busy(self, hashers: Hashers, pause: Pause) -> None:
        hasher = hashers(hash_threads=1, hash_deadline_seconds=1)
        pause.before("verify_secret")
        known = await hasher.hash(PASSWORD)
        first = asyncio.ensure_future(hasher.verify(PASSWORD, known))
        await pause.reached()
        # This one lies ready for the thread.
        second = asyncio.ensure_future(hasher.verify(PASSWORD, known))
        await asyncio.sleep(0)
        assert (hasher.turns.running, hasher.turns.waiting) == (1, 1)
        with pytest.raises(HashingBusy):
            await hasher.verify(PASSWORD, known)
        pause.go_on()
        assert await first == await second == (True, None)

    async def test_admits_each_before_the_work_and_one_ahead(
        self, hashers: Hashers, costs: Costs
    ) -> None:
        hasher = hashers(hash_threads=1)
        seen: list[int] = []

        async def admit() -> None:
            seen.append(len(costs.spent))

        await asyncio.gather(*(hasher.hash(PASSWORD, admit=admit) for _ in range(9)))
        # Those before it are done, but for the one that may still be at work.
        assert all(done in {number - 1, number} for number, done in enumerate(seen))

    @pytest.mark.parametrize("password", [PASSWORD, "x" * 1025], ids=["usual", "too long"])
    async def test_who_is_not_admitted_costs_nothing(
        self, hashers: Hashers, costs: Costs, password: str
    ) -> None:
        hasher = hashers(hash_threads=1, hash_queue=1)

        async def refuse() -> None:
            raise TooManyAttempts(1)

        for _ in range(3):
            with pytest.raises(TooManyAttempts):
                await hasher.verify(password, None, admit=refuse)
        assert costs.spent == []
        await hasher.hash(PASSWORD)

    async def test_who_finds_it_busy_is_not_admitted(self, hashers: Hashers) -> None:
        hasher = hashers(hash_queue=1)
        admitted: list[int] = []

        async def admit() -> None:
            admitted.append(1)

        at_once = (hasher.hash(PASSWORD, admit=admit) for _ in range(5))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert len(admitted) == sum(isinstance(answer, str) for answer in answers) == 1

    async def test_is_no_larger_than_the_setting_and_off_the_loop(
        self, hashers: Hashers, costs: Costs
    ) -> None:
        hasher = hashers(hash_threads=2)
        await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(12)))
        assert len(costs.spent) == 12
        assert costs.threads <= {"hash_0", "hash_1"}

    async def test_has_a_thread_for_each_processor_by_default(
        self, hashers: Hashers, costs: Costs
    ) -> None:
        hasher = hashers(hash_threads=0)
        await asyncio.gather(*(hasher.verify(PASSWORD, None) for _ in range(20)))
        assert 1 <= len(costs.threads) <= (os.cpu_count() or 1)

    async def test_runs_at_the_lowest_priority(self, hasher: PasswordHasher, costs: Costs) -> None:
        await hasher.hash(PASSWORD)
        here = os.getpriority(os.PRIO_PROCESS, 0)
        assert costs.priorities == ({19} if sys.platform == "linux" else {here})
