"""Walks over a keyboard from key to neighbouring key, such as `qwerty`, `zaq12wsx` or `7896`.

How many there are of a length depends on where one may start, where one may go from a key, and how
often the direction changes.
"""

from functools import cache
from itertools import pairwise
from math import comb
from typing import NamedTuple

Place = tuple[int, int]

# Rows of keys as they lie, with what each writes when shifted. Every row is half a key to the right
# of the row above it.
_LAYOUTS = {
    "qwerty": (
        ("`1234567890-=", " qwertyuiop[]\\", " asdfghjkl;'", " zxcvbnm,./"),
        ("~!@#$%^&*()_+", " QWERTYUIOP{}|", ' ASDFGHJKL:"', " ZXCVBNM<>?"),
    ),
    "qwertz": (
        ("^1234567890ß", " qwertzuiopü+", " asdfghjklöä#", "<yxcvbnm,.-"),
        ('°!"§$%&/()=?', " QWERTZUIOPÜ*", " ASDFGHJKLÖÄ'", ">YXCVBNM;:_"),
    ),
    "azerty": (
        ("²&é\"'(-è_çà)=", " azertyuiop^$", " qsdfghjklmù*", "<wxcvbn,;:!"),
        (" 1234567890°+", " AZERTYUIOP", " QSDFGHJKLM%µ", ">WXCVBN?./§"),
    ),
    "dvorak": (
        ("`1234567890[]", " ',.pyfgcrl/=\\", " aoeuidhtns-", " ;qjkxbmwvz"),
        ("~!@#$%^&*(){}", ' "<>PYFGCRL?+|', " AOEUIDHTNS_", " :QJKXBMWVZ"),
    ),
}
_KEYPAD = (" /*-", "789+", "456 ", "123 ", " 0. ")
_SLANTED = frozenset({(0, 1), (0, -1), (-1, 0), (-1, 1), (1, 0), (1, -1)})
_STRAIGHT = _SLANTED | {(-1, -1), (1, 1)}
_SHORTEST = 3
# With more of either there are more walks than guesses that count.
_MOST_TURNS, _LONGEST = 9, 60
_TOO_MANY = 10**12


class _Board(NamedTuple):
    keys: dict[str, Place]
    shifted: frozenset[str]
    steps: frozenset[Place]
    degree: float


def _lay(rows: tuple[str, ...]) -> dict[str, Place]:
    return {
        key: (down, right)
        for down, row in enumerate(rows)
        for right, key in enumerate(row)
        if key != " "
    }


def _make(rows: tuple[str, ...], above: tuple[str, ...], steps: frozenset[Place]) -> _Board:
    plain, shifted = _lay(rows), _lay(above)
    places = set(plain.values())
    near = sum((down + y, right + x) in places for down, right in places for y, x in steps)
    return _Board(shifted | plain, frozenset(shifted), steps, near / len(places))


_BOARDS = (
    *(_make(rows, above, _SLANTED) for rows, above in _LAYOUTS.values()),
    _make(_KEYPAD, (), _STRAIGHT),
)


def guess_walk(piece: str) -> int:
    """Return the guesses of a piece as a walk over one of the keyboards, or very many."""
    if not _SHORTEST <= len(piece) <= _LONGEST:
        return _TOO_MANY
    return min(_guess_on(board, piece) for board in _BOARDS)


def _guess_on(board: _Board, piece: str) -> int:
    turns, before = 0, None
    for one, two in pairwise(piece):
        here, there = board.keys.get(one), board.keys.get(two)
        if here is None or there is None:
            return _TOO_MANY
        step = (there[0] - here[0], there[1] - here[1])
        turns += step != before
        if step not in board.steps or turns > _MOST_TURNS:
            return _TOO_MANY
        before = step
    shifted = sum(sign in board.shifted for sign in piece)
    walks = _count_walks(len(set(board.keys.values())), board.degree, len(piece), turns)
    return walks * _count_shifts(shifted, len(piece))


@cache
def _count_walks(starts: int, degree: float, length: int, turns: int) -> int:
    """Return how many walks there are that are no longer and turn no more often."""
    walks = sum(
        comb(steps - 1, some - 1) * degree**some
        for steps in range(2, length + 1)
        for some in range(1, min(turns, steps - 1) + 1)
    )
    return int(starts * walks)


def _count_shifts(shifted: int, length: int) -> int:
    if not shifted:
        return 1
    if shifted == length:
        return 2
    fewer = min(shifted, length - shifted)
    return sum(comb(length, some) for some in range(1, fewer + 1))
