"""Text on its way out to an old page, and back: no markup, and nothing lost."""

from typing import Any

import pytest

from app.legacy.texts import meant, shown

VECTORS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea><svg/onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "');alert(1);//",
    "&lt;script&gt;",
    "<<b>>",
]


class TestShown:
    @pytest.mark.parametrize("text", VECTORS)
    def test_has_no_markup_in_it(self, text: str) -> None:
        assert set(str(shown(text))).isdisjoint("<>\"'")

    def test_is_otherwise_as_it_was(self) -> None:
        assert shown("AT&T, 1 < 2, don't") == "AT&T, 1 &lt; 2, don&#39;t"

    def test_reaches_every_text_of_json(self) -> None:
        content = {"<a>": ["<b>", {"c": "<d>", "n": 5, "t": True, "z": None, "f": 0.5}]}
        assert shown(content) == {
            "&lt;a&gt;": ["&lt;b&gt;", {"c": "&lt;d&gt;", "n": 5, "t": True, "z": None, "f": 0.5}]
        }

    @pytest.mark.parametrize("text", VECTORS)
    def test_again_changes_nothing(self, text: str) -> None:
        assert shown(shown(text)) == shown(text)

    def test_of_nothing(self) -> None:
        nothing: list[Any] = [None, 0, 5, True, "", [], {}]
        for value in nothing:
            assert shown(value) == value

    def test_deeper_than_anything_kept_is_cut(self) -> None:
        value: Any = "<b>"
        for _ in range(5_000):
            value = [value]
        found: Any = shown(value)
        depth = 0
        while found:
            found, depth = found[0], depth + 1
        assert (found, depth) == (None, 21)


class TestMeant:
    @pytest.mark.parametrize("text", [*VECTORS[:6], "<<b>>", "AT&T", "don't", "é & \n"])
    def test_is_what_was_shown(self, text: str) -> None:
        assert meant(shown(text)) == text
        assert meant(shown({text: [text]})) == {text: [text]}
