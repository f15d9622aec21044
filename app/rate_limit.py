"""Throttles: how often something may be tried, by key, and the seam behind which they are counted.

A bucket holds so many attempts and refills evenly; one that is empty says how long to wait, and
nothing is ever locked. Services know `Throttles`, and what is tried as an `Attempt`. The store here
is the memory of this process; one that several processes share implements the same four methods,
each a single round trip.
"""

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from app.config import Settings
from app.errors import TooManyAttempts
from app.metrics import Metrics

# Of each limit. Which one goes when there are more, MemoryThrottles says.
MAX_KEYS = 10_000
# Sums of fractions of seconds are not exact.
_ROUNDING = 1e-6
_QUARTER, _HOUR = 15 * 60.0, 60 * 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts within a period in seconds, given back evenly; 0 attempts: no limit."""

    name: str
    attempts: int
    period: float

    @property
    def interval(self) -> float:
        """The seconds after which one attempt is given back."""
        return self.period / self.attempts


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything that is limited. docs/decisions/0015 says why these, and why so many."""

    login: Limit
    login_account: Limit
    login_address: Limit
    login_device: Limit
    confirmation: Limit
    code: Limit
    opened: Limit
    signup: Limit
    link: Limit
    refresh: Limit
    post: Limit
    creation: Limit
    change: Limit
    picture: Limit

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Make the limits that the settings say."""
        return cls(
            login=Limit("login", settings.login_attempts, _QUARTER),
            login_account=Limit("account", settings.login_attempts_per_account, _QUARTER),
            login_address=Limit("address", settings.login_attempts_per_address, _QUARTER),
            login_device=Limit("device", settings.login_attempts, _QUARTER),
            confirmation=Limit("confirmation", settings.login_attempts, _QUARTER),
            code=Limit("code", settings.code_attempts_per_hour, _HOUR),
            opened=Limit("opened", settings.logins_per_hour, _HOUR),
            signup=Limit("signup", settings.signups_per_hour, _HOUR),
            link=Limit("link", settings.link_attempts, _QUARTER),
            refresh=Limit("refresh", settings.refresh_attempts, _QUARTER),
            post=Limit("post", settings.posts_per_hour, _HOUR),
            creation=Limit("creation", settings.creations_per_hour, _HOUR),
            change=Limit("change", settings.changes_per_hour, _HOUR),
            picture=Limit("picture", settings.pictures_per_hour, _HOUR),
        )


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a limit is counted for: one account, one address, one person."""

    limit: Limit
    key: str


class Throttles(Protocol):
    """Counts attempts. Each method is one step that no other comes between."""

    async def peek(self, *buckets: Bucket) -> float:
        """Return the seconds until each of these has an attempt left; 0 if they have now."""
        ...

    async def take(self, *buckets: Bucket) -> float:
        """Take an attempt out of each of these, or out of none; return the seconds to wait."""
        ...

    async def refund(self, *buckets: Bucket) -> None:
        """Give an attempt back to each: nothing was tried, or it does not count."""
        ...

    async def forget(self, *buckets: Bucket) -> None:
        """Fill each of these up."""
        ...


class MemoryThrottles:
    """Throttles in the memory of this process.

    Of a bucket one number is kept: the moment at which it is full again. It moves on by an interval
    with each attempt; an attempt that would move it further than a period ahead is one too many.

    A flood of keys must not push out the bucket that an attacker has emptied, so when there are too
    many the one that is nearest to full goes. To be rid of an empty bucket somebody would have to
    empty all others first, which takes more attempts than it would give back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tables: dict[str, _Table] = {}

    async def peek(self, *buckets: Bucket) -> float:
        return self._wait(buckets, self._clock())

    async def take(self, *buckets: Bucket) -> float:
        now = self._clock()
        wait = self._wait(buckets, now)
        if not wait:
            for bucket in _limited(buckets):
                full_at = max(self._full_at(bucket), now) + bucket.limit.interval
                self._table(bucket).put(bucket.key, full_at, now)
        return wait

    async def refund(self, *buckets: Bucket) -> None:
        now = self._clock()
        for bucket in _limited(buckets):
            full_at = self._full_at(bucket) - bucket.limit.interval
            self._table(bucket).put(bucket.key, full_at, now)

    async def forget(self, *buckets: Bucket) -> None:
        for bucket in buckets:
            self._table(bucket).drop(bucket.key)

    def _wait(self, buckets: tuple[Bucket, ...], now: float) -> float:
        """Return how long until one more attempt moves none of these further than its period."""
        waits = (
            self._full_at(bucket) - now + bucket.limit.interval - bucket.limit.period
            for bucket in _limited(buckets)
        )
        wait = max(waits, default=0.0)
        return wait if wait > _ROUNDING else 0.0

    def _full_at(self, bucket: Bucket) -> float:
        return self._table(bucket).full_at.get(bucket.key, float("-inf"))

    def _table(self, bucket: Bucket) -> "_Table":
        return self._tables.setdefault(bucket.limit.name, _Table())


def _limited(buckets: tuple[Bucket, ...]) -> list[Bucket]:
    return [bucket for bucket in buckets if bucket.limit.attempts]


class _Table:
    """The buckets of one limit that are not full, at most MAX_KEYS of them."""

    def __init__(self) -> None:
        self.full_at: dict[str, float] = {}
        # The nearest to full first. An entry that no longer says what `full_at` says is void.
        self._order: list[tuple[float, str]] = []

    def put(self, key: str, full_at: float, now: float) -> None:
        if full_at <= now:
            self.drop(key)
            return
        if key not in self.full_at and len(self.full_at) >= MAX_KEYS:
            self._make_room()
        self.full_at[key] = full_at
        heapq.heappush(self._order, (full_at, key))
        if len(self._order) > 2 * len(self.full_at) + MAX_KEYS:
            self._order = [(moment, key) for key, moment in self.full_at.items()]
            heapq.heapify(self._order)

    def drop(self, key: str) -> None:
        self.full_at.pop(key, None)

    def _make_room(self) -> None:
        while True:
            full_at, key = heapq.heappop(self._order)
            if self.full_at.get(key) == full_at:
                self.drop(key)
                return


class CountedThrottles:
    """Throttles that tell the metrics of every attempt that was one too many."""

    def __init__(self, throttles: Throttles, metrics: Metrics) -> None:
        self._throttles = throttles
        self._metrics = metrics
        self.refund, self.forget = throttles.refund, throttles.forget

    async def peek(self, *buckets: Bucket) -> float:
        return self._count(buckets, await self._throttles.peek(*buckets))

    async def take(self, *buckets: Bucket) -> float:
        return self._count(buckets, await self._throttles.take(*buckets))

    def _count(self, buckets: tuple[Bucket, ...], wait: float) -> float:
        if wait:
            # What is tried stands first; whichever of its limits it was, somebody tries too often.
            self._metrics.count_throttled(buckets[0].limit.name)
        return wait


class Attempt:
    """Something that is tried under limits: looked at, counted, and settled when it is over.

    It is counted before the work, so that many at once do not slip through. `own` are the buckets
    of whoever tries, which a success fills up; `shared` are those that others empty too, to which a
    success gives back what it took.
    """

    def __init__(
        self, throttles: Throttles, *, own: tuple[Bucket, ...], shared: tuple[Bucket, ...] = ()
    ) -> None:
        self._throttles = throttles
        self._own = own
        self._shared = shared

    async def check(self) -> None:
        """Raise TooManyAttempts if it would be one too many. Counts nothing."""
        _refuse(await self._throttles.peek(*self._own, *self._shared))

    async def count(self) -> None:
        """Count it, or raise TooManyAttempts."""
        _refuse(await self._throttles.take(*self._own, *self._shared))

    async def succeed(self) -> None:
        """Settle an attempt that was counted and was no failure."""
        await self._throttles.forget(*self._own)
        await self._throttles.refund(*self._shared)

    async def undo(self) -> None:
        """Take an attempt back that was counted and came to nothing."""
        await self._throttles.refund(*self._own, *self._shared)


def _refuse(wait: float) -> None:
    if wait:
        raise TooManyAttempts(wait)
