"""The worker processes of a running server, found and told apart."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.asks import request
from tests.server.process import RunningServer
from tests.server.raw import Line, connect, until

_ID = re.compile(rb"\r\nx-request-id: (\w+)\r\n", re.IGNORECASE)


def workers_of(server: RunningServer) -> set[int]:
    """Return the process ids of a server's workers."""
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {pid for pid in map(int, listed.split()) if _is_worker(pid)}


def is_renewed(now: set[int], before: set[int]) -> bool:
    """Whether each of the workers has been replaced, and those before are gone."""
    return len(now) == len(before) and not now & before


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@asynccontextmanager
async def line_to_each(server: RunningServer, port: int) -> AsyncIterator[dict[int, Line]]:
    """Open a connection to each worker of a server that logs JSON: the log says who answered."""
    wanted, found, others = workers_of(server), dict[int, Line](), list[Line]()
    try:
        while wanted - found.keys():
            line = await connect(port)
            pid = await _ask_who(server, line)
            if pid in found:
                # Left open: a worker that holds many leaves the next one to another.
                others.append(line)
            else:
                found[pid] = line
        yield found
    finally:
        for line in (*found.values(), *others):
            await line.close()


async def _ask_who(server: RunningServer, line: Line) -> int:
    await line.send(request("GET", "/healthz"))
    asked = _ID.search(await line.answer())
    assert asked is not None
    request_id = asked[1].decode()
    await until(lambda: request_id in _read_log(server))
    written = next(text for text in _read_log(server).splitlines() if request_id in text)
    pid: int = json.loads(written)["pid"]
    return pid


def _read_log(server: RunningServer) -> str:
    return Path(server.log.name).read_text("utf-8")
