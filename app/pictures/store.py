"""Where pictures lie: what a place for them has to do, whichever it is.

Names are ours and random; nothing that anybody sends ever becomes part of a path. A picture is
written whole or not at all, and never changed.

A place that the settings name may be somebody else's by mistake, or a mount that is not mounted. So
it holds a mark that says whose it is: without ours nothing is ever cleaned up in it, and once it
was seen there, a place without it is taken for one that is out of reach.
"""

import os
import re
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.config.stores import StoreAddress

MARK = ".portfolio"
_NAME = re.compile(r"[A-Za-z0-9_-]{16,32}")


def is_name(text: str) -> bool:
    """Whether this could be the name of a picture at all."""
    return _NAME.fullmatch(text) is not None


def check_name(name: str) -> str:
    """Return a name as it is.

    Raises:
        ValueError: this is no name of ours.
    """
    if not is_name(name):
        raise ValueError("Not the name of a picture.")
    return name


def find_lack_of_authorities(address: StoreAddress | None) -> str | None:
    """Return what is wrong with the file of certificate authorities that an address names."""
    if address is None or address.ca is None:
        return None
    try:
        ssl.create_default_context(cafile=address.ca)
    except OSError as error:
        kind = type(error).__name__
        return f"{address.ca}, which UPLOADS_URL names, holds no certificates ({kind})."
    return None


def find_fault(folder: Path | None) -> str | None:
    """Return what is wrong with a folder for pictures that the settings name, and what to do.

    It is never made: a mount that is missing would be taken for an empty folder.
    """
    if folder is None:
        return None
    try:
        mode = folder.stat().st_mode
        is_usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    except OSError as error:
        return f"{folder} cannot be used: {error.strerror}. Make or mount it, or set UPLOADS_DIR."
    if not stat.S_ISDIR(mode):
        return f"{folder} is not a folder. Set UPLOADS_DIR to one."
    if not is_usable:
        return f"{folder} cannot be written to. Give this user the right to, or set UPLOADS_DIR."
    if mode & stat.S_IWOTH:
        return f"Anybody can take pictures out of {folder}. Run: chmod o-rwx {folder}"
    return None


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture in its place: its name, how large it is, when it came, in seconds since 1970."""

    name: str
    size_bytes: int
    changed_at: float


class PictureStore(Protocol):
    """A place for pictures. What it cannot do at this moment raises PicturesAway or OSError."""

    async def write(self, name: str, webp: bytes) -> None:
        """Store a picture so that it is there after a power cut."""

    async def read(self, name: str) -> bytes:
        """Return a picture.

        Raises:
            FileNotFoundError: it is not there.
        """

    def remove(self, name: str) -> None:
        """Take a picture away soon; one that is not there is fine, and so is a failure."""

    async def list_stored(self) -> list[Stored]:
        """Return all pictures that are there, by name."""

    async def erase(self, name: str) -> None:
        """Take a picture away now."""

    async def erase_partial(self, before: float) -> int:
        """Take away what was not written to its end before a moment; return how much that was."""

    async def read_mark(self) -> str | None:
        """Return whose place this is, or None where nobody says so."""

    async def set_mark(self, owner: str) -> None:
        """Say whose place this is."""

    async def check(self) -> None:
        """Raise what keeps pictures from being stored now."""

    async def close(self) -> None:
        """End what was begun, and let go of what is open."""
