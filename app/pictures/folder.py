"""The folder that keeps pictures: a file of its own for each, written whole or not at all."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import PicturesAway
from app.pictures.store import MARK, Stored, check_name, is_name
from app.trouble import has_no_room

log = logging.getLogger("portfolio.pictures")

_WHOLE, _PARTIAL = ".webp", ".part"


class PictureFolder:
    """The files `<name>.webp` of one folder, for this user alone.

    `is_elsewhere` says that it is no folder of the instance: never made here, and marked.
    """

    def __init__(self, path: Path, *, is_elsewhere: bool = False) -> None:
        self._path = path
        self._is_elsewhere = is_elsewhere
        self._was_marked = False

    def path_of(self, name: str) -> Path:
        """Return where a picture is kept.

        Raises:
            ValueError: this is no name of ours.
        """
        return self._path / f"{check_name(name)}{_WHOLE}"

    async def write(self, name: str, webp: bytes) -> None:
        await asyncio.to_thread(self._write, self.path_of(name), webp)

    async def read(self, name: str) -> bytes:
        return await asyncio.to_thread(self._read, self.path_of(name))

    def remove(self, name: str) -> None:
        try:
            self.path_of(name).unlink(missing_ok=True)
        except OSError:
            # What was decided stands; the file can be reached by nobody.
            log.exception("A picture that is not used any more could not be removed")

    async def list_stored(self) -> list[Stored]:
        return await asyncio.to_thread(lambda: sorted(self._list(_WHOLE), key=lambda one: one.name))

    async def erase(self, name: str) -> None:
        await asyncio.to_thread(self.path_of(name).unlink, missing_ok=True)

    async def erase_partial(self, before: float) -> int:
        return await asyncio.to_thread(self._erase_partial, before)

    async def read_mark(self) -> str | None:
        return await asyncio.to_thread(self._read_mark)

    async def set_mark(self, owner: str) -> None:
        # A file for this user alone, and whole, as a picture is.
        await asyncio.to_thread(_write, self._path / MARK, owner.encode())
        self._was_marked = True

    async def check(self) -> None:
        await asyncio.to_thread(self._check)

    async def close(self) -> None:
        """Nothing is open."""

    def _write(self, path: Path, webp: bytes) -> None:
        with self._away():
            if not self._is_elsewhere:
                path.parent.mkdir(mode=0o700, exist_ok=True)
            self._find_mark()
            _write(path, webp)

    def _read(self, path: Path) -> bytes:
        with self._away():
            try:
                return path.read_bytes()
            except FileNotFoundError:
                self._find_mark()
                raise

    def _check(self) -> None:
        with self._away():
            self._find_mark()
            if self._is_elsewhere and not os.access(self._path, os.W_OK | os.X_OK):
                raise PermissionError

    @contextmanager
    def _away(self) -> Iterator[None]:
        """Tell a folder that is out of reach from a picture that is not there."""
        try:
            yield
        except OSError as error:
            is_missing = isinstance(error, FileNotFoundError) and self._path.is_dir()
            if not self._is_elsewhere or is_missing or has_no_room(error):
                raise
            log.warning("The folder of pictures cannot be used: %s", type(error).__name__)
            raise PicturesAway from error

    def _find_mark(self) -> None:
        """Raise PicturesAway where the folder is another than before: the mount has gone."""
        if self._was_marked and not (self._path / MARK).exists():
            log.warning("The folder of pictures has lost its mark: is it mounted?")
            raise PicturesAway

    def _read_mark(self) -> str | None:
        with self._away():
            try:
                owner = (self._path / MARK).read_text("ascii", "replace")
            except FileNotFoundError:
                return None
            self._was_marked = True
            return owner

    def _list(self, ending: str) -> Iterator[Stored]:
        if not self._path.is_dir():
            return
        for file in self._path.iterdir():
            if file.suffix != ending or not is_name(file.stem):
                continue
            try:
                status = file.stat()
            except FileNotFoundError:
                continue  # somebody has just removed it
            yield Stored(file.stem, status.st_size, status.st_mtime)

    def _erase_partial(self, before: float) -> int:
        old = [one.name for one in self._list(_PARTIAL) if one.changed_at <= before]
        for name in old:
            (self._path / f"{name}{_PARTIAL}").unlink(missing_ok=True)
        return len(old)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_suffix(_PARTIAL)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make a new name in a folder last: the name is the folder's content."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
