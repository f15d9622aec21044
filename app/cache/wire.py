"""A connection to the cache, on which one script is run: many times in one go.

The client is asked for a connection and for how things are written and read. Its pool, its repeated
attempts (ten by default), its own patience (five seconds) and its checks of a connection's health
are left aside: they would make somebody wait. Who waits for what is the business of line.py.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.maint_notifications import MaintNotificationsConfig

from app.config.caches import CacheAddress


class Rubbish(Exception):
    """What answers is no cache, or has lost the thread."""


@dataclass(frozen=True, slots=True)
class Call:
    """A run of the script: the keys that it touches, and what else it is told."""

    keys: tuple[bytes, ...]
    arguments: tuple[str, ...]


class Wire:
    """An open connection and the script, which answers its last argument and a whole number."""

    def __init__(self, address: CacheAddress, script: str) -> None:
        self._script = script
        self._name = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        # What the client says of its types is half of it.
        self._connection: Any = _make(address)
        # Whoever answers has to repeat it with each answer, so that none is taken for another.
        self._number = 0

    async def open(self) -> None:
        """Connect and log in. It can take for ever: whoever calls says how long."""
        if isinstance(self._connection, SSLConnection):
            # Reading the certificates of all authorities takes 20 ms.
            await asyncio.to_thread(self._connection.ssl_context.get)
        await self._connection.connect()

    async def run(self, calls: Sequence[Call]) -> list[int]:
        """Run the script once for each of these; return its numbers.

        Raises:
            Exception: of many kinds, and nothing may be asked on this connection any more.
        """
        answers = await self._ask(calls, "EVALSHA", self._name)
        forgotten = [place for place, answer in enumerate(answers) if answer is None]
        if forgotten:
            # The cache was started anew, or told to forget scripts. It learns by running one.
            again = await self._ask([calls[place] for place in forgotten], "EVAL", self._script)
            for place, answer in zip(forgotten, again, strict=True):
                answers[place] = answer
        numbers = [answer for answer in answers if answer is not None]
        if len(numbers) < len(calls):
            raise Rubbish
        return numbers

    async def _ask(self, calls: Sequence[Call], *command: str) -> list[int | None]:
        tags = [self._next_tag() for _ in calls]
        packed = self._connection.pack_commands(
            (*command, len(call.keys), *call.keys, *call.arguments, tag)
            for call, tag in zip(calls, tags, strict=True)
        )
        await self._connection.send_packed_command(packed)
        return [await self._read(tag) for tag in tags]

    def _next_tag(self) -> str:
        self._number += 1
        return str(self._number)

    async def _read(self, tag: str) -> int | None:
        """Return the number of the next answer, or None if the script is not known there."""
        try:
            answer: Any = await self._connection.read_response()
        except NoScriptError:
            return None
        match answer:
            case [bytes() as repeated, int() as number] if repeated == tag.encode() and number >= 0:
                return number
        raise Rubbish

    async def close(self) -> None:
        """Drop the connection, without waiting for anything."""
        await self._connection.disconnect(nowait=True)


def _make(address: CacheAddress) -> Connection | UnixDomainSocketConnection:
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "db": address.database,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        # The older way of writing has all that is needed and saves a round trip.
        "protocol": 2,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if address.path:
        return UnixDomainSocketConnection(path=address.path, **options)
    options |= {"host": address.host, "port": address.port, **address.files}
    if address.is_encrypted:
        # The client verifies the certificate and its name unless it is told otherwise.
        return SSLConnection(**options)
    return Connection(**options)
