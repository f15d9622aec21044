"""Whose turn it is to write to SQLite, and commits that several transactions share.

SQLite has one writer at a time, and a commit that survives a power cut waits for the disk. So a
transaction that is done while others wait for their turn is kept in the open: the next one goes on
after it, within a savepoint of its own, which is all that its failing undoes. Once nobody waits, or
enough wait for the disk, one COMMIT keeps them all, and only then does anyone hear of it. If that
fails, it failed for each of them, and nothing is kept.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.util.concurrency import await_

from app.driver import Connection, Cursor
from app.lines import WRITE, Line

# So many share a commit at most: the first of them waits for all the others.
MOST_TOGETHER = 64
_GONE = "the transaction is gone"


class SharedWriter:
    """The one connection that writes, and everybody's place in the queue for it."""

    def __init__(self, path: Path, pragmas: Iterable[str], *, patience: float) -> None:
        self.line = Line(path, pragmas)
        self._patience = patience
        self._is_open = self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._wants_no_transaction: set[asyncio.Future[None]] = set()
        self._done: list[asyncio.Future[None]] = []

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(not place.done() for place in self._waiting)

    async def begin(self) -> bool:
        """Wait for one's turn and begin; return whether that is within others' transaction.

        Raises:
            TimeoutError: it took too long.
            sqlite3.OperationalError: another program writes, and does not end.
        """
        await self._take()
        raw = self.line.raw
        try:
            if self._done:
                raw.execute("SAVEPOINT turn")
                return True
            await self.line.begin(WRITE)
        except BaseException:
            self._leave()
            raise
        return False

    async def commit(self, *, is_within: bool) -> None:
        """Have one's work kept, and wait until it is. The turn is over in any case."""
        try:
            if not self.line.raw.in_transaction:
                raise self._why_gone()
            if is_within:
                self.line.raw.execute("RELEASE turn")
        except sqlite3.Error:
            self.rollback(is_within=is_within)
            raise
        kept = asyncio.get_running_loop().create_future()
        self._done.append(kept)
        self._leave()
        await kept

    def rollback(self, *, is_within: bool) -> None:
        """Undo one's work. The turn is over."""
        raw = self.line.raw
        if not raw.in_transaction:
            # A full disk undoes everything at once, whoever did it.
            self._tell(self._why_gone())
        elif is_within:
            raw.execute("ROLLBACK TO turn")
            raw.execute("RELEASE turn")
        else:
            raw.rollback()
        self._leave()

    def _why_gone(self) -> sqlite3.Error:
        """Return what undid the transaction: the statement that failed last, whoever's it was."""
        return self.line.failure or sqlite3.OperationalError(_GONE)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Line]:
        """Have the connection to oneself, without a transaction.

        Raises:
            TimeoutError: it took too long until one's turn.
        """
        await self._take(without_transaction=True)
        try:
            yield self.line
        finally:
            self._leave()

    async def close(self) -> None:
        """Close the file. Whoever begins afterwards opens it again."""
        if self._is_open:
            self._is_open = False
            await self.line.close()

    async def _take(self, *, without_transaction: bool = False) -> None:
        if self._is_taken:
            await self._wait(without_transaction=without_transaction)
        self._is_taken = True
        if not self._is_open:
            try:
                await self.line.open()
            except BaseException:
                self._leave()
                raise
            self._is_open = True

    async def _wait(self, *, without_transaction: bool) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        if without_transaction:
            self._wants_no_transaction.add(place)
        try:
            async with asyncio.timeout(self._patience):
                await place
        except BaseException:
            # The turn may have come at the very moment when the waiting ended.
            if place.done() and not place.cancelled():
                self._leave()
            raise
        finally:
            self._wants_no_transaction.discard(place)

    def _leave(self) -> None:
        """Hand the turn to the next, or commit what waits for it."""
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        heir = self._waiting[0] if self._waiting else None
        is_time = heir is None or heir in self._wants_no_transaction
        if self._done and (is_time or len(self._done) >= MOST_TOGETHER):
            self.line.start(self.line.raw.commit).add_done_callback(self._end)
        elif heir is not None:
            heir.set_result(None)
        else:
            self._is_taken = False

    def _end(self, commit: asyncio.Future[None]) -> None:
        error = commit.exception()
        if error is not None and self.line.raw.in_transaction:
            self.line.raw.rollback()
        self._tell(error)
        self._leave()

    def _tell(self, error: BaseException | None) -> None:
        """Say to all that wait for the disk how it ended."""
        done, self._done = self._done, []
        for kept in done:
            # Whoever was cancelled does not wait any more.
            if kept.done():
                continue
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(error)


class Turn:
    """A transaction at the one that writes: it begins when it is first needed."""

    def __init__(self, writer: SharedWriter) -> None:
        self._writer = writer
        self._is_mine = self._is_within = False

    async def begin(self) -> None:
        """Wait for the turn, unless it has begun."""
        if not self._is_mine:
            self._is_within = await self._writer.begin()
            self._is_mine = True

    async def run(self, sql: str, parameters: Mapping[str, Any]) -> list[Any]:
        """Run a statement of few rows, and return these."""
        await self.begin()
        line = self._writer.line
        return await line.run(sql, lambda: line.raw.execute(sql, parameters).fetchall())

    async def keep(self) -> None:
        """Have what was done kept, and wait until it is. The turn is over in any case."""
        if self._is_mine:
            self._is_mine = False
            await self._writer.commit(is_within=self._is_within)

    def undo(self) -> None:
        """Undo what was done, if anything was. The turn is over."""
        if self._is_mine:
            self._is_mine = False
            self._writer.rollback(is_within=self._is_within)


class TurnConnection(Connection):
    """A connection for SQLAlchemy's pool: turns at the one that writes, one after another."""

    def __init__(self, writer: SharedWriter) -> None:
        super().__init__(writer.line)
        self._writer = writer
        self._turn = Turn(writer)

    def join(self, turn: Turn) -> None:
        """Belong to a turn that may have begun, until it is over."""
        self._turn = turn

    def cursor(self, *, server_side: bool = False) -> Cursor:
        await_(self._turn.begin())
        return super().cursor(server_side=server_side)

    def begin(self) -> None:
        """Do nothing yet: whose turn it is will be known at the first statement."""

    def commit(self) -> None:
        await_(self._leave().keep())

    def rollback(self) -> None:
        self._leave().undo()

    def _leave(self) -> Turn:
        turn, self._turn = self._turn, Turn(self._writer)
        return turn

    def close(self) -> None:
        self.rollback()

    def terminate(self) -> None:
        self.rollback()
