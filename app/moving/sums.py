"""What stands for all rows of a table, whichever database they are in and in whatever order."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

_ALL = 1 << 256


@dataclass(slots=True)
class Sum:
    """How many rows there are, and the sum of the digests of each."""

    rows: int = 0
    total: int = 0

    def add(self, row: Sequence[Any]) -> None:
        """Count one more row. Its values are those that SQLAlchemy's types make, in order."""
        digest = hashlib.sha256(write(row)).digest()
        self.total = (self.total + int.from_bytes(digest, "big")) % _ALL
        self.rows += 1

    def text(self) -> str:
        return f"{self.rows}:{self.total:064x}"


def write(row: Sequence[Any]) -> bytes:
    """Return a row as both databases have it: times in UTC, objects with their names in order."""
    return json.dumps(
        list(row), default=_write_moment, sort_keys=True, separators=(",", ":")
    ).encode()


def _write_moment(value: date) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat()
