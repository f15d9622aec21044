"""The pictures of an old server: files in a folder for each person, or base64 in the database.

Each is decoded by the pipeline that takes everybody's pictures, before the transaction. A picture
that will not do is refused by itself; its person is taken. What was written for an import that came
to nothing is removed.
"""

import base64
import binascii
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from app.errors import PictureRefused, PicturesAway
from app.legacy.importer.source import CannotImport
from app.legacy.importer.values import UNKNOWN, text, words
from app.models import new_public_id
from app.pictures import MAX_BYTES, Rewritten
from app.resources import Resources

_NOT_FOUND = "its picture was not found"
_REFUSED = "its picture was refused: it is none, or too large"
# What the servers wrote for those who never chose one.
_DEFAULT = "default.png"
# A file's name is no longer; what is, is the picture itself.
_LONGEST_NAME = 255
_MAX_BASE64 = MAX_BYTES * 3 // 2

Settled = tuple[dict[str, Any] | None, str | None]


class Owner(Protocol):
    """Whoever has a picture: a row of the users."""

    digest: str
    fields: Mapping[str, Any]


class Pictures:
    """Settles pictures, all before the transaction, and answers for their files."""

    def __init__(self, resources: Resources, folder: Path | None, *, is_dry_run: bool) -> None:
        self._resources = resources
        self._folder = folder
        self._is_dry_run = is_dry_run
        self._settled: dict[str, Settled] = {}
        # Files that were written, and are no row's yet.
        self._waiting: set[str] = set()

    def settle(self, owner: Owner) -> Settled:
        """Return the columns of somebody's picture, if there is one, and what is to be said."""
        picture, note = self._settled.get(owner.digest, (None, None))
        if picture is not None:
            self._waiting.discard(picture["name"])
        return picture, note

    async def prepare(self, owner: Owner) -> None:
        """Find and decode somebody's picture, if they have one, and write it."""
        if not has_picture(owner.fields):
            return
        try:
            source = find_picture(self._folder, owner.fields)
            if source is not None:
                rewritten = await self._resources.pictures.rewrite(source)
                self._settled[owner.digest] = (await self._write(rewritten), None)
        except FileNotFoundError:
            self._settled[owner.digest] = (None, _NOT_FOUND)
        except (PictureRefused, OSError):
            self._settled[owner.digest] = (None, _REFUSED)

    async def _write(self, rewritten: Rewritten) -> dict[str, Any]:
        name = new_public_id()
        if not self._is_dry_run:
            try:
                await self._resources.picture_store.write(name, rewritten.webp)
            except (PicturesAway, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else error.title
                raise CannotImport(
                    f"A picture could not be kept: {reason}. Nothing was changed."
                ) from error
            self._waiting.add(name)
        size = len(rewritten.webp)
        return {
            "name": name,
            "width": rewritten.width,
            "height": rewritten.height,
            "size_bytes": size,
        }

    @contextmanager
    def answered_for(self) -> Iterator[None]:
        """Remove what was written if the block raises, and in any case what nobody got."""
        try:
            yield
        except BaseException:
            self._waiting.update(
                picture["name"] for picture, _ in self._settled.values() if picture is not None
            )
            raise
        finally:
            for name in self._waiting:
                self._resources.picture_store.remove(name)


def has_picture(fields: Mapping[str, Any]) -> bool:
    """Whether somebody may have a picture."""
    return words(fields["picture"]).lower() not in UNKNOWN


def find_picture(folder: Path | None, fields: Mapping[str, Any]) -> bytes | None:
    """Return somebody's picture as it was sent once; None for one that was never chosen.

    Raises:
        FileNotFoundError: there is no such file.
        OSError, PictureRefused: what is there is no picture, or too large.
    """
    written = text(fields["picture"])
    if len(written) > _LONGEST_NAME or written.startswith("data:"):
        return _decode(written)
    try:
        return _read(folder, [*text(fields["uid"]).split("/"), written])
    except FileNotFoundError:
        if written == _DEFAULT:
            return None
        raise


def _decode(written: str) -> bytes:
    encoded = "".join(written.rpartition(",")[2].split())
    if len(encoded) > _MAX_BASE64:
        raise PictureRefused
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureRefused from error


def _read(folder: Path | None, parts: list[str]) -> bytes:
    """Read a file below a folder. No part leads out of it: none goes up, and none is a link."""
    if any(
        part in {"", ".", ".."} or "/" in part or "\\" in part or "\0" in part for part in parts
    ):
        raise PictureRefused
    if folder is None:
        raise FileNotFoundError
    with ExitStack() as stack:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, place)
        for part in parts[:-1]:
            place = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            stack.callback(os.close, place)
        # A pipe would be waited for, if it were opened like a file.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(parts[-1], flags, dir_fd=place), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PictureRefused
            return file.read(MAX_BYTES + 1)
