"""How many processors a process may use."""

import os
from pathlib import Path

import pytest

from app import processors
from app.processors import count_processors


@pytest.fixture(autouse=True)
def quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of eight; the file with what a container is given is not there at first."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(processors, "_QUOTA", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


def test_all_of_the_machine() -> None:
    assert count_processors() == 8


def test_those_it_is_bound_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert count_processors() == 2


def test_where_no_process_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert count_processors() == 8


def test_where_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_processors() == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("max 100000\n", 8),
        ("100000 100000\n", 1),
        ("150000 100000\n", 2),
        ("20000 100000\n", 1),
        ("0 100000\n", 1),
        ("900000 100000\n", 8),
        ("", 8),
        ("1\n", 8),
    ],
)
def test_what_a_container_is_given(quota: Path, text: str, count: int) -> None:
    quota.write_text(text)
    assert count_processors() == count
