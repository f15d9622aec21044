"""What a crash leaves behind: files of pictures that no row names. Taken away at the next start.

The file of a picture is written before the row that names it, and removed after the row has gone;
a server that is killed in between leaves a file that nobody can reach.

A place that the settings name may hold what is somebody else's. It is marked with the digest of the
first event of our trail, which never changes and goes along with every backup; nothing is removed
from a place with another mark. One without any is marked where all in it is ours.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import col, select

from app.locks import nobody_beside
from app.models import AuditEvent, Picture
from app.resources import Resources

log = logging.getLogger("portfolio.pictures")

# Other servers share the place: what they are just writing has no row yet. Far longer than any
# request takes, however much their clocks differ from that of the place.
_SHARED_SECONDS = 3600.0
_AT_ONCE = 500


async def remove_leftovers(resources: Resources) -> int:
    """Remove what no row names before anything is served; return how many files that were.

    Raises:
        DatabaseBusy: the database is out of reach.
        PicturesAway, OSError: the place of the pictures cannot be read or written.
    """
    path, store = resources.settings.sqlite_path, resources.picture_store
    is_shared = path is None or resources.settings.are_pictures_elsewhere
    before = time.time() - (_SHARED_SECONDS if is_shared else 0.0)
    with _nobody_writes(path) as is_alone:
        if not is_alone:
            return 0
        stored = await store.list_stored()
        unused = await _find_unused(resources, [one.name for one in stored])
        if resources.settings.are_pictures_elsewhere:
            is_known = not unused and (stored or not await _has_pictures(resources))
            if not await _is_ours(resources, is_known=bool(is_known)):
                return 0
        old = [one.name for one in stored if one.name in unused and one.changed_at <= before]
        for name in old:
            await store.erase(name)
        removed = len(old) + await store.erase_partial(before)
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


async def _find_unused(resources: Resources, names: Sequence[str]) -> set[str]:
    unused = set(names)
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        query = select(Picture.name).where(col(Picture.name).in_(some))
        async with resources.database.transaction(read_only=True) as session:
            unused.difference_update((await session.exec(query)).all())
    return unused


async def _has_pictures(resources: Resources) -> bool:
    async with resources.database.transaction(read_only=True) as session:
        return (await session.exec(select(Picture.id).limit(1))).first() is not None


async def _is_ours(resources: Resources, *, is_known: bool) -> bool:
    """Whether the place has our mark. It gets it where what is in it is known to be ours."""
    mark = await resources.picture_store.read_mark()
    query = select(AuditEvent.digest).where(AuditEvent.id == 1)
    async with resources.database.transaction(read_only=True) as session:
        owner = (await session.exec(query)).one_or_none()
    if owner is None:
        return False
    if mark is None and is_known:
        await resources.picture_store.set_mark(owner)
        return True
    if mark != owner:
        log.warning("The place of the pictures is not marked as ours: nothing is cleaned up there")
    return mark == owner
