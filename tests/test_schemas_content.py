"""Rules for what people publish and belong to: sections, groups, channels, posts."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.schemas import (
    ChannelCreate,
    GroupCreate,
    MembershipUpdate,
    PostCreate,
    PostUpdate,
    SectionCreate,
)
from tests.test_schemas import refused


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class TestSection:
    @pytest.mark.parametrize("text", ["a/b", "a\\b", "a?", "#1", "5%", ".", ".."])
    def test_what_an_address_cannot_hold(self, text: str) -> None:
        body = {"abbreviation": text, "name": "Computer Science"}
        assert refused(SectionCreate, **body) == {"abbreviation": "abbreviation_characters"}

    def test_abbreviation(self) -> None:
        rows = {
            "": "name_empty",
            "C\x00": "name_characters",
            "x" * 33: "string_too_long",
            # Twelve letters each when folded.
            "\ufdfa" * 9: "abbreviation_too_long",
        }
        for text, kind in rows.items():
            assert refused(SectionCreate, abbreviation=text, name="X") == {"abbreviation": kind}
        made = SectionCreate(abbreviation=" AP  CS.A ", name="Computer Science")
        assert made.abbreviation == "AP CS.A"

    def test_unknown_fields(self) -> None:
        for name in ("id", "abbreviation_folded", "created_at"):
            body = {"abbreviation": "CSA", "name": "Computer Science", name: 1}
            assert refused(SectionCreate, **body) == {name: "extra_forbidden"}

    @pytest.mark.parametrize("year", [1899, 3000, -1, 2**40, "2026", 2026.0, True], ids=repr)
    def test_year(self, year: object) -> None:
        assert "year" in refused(MembershipUpdate, year=year)
        assert MembershipUpdate(year=1900).year == 1900
        assert MembershipUpdate(year=2999).year == 2999


class TestPost:
    def test_length(self) -> None:
        for model in (PostCreate, PostUpdate):
            assert refused(model, title="x" * 201) == {"title": "string_too_long"}
            assert refused(model, comment="x" * 10_001) == {"comment": "string_too_long"}
            made = model(title="\u2603" * 200, comment="\u2603" * 10_000)
            assert len(made.comment) == 10_000

    @pytest.mark.parametrize("text", ["\x00", "a\ud800"], ids=ascii)
    def test_text_that_a_database_cannot_hold(self, text: str) -> None:
        for name in ("title", "comment"):
            assert name in refused(PostCreate, **{name: text})
        for content in (text, [text], {"a": text}, {text: 1}, [{"a": [text]}]):
            assert refused(PostCreate, content=content) == {"content": "string_unicode"}
            assert "attributes" in refused(
                ChannelCreate, name="X", group_id=1, attributes={"a": content}
            )

    def test_text_with_markup_is_text(self) -> None:
        """What shows it escapes it; what keeps it does not judge."""
        text = "<script>alert(1)</script> & a < b\n\u202e"
        assert PostCreate(title=text, comment=text, content=[text]).comment == text

    def test_content_is_any_json(self) -> None:
        rows: list[Any] = [None, 0, -1.5, True, "\\u0000", "é", [], {}, [[]], {"a": {"b": [1]}}]
        for content in rows:
            assert PostCreate(content=content).content == content

    def test_content_has_bounds(self) -> None:
        rows: list[tuple[Any, str]] = [
            ("x" * 16_383, "json_too_long"),
            (["\u2603" * 6_000], "json_too_long"),
            (nested(21), "json_too_deep"),
            ({"a": nested(20)}, "json_too_deep"),
            (nested(5_000), "json_too_deep"),
            (float("nan"), "json_type"),
            ([float("inf")], "json_type"),
            ({1, 2}, "json_type"),
        ]
        for content, kind in rows:
            assert refused(PostCreate, content=content) == {"content": kind}
        for content in ("x" * 16_382, nested(20)):
            assert PostCreate(content=content).content == content

    @pytest.mark.parametrize(
        "url",
        [
            *("javascript:alert(1)", "data:text/html,x", "//example.org", "/page", "example.org"),
            *("http:", "https://", "http:///x", "https://[::1", "ftp://example.org", ""),
            *("https://example.org/a b", "https://example.org/\n", "java\tscript:alert(1)"),
            *("https://example.org/\u202e", "https://ex\u00e4mple.org/", "https://x/" + "x" * 2000),
        ],
    )
    def test_page_url_is_a_page_of_the_web(self, url: str) -> None:
        assert "page_url" in refused(PostCreate, page_url=url)
        good = "HTTPS://example.org:8080/a%20b?c=d#e"
        assert PostCreate(page_url=good).page_url == good

    @pytest.mark.parametrize("key", [0, -1, 2**31, 2**63, "3", 1.0, True, [1]], ids=repr)
    def test_keys_fit_a_column(self, key: object) -> None:
        assert "channel_id" in refused(PostCreate, channel_id=key)
        assert "group_id" in refused(ChannelCreate, name="X", group_id=key)
        assert "section_id" in refused(GroupCreate, name="X", section_id=key)

    def test_unknown_fields(self) -> None:
        for name in ("id", "user_id", "created_at", "author"):
            assert refused(PostCreate, **{name: 1}) == {name: "extra_forbidden"}
            assert refused(PostUpdate, **{name: 1}) == {name: "extra_forbidden"}
        # An answer stays the answer it is.
        assert refused(PostUpdate, parent_id=1) == {"parent_id": "extra_forbidden"}

    def test_refusals_never_hold_what_was_sent(self) -> None:
        with pytest.raises(ValidationError) as error:
            PostCreate.model_validate({"title": "hunter2" * 40, "page_url": "hunter2"})
        assert "hunter2" not in str(error.value)
