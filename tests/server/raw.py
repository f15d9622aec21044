"""Raw connections: bytes sent as they are, and whatever comes back until the other side ends.

Also a server in the test's own process, for applications of the test's own.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from app.connections import Limits, Watch, watched_by

PATIENCE = 10.0
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"\r\n"


async def pause(seconds: float) -> None:
    """Keep the rhythm of a slow sender. What happens meanwhile is waited for with `until`."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


async def until(is_so: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(patience):
        while not is_so():
            await pause(0.01)


@dataclass(frozen=True)
class Serving:
    """A server in this process."""

    port: int
    state: ServerState
    watch: Watch
    stop: Callable[[], None]

    @property
    def connections(self) -> int:
        return len(self.state.connections)


class Line:
    """One connection to a server on this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send, until the other side has ended."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def trickle(self, *pieces: bytes, every: float) -> None:
        """Send piece after piece, with a pause after each."""
        for piece in pieces:
            await self.send(piece)
            await pause(every)

    async def answer(self) -> bytes:
        """Return one answer that says how long it is."""
        async with asyncio.timeout(PATIENCE):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return head + await self._reader.readexactly(int(length or 0))

    async def rest(self) -> bytes:
        """Return what comes until the other side ends."""
        found = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while piece := await self._reader.read(65536):
                    found += piece
        return found

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


async def connect(port: int, *, window: int = 0) -> Line:
    """Open a connection; with a `window`, one that takes in no more bytes unread."""
    sock = socket.socket()
    if window:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return Line(*await asyncio.open_connection(sock=sock, limit=window or 65536))


def is_open(port: int) -> bool:
    """Whether somebody takes connections at a port."""
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


async def ask(port: int, data: bytes) -> bytes:
    """Send bytes on a connection of their own; return all that comes back until it ends."""
    line = await connect(port)
    await line.send(data)
    found = await line.rest()
    await line.close()
    return found


def status(answer: bytes) -> int:
    """Return the status of an answer; 0 for none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@asynccontextmanager
async def serving(app: Any, *, keep_alive: int = 5, **limits: Any) -> AsyncIterator[Serving]:
    """Serve an ASGI application with limits of a test's own."""
    usual = {"header_seconds": 0.4, "body_seconds": 0.4, "bytes_per_second": 1000}
    watch = Watch(Limits(**{"connections": 100, **usual, **limits}))
    config = uvicorn.Config(
        app,
        http=watched_by(watch),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=keep_alive,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)

        def stop() -> None:
            server.should_exit = True

        yield Serving(listener.getsockname()[1], server.server_state, watch, stop)
        stop()
        await task
