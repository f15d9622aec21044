"""What a server has said to whom: what is certain, and what nobody can know after it was killed.

A fact is what should stand in the database under a key. An operation says before it is sent which
facts it changes. Once it was acknowledged they hold; if no answer came, all of them hold or none.
"""

import asyncio
from collections.abc import Coroutine, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Facts = Mapping[Hashable, Any]


class Doubtful(Exception):
    """The answer to an operation does not say whether it was done."""


@dataclass
class Ledger:
    """All facts of a run. Each key is changed by one operation at a time."""

    facts: dict[Hashable, Any] = field(default_factory=dict)
    doubts: list[Facts] = field(default_factory=list)
    # How many operations were acknowledged, and how many stayed in doubt, in all.
    acknowledged: int = 0
    doubted: int = 0
    # Set once so many were acknowledged.
    goal: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def wait_for(self, count: int) -> Coroutine[Any, Any, Any]:
        """Wait until so many more operations were acknowledged."""
        self.goal, self.reached = self.acknowledged + count, asyncio.Event()
        return self.reached.wait()

    @contextmanager
    def operation(self, changes: Facts) -> Iterator[None]:
        """Send an operation inside: it is done where the block ends, in doubt where that raises."""
        try:
            yield
        except BaseException:
            self.doubts.append(changes)
            self.doubted += 1
            raise
        self.facts.update(changes)
        self.acknowledged += 1
        if self.acknowledged >= self.goal:
            self.reached.set()

    def forget(self, key: Hashable) -> None:
        """Say nothing about a fact any more."""
        self.facts.pop(key, None)

    def settle(self, found: Facts) -> list[str]:
        """Compare with what is there; return what was lost or half done, and believe the rest."""
        wrong = []
        for changes in self.doubts:
            done = [found.get(key) == value for key, value in changes.items()]
            undone = [found.get(key) == self.facts.get(key) for key in changes]
            if all(done):
                self.facts.update(changes)
            elif not all(undone):
                wrong.append(f"half done: {changes}")
        self.doubts.clear()
        wrong += [
            f"lost: {key} is {found.get(key)!r}, not {value!r}"
            for key, value in self.facts.items()
            if found.get(key) != value
        ]
        return wrong
