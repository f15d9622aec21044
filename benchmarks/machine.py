"""What is measured on: cores, what a process has used of them, its memory, versions.

Linux pins processes to cores and tells about them under `/proc`. Elsewhere nothing is pinned, and
what cannot be known is None.
"""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tests.postgres import find_binaries

PACKAGES = (
    *("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "sqlmodel", "sqlalchemy"),
    *("asyncpg", "pydantic", "python-jose", "argon2-cffi", "jinja2"),
)
_PROC = Path("/proc")


@dataclass(frozen=True)
class Cores:
    """Which cores the server has, which the load, and which both together."""

    server: frozenset[int]
    load: frozenset[int]

    @property
    def both(self) -> frozenset[int]:
        return self.server | self.load

    @property
    def described(self) -> str:
        if not self.server:
            return "not pinned to cores"
        return f"server on core {min(self.server)}, load on core {min(self.load)}"


def choose_cores() -> Cores:
    """Return one core for the server and another for the load, none where cores have no names."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores(frozenset(), frozenset())
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores(frozenset({first}), frozenset(others[:1] or {first}))


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Keep to these cores for a while. Processes started meanwhile keep to them for good."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Memory:
    """Of a server with all its processes, in MB: now, its fair share of it, and at the most."""

    rss: float
    pss: float
    peak: float


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for thread in _PROC.glob(f"{pid}/task/*/children"):
        for child in _read(thread).split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float | None:
    """Return how many seconds of a processor a process and its children have used."""
    if not _PROC.is_dir():
        return None
    ticks = 0
    for member in family(pid):
        # The name in brackets may hold anything; user and system time are the 14th and 15th.
        fields = _read(_PROC / str(member) / "stat").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> Memory | None:
    """Return how much memory a process and its children hold."""
    if not _PROC.is_dir():
        return None
    rss = pss = peak = 0
    for member in family(pid):
        rss += _kilobytes(member, "status", "VmRSS")
        peak += _kilobytes(member, "status", "VmHWM")
        pss += _kilobytes(member, "smaps_rollup", "Pss")
    return Memory(rss / 1024, pss / 1024, peak / 1024)


def forget_peak(pid: int) -> None:
    """Let the most memory that a process has held count from now on."""
    for member in family(pid):
        reset = _PROC / str(member) / "clear_refs"
        if reset.exists():
            reset.write_text("5")


def _kilobytes(pid: int, file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", _read(_PROC / str(pid) / file), re.MULTILINE)
    return int(found[1]) if found else 0


def _read(path: Path) -> str:
    """Return the text of a file of `/proc`, nothing of a process that has ended."""
    try:
        return path.read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processor() -> str:
    """Return the name of the processor."""
    found = re.search(r"^model name\s*: (.+)$", _read(_PROC / "cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def describe(cores: Cores) -> dict[str, str]:
    """Return what the figures depend on, by name."""
    binaries = find_binaries()
    postgres = _said(str(binaries / "postgres"), "--version") if binaries else []
    return {
        "Processor": f"{processor()}, {os.cpu_count()} cores, {cores.described}",
        "System": " ".join([platform.system(), *platform.release().split(".")[:1]]),
        "Python": f"{platform.python_version()} ({sys.implementation.name})",
        "wrk": " ".join(_said("wrk", "--version")[1:2]),
        "PostgreSQL": " ".join(postgres[2:3]) or "not installed",
        "Packages": ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES),
    }


def _said(*command: str) -> list[str]:
    """Return the words that a program says about its version."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.split()
