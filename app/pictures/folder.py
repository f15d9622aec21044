"""The folder that keeps pictures: a file of its own for each, written whole or not at all.

Names are ours and random; nothing that anybody sends ever becomes part of a path.
"""

import asyncio
import logging
import os
import re
from pathlib import Path

log = logging.getLogger("portfolio.pictures")

_WHOLE, _PARTIAL = ".webp", ".part"
_ENDINGS = frozenset({_WHOLE, _PARTIAL})
_NAME = re.compile(r"[A-Za-z0-9_-]{16,32}")


def is_name(text: str) -> bool:
    """Whether this could be the name of a picture at all."""
    return _NAME.fullmatch(text) is not None


def is_partial(file: Path) -> bool:
    """Whether this file was not written to its end."""
    return file.suffix == _PARTIAL


class PictureFolder:
    """The files `<name>.webp` of one folder, for this user alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def path_of(self, name: str) -> Path:
        """Return where a picture is kept.

        Raises:
            ValueError: this is no name of ours.
        """
        if not is_name(name):
            raise ValueError("Not the name of a picture.")
        return self._path / f"{name}{_WHOLE}"

    async def write(self, name: str, webp: bytes) -> None:
        """Store a picture so that it is there after a power cut."""
        await asyncio.to_thread(_write, self.path_of(name), webp)

    async def read(self, name: str) -> bytes:
        """Return a picture.

        Raises:
            FileNotFoundError: it is not there.
        """
        return await asyncio.to_thread(self.path_of(name).read_bytes)

    def list_files(self, before: float) -> list[Path]:
        """Return our files that were last changed before a moment, in seconds since 1970."""
        if not self._path.is_dir():
            return []
        return sorted(
            file
            for file in self._path.iterdir()
            if file.suffix in _ENDINGS and is_name(file.stem) and file.stat().st_mtime <= before
        )

    def remove(self, name: str) -> None:
        """Take a picture away, at once; one that is not there is fine."""
        try:
            self.path_of(name).unlink(missing_ok=True)
        except OSError:
            # What was decided stands; the file can be reached by nobody.
            log.exception("A picture that is not used any more could not be removed")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
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
