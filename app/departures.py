"""Whether whoever sent a request is still there to read the answer.

A request that waits for its turn must not hold a place that somebody else needs after its sender
has gone. The server says so to whoever reads on after the body; nobody does while a route works.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# What the present request is read from; None where there is none, as in a command.
receiving: ContextVar[Receive | None] = ContextVar("receiving", default=None)


async def wait_for_departure(receive: Receive) -> None:
    """Return when the sender of a request, whose body has been read, has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
