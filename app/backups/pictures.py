"""The pictures of a backup: from the folder where they lie, or out of the store that keeps them."""

import asyncio
from contextlib import suppress
from pathlib import Path

from app.backups.archive import PICTURES, Writer
from app.config import Settings
from app.config.stores import StoreAddress
from app.pictures.bucket import PictureBucket
from app.pictures.store import Stored, is_name
from app.progress import Stages


def add_pictures(writer: Writer, settings: Settings, work: Path, stages: Stages) -> None:
    """Put those in that are not in yet. Not inside an event loop.

    Raises:
        PicturesAway: the store does not answer, or refuses.
    """
    if (address := settings.store_address) is not None:
        asyncio.run(_fetch(writer, address, work / "picture", stages))
        return
    names = {path: f"{PICTURES}{path.name}" for path in list_pictures(settings.pictures_dir)}
    new = [path for path, name in names.items() if name not in writer.members]
    with stages.stage("pictures", len(new)) as advance:
        for path in new:
            with suppress(FileNotFoundError):  # somebody has just removed it
                writer.add(names[path], path, lambda _count: None)
            advance(1)


def measure_pictures(settings: Settings) -> int:
    """Return how many bytes they have."""
    if (address := settings.store_address) is not None:
        return sum(one.size_bytes for one in asyncio.run(_list(address)))
    return sum(map(_size, list_pictures(settings.pictures_dir)))


def list_pictures(folder: Path) -> list[Path]:
    """Return the files of pictures in a folder that may not be there."""
    found = folder.glob("*.webp") if folder.is_dir() else ()
    return sorted(path for path in found if is_name(path.stem))


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # somebody has just removed it
        return path.stat().st_size
    return 0


async def _list(address: StoreAddress) -> list[Stored]:
    bucket = PictureBucket(address)
    try:
        return await bucket.list_stored()
    finally:
        await bucket.close()


async def _fetch(writer: Writer, address: StoreAddress, copy: Path, stages: Stages) -> None:
    bucket = PictureBucket(address)
    try:
        names = {one.name: f"{PICTURES}{one.name}.webp" for one in await bucket.list_stored()}
        new = [name for name, member in names.items() if member not in writer.members]
        with stages.stage("pictures", len(new)) as advance:
            for name in new:
                with suppress(FileNotFoundError):
                    await asyncio.to_thread(copy.write_bytes, await bucket.read(name))
                    writer.add(names[name], copy, lambda _count: None)
                advance(1)
    finally:
        await bucket.close()
