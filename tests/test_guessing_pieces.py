"""The ways in which one piece of a password is read, and how many guesses each takes."""

import pytest

from app.guessing import guess_row
from app.guessing.dates import guess_date
from app.guessing.walks import guess_walk
from app.guessing.words import Words, count_capitals

# More than the guesses that count, however they are counted.
NEVER = 10**8


class TestRows:
    @pytest.mark.parametrize(
        ("piece", "guesses"),
        [
            *(("abcdef", 24), ("bcdef", 130), ("zyxw", 32), ("9753", 32), ("3579", 40)),
            *(("αβγδ", 104), ("ab", 8), ("dcba", 208), ("ABC", 12)),
        ],
    )
    def test_are_short_work(self, piece: str, guesses: int) -> None:
        assert guess_row(piece) == guesses

    @pytest.mark.parametrize("piece", ["", "a", "aaaa", "abce", "agms", "ab1", "abcD"])
    def test_are_not(self, piece: str) -> None:
        assert guess_row(piece) >= NEVER


class TestDates:
    @pytest.mark.parametrize(
        ("piece", "guesses"),
        [
            *(("1999", 20), ("1950", 67), ("2026", 20), ("22111987", 30 * 365)),
            *(("19871122", 30 * 365), ("11221987", 30 * 365), ("1191", 20 * 365)),
            *(("22/11/1987", 4 * 30 * 365), ("1987-1-2", 4 * 30 * 365), ("2.1.87", 4 * 30 * 365)),
            *(("31.2.1999", 4 * 20 * 365), ("1.1.1492", 4 * 525 * 365)),
        ],
    )
    def test_are_days_of_some_year(self, piece: str, guesses: int) -> None:
        assert guess_date(piece) == guesses

    @pytest.mark.parametrize(
        "piece",
        [
            *("", "1", "199", "32131999", "00001999", "22/11-1987", "22/11/198"),
            *("1/22/1987/", "99999999", "1.1.2051", "1.1.0999", "١٩٩٩", "123.1.99", "13/13/1999"),
        ],
    )
    def test_are_not(self, piece: str) -> None:
        assert guess_date(piece) >= NEVER


class TestWalks:
    @pytest.mark.parametrize(
        ("piece", "most"),
        [
            *(("qwerty", 1_500), ("ytrewq", 1_500), ("zaq1", 1_000), ("zaq12wsx", 1_000_000)),
            *(("QWERTY", 3_000), ("qwertZ", NEVER), ("78965", NEVER), ("7896", 20_000)),
            *(("qwertzui", 2_000), ("azertyui", 2_000), ("aoeuid", 1_500), ("741", 500)),
        ],
    )
    def test_are_along_keys(self, piece: str, most: int) -> None:
        assert guess_walk(piece) < most

    def test_cost_more_with_every_turn_and_shift(self) -> None:
        walks = ["qwert", "qwertg", "qwertgf", "qwErtgf", "qWErtgF"]
        costs = [guess_walk(walk) for walk in walks]
        assert costs == sorted(costs)
        assert len(set(costs)) == len(costs)

    @pytest.mark.parametrize(
        "piece",
        ["", "qw", "qqq", "qet", "qwez", "hello", "789456", "kk", "asasasasasasas", "as" * 40],
    )
    def test_are_not(self, piece: str) -> None:
        assert guess_walk(piece) >= NEVER


class TestWords:
    @pytest.mark.parametrize(
        ("piece", "guesses"),
        [
            *(("password", 2), ("PASSWORD", 4), ("Password", 4), ("passworD", 4)),
            *(("drowssap", 4), ("p@ssword", 4), ("p@$$w0rd", 16), ("Dr0wssap", 16)),
            *(("paSsword", 2 * 8), ("the", 1), ("administrator", 3370)),
        ],
    )
    def test_are_found_in_disguise(self, piece: str, guesses: int) -> None:
        assert Words().guess(piece) == guesses

    @pytest.mark.parametrize(
        "piece", ["", "passwordx", "xpassword", "pässword", "İstanbulistanbul", "\udc80abc", "p@@@"]
    )
    def test_are_not(self, piece: str) -> None:
        assert Words().guess(piece) >= NEVER


class TestCapitals:
    @pytest.mark.parametrize(
        ("piece", "ways"),
        [
            *(("", 1), ("abc", 1), ("123", 1), ("Abc", 2), ("abC", 2), ("ABC", 2), ("ABC1", 2)),
            *(("aBc", 3), ("ABc", 3), ("aBCd", 10), ("abCdef", 6), ("A1b", 2)),
        ],
    )
    def test_are_so_many_ways(self, piece: str, ways: int) -> None:
        assert count_capitals(piece) == ways
