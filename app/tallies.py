"""The figures of several workers of one server, put together: any of them can be asked for all.

Each writes down what it has counted, in a file of its own, every second and when it is asked.
Whoever is asked adds up: counts of all that ever ran here, and what the living ones have at this
moment. What is of a process alone (memory, files) keeps the number of its worker as a label.
What says yes or no says yes if all do.
When a worker has ended, its counts are put with those of all that ended before, so no sum ever goes
down; one that is killed takes the last second with it.
"""

import fcntl
import json
import operator
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.metrics import Family, Labels, Sample

_ENDED = "ended"
_OF_ONE_PROCESS = "process_"
_YES_OR_NO = "_up"
_GAUGE = "gauge"


class Tallies:
    """The figures of worker `number` and of all the others, which share a folder."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self._number = number
        self._path = _path(folder, number, os.getpid())

    def write(self, families: Iterable[Family]) -> None:
        """Write down what this worker has to tell."""
        mark = ("worker", str(self._number))
        _write(self._path, [_mark(family, mark) for family in families])

    def gather(self) -> list[Family]:
        """Return what all workers have written down, added up."""
        with _locked(self._folder, fcntl.LOCK_SH):
            return _read_all(sorted(self._folder.glob("*.json")))


def fold(folder: Path, number: int, pid: int | None) -> None:
    """Put what an ended worker counted with what all others did that ended before it."""
    path, ended = _path(folder, number, pid), folder / f"{_ENDED}.json"
    with _locked(folder, fcntl.LOCK_EX):
        added = _read_all([ended, path])
        _write(
            ended,
            [
                family
                for family in added
                if family.kind != _GAUGE and not family.name.startswith(_OF_ONE_PROCESS)
            ],
        )
        path.unlink(missing_ok=True)


def add_up(families: Iterable[Family]) -> list[Family]:
    """Return one family for each name; samples that differ in nothing but their value are added."""
    found: dict[str, Family] = {}
    sums: dict[str, dict[tuple[str, Labels], float]] = {}
    for family in families:
        found.setdefault(family.name, family)
        values = sums.setdefault(family.name, {})
        put_together = min if family.name.endswith(_YES_OR_NO) else operator.add
        for sample in family.samples:
            key = sample.suffix, sample.labels
            before = values.get(key)
            values[key] = sample.value if before is None else put_together(before, sample.value)
    return [
        replace(
            family,
            samples=tuple(
                Sample(value, labels, suffix)
                for (suffix, labels), value in sums[family.name].items()
            ),
        )
        for family in found.values()
    ]


def _mark(family: Family, mark: tuple[str, str]) -> Family:
    """Return what is of one process with a label that says of which."""
    if not family.name.startswith(_OF_ONE_PROCESS):
        return family
    marked = (replace(sample, labels=(*sample.labels, mark)) for sample in family.samples)
    return replace(family, samples=tuple(marked))


def _path(folder: Path, number: int, pid: int | None) -> Path:
    # While a worker is renewed there are two of one number.
    return folder / f"{number}-{pid}.json"


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    """Hold off whoever moves counts from one file to another, or whoever reads them."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, families: Iterable[Family]) -> None:
    rows = [
        (
            family.name,
            family.kind,
            family.about,
            [(sample.value, sample.labels, sample.suffix) for sample in family.samples],
        )
        for family in families
    ]
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(rows), "utf-8")
    temporary.replace(path)


def _read_all(paths: Iterable[Path]) -> list[Family]:
    families: list[Family] = []
    for path in paths:
        with suppress(FileNotFoundError):
            families += map(_read_family, json.loads(path.read_text("utf-8")))
    return add_up(families)


def _read_family(row: Any) -> Family:
    name, kind, about, samples = row
    return Family(
        name,
        kind,
        about,
        tuple(
            Sample(value, tuple((label, text) for label, text in labels), suffix)
            for value, labels, suffix in samples
        ),
    )
