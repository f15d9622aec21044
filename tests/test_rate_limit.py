"""Throttles, with a clock that the test turns: the same in memory and in a cache."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from app import rate_limit
from app.errors import TooManyAttempts
from app.metrics import Metrics
from app.rate_limit import (
    Attempt,
    Bucket,
    CountedThrottles,
    Limit,
    Limits,
    MemoryThrottles,
    Throttles,
)
from app.shared_throttles import SharedThrottles
from tests.caches import CacheServer, TurnedLine
from tests.conftest import make_settings

THREE = Limit("three", 3, 30.0)


def of(key: str, limit: Limit = THREE) -> Bucket:
    return Bucket(limit, key)


@dataclass
class Clock:
    """Seconds since something, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", pytest.param("cache", marks=pytest.mark.process)])
async def throttles(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Throttles]:
    if request.param == "memory":
        yield MemoryThrottles(clock)
        return
    server: CacheServer = request.getfixturevalue("cache_server")
    request.getfixturevalue("patience")
    line = TurnedLine(server.address, clock)
    async with line.kept():
        yield SharedThrottles(line, secrets.token_bytes(32))
        assert line.is_up, "what was counted was counted in memory"


async def spend(throttles: Throttles, *buckets: Bucket, times: int = 1) -> None:
    for _ in range(times):
        assert await throttles.take(*buckets) == 0


class TestTake:
    async def test_refuses_after_the_limit(self, throttles: Throttles) -> None:
        await spend(throttles, of("ada"), times=3)
        assert await throttles.take(of("ada")) == pytest.approx(10)

    async def test_refuses_until_an_attempt_is_back(
        self, throttles: Throttles, clock: Clock
    ) -> None:
        await spend(throttles, of("ada"), times=3)
        clock.now += 9.9
        assert await throttles.take(of("ada")) == pytest.approx(0.1)
        clock.now += 0.1
        await spend(throttles, of("ada"))

    async def test_being_refused_costs_nothing(self, throttles: Throttles, clock: Clock) -> None:
        await spend(throttles, of("ada"), times=3)
        for _ in range(20):
            assert await throttles.take(of("ada")) > 0
        clock.now += 10
        await spend(throttles, of("ada"))

    async def test_takes_out_of_all_or_none(self, throttles: Throttles) -> None:
        await spend(throttles, of("ada"), times=3)
        assert await throttles.take(of("ada"), of("bob")) > 0
        await spend(throttles, of("bob"), times=3)

    async def test_the_emptiest_says_how_long(self, throttles: Throttles, clock: Clock) -> None:
        await spend(throttles, of("bob"), times=3)
        clock.now += 4
        await spend(throttles, of("ada"), times=3)
        assert await throttles.take(of("bob"), of("ada")) == pytest.approx(10)
        assert await throttles.take(of("bob")) == pytest.approx(6)

    async def test_keys_do_not_share(self, throttles: Throttles) -> None:
        await spend(throttles, of("ada"), times=3)
        await spend(throttles, of("bob"), times=3)

    async def test_limits_do_not_share(self, throttles: Throttles) -> None:
        await spend(throttles, of("ada"), times=3)
        await spend(throttles, of("ada", Limit("other", 3, 30.0)), times=3)

    @pytest.mark.parametrize("attempts", [7, 11, 300])
    async def test_fractions_of_seconds_cost_no_attempt(
        self, throttles: Throttles, attempts: int
    ) -> None:
        bucket = of("ada", Limit("odd", attempts, 900.0))
        await spend(throttles, bucket, times=attempts)
        assert await throttles.take(bucket) > 0

    async def test_no_limit(self, throttles: Throttles) -> None:
        endless = of("ada", Limit("endless", 0, 60.0))
        await spend(throttles, endless, times=500)
        await throttles.refund(endless)
        await throttles.forget(endless)
        assert await throttles.peek(endless) == 0


class TestRefill:
    async def test_gives_one_attempt_at_a_time(self, throttles: Throttles, clock: Clock) -> None:
        await spend(throttles, of("ada"), times=3)
        clock.now += 19.9
        await spend(throttles, of("ada"))
        assert await throttles.take(of("ada")) > 0

    async def test_never_holds_more_than_the_limit(
        self, throttles: Throttles, clock: Clock
    ) -> None:
        await spend(throttles, of("ada"))
        clock.now += 100_000
        await spend(throttles, of("ada"), times=3)
        assert await throttles.take(of("ada")) > 0


class TestPeek:
    async def test_spends_nothing(self, throttles: Throttles) -> None:
        for _ in range(10):
            assert await throttles.peek(of("ada")) == 0
        await spend(throttles, of("ada"), times=3)
        assert await throttles.peek(of("ada")) == pytest.approx(10)

    async def test_of_several_is_that_of_the_emptiest(self, throttles: Throttles) -> None:
        await spend(throttles, of("ada"), times=3)
        assert await throttles.peek(of("bob"), of("ada")) == pytest.approx(10)


class TestForget:
    async def test_starts_afresh(self, throttles: Throttles) -> None:
        await spend(throttles, of("ada"), times=3)
        await throttles.forget(of("ada"))
        await spend(throttles, of("ada"), times=3)

    async def test_unknown_key(self, throttles: Throttles) -> None:
        await throttles.forget(of("nobody"))
        await spend(throttles, of("nobody"), times=3)


class TestRefund:
    async def test_gives_one_attempt_back(self, throttles: Throttles) -> None:
        await spend(throttles, of("ada"), times=3)
        await throttles.refund(of("ada"))
        await spend(throttles, of("ada"))
        assert await throttles.take(of("ada")) > 0

    async def test_never_gives_more_than_the_limit(self, throttles: Throttles) -> None:
        await throttles.refund(of("ada"))
        await spend(throttles, of("ada"))
        for _ in range(3):
            await throttles.refund(of("ada"))
        await spend(throttles, of("ada"), times=3)
        assert await throttles.take(of("ada")) > 0


class TestMemory:
    @pytest.fixture(autouse=True)
    def _few_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rate_limit, "MAX_KEYS", 20)

    @pytest.fixture
    def throttles(self, clock: Clock) -> MemoryThrottles:
        return MemoryThrottles(clock)

    async def test_a_flood_of_keys_does_not_fill_an_empty_bucket(
        self, throttles: MemoryThrottles, clock: Clock
    ) -> None:
        await spend(throttles, of("victim"), times=3)
        for number in range(1000):
            clock.now += 0.001
            await spend(throttles, of(f"flood {number}"), times=2)
        assert await throttles.take(of("victim")) > 8

    async def test_a_flood_of_one_limit_leaves_others_alone(
        self, throttles: MemoryThrottles
    ) -> None:
        other = Limit("other", 3, 30.0)
        await spend(throttles, of("victim", other))
        for number in range(1000):
            await spend(throttles, of(f"flood {number}"), times=3)
        await spend(throttles, of("victim", other), times=2)
        assert await throttles.take(of("victim", other)) > 0

    async def test_the_newest_is_counted_however_full_it_is(
        self, throttles: MemoryThrottles
    ) -> None:
        for number in range(20):
            await spend(throttles, of(f"flood {number}"), times=3)
        await spend(throttles, of("new"), times=3)
        assert await throttles.take(of("new")) > 0

    async def test_the_nearest_to_full_goes_first(
        self, throttles: MemoryThrottles, clock: Clock
    ) -> None:
        await spend(throttles, of("empty"), times=3)
        await spend(throttles, of("half"), times=2)
        for number in range(19):
            await spend(throttles, of(f"other {number}"), times=3)
        assert await throttles.peek(of("empty")) == pytest.approx(10)
        # All three attempts are there again, long before they would be back.
        await spend(throttles, of("half"), times=3)
        assert clock.now == 1000

    async def test_is_bounded(self, throttles: MemoryThrottles, clock: Clock) -> None:
        """Also where the same few buckets are used over and over."""
        for number in range(2000):
            clock.now += 11
            await throttles.take(of(f"key {number % 25}"))
            await throttles.take(of("always"))
        (table,) = throttles._tables.values()  # noqa: SLF001  (nothing outside can see it)
        assert len(table.full_at) <= 20
        assert len(table._order) <= 3 * 20  # noqa: SLF001

    async def test_full_buckets_are_not_kept(
        self, throttles: MemoryThrottles, clock: Clock
    ) -> None:
        await spend(throttles, of("ada"))
        clock.now += 5
        await throttles.refund(of("ada"))
        (table,) = throttles._tables.values()  # noqa: SLF001
        assert table.full_at == {}


def test_there_is_room_for_ten_thousand() -> None:
    assert rate_limit.MAX_KEYS == 10_000


async def test_the_clock_is_not_the_one_that_people_set() -> None:
    throttles = MemoryThrottles()
    hourly = of("ada", Limit("hourly", 1, 3600.0))
    await spend(throttles, hourly)
    assert 3590 <= await throttles.take(hourly) <= 3600


class TestCounted:
    async def test_refusals_are_counted_and_change_nothing(self, throttles: Throttles) -> None:
        metrics = Metrics()
        own, shared = of("own"), of("shared", Limit("shared", 1, 30.0))
        attempt = Attempt(CountedThrottles(throttles, metrics), own=(own,), shared=(shared,))
        await attempt.check()
        await attempt.count()
        assert read(metrics) == {}
        for refuse in (attempt.check, attempt.count):
            with pytest.raises(TooManyAttempts):
                await refuse()
        assert read(metrics) == {own.limit.name: 2}
        await attempt.undo()
        await attempt.count()
        await attempt.succeed()
        await attempt.check()
        assert read(metrics) == {own.limit.name: 2}


def read(metrics: Metrics) -> dict[str, float]:
    """Return how many attempts were one too many, by what was tried."""
    (found,) = (item for item in metrics.families() if item.name == "portfolio_throttled_total")
    return {dict(sample.labels)["attempt"]: sample.value for sample in found.samples}


class TestAttempt:
    OWN, SHARED = of("own"), of("shared", Limit("shared", 3, 30.0))

    @pytest.fixture
    def attempt(self, throttles: Throttles) -> Attempt:
        return Attempt(throttles, own=(self.OWN,), shared=(self.SHARED,))

    async def test_one_too_many(self, attempt: Attempt) -> None:
        for _ in range(3):
            await attempt.count()
        for refuse in (attempt.check, attempt.count):
            with pytest.raises(TooManyAttempts) as refusal:
                await refuse()
            assert refusal.value.retry_after == 10

    @pytest.mark.parametrize("empty", [OWN, SHARED], ids=["own", "shared"])
    async def test_either_refuses(
        self, attempt: Attempt, throttles: Throttles, empty: Bucket
    ) -> None:
        await spend(throttles, empty, times=3)
        with pytest.raises(TooManyAttempts):
            await attempt.check()

    async def test_looking_counts_nothing(self, attempt: Attempt) -> None:
        for _ in range(10):
            await attempt.check()
        await attempt.count()

    async def test_undone(self, attempt: Attempt) -> None:
        for _ in range(10):
            await attempt.count()
            await attempt.undo()

    async def test_success_fills_ones_own_and_gives_the_others_one_back(
        self, attempt: Attempt, throttles: Throttles
    ) -> None:
        await spend(throttles, self.OWN, self.SHARED, times=2)
        await attempt.count()
        await attempt.succeed()
        await spend(throttles, self.OWN, times=3)
        await spend(throttles, self.SHARED)
        assert await throttles.take(self.SHARED) > 0


class TestLimits:
    def test_are_what_the_settings_say(self, tmp_path: Path) -> None:
        """Each of its own setting, over a quarter of an hour or an hour."""
        names = {
            "login_attempts_per_account": "login_account",
            "login_attempts_per_address": "login_address",
            "logins_per_hour": "opened",
            "signups_per_hour": "signup",
            "link_attempts": "link",
            "refresh_attempts": "refresh",
            "posts_per_hour": "post",
            "creations_per_hour": "creation",
            "changes_per_hour": "change",
            "pictures_per_hour": "picture",
        }
        values = {name: number for number, name in enumerate(names, 500)}
        limits = Limits.read(make_settings(tmp_path, login_attempts=7, **values))
        for setting, value in values.items():
            limit: Limit = getattr(limits, names[setting])
            period = 3600 if setting.endswith("_per_hour") else 900
            assert (limit.attempts, limit.period) == (value, period), setting
        for limit in (limits.login, limits.login_device, limits.confirmation):
            assert (limit.attempts, limit.period) == (7, 900)

    def test_each_counts_for_itself(self, tmp_path: Path) -> None:
        limits = Limits.read(make_settings(tmp_path))
        found = [getattr(limits, field.name).name for field in fields(limits)]
        assert len(set(found)) == len(found) == 14
