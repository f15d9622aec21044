"""Years and dates, in the orders and with the separators that people use.

A date is no calendar's: 31 February counts, since nobody who guesses leaves it out.
"""

import re
from collections.abc import Iterator

# Years near this one come first, the nearest twenty before and after it alike.
_FIRST, _NEAR, _LAST = 1000, 2017, 2050
_AT_LEAST = 20
# What may be left out of a year, by how many digits it is written with.
_CENTURIES = {4: ("",), 2: ("19", "20")}
_DAYS, _MONTHS, _DAY_DIGITS, _DAYS_OF_YEAR = 31, 12, 2, 365
_SEPARATORS = 4
_YEAR = re.compile(r"(19|20)\d\d", re.ASCII)
_SEPARATED = re.compile(r"(\d{1,4})([ /\\_.-])(\d{1,2})\2(\d{1,4})", re.ASCII)
_DIGITS = re.compile(r"\d{4,8}", re.ASCII)
_TOO_MANY = 10**12


def guess_date(piece: str) -> int:
    """Return the guesses of a piece as a year or a date, or very many."""
    if _YEAR.fullmatch(piece):
        return _far(int(piece))
    separated = _SEPARATED.fullmatch(piece)
    if separated is not None:
        one, _, two, three = separated.groups()
        return _SEPARATORS * min(_read(one, two, three), default=_TOO_MANY)
    if not _DIGITS.fullmatch(piece):
        return _TOO_MANY
    found = (
        guesses
        for first in range(1, 5)
        for second in (first + 1, first + 2)
        for guesses in _read(piece[:first], piece[first:second], piece[second:])
    )
    return min(found, default=_TOO_MANY)


def _read(one: str, two: str, three: str) -> Iterator[int]:
    """Yield the guesses of what three numbers mean as a date: the year is the first or the last."""
    for year, first, second in ((one, two, three), (three, one, two)):
        if _is_day(first, second):
            years = [int(century + year) for century in _CENTURIES.get(len(year), ())]
            far = [_far(year) for year in years if _FIRST <= year <= _LAST]
            yield min(far, default=_TOO_MANY) * _DAYS_OF_YEAR


def _far(year: int) -> int:
    return max(abs(year - _NEAR), _AT_LEAST)


def _is_day(one: str, two: str) -> bool:
    if max(len(one), len(two)) > _DAY_DIGITS or not (one and two):
        return False
    fewer, more = sorted((int(one), int(two)))
    return 1 <= fewer <= _MONTHS and more <= _DAYS
