"""How early a program that guesses passwords comes to one: an estimate within fixed bounds.

A list of the commonest holds few that are as long as passwords must be here; what people make of
them to be long enough (two in a row, a year, a walk over the keyboard, 3 for e) is countless and
guessed just as early. So a password is read as one or two pieces, each in the way in which it is
guessed earliest: a listed word, a row of letters, a walk, a date, something repeated, or anything
at all of its length.

Two are enough. Who tries pieces knows some ten thousand, and has used up the guesses that count
here when all pairs of them are tried; whatever takes three comes later. The model is that of
Wheeler, zxcvbn: Low-Budget Password Strength Estimation (USENIX Security 2016).
"""

from collections.abc import Iterator
from itertools import pairwise

from app.guessing.dates import guess_date
from app.guessing.walks import guess_walk
from app.guessing.words import LONGEST, Words, is_common

__all__ = ["EARLY", "is_common", "is_guessed_early"]

# What an attacker has tried soon; below it one speaks of guessing at a login that is throttled.
EARLY = 10**8
_PIECES = 10_000
# Nobody knows the kind of a piece beforehand, so that each takes some guesses more than its own.
_LEAST, _LEAST_OF_ONE_LETTER = 50, 10
# What is guessed sign by sign: fewer than there are, since people do not choose evenly.
_CHOICES = 10
_WIDEST_STEP = 5
_OBVIOUS_STARTS = frozenset("aAzZ019")
_OBVIOUS, _DIGITS, _LETTERS = 4, 10, 26


def is_guessed_early(password: str) -> bool:
    """Whether one of the first hundred million guesses hits: at most some milliseconds of work."""
    return _Password().is_early(password)


class _Password:
    """One password while it is judged. Remembers parts of it, so it is not kept."""

    def __init__(self) -> None:
        self._words = Words()
        self._guesses: dict[str, int] = {}

    def is_early(self, text: str) -> bool:
        return any(guesses < EARLY for guesses in self._readings(text))

    def guesses(self, text: str) -> int:
        """Return after how many guesses this one comes."""
        known = self._guesses.get(text)
        if known is None:
            known = self._guesses[text] = min(self._readings(text))
        return known

    def _readings(self, text: str) -> Iterator[int]:
        """Yield the guesses of a text as one piece, and as each two of which either comes first."""
        yield self._whole(text) + 1
        for at in range(1, len(text)):
            first = 2 * self._part(text[:at])
            # The second is looked at where the first leaves guesses for it.
            if first * _LEAST < EARLY or at == len(text) - 1:
                yield first * self._part(text[at:]) + _PIECES

    def _part(self, piece: str) -> int:
        if len(piece) == 1:
            return _LEAST_OF_ONE_LETTER
        return max(self._whole(piece), _LEAST)

    def _whole(self, piece: str) -> int:
        """Return the guesses of one piece, read in the way that takes fewest."""
        fewest: int = min(_CHOICES ** min(len(piece), LONGEST), guess_row(piece), guess_walk(piece))
        if len(piece) <= LONGEST:
            fewest = min(fewest, self._words.guess(piece), guess_date(piece))
        # The shortest text that makes this one when it is repeated.
        period = (piece + piece).find(piece, 1)
        if 0 < period < len(piece):
            fewest = min(fewest, self.guesses(piece[:period]) * (len(piece) // period))
        return fewest


def guess_row(piece: str) -> int:
    """Return the guesses of letters or digits in a row, such as `abcd` or `9753`, or EARLY."""
    step = ord(piece[1]) - ord(piece[0]) if piece[1:] else 0
    if not 0 < abs(step) <= _WIDEST_STEP:
        return EARLY
    if any(ord(two) - ord(one) != step for one, two in pairwise(piece)):
        return EARLY
    if piece[0] in _OBVIOUS_STARTS:
        starts = _OBVIOUS
    else:
        starts = _DIGITS if piece[0].isdigit() else _LETTERS
    return starts * len(piece) * (1 if step > 0 else 2)
