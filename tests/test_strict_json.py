"""app/strict_json.py: RFC 8259 and nothing beyond it, within bounds."""

import json
import time
from typing import Any

import pytest

from app.strict_json import MAX_DEPTH, MAX_DIGITS, MAX_PARTS, NOWHERE, loads

# What is sent, what is wrong with it, and where.
REFUSED: dict[str, tuple[bytes, str, int]] = {
    "NaN": (b'{"a": NaN}', "Not a number of JSON", 6),
    "Infinity": (b"[Infinity]", "Not a number of JSON", 1),
    "negative Infinity": (b'["NaN", -Infinity]', "Not a number of JSON", 8),
    "a number too large": (b"[1e999]", "A number is too large", NOWHERE),
    "a long fraction": (b"1." + b"0" * 200, "A number is too large", NOWHERE),
    "thousands of digits": (b"9" * 5000, "A number has too many digits", NOWHERE),
    "a name twice": (b'{"a": 1, "a": 2}', "A name occurs twice in an object", NOWHERE),
    "a name twice within": (b'[{"a": {"b": 1, "\\u0062": 2}}]', "A name occurs twice in", NOWHERE),
    "a byte order mark": (b"\xef\xbb\xbf{}", "Unexpected UTF-8 BOM", 0),
    "UTF-16": ("{}".encode("utf-16"), "Not UTF-8", 0),
    "UTF-16 without a mark": ("{}".encode("utf-16-le"), "Expecting property name", 1),
    "UTF-32": ("[]".encode("utf-32-be"), "Expecting value", 0),
    "Latin-1": (b'{"a": "\xe9"}', "Not UTF-8", 7),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', "Not UTF-8", 1),
    "an overlong character": (b'"\xc0\xaf"', "Not UTF-8", 1),
    "something behind it": (b"{} {}", "Extra data", 3),
    "a comma too many": (b"[1,]", "Illegal trailing comma|Expecting value", 2),
    "nothing": (b"", "Expecting value", 0),
    "single quotes": (b"{'a': 1}", "Expecting property name", 1),
    "a comment": (b"/* a */ {}", "Expecting value", 0),
    "a control character": (b'"a\x00b"', "Invalid control character", 2),
    "a line break in a text": (b'"a\nb"', "Invalid control character", 2),
    "an unknown escape": (b'"\\x41"', "Invalid \\\\escape", 1),
    "a zero before": (b"01", "Extra data", 1),
    "a plus": (b"+1", "Expecting value", 0),
    "a number in hex": (b"0x1", "Extra data", 1),
    "a point alone": (b"1.", "Extra data", 1),
    "digits of another script": ("\u0661".encode(), "Expecting value", 0),
    "another blank": ("\u00a0{}".encode(), "Expecting value", 0),
    "too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "Nested too deeply", NOWHERE),
    "objects too deep": (b'{"a":' * 100 + b"1" + b"}" * 100, "Nested too deeply", NOWHERE),
    "too deep and no end": (b"[" * 2000, "Nested too deeply", NOWHERE),
    "too many parts": (b"[" + b"1," * (MAX_PARTS + 1) + b"1]", "Too many parts", NOWHERE),
}


class TestRefused:
    @pytest.mark.parametrize(("raw", "reason", "place"), REFUSED.values(), ids=REFUSED.keys())
    def test_with_reason_and_place(self, raw: bytes, reason: str, place: int) -> None:
        with pytest.raises(json.JSONDecodeError, match=reason) as caught:
            loads(raw)
        assert caught.value.pos in {place, place + 1}

    def test_the_document_stays_out_of_it(self) -> None:
        with pytest.raises(json.JSONDecodeError) as caught:
            loads(b'{"password": "hush", "password": "hush"}')
        assert "hush" not in f"{caught.value!r} {vars(caught.value)}"
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize(
        "raw",
        [
            *(b"[" * 1_000_000, b'{"a":' * 200_000, b"[1," * 300_000, b'"' * 1_000_001),
            *(b'"' + b"\\" * 1_000_000, b'"' + b"[," * 500_000, b'["",' * 250_000),
        ],
        ids=["lists", "objects", "both", "quotes", "escapes", "an open text", "texts"],
    )
    def test_a_megabyte_of_it_is_refused_quickly(self, raw: bytes) -> None:
        began = time.thread_time()
        with pytest.raises(json.JSONDecodeError):
            loads(raw)
        assert time.thread_time() - began < 0.3


class TestTaken:
    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            (b' \t\r\n{"a": [1, -0.5e3, true, null]} ', {"a": [1, -500.0, True, None]}),
            (b'"NaN, Infinity"', "NaN, Infinity"),
            ('{"é": "\\u00e9\\ud83d\\ude00"}'.encode(), {"é": "é\U0001f600"}),
            (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
            (b"9" * MAX_DIGITS, int("9" * MAX_DIGITS)),
            (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
            (b'"' + b"[{," * 10_000 + b'\\""', "[{," * 10_000 + '"'),
            # RFC 8259, section 8.2, leaves it to the reader; our fields refuse it.
            (b'"\\ud800"', "\ud800"),
        ],
    )
    def test_as_it_is(self, raw: bytes, value: Any) -> None:
        assert value is None or loads(raw) == value
        loads(raw)
