"""Stopping time while a password is hashed, to see what happens meanwhile.

argon2-cffi is held up, below everything of ours: nothing of the application is replaced.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import argon2.low_level
import pytest

PATIENCE = 30


class Pause:
    """The next hash of one kind (`hash_secret` or `verify_secret`) waits until told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._started = threading.Event()
        self._go = threading.Event()

    def before(self, kind: str) -> None:
        original = getattr(argon2.low_level, kind)

        def held_up(*arguments: Any, **options: Any) -> Any:
            self._started.set()
            assert self._go.wait(PATIENCE)
            return original(*arguments, **options)

        self._monkeypatch.setattr(argon2.low_level, kind, held_up)

    async def reached(self) -> None:
        """Wait until something is being hashed."""
        assert await asyncio.to_thread(self._started.wait, PATIENCE)

    def go_on(self) -> None:
        self._go.set()


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pause]:
    made = Pause(monkeypatch)
    yield made
    made.go_on()
