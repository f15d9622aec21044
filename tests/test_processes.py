"""What the system tells of this process."""

import os
import resource
import sys
import time
from pathlib import Path

import pytest

from app import processes
from app.metrics import write
from tests import exposition

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="The system keeps no /proc.")


def test_time() -> None:
    before = time.process_time()
    found = exposition.read(write(processes.list_families()))
    started, used = "process_start_time_seconds", "process_cpu_seconds_total"
    assert 0 < time.time() - (found.value(started) or 0) < 3600
    assert before - 1 <= (found.value(used) or 0) <= time.process_time() + 1


@on_linux
def test_memory_and_files() -> None:
    found = exposition.read(write(processes.list_families()))
    memory = found.value("process_resident_memory_bytes") or 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 10_000_000 < memory <= most * 1.1
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert found.value("process_max_fds") == soft
    files = found.value("process_open_fds") or 0
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    found = exposition.read(write(processes.list_families()))
    assert (found.value("process_open_fds") or 0) - files == len(opened)
    for number in opened:
        os.close(number)


def test_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path / "none")
    found = exposition.read(write(processes.list_families()))
    assert found.value("process_resident_memory_bytes") is None
    assert found.value("process_open_fds") is None
    assert found.value("process_start_time_seconds")


def test_without_a_limit_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: endless)
    found = exposition.read(write(processes.list_families()))
    assert found.value("process_max_fds") is None
