"""What a process did to files, read from the journal of recorder.c, and what a power cut leaves.

A file keeps what was written before the last `fsync` of it; of what came later any part may be
there, in pieces of a sector, in any order. A name is kept once its folder was synced; of later
changes to names the first so many may be there, as a file system with a journal has it.
"""

import os
import random
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_HEAD = struct.Struct("<B3xIiIq")


@dataclass(frozen=True, slots=True)
class Step:
    """One operation. `end` is where the journal goes on after it."""

    kind: str
    process: int
    descriptor: int
    place: int
    content: bytes
    end: int


def read(path: Path) -> Iterator[Step]:
    """Yield the steps of a journal in order; what was not written to its end is left out."""
    journal, at = path.read_bytes(), 0
    while at + _HEAD.size <= len(journal):
        kind, process, descriptor, length, place = _HEAD.unpack_from(journal, at)
        end = at + _HEAD.size + length
        if end > len(journal):
            return
        yield Step(chr(kind), process, descriptor, place, journal[at + _HEAD.size : end], end)
        at = end


@dataclass
class _File:
    """A file: what is certain of it, and what may have been written since."""

    certain: bytearray
    # A place and what was written there, or a size it was cut to.
    later: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for place, content in self.later:
            _write(self.certain, place, content)
        self.later.clear()

    def left(self, chance: random.Random) -> bytearray:
        """Return what a power cut leaves."""
        found = bytearray(self.certain)
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        for place, content in self.later:
            if content is None:
                if chance.random() < share:
                    _write(found, place, None)
                continue
            for start in range(0, len(content), SECTOR):
                if chance.random() < share:
                    _write(found, place + start, content[start : start + SECTOR])
        return found

    def size(self) -> int:
        now = bytearray(len(self.certain))
        for place, content in self.later:
            _write(now, place, content)
        return len(now)


def _write(target: bytearray, place: int, content: bytes | None) -> None:
    if content is None:
        del target[place:]
        target.extend(bytes(place - len(target)))
        return
    target.extend(bytes(max(0, place - len(target))))
    target[place : place + len(content)] = content


class Disk:
    """The files below a folder, as a copy of before has them and as steps change them."""

    def __init__(self, before: Path, folder: Path, *, syncs: bool = True) -> None:
        self._folder, self._syncs = folder, syncs
        self._names = {
            str(folder / path.relative_to(before)): _File(bytearray(path.read_bytes()))
            for path in before.rglob("*")
            if path.is_file()
        }
        self._certain = dict(self._names)
        # Names that changed since: another file, or none.
        self._later: list[tuple[str, _File | None]] = []
        self._open: dict[tuple[int, int], tuple[str, _File | None, list[int]]] = {}

    def take(self, step: Step) -> None:
        """Do what a process did."""
        key = (step.process, step.descriptor)
        if step.kind == "o":
            self._open[key] = self._open_file(step.content.decode(), step.place)
        elif step.kind == "c":
            self._open.pop(key, None)
        elif step.kind == "u":
            self._name(step.content.decode(), None)
        elif step.kind == "r":
            source, target = step.content.decode().split("\n")
            self._name(target, self._names[source])
            self._name(source, None)
        elif key in self._open:
            self._take_content(step, *self._open[key])

    def _open_file(self, path: str, flags: int) -> tuple[str, _File | None, list[int]]:
        # SQLite opens a folder as it opens a file.
        if Path(path).is_dir():
            return path, None, [0]
        if path not in self._names:
            self._name(path, _File(bytearray()))
        file = self._names[path]
        if flags & os.O_TRUNC:
            file.later.append((0, None))
        return path, file, [file.size() if flags & os.O_APPEND else 0]

    def _take_content(self, step: Step, path: str, file: _File | None, at: list[int]) -> None:
        if file is None:
            if step.kind == "s" and self._syncs:
                self._sync_names(path)
        elif step.kind == "w":
            place = at[0] if step.place < 0 else step.place
            file.later.append((place, step.content))
            if step.place < 0:
                at[0] += len(step.content)
        elif step.kind == "t":
            file.later.append((step.place, None))
        elif self._syncs:
            file.sync()

    def _name(self, path: str, file: _File | None) -> None:
        self._later.append((path, file))
        if file is None:
            self._names.pop(path, None)
        else:
            self._names[path] = file

    def _sync_names(self, folder: str) -> None:
        kept = []
        for path, file in self._later:
            if os.path.dirname(path) == folder.rstrip("/"):  # noqa: PTH120  (text is compared)
                _rename(self._certain, path, file)
            else:
                kept.append((path, file))
        self._later = kept

    def cut(self, target: Path, chance: random.Random) -> None:
        """Write down what a power cut leaves, in place of whatever is there."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        names = dict(self._certain)
        for path, file in self._later[: chance.randint(0, len(self._later))]:
            _rename(names, path, file)
        for path, file in names.items():
            place = target / Path(path).relative_to(self._folder)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(file.left(chance))


def _rename(names: dict[str, _File], path: str, file: _File | None) -> None:
    if file is None:
        names.pop(path, None)
    else:
        names[path] = file
