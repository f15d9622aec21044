"""How far long work is: what does it says so in stages, and whoever started it decides who sees."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import click

Advance = Callable[[int], None]


class Stages(Protocol):
    """Shows how far something is."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Begin a stage; what is given to the function that it yields adds up to the total."""
        ...


class Terminal:
    """Shows a bar for each stage where somebody watches; where nobody does, a line if it is asked.

    `verb` begins that line; without one there is none.
    """

    def __init__(self, verb: str = "") -> None:
        self._verb = verb

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        if not sys.stderr.isatty():
            if self._verb:
                click.echo(f"{self._verb} {name}: {total}")
            yield lambda _done: None
            return
        with click.progressbar(length=total, label=f"{name:18}", file=sys.stderr) as bar:
            yield bar.update
