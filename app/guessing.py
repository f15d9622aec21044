"""How early a program that guesses passwords comes to one: zxcvbn's estimate, kept within bounds.

A list of the commonest holds few that are as long as passwords must be here; what people make of
them to be long enough (two in a row, a year, a walk over the keyboard, 3 for e) is countless and
guessed just as early. The only module that imports zxcvbn.
"""

from zxcvbn.matching import L33T_TABLE, RANKED_DICTIONARIES, omnimatch
from zxcvbn.scoring import most_guessable_match_sequence

COMMON = RANKED_DICTIONARIES["passwords"].keys()
# What an attacker has tried soon; below it zxcvbn speaks of guessing at a login that is throttled.
EARLY = 10**8
# The estimate costs more than the square of a length, so a long one is looked at in parts.
_PART, _PARTS = 24, 4
# Signs that stand for one letter each. Several for one multiply the ways to read a word.
_ONE_SIGN_EACH = str.maketrans("@{[<!|$+", "4(((1157")
_MOST_READINGS = 16


def is_guessed_early(password: str) -> bool:
    """Whether one of the first hundred million guesses hits: some milliseconds of work.

    Of a long one it is enough that one part takes longer.
    """
    parts = [password[at : at + _PART] for at in range(0, len(password), _PART)]
    return all(_is_early(part) for part in parts[:_PARTS])


def _is_early(part: str) -> bool:
    if _count_readings(part) > _MOST_READINGS:
        part = part.translate(_ONE_SIGN_EACH)
    guesses = most_guessable_match_sequence(part, omnimatch(part))["guesses"]
    return bool(guesses < EARLY)


def _count_readings(part: str) -> int:
    """Return in how many ways the signs of a part can stand for letters."""
    readings = 1
    for signs in L33T_TABLE.values():
        readings *= max(1, len(set(signs) & set(part)))
    return readings
