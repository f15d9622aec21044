"""Our own commands, run as processes and timed, for the benchmarks that measure them."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def run(folder: Path, *arguments: str, **changes: str) -> tuple[float, float]:
    """Run a command of ours and return how many seconds it took, and how many of a processor.

    `changes` are settings.
    """
    instance = {"INSTANCE_DIR": str(folder / "instance")}
    # The caller's environment, which no setting of ours is read from here.
    environment = {**os.environ, **instance, **changes}  # noqa: TID251
    command = [sys.executable, "-m", "app", *arguments]
    started, busy = time.perf_counter(), _busy()
    # The program is this one, and the words are the benchmark's own.
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return time.perf_counter() - started, _busy() - busy


def largest() -> float:
    """Return the memory of the largest process that was run, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _busy() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
