"""Throttles by key, in the memory of this process.

A bucket holds so many attempts and refills steadily; when it is empty the caller is told how long
to wait. Keys are bounded, the longest unused going first, so that a flood of names holds no memory.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from app.errors import TooManyAttempts

MAX_KEYS = 10_000


class Throttle:
    """Allows `limit` attempts per key within `period` seconds, refilled evenly."""

    def __init__(
        self, limit: int, period: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = float(limit)
        self._rate = limit / period
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise TooManyAttempts if nothing is left for this key. Spends nothing."""
        left = self._left(key)
        if left < 1:
            raise TooManyAttempts((1 - left) / self._rate)

    def spend(self, key: str) -> None:
        """Count one attempt."""
        self._buckets[key] = (max(0.0, self._left(key) - 1), self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)

    def refund(self, key: str) -> None:
        """Take back an attempt that came to nothing: nothing was tried."""
        left = min(self._limit, self._left(key) + 1)
        if left == self._limit:
            self.forget(key)
        else:
            self._buckets[key] = (left, self._clock())

    def forget(self, key: str) -> None:
        """Start afresh, as after a success."""
        self._buckets.pop(key, None)

    def _left(self, key: str) -> float:
        left, since = self._buckets.get(key, (self._limit, 0.0))
        if left == self._limit:
            return left
        return min(self._limit, left + (self._clock() - since) * self._rate)
