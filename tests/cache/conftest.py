"""The way to a cache, and how to wait for what it makes of what happens there."""

import asyncio
from collections.abc import Callable

from app.cache.line import CacheLine
from app.config.caches import CacheAddress
from app.shared_throttles import open_line

SECRET = b"of these tests"


def line_to(address: CacheAddress) -> CacheLine:
    return open_line(address, SECRET)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not condition():
        assert loop.time() < begun + 20
        await asyncio.sleep(0)


async def until_up(line: CacheLine, *, is_up: bool = True) -> None:
    """Wait until the line has noticed that the cache is there, or that it is not."""
    await until(lambda: line.is_up is is_up)
