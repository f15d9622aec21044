"""Moving SQLite's write-ahead log into the database file, without making writers wait for the disk.

Connections never do it by themselves. SQLite before 3.51.3 (and 3.50.7, 3.44.6) can lose a commit
that begins the log anew while a checkpoint runs on another connection
(https://sqlite.org/wal.html#walresetbug). So whatever runs beside the writer holds a snapshot
meanwhile, which keeps the log from beginning anew; only what is left then, some pages, is moved in
a turn of the writer's own. Without that a thousand pages, which take the disk 30 ms and more, hold
up everybody who writes.

All of it stands back while a command of ours holds the file lock that its transactions take (see
locks.py).
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from app.exact import ExactReader, LogState
from app.lines import Line
from app.locks import nobody_beside
from app.shared_commits import SharedWriter

log = logging.getLogger("portfolio.db")

# In seconds: when the log is looked at, and how long anything stays there at most.
LOOK_EVERY, MOVE_EVERY = 0.1, 5.0
# In pages: what is moved before that, and what is little enough for a turn of the writer's own.
MANY, FEW = 200, 100
# A log that is shorter, in pages, goes on; beyond that it has to begin anew some time.
LONG = 4096
# How often more is moved beside the writer, who goes on writing, before a turn is taken.
MOST_ROUNDS = 4
_MOVE = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """What moves the log of one database. `reader` tells how long it is."""

    def __init__(
        self, path: Path, pragmas: Iterable[str], writer: SharedWriter, reader: ExactReader
    ) -> None:
        self._path, self._writer, self._reader = path, writer, reader
        self._snapshot = ExactReader(path)
        self._line = Line(path, pragmas)
        self._is_open = False

    async def run(self) -> bool:
        """Move what is in the log; return whether a command or a reader is in the way.

        Raises:
            TimeoutError: it took too long until the writer's turn.
            sqlite3.Error, OSError: it cannot be written.
        """
        with nobody_beside(self._path) as is_alone:
            if not is_alone:
                return True
            moved, rounds = 0, 0
            while self._state().left > FEW and rounds < MOST_ROUNDS:
                moved = await self._move_beside()
                rounds += 1
                if not moved:
                    return True
            if rounds and self._state().in_all < LONG:
                return False
            async with self._writer.alone() as line:
                # A disk so slow that more was written than was moved: then writers have to wait.
                # What a reader held up until now, it is not for them to wait for all of it.
                if self._state().left <= max(FEW, 2 * moved):
                    await line.execute(_MOVE)
            return False

    async def _move_beside(self) -> int:
        """Move what is in the log now, while others go on writing; return how many pages."""
        if not self._is_open:
            await self._line.open()
            self._is_open = True
        try:
            async with self._writer.alone():
                before = self._state()
                if not before.left:
                    # A snapshot would not touch the log, and would not keep it.
                    return 0
                self._snapshot.begin()
                self._snapshot.read_row("SELECT 1 FROM sqlite_schema LIMIT 1", {})
            await self._line.execute(_MOVE)
            return self._state().moved - before.moved
        finally:
            self._snapshot.end()

    async def forever(self) -> None:
        """Move the log whenever it is long, and at least every few seconds, until cancelled."""
        since, is_held_up = 0.0, False
        while True:
            await asyncio.sleep(LOOK_EVERY)
            since += LOOK_EVERY
            try:
                left = self._state().left
                is_long = left >= MANY and not is_held_up
                if is_long or (left and since >= MOVE_EVERY):
                    since = 0.0
                    # By whoever reads for long, such as a backup: looking for it costs time, too.
                    is_held_up = await self.run()
            except (sqlite3.Error, OSError):
                log.warning("The checkpoint failed and is tried again", exc_info=True)

    def _state(self) -> LogState:
        return self._reader.log_state()

    async def close(self) -> None:
        self._snapshot.close()
        if self._is_open:
            self._is_open = False
            await self._line.close()
