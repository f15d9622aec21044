"""Turns: so many at a time, the others wait in order, and nobody waits in vain.

Whoever finds the queue full, or would wait longer than is worth it, is told so at once; whoever has
waited that long is told then; whoever has gone away leaves a place free.
"""

import asyncio
from collections import deque

from app.departures import receiving, wait_for_departure
from app.errors import HashingBusy

# The weight of the latest piece of work in the average of how long one takes. It begins at nothing:
# one slow piece after a start must not send people away.
_LATEST = 0.1


class Turns:
    """A queue in front of workers. All calls are made on the event loop.

    `places` are those at work and in the queue together; `patience` is in seconds. So many as
    `ahead` says have their turn while all workers are still busy: none of them has to wait until
    the loop has time to send the next.
    """

    def __init__(self, *, at_once: int, places: int, patience: float, ahead: int = 0) -> None:
        self._at_once = at_once
        self._places = places
        self._patience = patience
        self._free = self._turns = at_once + ahead
        self._queue: deque[asyncio.Future[None]] = deque()
        self._average = 0.0
        # Pieces of work that are over, and the seconds they took in all.
        self.done, self.seconds = 0, 0.0

    @property
    def _begun(self) -> int:
        return self._turns - self._free

    @property
    def running(self) -> int:
        return min(self._begun, self._at_once)

    @property
    def waiting(self) -> int:
        return self._begun - self.running + len(self._queue)

    @property
    def estimate(self) -> float:
        """The seconds until whoever comes now is at work, judged by how long others took."""
        is_idle = self.running < self._at_once
        return 0.0 if is_idle else (self.waiting + 1) * self._average / self._at_once

    async def wait(self) -> None:
        """Wait for a turn. Whoever got one gives it back.

        Whoever gets none is told to come again when half of the queue has gone: by then there is
        room, and work is still left to do.

        Raises:
            HashingBusy: the queue is full or too slow, or nobody is there any more to wait.
        """
        if self.running + self.waiting >= self._places or self.estimate > self._patience:
            raise HashingBusy(retry_after=self.estimate / 2)
        if self._free:
            self._free -= 1
            return
        ticket = asyncio.get_running_loop().create_future()
        self._queue.append(ticket)
        try:
            await self._stand(ticket)
        except BaseException:
            self._leave(ticket)
            raise
        if not ticket.done():
            self._leave(ticket)
            raise HashingBusy(retry_after=self.estimate / 2)

    async def _stand(self, ticket: asyncio.Future[None]) -> None:
        """Return when it is a ticket's turn, when patience ends, or when nobody is there."""
        receive = receiving.get()
        if receive is None:
            await asyncio.wait({ticket}, timeout=self._patience)
            return
        departure = asyncio.ensure_future(wait_for_departure(receive))
        try:
            await asyncio.wait(
                {ticket, departure},
                timeout=self._patience,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            departure.cancel()
            # What it reads from is the next reader's again when this is over.
            await asyncio.wait({departure})

    def _leave(self, ticket: asyncio.Future[None]) -> None:
        if ticket.done():
            self.give_back()
        else:
            self._queue.remove(ticket)

    def give_back(self, took: float | None = None) -> None:
        """End a turn, of which the work took so many seconds, and begin the next."""
        if took is not None:
            self.done += 1
            self.seconds += took
            self._average += (took - self._average) * _LATEST
        if self._queue:
            self._queue.popleft().set_result(None)
        else:
            self._free += 1
