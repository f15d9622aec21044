"""Names that hide something: nothing invisible gets in, in any field that takes a name.

Names are for people and identify nobody: two may look alike, also in letters of other scripts. What
identifies is the uid, in ASCII and folded. Single cases are in tests/test_schemas.py.
"""

import sys
import unicodedata

import pytest
from pydantic import SecretStr, ValidationError

from app.schemas import RESERVED_UIDS, SectionCreate, UserCreate, UserUpdate
from tests.people import PASSWORD

# Default_Ignorable_Code_Point of Unicode 15, in ranges; the annotations of format between.
IGNORABLE = [
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5)),
    *((0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
]
BIDI = [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x61C]


def is_refused(name: str) -> bool:
    try:
        UserUpdate(name=name)
    except ValidationError as error:
        # Half a character is no text to begin with.
        return error.errors()[0]["type"] in {"name_characters", "string_unicode"}
    return False


class TestName:
    @pytest.mark.parametrize(("first", "last"), IGNORABLE)
    def test_what_is_not_seen(self, first: int, last: int) -> None:
        for code in range(first, last + 1):
            assert is_refused(f"A{chr(code)}da"), hex(code)

    @pytest.mark.parametrize("code", BIDI, ids=hex)
    def test_what_turns_the_rest_around(self, code: int) -> None:
        assert is_refused(f"\u05d0{chr(code)}da")

    @pytest.mark.parametrize("category", ["Cc", "Cf", "Cs"])
    def test_categories(self, category: str) -> None:
        found = [
            char
            for char in map(chr, range(sys.maxunicode))
            if unicodedata.category(char) == category
        ]
        assert found
        assert all(is_refused(f"A{char}da") for char in found)

    @pytest.mark.parametrize("char", ["\u0378", "\ue000", "\ufdd0", "\U000fffff", "\U0010ffff"])
    def test_private_and_unassigned(self, char: str) -> None:
        assert is_refused(f"A{char}da")

    @pytest.mark.parametrize("char", ["\u2028", "\u2029", "\u00a0", "\u3000", "\u2003"])
    def test_blanks_become_one_space(self, char: str) -> None:
        assert UserUpdate(name=f"Ada{char}{char}L").name == "Ada L"

    @pytest.mark.parametrize(
        "name",
        [
            # A joiner in Persian, in Hindi, and in an emoji; a selector of emoji; look-alikes.
            *("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0915\u094d\u200d\u0937"),
            *("\U0001f469\u200d\U0001f680", "\u2764\ufe0f", "\u0410da", "Zo\u0308e"),
        ],
    )
    def test_what_is_at_home_in_a_script(self, name: str) -> None:
        assert not is_refused(name)

    def test_of_a_section_too(self) -> None:
        with pytest.raises(ValidationError, match="invisible"):
            SectionCreate(abbreviation="CSA", name="A\u200bP")


class TestUid:
    @pytest.mark.parametrize("letter", ["\u0430", "\uff41", "\u0131", "\u017f", "\u212a", "\u00e4"])
    def test_only_ascii(self, letter: str) -> None:
        with pytest.raises(ValidationError, match="Use letters a to z"):
            UserCreate(uid=f"{letter}da", name="Ada", password=SecretStr(PASSWORD))

    def test_reserved_in_any_spelling(self) -> None:
        for uid in RESERVED_UIDS:
            for spelling in {uid.upper(), uid.title()}:
                with pytest.raises(ValidationError, match="reserved"):
                    UserCreate(uid=spelling, name="Ada", password=SecretStr(PASSWORD))
