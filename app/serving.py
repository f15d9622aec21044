"""One process that serves: what uvicorn is told, and how it stops without failing a request.

On SIGTERM it first says that it stops (`/readyz`, and `Connection: close` on every answer), for as
long as STOP_NOTICE_SECONDS says. Then it takes the connections that have come in until then, closes
the port, and answers what is on its way. A connection that waits for its next request is left to
its holder for as long as ever: whoever sends just now would meet a closed door.
Ctrl-C is for who sits in front of it: nobody is waited for who has sent nothing.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from app.config import Settings
from app.connections import Limits, Watch, watched_by
from app.garbage import kept_for_good
from app.main import create_app
from app.memory import share_one_heap
from app.observability import configure_logging, wants_json
from app.services.metrics import list_own_families
from app.tallies import Tallies

KEEP_ALIVE_SECONDS = 5
_TICKS_IN_A_SECOND = 10

log = logging.getLogger("portfolio")


class Config(uvicorn.Config):
    """What uvicorn is told. Only settings cross over to another process; it makes the rest there.

    `tallies` is the folder where several workers put their figures together, `number` which of them
    this one is.
    """

    loaded_app: FastAPI
    watch: Watch

    def __init__(self, settings: Settings, *, number: int = 0, tallies: Path | None = None) -> None:
        self.settings = settings
        self.number = number
        self.parent = os.getpid() if number else None
        self._folder = tallies
        self.tallies: Tallies | None = None
        super().__init__(
            "",
            loop="uvloop",
            # No WebSocket is spoken here.
            ws="none",
            workers=1,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # What proxies say is read in proxies.py, more strictly.
            proxy_headers=False,
            timeout_graceful_shutdown=settings.stop_seconds,
        )

    def configure_logging(self) -> None:
        """Get a process ready to serve; uvicorn asks for it first, in each of them."""
        configure_logging(
            level=self.settings.log_level,
            as_json=wants_json(self.settings),
            with_process=self.settings.workers > 1,
        )
        super().configure_logging()

    def load(self) -> None:
        self.watch = Watch(limits_of(self.settings))
        self.http = watched_by(self.watch)
        share_one_heap()
        with kept_for_good():
            super().load()

    def load_app(self) -> FastAPI:
        application = create_app(self.settings)
        if self._folder is not None:
            self.tallies = Tallies(self._folder, self.number)
        application.state.tallies = self.tallies
        return application


def limits_of(settings: Settings) -> Limits:
    """Return the limits that connections keep to."""
    return Limits(
        header_seconds=settings.header_seconds,
        body_seconds=settings.body_seconds,
        bytes_per_second=settings.min_bytes_per_second,
        connections=settings.max_connections,
        is_https=settings.is_https,
    )


def _is_listening(listener: socket.socket) -> bool:
    try:
        return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:  # it was closed, because it cannot
        return False


class Server(uvicorn.Server):
    """uvicorn's, with a way to stop that fails no request. `greet` is called once it answers."""

    config: Config

    def __init__(self, config: Config, greet: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._greet = greet
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if not all(map(_is_listening, sockets or [])):
            # Two servers that start at the same moment are both given the port; one may listen.
            # uvloop does not say so.
            log.error("Another program was quicker to take the port")
            self.started = False
            await self.lifespan.shutdown()
            sys.exit(STARTUP_FAILURE)
        if self.started and self._greet is not None:
            self._greet()

    async def on_tick(self, counter: int) -> bool:
        if self.config.parent is not None and counter % _TICKS_IN_A_SECOND == 0:
            self._tell()
            if os.getppid() != self.config.parent:
                log.warning("Whoever started this worker is gone, so it stops")
                self.should_exit = True
        return await super().on_tick(counter)

    def _tell(self) -> None:
        """Write down what this worker has counted, for the one that is asked."""
        state = self.config.loaded_app.state
        if self.config.tallies is not None:
            self.config.tallies.write(list_own_families(state.resources))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT and self.config.parent is not None:
            # Ctrl-C reaches a whole family; its head decides.
            return
        if sig != signal.SIGTERM or not self.started or self.config.watch.is_draining:
            super().handle_exit(sig, frame)
            return
        self.config.watch.is_draining = True
        self.config.loaded_app.state.resources.stopping.begin()
        notice = self.config.settings.stop_notice_seconds
        if notice and self._loop is not None:
            leave = super().handle_exit
            self._loop.call_soon_threadsafe(self._loop.call_later, notice, leave, sig, frame)
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        taken = self._close_port(sockets or [])
        for connection in taken:
            await asyncio.get_running_loop().connect_accepted_socket(self._speak, connection)
        await super().shutdown(sockets)
        self._tell()

    def _close_port(self, listeners: list[socket.socket]) -> list[socket.socket]:
        """Stop listening; return the connections that nobody has looked at yet.

        The system would reset them with the port. What comes between the last look and the end is
        lost, which is some microseconds.
        """
        taken = []
        for listener in listeners:
            with suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])
        for server in self.servers:
            server.close()
        for connection in taken:
            connection.setblocking(False)
        return taken

    def _speak(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made
