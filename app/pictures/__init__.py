"""Pictures: read by a process of their own, kept in a folder of their own.

`decoder.py` is that process and `folder.py` the folder; here is what asks the one. A process for
each picture costs some 60 ms, and buys that a decoder which crashes, hangs, eats memory or is taken
over has nothing to do with the server, with its keys, or with the next person's picture.
"""

import asyncio
import logging
import os
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from app.errors import PictureRefused, PicturesBusy

log = logging.getLogger("portfolio.pictures")

MAX_BYTES = 8 * 1024 * 1024
# What bodies with pictures that are on their way in or wait may hold of memory altogether: a class
# sends its photos at once and gets in, and nobody fills the memory.
ROOM = 256 * 1024 * 1024
TIME_LIMIT = 60.0
# Far above what 512 pixels on a side can take: a bound for a decoder that somebody took over.
_MAX_WRITTEN = 2 * 1024 * 1024
_HEADER = 4
_MAX_SIDE = 512
_LOWEST_PRIORITY = 19
_DECODER = Path(__file__).with_name("decoder.py")
# The decoder's own statuses: done, and no picture. Python ends with 1 when it cannot even start.
_DONE, _CANNOT_START, _REFUSED = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A picture made of pixels alone, as WebP."""

    webp: bytes
    width: int
    height: int


class PictureReader:
    """Has pictures decoded, one at a time, each in a process that ends with it."""

    def __init__(self, *, room: int = ROOM, time_limit: float = TIME_LIMIT) -> None:
        self._room = room
        self._time_limit = time_limit
        self._held = 0
        self._turn = asyncio.Lock()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Hold room for so many bytes, from before the first is read until the picture is stored.

        Raises:
            PicturesBusy: there is not that much left.
        """
        if self._held + size > self._room:
            raise PicturesBusy
        self._held += size
        try:
            yield
        finally:
            self._held -= size

    async def unpack(self, work: Callable[[], bytes]) -> bytes:
        """Do what brings a picture out of its body, off the loop and one at a time."""
        async with self._turn:
            return await asyncio.to_thread(work)

    async def rewrite(self, source: bytes) -> Rewritten:
        """Return what is seen of a picture, at most 512 pixels on a side. Needs no transaction.

        Raises:
            PictureRefused: it is larger than MAX_BYTES, or the decoder made no picture of it.
            PicturesBusy: the machine has so much to do that it was not decoded in time.
        """
        if not source or len(source) > MAX_BYTES:
            raise PictureRefused
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                # Isolated, and with an empty environment: no setting and no secret is there to see.
                *(sys.executable, "-I", str(_DECODER)),
                stdin=PIPE,
                stdout=PIPE,
                # What a file makes PIL say is no line of our log.
                stderr=DEVNULL,
                env={},
            )
            try:
                async with asyncio.timeout(self._time_limit):
                    return await _converse(process, source)
            except TimeoutError as error:
                # Not the picture's fault: what takes too much of a processor ends by itself.
                log.warning("The picture decoder got too little of the processor")
                raise PicturesBusy from error
            finally:
                await _end(process)


async def _converse(process: Process, source: bytes) -> Rewritten:
    """Hand a picture over and read what comes back, within bounds."""
    stdin, stdout = cast("StreamWriter", process.stdin), cast("StreamReader", process.stdout)
    with suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PROCESS, process.pid, _LOWEST_PRIORITY)
    # A decoder that ends early no longer listens; its status says why.
    with suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(source)
        await stdin.drain()
    stdin.close()
    try:
        await stdout.readexactly(_MAX_WRITTEN)
    except asyncio.IncompleteReadError as end:
        written = end.partial
    else:
        raise PictureRefused
    status = await process.wait()
    if status == _CANNOT_START:
        raise RuntimeError("The picture decoder cannot start.")
    if status not in {_DONE, _REFUSED}:
        log.warning("The picture decoder ended", extra={"status": status})
    if status != _DONE:
        raise PictureRefused
    return _check(written)


def _check(written: bytes) -> Rewritten:
    """Believe the decoder no more than is needed: what it wrote must look like its work."""
    width, height = (int.from_bytes(written[at : at + 2]) for at in (0, 2))
    webp = written[_HEADER:]
    is_webp = webp[:4] == b"RIFF" and webp[8:12] == b"WEBP"
    if not is_webp or not 0 < min(width, height) <= max(width, height) <= _MAX_SIDE:
        raise PictureRefused
    return Rewritten(webp, width, height)


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    # Also when the one who asked has gone: neither a process nor a pipe is left behind.
    await asyncio.shield(process.communicate())
