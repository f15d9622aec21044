"""What a running application holds open, in one place: made at start, closed at the end.

The server and every command make one and hand it down; nothing here is a global.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app.codes import CodeKeys
from app.config import Settings
from app.db import Database
from app.devices import DeviceCodec
from app.floods import Flood
from app.kept import Kept
from app.keys import KeyRing
from app.metrics import Metrics
from app.passwords import PasswordHasher
from app.pictures import PictureReader
from app.pictures.folder import PictureFolder
from app.pictures.store import PictureStore
from app.principals import Principals
from app.rate_limit import CountedThrottles, Limits, MemoryThrottles, Throttles
from app.stopping import Stopping
from app.tokens import TokenCodec

if TYPE_CHECKING:
    from app.cache.line import CacheLine


@dataclass(frozen=True, slots=True)
class Resources:
    """The database, the keys, the hashing pool, the pictures and the bounds of one process."""

    settings: Settings
    metrics: Metrics
    database: Database
    codec: TokenCodec
    principals: Principals
    kept: Kept
    hasher: PasswordHasher
    devices: DeviceCodec
    codes: CodeKeys
    limits: Limits
    throttles: Throttles
    # Where the throttles are counted, if that is in a cache; who serves looks after it.
    cache: "CacheLine | None"
    flood: Flood
    pictures: PictureReader
    picture_store: PictureStore
    stopping: Stopping = field(default_factory=Stopping)


def load_key_ring(settings: Settings) -> KeyRing:
    """Read the key ring: from SECRET_KEY if that is set, else from the instance folder."""
    if settings.secret_key is not None:
        return KeyRing.from_secret(settings.secret_key.get_secret_value())
    return KeyRing.read(settings.keys_path)


def _make_throttles(settings: Settings, ring: KeyRing) -> tuple[Throttles, "CacheLine | None"]:
    """Return what counts attempts, and the way to the cache if it does so there."""
    if settings.cache_address is None:
        return MemoryThrottles(), None
    # Imported here: it brings the client, which few servers need and have.
    from app.shared_throttles import SharedThrottles, derive_secret, open_line  # noqa: PLC0415

    secret = derive_secret(ring)
    line = open_line(settings.cache_address, secret)
    return SharedThrottles(line, secret), line


def _open_store(settings: Settings) -> PictureStore:
    if (address := settings.store_address) is not None:
        # Imported here: few servers ask a store.
        from app.pictures.bucket import PictureBucket  # noqa: PLC0415

        return PictureBucket(address)
    return PictureFolder(settings.pictures_dir, is_elsewhere=settings.are_pictures_elsewhere)


@asynccontextmanager
async def open_resources(
    settings: Settings, metrics: Metrics | None = None
) -> AsyncIterator[Resources]:
    """Open everything, and close it when the block ends."""
    metrics = metrics or Metrics()
    database = Database(settings)
    hasher = PasswordHasher(settings)
    store = _open_store(settings)
    try:
        ring = load_key_ring(settings)
        codec = TokenCodec(ring)
        throttles, cache = _make_throttles(settings, ring)
        yield Resources(
            settings=settings,
            metrics=metrics,
            database=database,
            codec=codec,
            principals=Principals(database, codec),
            kept=Kept(database),
            hasher=hasher,
            devices=DeviceCodec(ring, timedelta(days=settings.known_device_days)),
            codes=CodeKeys(ring),
            limits=Limits.read(settings),
            throttles=CountedThrottles(throttles, metrics),
            cache=cache,
            flood=Flood(),
            pictures=PictureReader(),
            picture_store=store,
        )
    finally:
        hasher.close()
        await store.close()
        await database.dispose()
