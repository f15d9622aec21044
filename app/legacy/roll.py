"""The list of everybody, as text: written some hundred people at a time, kept if it is not large.

A list is read as of one moment. One that fits is written before its first byte is sent, by one
request for all that ask meanwhile, and kept until something is committed (see kept.py). A larger
one goes out while it is read, and is never in memory as a whole.
"""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from app.db import ReadRows
from app.departures import wait_for_departure
from app.legacy import people
from app.legacy.people import Person
from app.principals import Principal
from app.resources import Resources

# How many people are read and written while the event loop stands still: a few milliseconds.
SLICE = 250
# A list that goes out while it is read holds a moment of the database for no longer than this.
LONGEST_SECONDS = 120.0
_END = b"\n]"


class Roll:
    """The list as everybody sees it who is not on it, in slices: a line for each person."""

    def __init__(self) -> None:
        self.size = 0
        self._slices: list[bytes] = []
        self._last_ids: list[int] = []

    def add(self, persons: Sequence[Person], text: bytes) -> None:
        """Add some people and their lines."""
        self._slices.append(text)
        self._last_ids.append(persons[-1].id)
        self.size += len(text)

    def pieces(self, own: Person | None, viewer: Principal) -> list[bytes]:
        """Return the JSON with somebody's own line in place of what others see of them."""
        pieces = [*self._slices, _END] if self._slices else [b"[", _END]
        place = bisect_left(self._last_ids, viewer.user_id)
        # No text in JSON has a line break in it.
        start = pieces[place].find(b'\n{"id":%d,' % viewer.user_id) + 1
        if own is not None and start:
            slice_ = pieces[place]
            following = slice_.find(b",\n", start)
            rest = slice_[following:] if following > 0 else b""
            pieces[place] = slice_[:start] + people.write_own_in_list(own) + rest
        return pieces


class Rolls:
    """Writes the lists of one application, and knows which of them are too large to be kept."""

    def __init__(self) -> None:
        self._writing = asyncio.Lock()
        # Whether as admins see it.
        self._large: set[bool] = set()

    async def answer(self, resources: Resources, viewer: Principal) -> Response:
        """Answer with everybody.

        Raises:
            DatabaseBusy: no connection was free in time, or the database is out of reach.
        """
        if viewer.is_admin not in self._large:
            pieces = await self._find(resources, viewer)
            if pieces is not None:
                return Pieces(_each(pieces), size=sum(map(len, pieces)))
        return Pieces(self._stream(resources, viewer), longest_seconds=LONGEST_SECONDS)

    async def _find(self, resources: Resources, viewer: Principal) -> list[bytes] | None:
        """Return the list in pieces; None if it is too large."""
        pieces = await _find_kept(resources, viewer)
        if pieces is not None:
            return pieces
        async with self._writing:
            # Perhaps whoever was before us has just written it.
            return await _find_kept(resources, viewer) or await self._write(resources, viewer)

    async def _write(self, resources: Resources, viewer: Principal) -> list[bytes] | None:
        key, version = _key(viewer), resources.kept.version()
        roll = Roll()
        async with resources.database.snapshot() as read:
            async for persons in _slices(read, is_admin=viewer.is_admin):
                opening = b"," if roll.size else b"["
                lines = people.write_in_list(persons, is_admin=viewer.is_admin)
                roll.add(persons, _text(opening, lines))
                if roll.size > _most(resources):
                    self._large.add(viewer.is_admin)
                    return None
            own = await people.read_person(read, user_id=viewer.user_id)
        resources.kept.keep(key, roll, size=roll.size, version=version)
        return roll.pieces(own, viewer)

    async def _stream(self, resources: Resources, viewer: Principal) -> AsyncGenerator[bytes]:
        """Yield the list while it is read."""
        opening, size = b"[", 0
        async with resources.database.snapshot() as read:
            own = await people.read_person(read, user_id=viewer.user_id)
            async for persons in _slices(read, is_admin=viewer.is_admin):
                lines = people.write_in_list(persons, is_admin=viewer.is_admin)
                if own is not None and persons[0].id <= own.id <= persons[-1].id:
                    place = [one.id for one in persons].index(own.id)
                    lines[place] = people.write_own_in_list(own)
                text = _text(opening, lines)
                opening, size = b",", size + len(text)
                yield text
        yield _END if size else b"[" + _END
        if size <= _most(resources):
            self._large.discard(viewer.is_admin)


class Pieces(Response):
    """JSON that is sent piece by piece, for as long as somebody takes it."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        *,
        size: int | None = None,
        longest_seconds: float | None = None,
    ) -> None:
        super().__init__(media_type="application/json")
        del self.headers["content-length"]
        if size is not None:
            self.headers["content-length"] = str(size)
        self._pieces = pieces
        self._longest_seconds = longest_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (Starlette's signature)
        """Send it. What can fail does so before the first byte, while there can be another answer.

        Raises:
            DatabaseBusy: the database is out of reach.
            TimeoutError: it took too long to send.
        """
        gone = asyncio.create_task(wait_for_departure(receive))
        try:
            async with asyncio.timeout(self._longest_seconds), aclosing(self._pieces) as pieces:
                piece = await anext(pieces)
                start = {"status": self.status_code, "headers": self.raw_headers}
                await send({"type": "http.response.start", **start})
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                async for piece in pieces:
                    # The connection writes meanwhile, and then knows whether it takes more.
                    await asyncio.sleep(0)
                    if gone.done():
                        return
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()


async def _find_kept(resources: Resources, viewer: Principal) -> list[bytes] | None:
    key = _key(viewer)
    roll: Roll | None = resources.kept.find(key)
    if roll is None:
        return None
    own = await people.read_person(resources.database.read_rows, user_id=viewer.user_id)
    # Otherwise one's own line would be of another moment than those of all others.
    is_fresh = resources.kept.find(key) is roll
    return roll.pieces(own, viewer) if is_fresh else None


def _key(viewer: Principal) -> Hashable:
    # Admins see how old people are today.
    return "roll", datetime.now(UTC).date() if viewer.is_admin else None


def _most(resources: Resources) -> int:
    # So that there is room for both, as admins see it and as everybody else does.
    return resources.kept.max_bytes // 2


async def _slices(read: ReadRows, *, is_admin: bool) -> AsyncIterator[list[Person]]:
    after = 0
    while found := await people.read_following(read, after=after, limit=SLICE, is_admin=is_admin):
        yield found
        after = found[-1].id
        await asyncio.sleep(0)


def _text(opening: bytes, lines: Sequence[bytes]) -> bytes:
    return opening + b"\n" + b",\n".join(lines)


async def _each(pieces: Sequence[bytes]) -> AsyncGenerator[bytes]:
    for piece in pieces:
        yield piece


async def _rolls(request: Request) -> Rolls:
    rolls: Rolls = request.app.state.rolls
    return rolls


RollsDep = Annotated[Rolls, Depends(_rolls)]
