"""What was written for an answer and is right as long as nothing is committed.

Nothing here is kept by time. Each look asks the database for its version, which is another once
anything at all was committed, by whomever (see exact.py); then everything is dropped. PostgreSQL
has no such version, so nothing is kept there.
"""

from collections.abc import Hashable
from typing import Any

from app.db import Database
from app.exact import Version

# What is kept in all. Twice the list of 10,000 people, as pupils and as admins see it.
MAX_BYTES = 16 * 1024 * 1024


class Kept:
    """Things by key, up to some bytes in all: what has been there for longest makes room."""

    def __init__(self, database: Database, max_bytes: int = MAX_BYTES) -> None:
        self._database = database
        self.max_bytes = max_bytes
        self._version: Version | None = None
        self._found: dict[Hashable, tuple[Any, int]] = {}
        self._bytes = 0

    def version(self) -> Version | None:
        """Return the version of what is there now; ask before reading what is to be kept."""
        version = self._database.version()
        if version != self._version:
            self._version = version
            self._found.clear()
            self._bytes = 0
        return version

    def find(self, key: Hashable) -> Any | None:
        """Return what was kept and is still right, or None."""
        if self.version() is None:
            return None
        found = self._found.get(key)
        return None if found is None else found[0]

    def keep(self, key: Hashable, thing: Any, *, size: int, version: Version | None) -> None:
        """Keep something that was read after `version` was asked for, unless it is too large."""
        if version is None or version != self._version or size > self.max_bytes:
            return
        _, replaced = self._found.pop(key, (None, 0))
        self._bytes += size - replaced
        self._found[key] = thing, size
        while self._bytes > self.max_bytes:
            _, dropped = self._found.pop(next(iter(self._found)))
            self._bytes -= dropped
