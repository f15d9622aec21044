"""Throttles that several processes share, counted in Valkey or Redis; in memory while that is away.

Each of the four methods is one run of a script, which nothing else comes between, by the clock of
the cache. Neither names nor addresses are told to it: of a bucket it knows the limit and a MAC. See
docs/decisions/0024-shared-throttles.md.
"""

import asyncio
import hmac
from contextvars import ContextVar

from app.cache import BUDGET_SECONDS
from app.cache.line import Away, CacheLine, try_out
from app.cache.wire import Call
from app.config.caches import CacheAddress
from app.keys import KeyRing
from app.observability import request_id
from app.rate_limit import Bucket, Limit, MemoryThrottles

# What memory throttles do, in microseconds. A key holds the moment at which its bucket is full, and
# is gone by itself at that moment. After the clock was put back a bucket is at worst empty, as of
# now. What is no number counts as nothing.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at, wait = {}, 0
for i, key in ipairs(KEYS) do
  local interval, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local moment = tonumber(redis.pcall('GET', key))
  if not moment or not (moment > now) then moment = now end
  if moment > now + period then
    moment = now + period
    redis.call('SET', key, string.format('%.17g', moment), 'PX', math.ceil(period / 1000))
  end
  full_at[key] = moment
  wait = math.max(wait, full_at[key] - now + interval - period)
end
if wait < 1000 then wait = 0 end
local sign = 0
if ARGV[1] == 'take' and wait == 0 then sign = 1 end
if ARGV[1] == 'refund' then sign = -1 end
for i, key in ipairs(KEYS) do
  full_at[key] = full_at[key] + sign * tonumber(ARGV[2 * i])
  local left = math.ceil((full_at[key] - now) / 1000)
  if ARGV[1] == 'forget' or (sign ~= 0 and left <= 0) then
    redis.call('DEL', key)
  elseif sign ~= 0 then
    redis.call('SET', key, string.format('%.17g', full_at[key]), 'PX', left)
  end
end
return {ARGV[#ARGV], math.ceil(wait)}
"""
_MICRO = 1_000_000
_MAC_BYTES, _TAG_BYTES = 16, 6
# Never refuses anything. It writes: a cache that can only be read is of no use.
_PROBE = Bucket(Limit("probe", _MICRO, 60.0), "")
# The request that asked last in this context, and for how long it has waited so far.
_waited: ContextVar[tuple[str, float]] = ContextVar("waited", default=("", 0.0))


class SharedThrottles:
    """Throttles in the cache of all processes that have the same keys.

    What is taken there is noted in this process as well, so that whoever has to do without the
    cache does not begin with nothing. As long as the cache answers, its word alone counts: it knows
    of successes elsewhere.
    """

    def __init__(self, line: CacheLine, secret: bytes) -> None:
        self._line = line
        self._secret = secret
        self._local = MemoryThrottles()
        self._prefix = _make_prefix(secret)

    async def peek(self, *buckets: Bucket) -> float:
        wait = await self._ask("peek", buckets)
        return await self._local.peek(*buckets) if wait is None else wait

    async def take(self, *buckets: Bucket) -> float:
        wait = await self._ask("take", buckets)
        if wait is None:
            return await self._local.take(*buckets)
        if not wait:
            await self._local.take(*buckets)
        return wait

    async def refund(self, *buckets: Bucket) -> None:
        await self._ask("refund", buckets)
        await self._local.refund(*buckets)

    async def forget(self, *buckets: Bucket) -> None:
        await self._ask("forget", buckets)
        await self._local.forget(*buckets)

    async def _ask(self, operation: str, buckets: tuple[Bucket, ...]) -> float | None:
        """Return the seconds to wait, or None if the cache does not answer."""
        limited = [bucket for bucket in buckets if bucket.limit.attempts]
        if not limited:
            return 0.0
        asking, loop = request_id.get(), asyncio.get_running_loop()
        whose, waited = _waited.get()
        if not asking or whose != asking:
            waited = 0.0
        begun = loop.time()
        try:
            call = _write_call(self._prefix, self._secret, operation, limited)
            return await self._line.ask(call, until=begun + BUDGET_SECONDS - waited) / _MICRO
        except Away:
            return None
        finally:
            _waited.set((asking, waited + loop.time() - begun))


def open_line(address: CacheAddress, secret: bytes) -> CacheLine:
    """Return the way to the cache for throttles. Connects to nothing yet."""
    return CacheLine(address, SCRIPT, _write_probe(secret))


async def measure(address: CacheAddress, secret: bytes) -> float:
    """Count something in the cache, over a connection of its own; return the seconds of an answer.

    Raises:
        Exception: of many kinds; the cache cannot be used.
    """
    return await try_out(address, SCRIPT, _write_probe(secret))


def derive_secret(ring: KeyRing) -> bytes:
    """Return what keys in the cache are made with: the same in all processes of an instance."""
    return ring.current.derive(b"throttles")


def _make_prefix(secret: bytes) -> bytes:
    """Return how all keys of an instance begin.

    What is in braces decides where in a cluster a key lies: all are in one place, as a script wants
    them to be.
    """
    tag = hmac.digest(secret, b"instance", "sha256")[:_TAG_BYTES].hex()
    return f"portfolio:{{{tag}}}:".encode()


def _write_probe(secret: bytes) -> Call:
    return _write_call(_make_prefix(secret), secret, "take", [_PROBE])


def _write_call(prefix: bytes, secret: bytes, operation: str, buckets: list[Bucket]) -> Call:
    keys, arguments = [], [operation]
    for bucket in buckets:
        name = f"{bucket.limit.name}:{bucket.key}".encode("utf-8", "surrogatepass")
        mac = hmac.digest(secret, name, "sha256")[:_MAC_BYTES].hex()
        keys.append(prefix + f"{bucket.limit.name}:{mac}".encode())
        arguments += [
            repr(bucket.limit.interval * _MICRO),
            repr(bucket.limit.period * _MICRO),
        ]
    return Call(tuple(keys), tuple(arguments))
