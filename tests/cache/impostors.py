"""What may listen where a cache should be: nothing of use, or something in front of a real one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from app.config.caches import CacheAddress, read_cache_address

Listen = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(listen: Listen) -> AsyncIterator[CacheAddress]:
    """Let something listen on loopback; yield its address."""
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, asyncio.CancelledError):
            await listen(reader, writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield read_cache_address(f"redis://127.0.0.1:{port}")
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        await server.wait_closed()


def saying(text: bytes) -> Listen:
    """Return what gives the same answer to whatever is sent."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(text)
            await writer.drain()

    return listen


class Detour:
    """Hands everything on to a real cache, and its answers back after `delay` seconds."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.delay = 0.0

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._path)

        async def bring_back() -> None:
            loop = asyncio.get_running_loop()
            while answer := await there.read(65536):
                loop.call_later(self.delay, writer.write, answer)

        bringing = asyncio.create_task(bring_back())
        try:
            while sent := await reader.read(65536):
                back.write(sent)
        finally:
            bringing.cancel()
            back.close()
