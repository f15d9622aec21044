"""The limits of connections, and the one clock that all connections of a server are watched by.

It ticks a few times in the shortest limit, so that a request costs no timer of its own. It counts
ticks and not seconds: after a pause of the whole process nobody is late.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds for a head; seconds and then a rate for a body, in or out; connections in all."""

    header_seconds: float
    body_seconds: float
    bytes_per_second: int
    connections: int
    is_https: bool = False

    def allow(self, size: int) -> float:
        """Return the seconds in which so many bytes must be through."""
        return self.body_seconds + size / self.bytes_per_second


class Watched(Protocol):
    """What a watch knows of a connection."""

    loop: asyncio.AbstractEventLoop

    def check(self) -> None:
        """Cut this connection off if somebody keeps it waiting for too long."""

    def cut(self, reason: str) -> None:
        """End this connection without another word."""


class Watch:
    """All open connections of a server, and the one clock that ticks while there are any.

    When there are too many, the one that has waited longest for its sender makes room: whoever
    sends a request at once is served, however many others sit and wait.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        # Whether every answer is the last on its connection, because the server stops.
        self.is_draining = False
        self.now = 0.0
        self.period = min(1.0, limits.header_seconds / 4, limits.body_seconds / 4)
        self._open: set[Watched] = set()
        # In the order in which they began to wait.
        self._waiting: dict[Watched, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, connection: Watched) -> bool:
        """Count a connection in; False if there is no room, and none can be made."""
        while len(self._open) >= self.limits.connections and self._waiting:
            oldest = next(iter(self._waiting))
            self.leave(oldest)
            oldest.cut("made room for another")
        has_room = len(self._open) < self.limits.connections
        self._open.add(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(self.period, self._tick, connection.loop)
        return has_room

    def leave(self, connection: Watched) -> None:
        """Count a connection out."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def wait(self, connection: Watched) -> None:
        """Note that a connection begins to wait for its sender."""
        self._waiting[connection] = None

    def served(self, connection: Watched) -> None:
        """Note that a connection waits for us."""
        self._waiting.pop(connection, None)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now += self.period
        for connection in list(self._open):
            connection.check()
        is_needed = bool(self._open)
        self._timer = loop.call_later(self.period, self._tick, loop) if is_needed else None
