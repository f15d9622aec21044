"""Turns: who waits, who is told not to, and that every place is given back."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from app.departures import receiving
from app.errors import HashingBusy
from app.turns import Turns


class Sender:
    """Somebody whose request has been read, and who may go away."""

    def __init__(self) -> None:
        self.has_gone = asyncio.Event()
        self.readers = 0
        self.first: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self.first:
            return self.first.pop()
        self.readers += 1
        try:
            await self.has_gone.wait()
        finally:
            self.readers -= 1
        return {"type": "http.disconnect"}


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    reading = receiving.set(made.receive)
    yield made
    receiving.reset(reading)


async def let_others_go_on() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def queue(turns: Turns) -> "asyncio.Task[None]":
    """Let somebody come and wait."""
    task = asyncio.ensure_future(turns.wait())
    await let_others_go_on()
    return task


def make(*, at_once: int = 1, places: int = 3, patience: float = 30.0, ahead: int = 0) -> Turns:
    return Turns(at_once=at_once, places=places, patience=patience, ahead=ahead)


async def is_busy(turns: Turns) -> bool:
    """Whether whoever comes now is sent away at once."""
    task = await queue(turns)
    if task.done() and isinstance(task.exception(), HashingBusy):
        return True
    task.cancel()
    await asyncio.wait({task})
    return False


async def work(turns: Turns, took: float, times: int = 200) -> None:
    """Let work be done that takes so many seconds, until that is what is expected."""
    for _ in range(times):
        await turns.wait()
        turns.give_back(took=took)


class TestQueue:
    async def test_beyond_the_places(self) -> None:
        turns = make()
        await turns.wait()
        first, second = await queue(turns), await queue(turns)
        assert await is_busy(turns)
        turns.give_back()
        await first
        assert not await is_busy(turns)
        turns.give_back()
        await second

    async def test_fewer_places_than_workers(self) -> None:
        turns = make(at_once=4, places=1)
        await turns.wait()
        assert await is_busy(turns)

    async def test_goes_in_order(self) -> None:
        turns = make(places=10)
        await turns.wait()
        waiting = [await queue(turns) for _ in range(4)]
        for place in range(4):
            assert [task.done() for task in waiting] == [True] * place + [False] * (4 - place)
            turns.give_back()
            await let_others_go_on()

    async def test_so_many_at_once(self) -> None:
        turns = make(at_once=2)
        await turns.wait()
        await turns.wait()
        third = await queue(turns)
        assert not third.done()
        turns.give_back()
        await third

    async def test_who_gave_up_does_not_keep_a_place(self) -> None:
        turns = make(places=2)
        await turns.wait()
        for _ in range(5):
            waiting = await queue(turns)
            waiting.cancel()
            await asyncio.wait({waiting})
        turns.give_back()
        await turns.wait()

    async def test_who_gave_up_at_their_turn_hands_it_on(self) -> None:
        turns = make()
        await turns.wait()
        first, second = await queue(turns), await queue(turns)
        turns.give_back()
        first.cancel()
        await asyncio.wait({first})
        await second


class TestFigures:
    async def test_who_is_at_work_and_who_waits(self) -> None:
        turns = Turns(at_once=1, places=3, patience=60)
        assert (turns.running, turns.waiting, turns.done, turns.seconds) == (0, 0, 0, 0)
        await turns.wait()
        waiting = await queue(turns)
        assert (turns.running, turns.waiting, turns.done) == (1, 1, 0)
        turns.give_back(0.5)
        await waiting
        assert (turns.running, turns.waiting, turns.done, turns.seconds) == (1, 0, 1, 0.5)
        turns.give_back()
        assert (turns.running, turns.waiting, turns.done, turns.seconds) == (0, 0, 1, 0.5)


class TestAhead:
    """Turns for the next pieces of work, which lie ready for whichever worker is free first."""

    async def test_so_many_more_have_their_turn(self) -> None:
        turns = make(at_once=2, places=9, ahead=1)
        waiting = [await queue(turns) for _ in range(5)]
        assert [task.done() for task in waiting] == [True, True, True, False, False]
        turns.give_back(0.1)
        await let_others_go_on()
        assert [task.done() for task in waiting] == [True, True, True, True, False]
        waiting[4].cancel()

    async def test_count_as_waiting(self) -> None:
        turns = make(at_once=1, places=3, ahead=1)
        for running, waiting in ((1, 0), (1, 1), (1, 2)):
            await queue(turns)
            assert (turns.running, turns.waiting) == (running, waiting)
        assert await is_busy(turns)

    async def test_what_one_waits_for_is_the_work_before(self) -> None:
        turns = make(at_once=1, places=9, ahead=1)
        await turns.wait()
        turns.give_back(100.0)
        assert turns.estimate == 0.0
        await turns.wait()
        one = turns.estimate
        assert one > 0.0
        await turns.wait()
        assert turns.estimate == pytest.approx(2 * one)


class TestPatience:
    async def test_ends(self) -> None:
        turns = make(patience=0.01)
        await turns.wait()
        with pytest.raises(HashingBusy):
            await turns.wait()
        turns.give_back()
        await turns.wait()

    async def test_is_not_tried_where_others_took_too_long(self) -> None:
        turns = make(places=100, patience=10)
        await work(turns, 4.0)
        await turns.wait()
        assert turns.estimate == pytest.approx(4.0)
        await queue(turns)
        assert turns.estimate == pytest.approx(8.0)
        await queue(turns)
        with pytest.raises(HashingBusy) as refusal:
            await turns.wait()
        assert refusal.value.headers["Retry-After"] == "6"

    async def test_workers_share_the_work(self) -> None:
        turns = make(at_once=4, places=9)
        await work(turns, 2.0)
        assert turns.estimate == 0
        for _ in range(4):
            await turns.wait()
        assert turns.estimate == pytest.approx(0.5)

    async def test_one_slow_piece_of_work_is_not_the_rule(self) -> None:
        turns = make(patience=10)
        await work(turns, 60.0, times=1)
        await work(turns, 0.1, times=20)
        await turns.wait()
        assert turns.estimate < 1
        assert not await is_busy(turns)


class TestDepartures:
    async def test_who_has_gone_does_not_keep_a_place(self, sender: Sender) -> None:
        turns = make(places=2)
        await turns.wait()
        waiting = await queue(turns)
        assert await is_busy(turns)
        sender.has_gone.set()
        with pytest.raises(HashingBusy):
            await waiting
        sender.has_gone.clear()
        assert not await is_busy(turns)
        turns.give_back()
        await turns.wait()

    async def test_nobody_reads_on_afterwards(self, sender: Sender) -> None:
        turns = make()
        await turns.wait()
        waiting = await queue(turns)
        assert sender.readers == 1
        turns.give_back()
        await waiting
        assert sender.readers == 0

    async def test_whoever_is_let_in_at_once_is_not_asked(self, sender: Sender) -> None:
        sender.has_gone.set()
        await make().wait()

    async def test_what_is_left_of_a_body_is_no_departure(self, sender: Sender) -> None:
        sender.first.append({"type": "http.request", "body": b"", "more_body": False})
        turns = make()
        await turns.wait()
        waiting = await queue(turns)
        assert not waiting.done()
        turns.give_back()
        await waiting

    async def test_being_cancelled_is_not_swallowed(self, sender: Sender) -> None:
        turns = make()
        await turns.wait()
        waiting = await queue(turns)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await let_others_go_on()
        assert sender.readers == 0
