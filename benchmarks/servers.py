"""Servers as processes of their own: started on a port and cores, watched, stopped."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine
from benchmarks.asks import Ask, get
from benchmarks.instance import Login

START_SECONDS = 60
STOP_SECONDS = 15
_LOOK_EVERY = 0.005
# A server that still works off what it was asked, though nobody waits, would slow down the next.
_SETTLE_SECONDS, _SETTLED_SHARE, _GLANCE = 60.0, 0.1, 0.25


class NoServer(Exception):
    """A server did not start."""


def free_port() -> int:
    """Return a port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment_for(changes: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with nothing of the caller's but where programs are."""
    # No setting of ours is read from here.
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
    return {**kept, "PYTHONUNBUFFERED": "1", **changes}


class Server:
    """A server that runs. `seconds` is how long its first answer took from the start."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        port: int,
        environment: Mapping[str, str],
        cores: frozenset[int],
        ready: str = "/",
    ) -> None:
        self.port = port
        self.log = folder / "server.log"
        with self.log.open("ab") as log, machine.pinned(cores):
            started = time.perf_counter()
            self.process = subprocess.Popen(  # noqa: S603  (programs of our own)
                command,
                cwd=folder,
                env=environment_for(environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.seconds = self._wait(ready, started)
        self.idle = machine.memory(self.process.pid)

    def _wait(self, ready: str, started: float) -> float:
        while time.perf_counter() - started < START_SECONDS:
            if self.process.poll() is not None:
                break
            with suppress(ConnectionError):
                get(self.port, ready)
                return time.perf_counter() - started
            time.sleep(_LOOK_EVERY)
        self.stop()
        tail = self.log.read_text("utf-8", "replace")[-2000:]
        raise NoServer(f"This server did not start: {self.process.args!r}\n{tail}")

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """Stop it as its operator would, or end it with all its children."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def settle(self) -> None:
        """Wait until it has worked off what it was asked."""
        deadline = time.perf_counter() + _SETTLE_SECONDS
        used = machine.cpu_seconds(self.pid)
        while used is not None and time.perf_counter() < deadline:
            time.sleep(_GLANCE)
            before, used = used, machine.cpu_seconds(self.pid)
            if used is None or used - before < _SETTLED_SHARE * _GLANCE:
                return


@dataclass
class Contestant:
    """A server that runs, what can be asked of it by name, and who is logged in there."""

    server: Server
    asks: dict[str, Ask]
    logins: list[Login] = field(default_factory=list)
