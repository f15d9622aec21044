"""A cache for the tests: the installed program, on a socket in a folder of its own.

It is stopped, killed and started anew as a test likes; where it listens stays the same.
"""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from app.cache.line import CacheLine
from app.cache.wire import Call
from app.config.caches import CacheAddress, read_cache_address
from app.shared_throttles import SCRIPT

PROGRAMS = ("redis-server", "valkey-server")
# It takes a moment to begin.
_PAUSE, _PAUSES = 0.01, 2000


def find_program(name: str) -> str | None:
    return shutil.which(name)


class CacheServer:
    """A cache and its process. `options` are those of its command line."""

    def __init__(self, program: str, folder: Path, options: tuple[str, ...] = ()) -> None:
        self._socket = folder / "cache.sock"
        self._command = [
            *(program, "--port", "0", "--unixsocket", str(self._socket), "--dir", str(folder)),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning", *options),
        ]
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def address(self) -> CacheAddress:
        return read_cache_address(self.url)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)  # noqa: S603
        self.run("PING", retry=Retry(ConstantBackoff(_PAUSE), _PAUSES))

    def run(self, *command: str, **options: Any) -> Any:
        """Give the cache a command of its own."""
        how = {"retry": Retry(NoBackoff(), 0), **options}
        client: Any = redis.Redis(unix_socket_path=str(self._socket), **how)
        with client:
            return client.execute_command(*command)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it on the spot, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()


@contextmanager
def running(program: str, *options: str) -> Iterator[CacheServer]:
    """Start a cache; end it with the block."""
    folder = Path(tempfile.mkdtemp(prefix="portfolio-cache-"))
    server = CacheServer(program, folder, options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


class TurnedLine(CacheLine):
    """A way to a cache that takes its time from the test, in seconds."""

    def __init__(self, address: CacheAddress, clock: Any) -> None:
        script = SCRIPT.replace("redis.call('TIME')", "{0, ARGV[#ARGV - 1]}")
        super().__init__(address, script, Call((b"{turned}:probe",), ("peek", "1", "1", "0")))
        self._clock = clock

    async def ask(self, call: Call, *, until: float) -> int:
        now = str(round(self._clock() * 1_000_000))
        return await super().ask(replace(call, arguments=(*call.arguments, now)), until=until)
