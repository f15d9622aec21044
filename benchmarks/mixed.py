"""Who am I while others log in without pause: how long one waits for an answer, and how they fare.

One person asks at an even pace, as pages do when they are opened; so what is measured is what the
logins do to others, not what the asking does to itself.
"""

import gc
import http.client
import socket
import time
from contextlib import closing

from benchmarks import load
from benchmarks.asks import PATIENCE, Ask, Unexpected
from benchmarks.servers import Contestant

A_SECOND = 100
LOGINS = 8
_BEGIN_SECONDS = 1.0


def pace(port: int, ask: Ask, seconds: float) -> list[float]:
    """Ask at an even pace and return how many milliseconds each answer took."""
    found = []
    gc.disable()
    try:
        line = _Line(port)
        with closing(line):
            began = due = time.perf_counter()
            while due < began + seconds:
                for sent in ask.requests[:1]:
                    started = time.perf_counter()
                    status, body = line.send(sent)
                    found.append((time.perf_counter() - started) * 1000)
                    if status != ask.status or body not in ask.bodies:
                        raise Unexpected(f"The answer was {status}: {body[:200]!r}")
                # However long an answer took, the next one is asked for no sooner than that.
                due = max(due + 1 / A_SECOND, time.perf_counter())
                time.sleep(max(0.0, due - time.perf_counter()))
    finally:
        gc.enable()
    return found


class _Line:
    """A connection that is opened anew where the server closes it after each answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)

    def send(self, sent: bytes) -> tuple[int, bytes]:
        self._socket.sendall(sent)
        answer = http.client.HTTPResponse(self._socket)
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self.close()
            self._socket = self._connect()
        return answer.status, body

    def close(self) -> None:
        self._socket.close()


def percentile(times: list[float], share: float) -> float:
    """Return the time that this share of all did not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def measure(
    contestant: Contestant, ask: str, *, seconds: float, cores: frozenset[int]
) -> tuple[list[float], list[float], float]:
    """Return the waits without logins and with, in ms, and logins a second meanwhile."""
    port, who = contestant.server.port, contestant.asks[ask]
    quiet = pace(port, who, seconds)
    length = seconds + 2 * _BEGIN_SECONDS
    login = contestant.asks["login"]
    with load.start(port, login, connections=LOGINS, seconds=length, cores=cores) as running:
        # The logins have begun then, and go on until the asking has ended.
        time.sleep(_BEGIN_SECONDS)
        busy = pace(port, who, seconds)
        rate = running.wait()
    contestant.server.settle()
    return quiet, busy, rate.rps
