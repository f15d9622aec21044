"""How early a password is guessed: what people do to be long enough, and what telling costs."""

import time
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.guessing import is_common, is_guessed_early

BY_RANK = list(FREQUENCY_LISTS["passwords"])
LONG_ENOUGH = 12
# Signs that stand for letters in many ways, which the estimate would try one by one.
SIGNS = "4@8({[<369!1|75$%2+0"
# Seconds of the processor, where the worst that was found takes 0.02.
BOUND = 0.5


def made_of_common_ones() -> list[str]:
    """Return what a guesser makes first of the commonest, as long as ours must be."""
    made = (
        *(first + second for first, second in product(BY_RANK[:150], repeat=2)),
        *(word * times for word in BY_RANK[:6000] for times in (2, 3)),
    )
    return [word for word in made if LONG_ENOUGH <= len(word) <= 24]


class TestEarly:
    def test_every_common_one_that_is_long_enough(self) -> None:
        common = [word for word in BY_RANK if len(word) >= LONG_ENOUGH]
        assert len(common) > 200
        assert [word for word in common if not is_guessed_early(word)] == []

    def test_thousands_that_are_made_of_common_ones(self) -> None:
        made = made_of_common_ones()
        assert len(made) > 20_000
        # Each takes milliseconds; which ones are tried makes no difference.
        assert [word for word in made[::31] if not is_guessed_early(word)] == []

    @pytest.mark.parametrize(
        "password",
        [
            *("passwordpassword", "sunshinedragon", "iloveyouforever", "manchesterunited"),
            *("qwertyuiopas", "1q2w3e4r5t6y", "zxcvbnmasdfg", "poiuytrewqlk"),
            *("abcdefghijkl", "123123123123", "22/11/1987 22", "p@$$w0rdp@$$w0rd"),
            *("drowssapdrowssap", "unbelievable1", "P@ssw0rd{[<(", "administrator"),
        ],
    )
    def test_what_people_do_to_be_long_enough(self, password: str) -> None:
        assert is_guessed_early(password)

    def test_long_ones_that_repeat(self) -> None:
        assert is_guessed_early("password" * 128)
        assert is_guessed_early("qwertyuiop" * 50 + "iloveyou" * 60)
        assert is_guessed_early("a" * 1024)


class TestLate:
    @pytest.mark.parametrize(
        "password",
        [
            *("correct horse battery", "staple of the rarest kind", "mountain lake river"),
            *("tr0ub4dor&3xy", "Ünïcödé wörter", "vrtk-mpla-wqxz", "a wrong one of mine"),
        ],
    )
    def test_a_few_words_or_letters_at_random(self, password: str) -> None:
        assert not is_guessed_early(password)

    def test_a_long_one_with_a_good_part(self) -> None:
        assert not is_guessed_early("a" * 24 + "staple of the rarest kind")
        assert not is_guessed_early("staple of the rarest kind" + "a" * 1000)


class TestCost:
    """Whoever chooses a password chooses what judging it costs, so there is a most."""

    @pytest.mark.parametrize(
        "password",
        [
            *(SIGNS * 50, "a" * 1024, "1234567890" * 100, "-/" * 500, "p@$$w0rd1!|73" * 70),
            *("a" * 340 + "b" + "a" * 340 + "c", "as" * 511 + "X", "9@$+8@+25(!7[1+$3!645{0315+"),
            "".join(chr(0x4E00 + place) for place in range(340)) + "q",
        ],
    )
    def test_of_the_worst(self, password: str) -> None:
        started = time.thread_time()
        is_guessed_early(password)
        assert time.thread_time() - started < BOUND

    @settings(max_examples=60)
    @given(st.text(max_size=1024) | st.text(SIGNS, max_size=1024))
    @example("")
    def test_of_any_text(self, password: str) -> None:
        started = time.thread_time()
        assert is_guessed_early(password) in {True, False}
        assert time.thread_time() - started < BOUND


class TestCommon:
    def test_are_all_of_the_list(self) -> None:
        assert len(BY_RANK) == 30_000
        assert [word for word in BY_RANK if not is_common(word)] == []

    @pytest.mark.parametrize(
        "word", ["", " ", "passwqrd", "password x", "PASSWORD", "the", "zzz\uffff"]
    )
    def test_are_no_others(self, word: str) -> None:
        assert not is_common(word)
