"""What the system knows of this process: memory, files, time. Where it tells nothing, nothing."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.metrics import Family, Sample, gauge

_PROC = Path("/proc/self")
_STARTED = time.time()


def list_families() -> Iterator[Family]:
    """Yield what every client of Prometheus tells of its process, by the names they all use."""
    yield gauge(
        "process_start_time_seconds", "When the process started, in seconds since 1970.", _STARTED
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield Family(
        "process_cpu_seconds_total",
        "counter",
        "Seconds of processor time, of the program and of the system for it.",
        (Sample(used.ru_utime + used.ru_stime),),
    )
    most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most_files != resource.RLIM_INFINITY:
        yield gauge("process_max_fds", "Files and connections that may be open.", most_files)
    # Linux has these; elsewhere a dashboard shows a gap.
    with suppress(OSError):
        pages = int((_PROC / "statm").read_text("ascii").split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE")
        yield gauge("process_resident_memory_bytes", "Memory in use.", memory)
    with suppress(OSError):
        files = sum(1 for _ in (_PROC / "fd").iterdir())
        yield gauge("process_open_fds", "Files and connections that are open.", files)
