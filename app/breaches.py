"""Passwords known from breaches: a file of their hashes, searched where it lies.

Its form is what the downloader of Have I Been Pwned writes: a line for each password, with its
SHA-1 and how often it was seen (`HASH:COUNT`), in the order of the hashes. That is forty gigabytes
and more, of which a search reads some kilobytes. Nothing is loaded, and nothing leaves the machine.
"""

import hashlib
import os
import re
import stat
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path

_LINE = re.compile(rb"([0-9A-Fa-f]{40})(:[0-9]+)?\r?")
# Bytes of a line, with room.
_LONGEST = 80
# Lines that are looked at when a file is checked: too many to be in order by chance.
_SAMPLES = 256


class NoSuchList(ValueError):
    """The file is none that can be searched. The message says why, after its name."""


class BreachedPasswords:
    """An open file of hashes. Threads may search it at the same time, and do so without a lock."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            OSError: it cannot be opened.
        """
        # A pipe would let whoever opens it wait.
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._size = os.fstat(self._file).st_size

    def close(self) -> None:
        os.close(self._file)

    def check(self) -> None:
        """Look at lines from the whole of the file.

        Raises:
            NoSuchList: it is no list of hashes, or not in their order.
            OSError: it cannot be read.
        """
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise NoSuchList("is not a file.")
        if not self._size:
            raise NoSuchList("is empty.")
        places = (self._size * sample // _SAMPLES for sample in range(_SAMPLES))
        hashes = [self._hash_at(place) for place in places]
        if any(one > two for one, two in pairwise([*hashes, self._hash_at(self._size - 1)])):
            raise NoSuchList("is not in the order of its hashes. Take the list ordered by hash.")

    def __contains__(self, password: str) -> bool:
        """Whether a password is among them: some dozens of short reads.

        Raises:
            NoSuchList: the file has become another meanwhile.
            OSError: it cannot be read any more.
        """
        # The list has them so. It is a key to look up here and protects nothing.
        digest = hashlib.sha1(password.encode(), usedforsecurity=False)
        wanted = digest.hexdigest().upper().encode()
        places = range(self._size)
        place = bisect_left(places, wanted, key=self._hash_at)
        return place < self._size and self._hash_at(place) == wanted

    def _hash_at(self, place: int) -> bytes:
        """Return the hash of the line that a place of the file lies in; its end belongs to it."""
        start = max(0, place - _LONGEST)
        block = os.pread(self._file, 2 * _LONGEST, start)
        within = place - start
        line, _, _ = block[block.rfind(b"\n", 0, within) + 1 :].partition(b"\n")
        found = _LINE.fullmatch(line)
        if found is None:
            raise NoSuchList("is not a list of SHA-1 hashes, HASH:COUNT in each line.")
        return found[1].upper()


def check_list(path: Path | None) -> str | None:
    """Say in a sentence why a file will not do, or return None."""
    if path is None:
        return None
    try:
        breached = BreachedPasswords(path)
        try:
            breached.check()
        finally:
            breached.close()
    except NoSuchList as error:
        return f"BREACHED_PASSWORDS: {path} {error}"
    except OSError as error:
        return f"BREACHED_PASSWORDS: {path} cannot be read: {error.strerror}."
    return None
