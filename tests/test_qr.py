"""QR codes, module for module, against another encoder; and what a reader needs to see."""

import random
import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qrcode import QRCode as Oracle
from qrcode.constants import ERROR_CORRECT_M
from qrcode.util import MODE_8BIT_BYTE, QRData, lost_point

from app import qr

# By version, how many bytes it holds at most.
CAPACITIES = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213)
# The word of ISO/IEC 18004:2015, section 7.9.1, table C.1 for level M by mask, read left to right.
FORMATS = (
    *("101010000010010", "101000100100101", "101111001111100", "101101101001011"),
    *("100010111111001", "100000011001110", "100111110010111", "100101010100000"),
)


def drawn(text: str, mask: int) -> list[list[bool]]:
    return [list(map(bool, line)) for line in qr.encode(text, mask=mask).modules]


def oracle(text: str, mask: int) -> list[list[bool]]:
    code: Any = Oracle(error_correction=ERROR_CORRECT_M, mask_pattern=mask, border=0)
    code.add_data(QRData(text.encode(), mode=MODE_8BIT_BYTE))
    code.make(fit=True)
    return [list(map(bool, line)) for line in code.modules]


def sample(length: int) -> str:
    letters = string.ascii_letters + string.digits + ":/?=&%"
    return "".join(random.Random(length).choices(letters, k=length))  # noqa: S311  (a test's text)


class TestRefused:
    def test_more_than_the_largest_holds(self) -> None:
        with pytest.raises(qr.TooLong, match="213 bytes"):
            qr.encode("x" * 214)
        with pytest.raises(qr.TooLong):
            qr.encode("é" * 107)


class TestAnotherEncoder:
    @pytest.mark.parametrize("mask", range(8))
    def test_all_versions_full_and_with_room(self, mask: int) -> None:
        for length in (1, *CAPACITIES, *(most + 1 for most in CAPACITIES[:-1])):
            text = sample(length)
            assert drawn(text, mask) == oracle(text, mask), f"{length} bytes"

    @given(text=st.text(max_size=50), mask=st.integers(0, 7))
    def test_any_text(self, text: str, mask: int) -> None:
        found = drawn(text, mask)
        assert found == oracle(text, mask)
        assert qr.penalty(found) == lost_point(found)


class TestChosen:
    @pytest.mark.parametrize("length", [1, 84, 150])
    def test_mask_is_the_one_with_the_least_penalty(self, length: int) -> None:
        text = sample(length)
        best = qr.penalty(qr.encode(text).modules)
        assert best == min(qr.penalty(drawn(text, mask)) for mask in range(8))

    @pytest.mark.parametrize(("version", "most"), list(enumerate(CAPACITIES, start=1)))
    def test_version_is_the_smallest_that_holds_it(self, version: int, most: int) -> None:
        assert len(qr.encode("x" * most).modules) == 17 + 4 * version


class TestStandard:
    @pytest.mark.parametrize(("mask", "word"), list(enumerate(FORMATS)))
    def test_format_stands_beside_the_first_corner(self, mask: int, word: str) -> None:
        line = drawn("standard", mask)[8]
        shown = [*line[:6], line[7], line[8]]
        assert "".join(str(int(is_dark)) for is_dark in shown) == word[:8]

    def test_version_7_as_in_the_standards_annex(self) -> None:
        assert qr.with_check(7, 0x1F25) == 0b000111110010010100


class TestPath:
    def test_draws_the_dark_modules_and_no_other(self) -> None:
        code = qr.encode("path")
        dark = {
            (int(row), int(column) + place)
            for column, row, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", code.path)
            for place in range(int(length))
        }
        modules = code.modules
        assert dark == {
            (row, column)
            for row, line in enumerate(modules)
            for column, is_dark in enumerate(line)
            if is_dark
        }
        assert re.fullmatch(r"(M\d+ \d+h\d+v1h-\d+z)+", code.path)
