"""Which passwords are too weak, and what the person reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.breaches import BreachedPasswords
from app.passwords import find_weakness
from tests.breached import BREACHED, write_list

SHORT = "Use at least 12 characters. A few words in a row make a good password."
LONG = "Use at most 1,024 bytes."
COMMON = "That password is among the first that are guessed. Choose a rarer one."
KNOWN = "That password is known from a breach, and tried early. Choose another."
PERSONAL = "That password is built from your name or this site's. Choose another."


def judge(password: str, *personal: str, min_length: int = 12) -> str | None:
    return find_weakness(password, min_length=min_length, personal=personal)


class TestLength:
    @pytest.mark.parametrize("password", ["", "a", "elevenchars", "elevencharé"])
    def test_too_short(self, password: str) -> None:
        assert judge(password) == SHORT

    def test_just_long_enough(self) -> None:
        assert judge("twelve chars") is None

    def test_sentence_names_the_setting(self) -> None:
        assert judge("x" * 14, min_length=15) == SHORT.replace("12", "15")

    def test_accents_are_counted_once(self) -> None:
        """Eleven characters, though a keyboard may send them as twelve."""
        decomposed = "elevenchare\u0301"
        assert len(decomposed) == 12
        assert judge(decomposed) == SHORT

    def test_too_long(self) -> None:
        assert judge("ab cd ef gh " * 85 + "12345") == LONG
        assert judge("ab cd ef gh " * 85 + "1234") is None

    def test_bytes_count_not_characters(self) -> None:
        assert judge("correct horse battery" + "aé€🐎" * 101) == LONG
        assert judge("correct horse battery" + "aé€🐎" * 100) is None

    def test_bytes_count_after_composing(self) -> None:
        """A Devanagari letter that NFC writes as two: 1,020 bytes become 2,040."""
        assert judge("\u0958\u0959\u095a\u095b" * 85) == LONG


class TestCommon:
    @pytest.mark.parametrize(
        "password",
        [
            *(
                "ingodwetrust",
                "INGODWETRUST",
                "InGodWeTrust!",
                "ingodwetrust2026",
                "  ingodwetrust",
            ),
            *("password1234", "Password!!!!", "12345password", "qwertyuiop12", "iloveyou 2026"),
            *("1234567890qwerty", "\uff29\uff2egodwetrust"),
        ],
    )
    def test_guessed_first(self, password: str) -> None:
        assert judge(password) == COMMON

    @pytest.mark.parametrize(
        "password", ["aaaaaaaaaaaa", "abababababab", "aAbBcCaAbBcC", "112233112233"]
    )
    def test_three_characters_over_and_over(self, password: str) -> None:
        assert judge(password) == COMMON

    def test_four_different_characters(self) -> None:
        assert judge("dbacadcbbdca") is None

    def test_longer_ones_need_more_different_characters(self) -> None:
        assert judge("edcabebdaceadbcebacd", min_length=20) == COMMON
        assert judge("fedcabfebdacfeadbceb", min_length=20) is None

    @pytest.mark.parametrize(
        "password", ["passwordpassword", "sunshinedragon", "1q2w3e4r5t6y7u", "22/11/1987 22"]
    )
    def test_guessed_early_though_on_no_list(self, password: str) -> None:
        assert judge(password) == COMMON

    @pytest.mark.parametrize(
        "password", ["correct horse battery", "ingodwedonottrust", "пароль из слов"]
    )
    def test_rare_ones(self, password: str) -> None:
        assert judge(password) is None

    def test_no_composition_rules(self) -> None:
        assert judge("nothingbutletters") is None


class TestPersonal:
    @pytest.mark.parametrize(
        ("password", "word"),
        [
            ("lovelace12345", "lovelace"),
            ("LoveLace!!!!!", "lovelace"),
            ("1815Lovelace!", "Lovelace"),
            ("adamadamadam!", "adam"),
            ("portfolio2026", "Portfolio"),
            ("lovelacelovelace", "lovelace"),
            ("STRASSE-STRASSE", "straße"),
            ("\uff4c\uff4f\uff56elace12345", "lovelace"),
            ("ada lovelace!", "Ada Lovelace"),
        ],
    )
    def test_built_from_a_word_about_the_person(self, password: str, word: str) -> None:
        assert judge(password, word) == PERSONAL

    def test_any_of_the_words(self) -> None:
        assert judge("lovelace12345", "ada", "", "Lovelace") == PERSONAL

    def test_half_of_it_may_be_the_name(self) -> None:
        assert judge("lovelace-engine", "lovelace") == PERSONAL
        assert judge("lovelace-engines", "lovelace") is None

    def test_very_short_words_are_not_looked_for(self) -> None:
        assert judge("adaxadayadazada", "ada") is None
        assert judge("adamxadamyadamz", "adam") == PERSONAL

    def test_nothing_known_about_the_person(self) -> None:
        assert judge("lovelace-of-1815") is None


class TestBreached:
    @pytest.fixture
    def breached(self, tmp_path: Path) -> Iterator[BreachedPasswords]:
        path = write_list(tmp_path / "list", [BREACHED, "caf\u00e9 nocturne bleu", "ingodwetrust"])
        found = BreachedPasswords(path)
        yield found
        found.close()

    @pytest.mark.parametrize(
        ("password", "verdict"),
        [
            (BREACHED, KNOWN),
            ("cafe\u0301 nocturne bleu", KNOWN),
            (BREACHED.upper(), None),
            (f"{BREACHED}!", None),
            ("ingodwetrust", COMMON),
        ],
    )
    def test_is_refused(
        self, breached: BreachedPasswords, password: str, verdict: str | None
    ) -> None:
        found = find_weakness(password, min_length=12, personal=(), breached=breached)
        assert found == verdict

    def test_is_not_known_without_the_list(self) -> None:
        assert judge(BREACHED) is None
