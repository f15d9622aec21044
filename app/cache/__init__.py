"""The way to Valkey or Redis, where CACHE_URL leads to one.

Nothing here is needed: whoever asks does without when there is no answer, and learns that at once.
Only this package knows the client, which is loaded where CACHE_URL is set and nowhere else.
"""

from importlib.util import find_spec

from app.config import Settings

# No request waits for longer than 50 ms, whatever it asks and however often; a timer may be late.
BUDGET_SECONDS = 0.045
# Who was too slow is taken for quick again when it needs a quarter of that: a request asks several
# times, and a cache on the verge would come and go.
QUICK_SECONDS = 0.01


def name_trouble(error: Exception) -> str:
    """Return a word for what is wrong. Its own words may quote what a stranger sent."""
    cause = error.__cause__
    return type(cause if isinstance(cause, Exception) else error).__name__


def check_client(settings: Settings) -> str | None:
    """Return why the cache of the settings cannot be used at all, if so."""
    if settings.cache_url is None or find_spec("redis") is not None:
        return None
    return (
        "CACHE_URL leads to Valkey or Redis, and the client for it is not installed. "
        "Run: pip install redis (in a clone: make run)."
    )
