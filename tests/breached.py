"""Files in the form of Have I Been Pwned's list, for tests."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

BREACHED = "ominous kettle parade 41"


def hash_of(password: str) -> str:
    """Return the SHA-1 of a password as the list writes it."""
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def write_list(path: Path, passwords: Iterable[str], *, line: str = "{}:3\n") -> Path:
    """Write the hashes of some passwords in their order."""
    lines = (line.format(found) for found in sorted(map(hash_of, passwords)))
    path.write_bytes("".join(lines).encode())
    return path
