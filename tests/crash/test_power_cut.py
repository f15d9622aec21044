"""The power goes: of what was not synced any part may be missing. What was acknowledged is there.

A real server works under a recorder of what it does to its files. Then the disk is put together as
a power cut may have left it, at many moments, and opened.
"""

import random
import shutil
import subprocess
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from tests.conftest import make_settings, missing
from tests.crash import journal
from tests.crash.instance import Crashes
from tests.crash.journal import Disk, Step
from tests.crash.ledger import Facts, Ledger
from tests.crash.looking import look, look_at_files

pytestmark = pytest.mark.process

WORKED = 250
FORGOTTEN = object()
# The log begins anew often, as it does within hours elsewhere.
SERVER = (
    "from app import checkpoints; from app.__main__ import main; "
    "checkpoints.MANY, checkpoints.FEW, checkpoints.LONG = 60, 20, 200; main(['serve'])"
)


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that writes down what a process does to files."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        missing("There is no C compiler")
    library = tmp_path_factory.mktemp("recorder") / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    command = [compiler or "", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run([*command, "-lpthread"], check=True, capture_output=True)  # noqa: S603
    return library


@dataclass
class TimedLedger(Ledger):
    """A ledger that notes, of each operation, where the journal was before it and after it."""

    journal: Path = field(kw_only=True)
    history: list[tuple[int, int | None, Facts]] = field(default_factory=list)

    @contextmanager
    def operation(self, changes: Facts) -> Iterator[None]:
        before, after = self.journal.stat().st_size, None
        try:
            with super().operation(changes):
                yield
            after = self.journal.stat().st_size
        finally:
            self.history.append((before, after, changes))

    def forget(self, key: Hashable) -> None:
        super().forget(key)
        place = self.journal.stat().st_size
        self.history.append((place, place, {key: FORGOTTEN}))

    def at(self, place: int) -> Ledger:
        """Return what was certain, and in doubt, when the journal was so long."""
        found = Ledger()
        for before, after, changes in self.history:
            if after is not None and after <= place:
                found.facts.update(changes)
                found.facts = {
                    key: value for key, value in found.facts.items() if value is not FORGOTTEN
                }
            elif before <= place:
                found.doubts.append(changes)
        return found


@dataclass(frozen=True)
class Recorded:
    """What a server did while people worked."""

    before: Path
    origin: Path
    steps: list[Step]
    ledger: TimedLedger

    def cuts(self, count: int, chance: random.Random) -> list[int]:
        """Return moments while they worked, as numbers of steps."""
        first = min(before for before, _, _ in self.ledger.history)
        worked = [number for number, step in enumerate(self.steps) if step.end > first]
        return sorted(chance.sample(worked, min(count, len(worked))))

    async def find_wrong(
        self, folder: Path, cuts: list[int], chance: random.Random, *, syncs: bool = True
    ) -> list[str]:
        """Return everything that is lost or broken after the power went at these moments."""
        disk, wrong, done = Disk(self.before, self.origin, syncs=syncs), [], 0
        for cut in cuts:
            for step in self.steps[done:cut]:
                disk.take(step)
            done = cut
            place = self.steps[cut - 1].end
            found = await self._open(disk, folder, place, chance)
            wrong += [f"step {cut}: {text}" for text in found]
        return wrong

    async def _open(self, disk: Disk, folder: Path, place: int, chance: random.Random) -> list[str]:
        disk.cut(folder, chance)
        settings = make_settings(folder)
        try:
            facts, wrong = await look(settings)
        except (SQLAlchemyError, OSError) as error:
            return [str(error)]
        ledger = self.ledger.at(place)
        return [
            *wrong,
            *ledger.settle(facts),
            *look_at_files(settings, facts, may_be_left=True),
        ]


async def record(folder: Path, recorder: Path, chance: random.Random) -> Recorded:
    """Let people work on a server that is watched, and kill it."""
    path = folder / "journal"
    path.touch()
    ledger = TimedLedger(journal=path)
    environment = {
        "LD_PRELOAD": str(recorder),
        "RECORD_BELOW": str(folder / "instance"),
        "RECORD_TO": str(path),
    }
    watched = Crashes(
        folder, chance, ledger=ledger, command=("-c", SERVER), environment=environment
    )
    await watched.prepare()
    before = folder / "before"
    shutil.copytree(folder / "instance", before)
    watched.start()
    try:
        await watched.crash(watched.server.kill, after=WORKED)
    finally:
        watched.server.close()
    return Recorded(before, folder / "instance", list(journal.read(path)), ledger)


async def test_nothing_acknowledged_is_lost(
    tmp_path: Path, recorder: Path, chance: random.Random, cuts: int
) -> None:
    recorded = await record(tmp_path, recorder, chance)
    moments = recorded.cuts(cuts, chance)
    assert not await recorded.find_wrong(tmp_path / "after", moments, chance)
    # The log began anew, and a cut would show if nobody had waited for the disk.
    heads = [step for step in recorded.steps if step.kind == "w" and step.place == 0]
    assert len([step for step in heads if len(step.content) == 32]) > 1
    assert await recorded.find_wrong(tmp_path / "after", moments, chance, syncs=False)


class TestDisk:
    """The disk itself: what it may forget, and what it may not."""

    @staticmethod
    def _step(kind: str, descriptor: int = 3, place: int = 0, content: bytes = b"") -> Step:
        return Step(kind, 1, descriptor, place, content, 0)

    def _disk(self, folder: Path) -> Disk:
        folder.mkdir()
        (folder / "old").write_bytes(b"old")
        disk = Disk(folder, folder)
        disk.take(self._step("o", 3, 0, str(folder / "old").encode()))
        return disk

    def _states(self, disk: Disk, folder: Path, chance: random.Random) -> set[tuple[str, bytes]]:
        """Return what was there after one of many cuts."""
        found = set()
        folder.mkdir(exist_ok=True)
        for number in range(60):
            target = folder / f"cut{number}"
            disk.cut(target, chance)
            found |= {(path.name, path.read_bytes()) for path in target.iterdir()}
        return found

    def test_may_lose_what_was_not_synced(self, tmp_path: Path, chance: random.Random) -> None:
        disk = self._disk(tmp_path / "disk")
        disk.take(self._step("w", 3, 0, b"new"))
        assert self._states(disk, tmp_path, chance) == {("old", b"old"), ("old", b"new")}

    def test_keeps_what_was(self, tmp_path: Path, chance: random.Random) -> None:
        disk = self._disk(tmp_path / "disk")
        disk.take(self._step("w", 3, 0, b"new"))
        disk.take(self._step("s"))
        assert self._states(disk, tmp_path, chance) == {("old", b"new")}

    def test_tears_what_is_longer_than_a_sector(
        self, tmp_path: Path, chance: random.Random
    ) -> None:
        disk = self._disk(tmp_path / "disk")
        disk.take(self._step("w", 3, 0, b"a" * 512 + b"b" * 512))
        disk.take(self._step("w", 3, 1024, b"c" * 512))
        states = self._states(disk, tmp_path, chance)
        assert any(state[1].endswith(b"c" * 512) and b"b" not in state[1] for state in states)
        assert len(states) > 4

    def test_may_lose_a_name_until_its_folder_is_synced(
        self, tmp_path: Path, chance: random.Random
    ) -> None:
        folder = tmp_path / "disk"
        disk = self._disk(folder)
        disk.take(self._step("o", 4, 64, str(folder / "new.part").encode()))
        disk.take(self._step("w", 4, -1, b"n"))
        disk.take(self._step("w", 4, -1, b"ew"))
        disk.take(self._step("s", 4))
        both = f"{folder / 'new.part'}\n{folder / 'new'}".encode()
        disk.take(self._step("r", -1, 0, both))
        assert {name for name, _ in self._states(disk, tmp_path, chance)} == {
            "old",
            "new.part",
            "new",
        }
        disk.take(self._step("o", 5, 65536, str(folder).encode()))
        disk.take(self._step("s", 5))
        kept = self._states(disk, tmp_path / "again", chance)
        assert kept == {("old", b"old"), ("new", b"new")}
