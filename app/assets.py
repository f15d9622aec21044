"""The files under `/static/`: our own, and Swagger UI's as its makers ship them.

Every file has an address with a hash of its content, which browsers keep for a year, and a plain
one, which other sites may link to and which is checked at every use. Files are found by name in a
table made at start, so no spelling of a path reaches anything else.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.config import ASSETS_DIR

PREFIX = "/static/"
# Below this a compressed body saves nothing on the wire.
SMALLEST_COMPRESSED = 512
# What is larger is let go after the start, and read again when it is first asked for: the API
# documentation, by nobody on most days.
LARGE = 200_000
_COMPRESSIBLE = ("text/", "application/json", "image/svg+xml")
# The machine's own table of types may say something else, or nothing.
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(slots=True)
class Asset:
    """One file as it was when it was read."""

    name: str
    media_type: str
    body: bytes
    digest: str
    _compressed: bytes | None = field(default=None, repr=False)

    @property
    def hashed_name(self) -> str:
        stem, dot, suffix = self.name.rpartition(".")
        return f"{stem}.{self.digest}{dot}{suffix}"

    @property
    def is_compressible(self) -> bool:
        return len(self.body) >= SMALLEST_COMPRESSED and self.media_type.startswith(_COMPRESSIBLE)

    @property
    def is_compressed(self) -> bool:
        """Whether `compress` has been called, and is cheap from now on."""
        return self._compressed is not None

    def compress(self) -> bytes:
        """Return the gzip form, made once. Takes a tenth of a second for a large file."""
        if self._compressed is None:
            self._compressed = gzip.compress(self.body, compresslevel=9, mtime=0)
        return self._compressed


class Assets:
    """The table of files. With `reload`, a changed file is read again: for working on the pages."""

    def __init__(self, *, reload: bool = False) -> None:
        self._reload = reload
        self._paths = dict(_find_files())
        self._read: dict[str, tuple[int, Asset]] = {}
        self._by_hash = {self._asset(name).hashed_name: name for name in self._paths}
        self._large: dict[str, str] = {}
        for name in () if reload else self._paths:
            asset = self._asset(name)
            if len(asset.body) > LARGE:
                self._large[name] = asset.hashed_name
                del self._read[name]

    def url(self, name: str) -> str:
        """Return the address of a file's present content.

        Raises:
            KeyError: there is no such file.
        """
        return PREFIX + (self._large.get(name) or self._asset(name).hashed_name)

    def find(self, name: str) -> tuple[Asset, bool] | None:
        """Return the file behind a name below `/static/`, and whether it may be kept for good."""
        plain = self._by_hash.get(name)
        if plain is not None:
            asset = self._asset(plain)
            return (asset, True) if asset.hashed_name == name else None
        if name in self._paths:
            return self._asset(name), False
        return None

    def _asset(self, name: str) -> Asset:
        path = self._paths[name]
        known = self._read.get(name)
        if known is not None and not self._reload:
            return known[1]
        changed = path.stat().st_mtime_ns
        if known is not None and known[0] == changed:
            return known[1]
        body = path.read_bytes()
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0]
        digest = hashlib.blake2b(body, digest_size=6).hexdigest()
        asset = Asset(name, kind or "application/octet-stream", body, digest)
        self._read[name] = (changed, asset)
        if known is not None:
            self._by_hash[asset.hashed_name] = name
        return asset


def _find_files() -> Iterator[tuple[str, Path]]:
    own = ASSETS_DIR / "static"
    for path in sorted(own.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(own).as_posix(), path
