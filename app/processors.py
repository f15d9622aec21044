"""How many processors this process may use: of the machine, and of what a container is given."""

import math
import os
from contextlib import suppress
from pathlib import Path

# What Linux's control groups allow the group that this process is in, as a container sees it:
# microseconds of processor time in a period, or "max" (kernel.org, Control Group v2, "cpu.max").
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def count_processors() -> int:
    """Return on how many processors this process can be at the same moment, one at least."""
    count = os.cpu_count() or 1
    with suppress(AttributeError):  # a system that binds no process to some of its processors
        count = min(count, len(os.sched_getaffinity(0)))
    with suppress(OSError, ValueError):
        microseconds, period = _QUOTA.read_text(encoding="ascii").split()
        count = min(count, math.ceil(int(microseconds) / int(period)))
    return max(1, count)
