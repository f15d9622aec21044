"""Which front ends on other origins may call the API with somebody's login.

One policy behind CORS (what a browser lets a page read) and behind the refusal of other sites'
writes (what a page may do), so that the two cannot drift apart; and which setting would allow an
origin that is refused.
"""

from app.config import Settings
from app.hosts import is_loopback, split_origin
from app.patterns import find_plain_http, read_pattern

# The server's own pages are for people on this origin; other sites call the API.
COVERED = ("/api/", "/static/", "/pictures/", "/openapi.json")


class OriginPolicy:
    """The entries of CORS_ORIGINS, and outside production every loopback origin on any port."""

    def __init__(self, settings: Settings) -> None:
        self._exact = frozenset(entry for entry in settings.cors_origins if "*" not in entry)
        patterns = (read_pattern(entry) for entry in settings.cors_origins if "*" in entry)
        self._patterns = tuple(pattern for pattern in patterns if pattern is not None)
        self._allow_loopback = not settings.is_production

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may act for their visitor. `null` never may."""
        if origin in self._exact:
            return True
        parts = split_origin(origin)
        if parts is None:
            return False
        if self._allow_loopback and is_loopback(parts.host):
            return True
        return any(pattern.matches(parts) for pattern in self._patterns)

    def covers(self, path: str) -> bool:
        """Whether this path is for other origins at all."""
        return path.startswith(COVERED)


def suggest(settings: Settings, origin: str) -> str:
    """Return CORS_ORIGINS as it would have to be for a refused origin; empty if nothing helps."""
    parts = split_origin(origin)
    if parts is None:
        return ""
    if _must_be_https(settings, origin):
        origin = str(parts._replace(scheme="https"))
    return f"CORS_ORIGINS={','.join((*settings.cors_origins, origin))}"


def advise(settings: Settings, origin: str) -> str:
    """Say in a sentence what would allow an origin that is refused."""
    setting = suggest(settings, origin)
    if not setting:
        return "Nothing can allow it: open the page from a web server and not from a file."
    if _must_be_https(settings, origin):
        return f"Serve that page over https, then set {setting} and start the server again."
    return f"To allow it, set {setting} and start the server again."


def _must_be_https(settings: Settings, origin: str) -> bool:
    is_strict = settings.is_production and not settings.allow_http
    return is_strict and find_plain_http((origin,)) is not None
