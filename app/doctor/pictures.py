"""The store of the pictures: whether it takes one, gives it back, and is ours."""

import asyncio
import time
from collections.abc import Iterator

from app.config import Settings
from app.config.stores import StoreAddress
from app.doctor.findings import Finding, Verdict
from app.errors import PicturesAway
from app.models import new_public_id
from app.pictures.bucket import PictureBucket

_HEADING = "Pictures"


def examine_store(settings: Settings) -> Iterator[Finding]:
    """Write something into the store and take it away, where the settings name one."""
    address = settings.store_address
    if address is None:
        return
    try:
        seconds, is_marked = asyncio.run(_measure(address))
    except (PicturesAway, FileNotFoundError) as error:
        reason = error.__cause__ or "it forgets what it took"
        advice = (
            "Start it, or check UPLOADS_URL, and that the key in it may list the bucket, and read, "
            "write and delete what is in it."
        )
        yield Finding(_HEADING, str(address), f"cannot be used ({reason})", Verdict.BAD, advice)
        return
    value = f"took one, gave it back and dropped it in {seconds * 1000:.0f} ms"
    if is_marked:
        yield Finding(_HEADING, str(address), value)
        return
    advice = (
        "The server has not marked it as its own: it is new, or somebody else's pictures are in "
        "it. What crashes leave there is not removed."
    )
    yield Finding(_HEADING, str(address), value, Verdict.NOTE, advice)


async def _measure(address: StoreAddress) -> tuple[float, bool]:
    bucket, name = PictureBucket(address), new_public_id()
    try:
        started = time.perf_counter()
        await bucket.write(name, b"portfolio doctor")
        await bucket.read(name)
        await bucket.erase(name)
        seconds = time.perf_counter() - started
        return seconds, await bucket.read_mark() is not None
    finally:
        await bucket.close()
