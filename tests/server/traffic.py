"""Load that notices every request that fails, while something is done to the servers.

Each connection asks without a pause and keeps on for as long as the other side lets it. One that
ends without having said so (`Connection: close`) before an answer that was asked for has failed a
request, and so has an answer of 500 or more.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks import ours
from benchmarks.asks import request
from benchmarks.instance import Login
from tests.server.raw import Line, connect, status, until


@dataclass
class Traffic:
    """What was seen: answers by status, and what went wrong."""

    port: int
    requests: Sequence[bytes]
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    is_over: bool = False

    @property
    def answered(self) -> int:
        return sum(self.statuses.values())

    async def more(self, count: int = 50) -> None:
        """Wait for so many more answers."""
        enough = self.answered + count
        await until(lambda: self.answered >= enough)

    async def ask_on(self, first: int) -> None:
        """Ask one request after the other, on a new connection where the old one was closed."""
        line: Line | None = None
        for asked in itertools.islice(itertools.cycle(self.requests), first, None):
            if self.is_over:
                break
            try:
                line = line or await connect(self.port)
                line = await self._ask(line, asked)
            except (OSError, EOFError, TimeoutError) as error:
                self.failures.append(f"{asked.partition(b' HTTP')[0].decode()}: {error!r}")
                line = None
        if line is not None:
            await line.close()

    async def _ask(self, line: Line, asked: bytes) -> Line | None:
        await line.send(asked)
        answer = await line.answer()
        found = status(answer)
        self.statuses[found] += 1
        if found >= 500:
            self.failures.append(answer.decode("utf-8", "replace"))
        if b"\r\nconnection: close\r\n" in answer.lower():
            await line.close()
            return None
        return line


def asks_of(admin: Login, other: Login) -> list[bytes]:
    """Return a read, and writes that no proxy sends twice and that nobody counts: an admin's."""
    asks = [request("GET", ours.WHO, headers=ours.cookie(other))]
    for name in ("Ada", "Bob"):
        body = json.dumps({"name": name}).encode()
        headers = {**ours.JSON, **ours.cookie(admin)}
        asks.append(request("PATCH", f"/api/v1/users/{other.uid}", headers=headers, body=body))
    return asks


@asynccontextmanager
async def traffic(port: int, *requests: bytes, connections: int = 8) -> AsyncIterator[Traffic]:
    """Keep so many connections busy with these requests while the block runs."""
    found = Traffic(port, requests)
    tasks = [asyncio.create_task(found.ask_on(first)) for first in range(connections)]
    await found.more(connections)
    yield found
    found.is_over = True
    await asyncio.gather(*tasks)
