"""A thousand people at once, each with tokens of their own: everybody must get their own answer."""

import asyncio
import json
import resource
import time

from benchmarks import ours
from benchmarks.asks import request
from benchmarks.instance import Login
from benchmarks.load import WrongAnswers

TIMES = 10
_FILES = 4096


async def _person(port: int, login: Login, times: int, everybody: asyncio.Barrier) -> int:
    """Ask so many times, by cookie and by token in turn; return how many answers were wrong."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await everybody.wait()
    wrong = 0
    for number in range(times):
        headers = ours.cookie(login) if number % 2 else ours.bearer(login)
        writer.write(request("GET", ours.WHO, headers=headers))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        is_right = head.startswith(b"HTTP/1.1 200 ") and _uid(body) == login.uid
        wrong += not is_right
    writer.close()
    await writer.wait_closed()
    return wrong


def _uid(body: bytes) -> str:
    uid: str = json.loads(body).get("user", {}).get("uid", "")
    return uid


async def _all(port: int, logins: list[Login], times: int) -> int:
    everybody = asyncio.Barrier(len(logins))
    people = (_person(port, login, times, everybody) for login in logins)
    return sum(await asyncio.gather(*people))


def measure(port: int, logins: list[Login], times: int = TIMES) -> tuple[int, float]:
    """Return how many answers everybody got, all their own, and how many seconds that took.

    Raises:
        WrongAnswers: somebody got another answer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    started = time.perf_counter()
    wrong = asyncio.run(_all(port, logins, times))
    if wrong:
        raise WrongAnswers(f"{wrong} answers of {len(logins) * times} were not the asker's own.")
    return len(logins) * times, time.perf_counter() - started
