"""How many failures are written down: so many an hour for each key, and the others are counted."""

import pytest

from app import floods
from app.floods import HOUR, Flood

LAST = {"more": "counted only, for an hour"}


class Clock:
    """Says what a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flood(clock: Clock) -> Flood:
    return Flood(clock)


def test_the_last_one_says_that_it_is(flood: Flood) -> None:
    assert [flood.admit("ada", limit=3) for _ in range(5)] == [{}, {}, LAST, None, None]


def test_each_key_has_room_of_its_own(flood: Flood) -> None:
    assert flood.admit("ada", limit=1) == LAST
    assert flood.admit("ada", limit=1) is None
    assert flood.admit("bob", limit=1) == LAST


def test_there_is_room_again_after_an_hour_and_not_before(flood: Flood, clock: Clock) -> None:
    for _ in range(5):
        flood.admit("ada", limit=2)
    clock.now += HOUR - 1
    assert flood.admit("ada", limit=2) is None
    clock.now += 1
    assert flood.admit("ada", limit=2) == {"left_out": "4"}
    assert flood.admit("ada", limit=2) == LAST


def test_holds_no_more_keys_than_it_may(flood: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "MAX_KEYS", 2)
    for key in ("ada", "bob", "ada", "eve"):
        flood.admit(key, limit=1)
    assert flood.admit("ada", limit=1) is None
    assert flood.admit("bob", limit=1) == LAST


def test_by_the_clock_of_the_machine() -> None:
    flood = Flood()
    assert [flood.admit("ada", limit=1) for _ in range(2)] == [LAST, None]
