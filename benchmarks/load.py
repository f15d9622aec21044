"""Load by wrk, which looks at every answer (see check.lua) and fails the run for a wrong one."""

import itertools
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from benchmarks.asks import NUMBER, Ask
from benchmarks.machine import pinned

SCRIPT = Path(__file__).with_name("check.lua")
# An answer may take this long before it counts as lost: some servers hash for seconds.
TIMEOUT_SECONDS = 60
_LONGER = 3
# Each run counts from another number on, so that no name is sent twice.
_RUNS = itertools.count(1)
_NUMBERS_A_RUN = 10_000_000
_RESULT = "RESULT "


class WrongAnswers(Exception):
    """A server gave wrong, empty or no answers under load."""


class TooSlow(WrongAnswers):
    """A run ended before the first answer came."""


class NoLoad(Exception):
    """wrk is not installed."""


@dataclass(frozen=True)
class Rate:
    """What came of a run: requests, requests a second, and latencies in ms."""

    requests: int
    rps: float
    p50: float
    p99: float


def require_wrk() -> None:
    """Raise NoLoad unless there is wrk."""
    if shutil.which("wrk") is None:
        raise NoLoad("wrk makes the load: install it with `apt install wrk` or `brew install wrk`.")


def run(
    port: int, ask: Ask, *, connections: int, seconds: float, cores: frozenset[int] = frozenset()
) -> Rate:
    """Ask over and over, on so many connections; longer, where no answer came in that time.

    Raises:
        WrongAnswers: not every answer was what it must be.
    """
    try:
        with start(port, ask, connections=connections, seconds=seconds, cores=cores) as load:
            return load.wait()
    except TooSlow:
        if seconds * _LONGER > TIMEOUT_SECONDS:
            raise
    return run(port, ask, connections=connections, seconds=seconds * _LONGER, cores=cores)


class Load:
    """A wrk that runs, and the folder it reads."""

    def __init__(self, command: list[str], folder: "TemporaryDirectory[str]") -> None:
        self._folder = folder
        self._process = subprocess.Popen(  # noqa: S603  (wrk, with arguments of our own)
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def wait(self) -> Rate:
        """Return what came of it, once it has ended."""
        output, _ = self._process.communicate()
        return read(output)


def start(
    port: int, ask: Ask, *, connections: int, seconds: float, cores: frozenset[int] = frozenset()
) -> Load:
    """Start a load and return while it runs."""
    # Leaving the block of the result removes it.
    folder = TemporaryDirectory(prefix="load-")
    arguments = _write(Path(folder.name), ask)
    command = ["wrk", "--threads", "1", "--connections", str(connections)]
    command += ["--duration", f"{max(1, round(seconds))}s", "--timeout", f"{TIMEOUT_SECONDS}s"]
    command += ["--script", str(SCRIPT), f"http://127.0.0.1:{port}/", "--", *arguments]
    with pinned(cores):
        return Load(command, folder)


def _write(folder: Path, ask: Ask) -> list[str]:
    """Write down what is asked and answered; return the arguments of check.lua."""
    bodies = sorted(ask.bodies)
    for name, texts in (("request", ask.requests), ("body", bodies)):
        for number, text in enumerate(texts, 1):
            (folder / f"{name}-{number}").write_bytes(text)
    (folder / "start").write_bytes(ask.start)
    (folder / "mark").write_bytes(NUMBER)
    counts = (len(ask.requests), len(bodies), ask.status, ask.least, next(_RUNS) * _NUMBERS_A_RUN)
    return [str(folder), *map(str, counts)]


def read(output: str) -> Rate:
    """Return the result in what wrk has printed.

    Raises:
        WrongAnswers: it counted some, or had no answer at all.
    """
    lines = [line for line in output.splitlines() if line.startswith(_RESULT)]
    if not lines:
        raise WrongAnswers(f"wrk ended without a result: {output.strip()[-500:]}")
    found: dict[str, Any] = json.loads(lines[-1].removeprefix(_RESULT))
    if found["wrong"]:
        raise WrongAnswers(
            f"{found['wrong']} of {found['requests']} answers were wrong, such as: "
            f"{found['sample']}"
        )
    lost = {name: found[name] for name in ("connect", "read", "write", "timeout") if found[name]}
    if lost:
        raise WrongAnswers(f"{found['requests']} answers, and lost were: {lost}")
    if not found["requests"]:
        raise TooSlow("There was no answer at all.")
    return Rate(
        requests=found["requests"],
        rps=found["requests"] / (found["microseconds"] / 1e6),
        p50=found["p50"] / 1000,
        p99=found["p99"] / 1000,
    )
