"""The bucket that keeps pictures: an object of its own for each, in a store that speaks S3.

A store takes an object whole or not at all, and has it on its disks when it says so. Objects are
private, as a bucket has them unless it is told otherwise: nobody reads them but through us.

What is asked waits in a thread of the store's own, so that one that hangs keeps nobody from the
threads of others; and after it has failed, nobody waits for it again for a moment.
"""

import asyncio
import html
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from app.config.stores import StoreAddress
from app.errors import PicturesAway
from app.pictures.asking import Answer, AskedInVain, Asker
from app.pictures.store import MARK, Stored, check_name, is_name

log = logging.getLogger("portfolio.pictures")

# How long a request waits in all, for its turn and for the answer, and for how long nobody asks
# after that.
PATIENCE_SECONDS, PAUSE_SECONDS = 10.0, 2.0
# How long an end waits for what is still to be removed.
LAST_SECONDS = 3.0
_ENDING = ".webp"
_THREADS = 32
_ENTRY = re.compile(rb"<Contents>(.*?)</Contents>", re.DOTALL)
# As many as a store lists at once. Smaller in tests.
PAGE = 1000
_GONE = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.OK, HTTPStatus.NOT_FOUND})

Found = TypeVar("Found")


class PictureBucket:
    """The objects `<name>.webp` in one bucket."""

    def __init__(self, address: StoreAddress) -> None:
        self._asker = Asker(address)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pictures")
        self._removals: set[asyncio.Task[None]] = set()
        self._asked_again_at = 0.0
        self._was_marked = False

    async def write(self, name: str, webp: bytes) -> None:
        key = _key_of(name)
        await self._ask(lambda: self._put(key, webp, "image/webp"))

    async def read(self, name: str) -> bytes:
        key = _key_of(name)
        found = await self._ask(lambda: self._get(key))
        if found is None:
            raise FileNotFoundError(name)
        return found

    def remove(self, name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._remove(name))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def list_stored(self) -> list[Stored]:
        return await self._ask(self._list, is_long=True)

    async def erase(self, name: str) -> None:
        key = _key_of(name)
        await self._ask(lambda: self._asker.ask("DELETE", key).expect(_GONE))

    async def erase_partial(self, before: float) -> int:
        """Return 0: a store shows nothing that was not written to its end."""
        del before
        return 0

    async def read_mark(self) -> str | None:
        found = await self._ask(lambda: self._get(MARK))
        if found is None:
            return None
        self._was_marked = True
        return found.decode("ascii", "replace")

    async def set_mark(self, owner: str) -> None:
        await self._ask(lambda: self._put(MARK, owner.encode(), "text/plain"))
        self._was_marked = True

    async def check(self) -> None:
        if await self._ask(lambda: self._get(MARK)) is None and self._was_marked:
            raise PicturesAway

    async def close(self) -> None:
        if self._removals:
            await asyncio.wait(self._removals, timeout=LAST_SECONDS)
        for task in self._removals:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._asker.close()

    async def _remove(self, name: str) -> None:
        try:
            await self.erase(name)
        except PicturesAway:
            # What was decided stands; the object can be reached by nobody, and goes at a start.
            log.warning("A picture that is not used any more could not be removed")

    async def _ask(self, act: Callable[[], Found], *, is_long: bool = False) -> Found:
        if time.monotonic() < self._asked_again_at:
            raise PicturesAway
        try:
            async with asyncio.timeout(None if is_long else PATIENCE_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, act)
        except (AskedInVain, TimeoutError) as error:
            self._asked_again_at = time.monotonic() + PAUSE_SECONDS
            reason = str(error) or "no answer in time"
            log.warning("The store of pictures did not do what was asked: %s", reason)
            raise PicturesAway from error

    def _put(self, key: str, content: bytes, kind: str) -> None:
        self._asker.ask("PUT", key, content=content, kind=kind).expect({HTTPStatus.OK})

    def _get(self, key: str) -> bytes | None:
        answer = self._asker.ask("GET", key)
        if answer.status == HTTPStatus.NOT_FOUND and answer.code == "NoSuchKey":
            return None
        answer.expect({HTTPStatus.OK})
        return answer.content

    def _list(self) -> list[Stored]:
        found: list[Stored] = []
        last = ""
        while True:
            query = {"list-type": "2", "max-keys": str(PAGE)}
            if last:
                query["start-after"] = last
            answer = self._asker.ask("GET", "", query=query)
            answer.expect({HTTPStatus.OK})
            page = _Page(answer, self._asker.folder)
            found += page.stored
            if not page.is_truncated:
                return sorted(found, key=lambda one: one.name)
            last = page.last


class _Page:
    """A part of a listing. The little that is in it is found without a parser of XML."""

    def __init__(self, answer: Answer, folder: str) -> None:
        self.stored: list[Stored] = []
        self.last = ""
        with answer.well_formed():
            self.is_truncated = _field(answer.content, b"IsTruncated") == "true"
            for entry in _ENTRY.findall(answer.content):
                self._take(entry, folder)
            if self.is_truncated and not self.last:
                raise ValueError

    def _take(self, entry: bytes, folder: str) -> None:
        self.last = _field(entry, b"Key")
        name = self.last.removeprefix(folder).removesuffix(_ENDING)
        if self.last == f"{folder}{name}{_ENDING}" and is_name(name):
            changed_at = datetime.fromisoformat(_field(entry, b"LastModified")).timestamp()
            self.stored.append(Stored(name, int(_field(entry, b"Size")), changed_at))


def _field(text: bytes, name: bytes) -> str:
    """Return what stands in an element that has nothing but text in it.

    Raises:
        ValueError: there is none.
    """
    _, tag, rest = text.partition(b"<" + name + b">")
    found, end, _ = rest.partition(b"</" + name + b">")
    if not (tag and end):
        raise ValueError
    return html.unescape(found.decode())


def _key_of(name: str) -> str:
    return f"{check_name(name)}{_ENDING}"
