"""Our estimate beside zxcvbn's, on what people make of common words and on what they should."""

import random
from collections.abc import Callable

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS
from zxcvbn.matching import omnimatch
from zxcvbn.scoring import most_guessable_match_sequence

from app.guessing import EARLY, is_guessed_early

PASSWORDS = list(FREQUENCY_LISTS["passwords"])
WORDS = [word for words in FREQUENCY_LISTS.values() for word in words]
ROWS = ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")
LONG_ENOUGH = 12
# Of each kind.
MANY = 70


def is_early_by_zxcvbn(password: str) -> bool:
    found = most_guessable_match_sequence(password, omnimatch(password))
    return bool(found["guesses"] < EARLY)


class Maker:
    """Makes passwords the ways people do, from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (the same in every run)
        self.weak: dict[str, Callable[[], str]] = {
            "one": lambda: self._choose(PASSWORDS),
            "one word": lambda: self._choose(WORDS),
            "doubled": lambda: self._choose(PASSWORDS) * 2,
            "two": lambda: self._early(PASSWORDS) + self._early(PASSWORDS),
            "two words": lambda: self._early(WORDS) + self._early(WORDS),
            "capitals": lambda: self._early(PASSWORDS).title() + self._early(PASSWORDS).upper(),
            "a year": lambda: self._choose(PASSWORDS) + str(self._random.randrange(1940, 2020)),
            "digits": lambda: self._choose(PASSWORDS) + str(self._random.randrange(10_000)),
            "signs": lambda: self._with_signs(self._early(PASSWORDS) + self._early(PASSWORDS)),
            "backwards": lambda: self._early(PASSWORDS)[::-1] + self._early(PASSWORDS),
            "walks": lambda: self._walk() + self._walk() + self._walk(),
            "dates": lambda: self._date() + self._choose(PASSWORDS),
            "rows": lambda: "abcdefghijklm"[: self._random.randrange(4, 13)] * 2,
        }
        self.good: dict[str, Callable[[], str]] = {
            "four words": lambda: " ".join(self._choose(WORDS[:9000]) for _ in range(4)),
            "four together": lambda: "".join(self._choose(PASSWORDS[:9000]) for _ in range(4)),
            "letters": lambda: self._at_random("abcdefghijklmnopqrstuvwxyz"),
            "signs": lambda: self._at_random("abcdefghkmnpqrstuvwxyzABCDEFGHJ23456789!$%&/()=@"),
        }

    def make(self, how: Callable[[], str]) -> list[str]:
        """Return some that are long enough, and not so long that zxcvbn takes its time."""
        made: list[str] = []
        while len(made) < MANY:
            password = how()
            if LONG_ENOUGH <= len(password) <= 24:
                made.append(password)
        return made

    def _choose(self, words: list[str]) -> str:
        return self._random.choice(words)

    def _early(self, words: list[str]) -> str:
        """Return one that is rather at the beginning of a list."""
        return words[int(len(words) ** self._random.random())]

    def _with_signs(self, text: str) -> str:
        return text.translate(
            str.maketrans("aeios", self._random.choice(["@3105", "4€!0$", "431o$"]))
        )

    def _walk(self) -> str:
        row, start = self._random.choice(ROWS), self._random.randrange(8)
        return row[start : start + 6][:: self._random.choice([1, -1])]

    def _date(self) -> str:
        day, month = self._random.randrange(1, 29), self._random.randrange(1, 13)
        year = self._random.randrange(1950, 2030)
        return self._random.choice(["", ".", "/"]).join([f"{day:02}", f"{month:02}", str(year)])

    def _at_random(self, signs: str) -> str:
        return "".join(self._random.choices(signs, k=self._random.randrange(12, 18)))


class TestRefused:
    def test_what_zxcvbn_refuses(self) -> None:
        maker = Maker(26)
        refused = [
            password
            for how in maker.weak.values()
            for password in maker.make(how)
            if is_early_by_zxcvbn(password)
        ]
        assert len(refused) > 450
        missed = [password for password in refused if not is_guessed_early(password)]
        assert len(missed) * 100 < len(refused), missed

    def test_little_else(self) -> None:
        """A keyboard of ours or a younger year: few."""
        maker = Maker(27)
        passed = [
            password
            for how in maker.weak.values()
            for password in maker.make(how)
            if not is_early_by_zxcvbn(password)
        ]
        more = [password for password in passed if is_guessed_early(password)]
        assert len(more) * 10 < len(passed), more


class TestPassed:
    @pytest.mark.parametrize("how", Maker(0).good)
    def test_what_is_good(self, how: str) -> None:
        maker = Maker(28)
        assert [word for word in maker.make(maker.good[how]) if is_guessed_early(word)] == []
