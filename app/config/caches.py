"""What CACHE_URL says of the way to Valkey or Redis: across a network or not, how sure of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from app.config.addresses import read_words, write_host
from app.hosts import is_loopback

USUAL_PORT = 6379
_DATABASE = "db"
# What else may stand behind the question mark, by scheme. Everything that would make the client
# less sure, or let it wait for longer, is not among it.
_WORDS = {
    "redis": frozenset({_DATABASE}),
    "rediss": frozenset({_DATABASE, "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}),
    "unix": frozenset({_DATABASE}),
}


@dataclass(frozen=True, slots=True)
class CacheAddress:
    """Where the cache is. `path` is that of a socket; without one it is a host and a port."""

    scheme: str
    host: str
    port: int
    path: str
    username: str | None
    password: str | None = field(repr=False)
    database: int
    # Files about TLS, by the names that the client gives them.
    files: Mapping[str, str]

    @property
    def is_encrypted(self) -> bool:
        return self.scheme == "rediss"

    @property
    def is_unverified(self) -> bool:
        """Whether it is on another machine that need not prove itself."""
        return not (self.is_encrypted or self.path or is_loopback(self.host))

    def __str__(self) -> str:
        """Write it down without names and secrets."""
        place = self.path or f"{write_host(self.host)}:{self.port}/{self.database}"
        return f"{self.scheme}://{place}"


def read_cache_address(url: str) -> CacheAddress:
    """Take the address of a cache apart.

    Raises:
        ValueError: it is none. The message shows nothing of it.
    """
    try:
        return _read(urlsplit(url))
    except (ValueError, KeyError):
        sentence = (
            "CACHE_URL is rediss://user:password@host:port/0, redis:// likewise, or unix:///path. "
            "What is no letter and no digit in a password is written as %23."
        )
        raise ValueError(sentence) from None


def _read(parts: SplitResult) -> CacheAddress:
    words = read_words(parts)
    is_socket = parts.scheme == "unix"
    if parts.fragment or not words.keys() <= _WORDS[parts.scheme]:
        raise ValueError
    if bool(parts.hostname) is is_socket or (is_socket and not parts.path.startswith("/")):
        raise ValueError
    behind = "" if is_socket else parts.path.strip("/")
    database = words.pop(_DATABASE, behind) or "0"
    if not (database.isascii() and database.isdigit()):
        raise ValueError
    return CacheAddress(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or USUAL_PORT,
        path=unquote(parts.path) if is_socket else "",
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=int(database),
        files=words,
    )
