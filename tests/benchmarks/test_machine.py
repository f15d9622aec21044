"""What is known about processes: their own figures, those of their children, and pinning."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from benchmarks import machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.fixture
def parent() -> Iterator[int]:
    """A process with a child that holds memory and is busy until it is stopped."""
    child = "print(flush=True, end='.')\nkept = b'x' * 50_000_000\nwhile True: pass"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(  # noqa: S603  (our own program)
        [sys.executable, "-c", command], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        yield process.pid
        os.killpg(process.pid, 9)


class TestFamily:
    def test_children_count(self, parent: int) -> None:
        assert len(machine.family(parent)) == 2
        used = machine.cpu_seconds(parent) or 0
        ends = time.monotonic() + 20
        while (machine.cpu_seconds(parent) or 0) < used + 0.1:
            assert time.monotonic() < ends

    def test_memory(self, parent: int) -> None:
        ends = time.monotonic() + 20
        while (found := machine.memory(parent)) is None or found.rss < 50:
            assert time.monotonic() < ends
        assert found.pss <= found.rss <= found.peak + 1

    def test_of_a_process_that_has_ended(self) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            pass
        assert machine.cpu_seconds(process.pid) == 0
        assert machine.memory(process.pid) == machine.Memory(0, 0, 0)


class TestPinned:
    def test_for_a_while(self) -> None:
        before = os.sched_getaffinity(0)
        one = frozenset({min(before)})
        with machine.pinned(one):
            child = subprocess.check_output(
                [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"], text=True
            )
        assert child.strip() == str(set(one))
        assert os.sched_getaffinity(0) == before

    def test_nowhere_without_cores(self) -> None:
        before = os.sched_getaffinity(0)
        with machine.pinned(frozenset()):
            assert os.sched_getaffinity(0) == before


def test_cores_are_of_this_process() -> None:
    cores = machine.choose_cores()
    assert len(cores.server) == len(cores.load) == 1
    assert cores.both <= os.sched_getaffinity(0)
