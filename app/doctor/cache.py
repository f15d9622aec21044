"""The cache in which processes count limits together: whether it answers, and fast enough."""

import asyncio
from collections.abc import Iterator

from app.cache import QUICK_SECONDS, name_trouble
from app.config import Settings
from app.doctor.findings import Finding, Verdict
from app.extras import CACHE

_HEADING = "Cache"
# Its keys are nobody else's.
_SECRET = b"doctor"


def examine_cache(settings: Settings) -> Iterator[Finding]:
    """Count something in the cache, where the settings name one."""
    address = settings.cache_address
    if address is None:
        return
    missing = CACHE.find_lack()
    if missing is not None:
        yield Finding(_HEADING, str(address), "no client", Verdict.BAD, missing)
        return
    # Imported here: it brings the client, which is not always there.
    from app.shared_throttles import measure  # noqa: PLC0415

    try:
        seconds = asyncio.run(measure(address, _SECRET))
    except Exception as error:  # noqa: BLE001  (what comes from there may be anything)
        value = f"cannot be used ({name_trouble(error)})"
        advice = (
            "Start it, or check CACHE_URL and what the user in it may do. Until then each process "
            "counts limits for itself."
        )
        yield Finding(_HEADING, str(address), value, Verdict.NOTE, advice)
        return
    is_quick = seconds <= QUICK_SECONDS
    yield Finding(
        _HEADING,
        str(address),
        f"answers in {1000 * seconds:.1f} ms",
        Verdict.FINE if is_quick else Verdict.NOTE,
        "" if is_quick else "Too slow to be used: put it nearer to the server.",
    )
