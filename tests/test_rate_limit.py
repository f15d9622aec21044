"""Throttles, with a clock that the test turns."""

from dataclasses import dataclass

import pytest

from app import rate_limit
from app.errors import TooManyAttempts
from app.rate_limit import Throttle


@dataclass
class Clock:
    """Seconds since something, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    """Three attempts, one of them back every ten seconds."""
    return Throttle(3, 30.0, clock)


def spend(throttle: Throttle, key: str, times: int) -> None:
    for _ in range(times):
        throttle.check(key)
        throttle.spend(key)


class TestEmptyBucket:
    def test_refuses_after_the_limit(self, throttle: Throttle) -> None:
        spend(throttle, "ada", 3)
        with pytest.raises(TooManyAttempts) as refusal:
            throttle.check("ada")
        assert refusal.value.retry_after == 10

    def test_refuses_until_an_attempt_is_back(self, throttle: Throttle, clock: Clock) -> None:
        spend(throttle, "ada", 3)
        clock.now += 9.9
        with pytest.raises(TooManyAttempts) as refusal:
            throttle.check("ada")
        assert refusal.value.retry_after == 1

    def test_allows_after_the_time_it_named(self, throttle: Throttle, clock: Clock) -> None:
        spend(throttle, "ada", 3)
        clock.now += 3.4
        with pytest.raises(TooManyAttempts) as refusal:
            throttle.check("ada")
        clock.now += refusal.value.retry_after
        throttle.check("ada")

    def test_looking_costs_nothing(self, throttle: Throttle, clock: Clock) -> None:
        spend(throttle, "ada", 3)
        for _ in range(20):
            with pytest.raises(TooManyAttempts):
                throttle.check("ada")
        clock.now += 10
        throttle.check("ada")

    def test_attempts_beyond_the_limit_are_no_debt(self, throttle: Throttle, clock: Clock) -> None:
        for _ in range(20):
            throttle.spend("ada")
        clock.now += 10
        throttle.check("ada")


class TestRefill:
    def test_gives_one_attempt_at_a_time(self, throttle: Throttle, clock: Clock) -> None:
        spend(throttle, "ada", 3)
        clock.now += 19.9
        spend(throttle, "ada", 1)
        with pytest.raises(TooManyAttempts):
            throttle.check("ada")

    def test_never_holds_more_than_the_limit(self, throttle: Throttle, clock: Clock) -> None:
        spend(throttle, "ada", 1)
        clock.now += 100_000
        spend(throttle, "ada", 3)
        with pytest.raises(TooManyAttempts):
            throttle.check("ada")

    def test_keys_do_not_share(self, throttle: Throttle) -> None:
        spend(throttle, "ada", 3)
        throttle.check("bob")


class TestForget:
    def test_starts_afresh(self, throttle: Throttle) -> None:
        spend(throttle, "ada", 3)
        throttle.forget("ada")
        spend(throttle, "ada", 3)

    def test_unknown_key(self, throttle: Throttle) -> None:
        throttle.forget("nobody")
        throttle.check("nobody")


class TestRefund:
    def test_gives_one_attempt_back(self, throttle: Throttle) -> None:
        spend(throttle, "ada", 3)
        throttle.refund("ada")
        spend(throttle, "ada", 1)
        with pytest.raises(TooManyAttempts):
            throttle.check("ada")

    def test_never_gives_more_than_the_limit(self, throttle: Throttle) -> None:
        throttle.refund("ada")
        spend(throttle, "ada", 1)
        throttle.refund("ada")
        throttle.refund("ada")
        spend(throttle, "ada", 3)
        with pytest.raises(TooManyAttempts):
            throttle.check("ada")


class TestMemory:
    def test_is_bounded_and_the_longest_unused_go_first(
        self, throttle: Throttle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rate_limit, "MAX_KEYS", 2)
        spend(throttle, "ada", 3)
        throttle.spend("bob")
        throttle.spend("ada")
        throttle.spend("eve")
        with pytest.raises(TooManyAttempts):
            throttle.check("ada")
        spend(throttle, "bob", 3)

    def test_has_room_for_ten_thousand(self) -> None:
        assert rate_limit.MAX_KEYS == 10_000

    def test_default_clock_does_not_go_back(self) -> None:
        throttle = Throttle(1, 3600.0)
        throttle.spend("ada")
        with pytest.raises(TooManyAttempts) as refusal:
            throttle.check("ada")
        assert 3590 <= refusal.value.retry_after <= 3600
