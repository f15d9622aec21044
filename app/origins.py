"""Which front ends on other origins may call the API with somebody's login.

One policy behind CORS (what a browser lets a page read) and behind the refusal of other sites'
writes (what a page may do), so that the two cannot drift apart.
"""

from urllib.parse import urlsplit

from app.config import Settings
from app.hosts import is_loopback

# The server's own pages are for people on this origin; other sites call the API.
COVERED = ("/api/", "/static/", "/openapi.json")


class OriginPolicy:
    """The origins of CORS_ORIGINS, and outside production every loopback origin on any port."""

    def __init__(self, settings: Settings) -> None:
        self._exact = frozenset(settings.cors_origins)
        self._allow_loopback = not settings.is_production

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may act for their visitor. `null` never may."""
        if origin in self._exact:
            return True
        if not self._allow_loopback:
            return False
        try:
            parts = urlsplit(origin)
            is_origin = origin == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
            # Reading the port raises where there is none: `localhost:80.evil.example` has a host.
            return (
                is_origin
                and parts.port != 0
                and parts.scheme in {"http", "https"}
                and is_loopback(parts.hostname or "")
            )
        except ValueError:
            return False

    def covers(self, path: str) -> bool:
        """Whether this path is for other origins at all."""
        return path.startswith(COVERED)
