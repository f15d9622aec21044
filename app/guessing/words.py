"""Listed words: the commonest passwords, names, and what is frequent in texts and films.

The list has one word in a line with its place among those of its kind, in the order of the words,
and is searched as it lies in the file: as objects it would take several times the memory.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from math import comb
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).parent.parent / "data" / "words.txt"
# At the end of the line of a password.
PASSWORD = b" *"
# Longer than any word of the list, with some room.
LONGEST = 24
# What signs stand for where people mean letters.
_MEANT = {
    **dict.fromkeys("4@", "a"),
    "8": "b",
    **dict.fromkeys("({[<", "c"),
    "3": "e",
    **dict.fromkeys("69", "g"),
    "1": "il",
    "!": "i",
    "|": "il",
    "7": "lt",
    "0": "o",
    **dict.fromkeys("$5", "s"),
    "+": "t",
    "%": "x",
    "2": "z",
}
# So many letters are looked at first, which all beginnings of a text share: few are those of words.
_START = (2, 4)
_NOT_LISTED: int = 10**LONGEST


class _List(NamedTuple):
    text: bytes
    # Where lines begin.
    lines: Sequence[int]
    # The first two letters of words: most texts have others, and nothing needs to be looked up.
    beginnings: frozenset[str]


@cache
def _read_list() -> _List:
    text = LIST.read_bytes()
    lines = array("I", (found.start() for found in re.finditer(rb"^.", text, re.MULTILINE)))
    return _List(text, lines, frozenset(text[line : line + 2].decode() for line in lines))


def _find_from(start: bytes) -> bytes:
    """Return the first line that begins so; one that does not where none does."""
    text, lines, _ = _read_list()
    size = len(start)
    place = bisect_left(lines, start, key=lambda line: text[line : line + size])
    return text[lines[place] : text.find(b"\n", lines[place])] if place < len(lines) else b""


def is_common(word: str) -> bool:
    """Whether a word in small letters is one of the 30,000 commonest passwords."""
    start = f"{word} ".encode("utf-8", "replace")
    line = _find_from(start)
    return line.startswith(start) and line.endswith(PASSWORD)


class Words:
    """Lookups for one password. What was found is remembered, and nothing of it is kept."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}

    def guess(self, piece: str) -> int:
        """Return the guesses of a piece as a listed word, or more than there are of its length.

        It may be written backwards, with capitals, and with signs for letters.
        """
        small = piece.lower()
        if len(small) != len(piece):  # one letter that becomes two: none that is listed
            return _NOT_LISTED
        forwards = min(self._read(small), default=_NOT_LISTED)
        backwards = min(self._read(small[::-1]), default=_NOT_LISTED)
        return min(forwards, 2 * backwards) * count_capitals(piece)

    def _read(self, piece: str) -> Iterator[int]:
        """Yield the place of every word that a piece may mean, times the ways to write it so."""
        # Beginnings of words with the signs that stand for letters in them.
        readings: list[tuple[str, frozenset[str]]] = [("", frozenset())]
        if not any(sign in _MEANT for sign in piece):
            is_possible = all(self._is_beginning(piece[:letters]) for letters in _START)
            readings, piece = [(piece, frozenset())] if is_possible else [], ""
        for sign in piece:
            longer = [(start + sign, signs) for start, signs in readings]
            for letter in _MEANT.get(sign, ""):
                longer += [(start + letter, signs | {sign}) for start, signs in readings]
            readings = [reading for reading in longer if self._is_beginning(reading[0])]
        for word, signs in readings:
            listed, _, place = self._find(word).partition(b" ")
            if listed == word.encode("utf-8", "replace"):
                yield int(place.removesuffix(PASSWORD)) << len(signs)

    def _is_beginning(self, start: str) -> bool:
        if len(start) <= len("ab"):
            return len(start) < len("ab") or start in _read_list().beginnings
        return self._find(start).startswith(start.encode("utf-8", "replace"))

    def _find(self, start: str) -> bytes:
        line = self._found.get(start)
        if line is None:
            line = self._found[start] = _find_from(start.encode("utf-8", "replace"))
        return line


def count_capitals(piece: str) -> int:
    """Return in how many ways letters are made capitals until the way of this piece is met."""
    capitals = sum(letter.isupper() for letter in piece)
    small = sum(letter.islower() for letter in piece)
    if not capitals:
        return 1
    if not small or (capitals == 1 and (piece[0].isupper() or piece[-1].isupper())):
        return 2
    return sum(comb(capitals + small, some) for some in range(1, min(capitals, small) + 1))
