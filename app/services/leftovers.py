"""What a crash leaves behind: files of pictures that no row names. Taken away at the next start.

The file of a picture is written before the row that names it, and removed after the row has gone;
a server that is killed in between leaves a file that nobody can reach.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import col, select

from app.locks import nobody_beside
from app.models import Picture
from app.pictures.folder import is_partial
from app.resources import Resources

log = logging.getLogger("portfolio.pictures")

# On PostgreSQL other servers share the folder: what they are just writing has no row yet.
_SHARED_SECONDS = 3600.0
_AT_ONCE = 500


async def remove_leftovers(resources: Resources) -> int:
    """Remove what no row names before anything is served; return how many files that were.

    Raises:
        DatabaseBusy: the database is out of reach.
        OSError: the folder cannot be read or written.
    """
    path = resources.settings.sqlite_path
    age = 0.0 if path is not None else _SHARED_SECONDS
    with _nobody_writes(path) as is_alone:
        if not is_alone:
            return 0
        files = await asyncio.to_thread(resources.picture_folder.list_files, time.time() - age)
        removed = 0
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            unused = await _find_unused(resources, some)
            await asyncio.to_thread(_remove, unused)
            removed += len(unused)
    if removed:
        log.warning("Removed files that a crash had left", extra={"files": removed})
    return removed


@contextmanager
def _nobody_writes(path: Path | None) -> Iterator[bool]:
    """Say whether no command is at work, which may be writing pictures of its own."""
    if path is None:
        yield True
        return
    with nobody_beside(path) as is_alone:
        yield is_alone


async def _find_unused(resources: Resources, files: list[Path]) -> list[Path]:
    names = {file.stem for file in files}
    query = select(Picture.name).where(col(Picture.name).in_(names))
    async with resources.database.transaction(read_only=True) as session:
        used = set((await session.exec(query)).all())
    # One that was not written to its end has another ending.
    return [file for file in files if is_partial(file) or file.stem not in used]


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
