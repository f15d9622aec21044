"""What the process holds after it hashed, in a process of its own."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, threading
from pathlib import Path
from argon2.low_level import Type, hash_secret
from app.memory import give_back_memory, share_one_heap

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20

def work():
    for _ in range(3):
        hash_secret(b"password", b"saltsaltsalt", 1, 19 * 1024, 1, 32, Type.ID)

share_one_heap()
before = held()
for together in (2, 1):
    threads = [threading.Thread(target=work) for _ in range(together)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
after = held()
give_back_memory()
print(after - before, held() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
@pytest.mark.process
def test_hashes_leave_nothing_behind() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    kept, left = map(int, done.stdout.split())
    assert kept > 10
    assert left < 5
