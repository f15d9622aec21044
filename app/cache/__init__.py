"""The way to Valkey or Redis, where CACHE_URL leads to one.

Nothing here is needed: whoever asks does without when there is no answer, and learns that at once.
Only this package knows the client, which is loaded where CACHE_URL is set and nowhere else.
"""

# No request waits for longer than 50 ms, whatever it asks and however often; a timer may be late.
BUDGET_SECONDS = 0.045
# Who was too slow is taken for quick again when it needs a quarter of that: a request asks several
# times, and a cache on the verge would come and go.
QUICK_SECONDS = 0.01


def name_trouble(error: Exception) -> str:
    """Return a word for what is wrong. Its own words may quote what a stranger sent."""
    cause = error.__cause__
    return type(cause if isinstance(cause, Exception) else error).__name__
