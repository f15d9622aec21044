"""What a login from an address will meet: `contract.md`'s matrix row by row, and refusals."""

from typing import Any

import pytest

from app.config import Settings
from app.hosts import split_origin
from app.outlook import BROWSERS, Fate, Outlook, Relation, doubt_proxy, foresee, read_address

LAX = "Path=/; HttpOnly; SameSite=Lax"
SECURE_LAX = "Path=/; HttpOnly; Secure; SameSite=Lax"
PARTITIONED = "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
WORKS, SCRIPT, FAILS = Fate.WORKS, Fate.WITH_SCRIPT, Fate.FAILS
EVERYWHERE, BY_BROWSER = (WORKS,) * 4, (WORKS, WORKS, SCRIPT, SCRIPT)
SCHOOL = {"environment": "production", "public_url": "https://api.school.org"}
LAN = {"public_url": "http://192.168.1.7:8086"}
NAMED = {"public_url": "http://api.school.lan"}


def look(origin: str, **changes: Any) -> Outlook:
    parts = split_origin(origin)
    assert parts is not None
    return foresee(Settings(_env_file=None, **changes), parts)


class TestAddress:
    @pytest.mark.parametrize(
        "text",
        [
            *("", "ada.github.io", "localhost:4100", "ftp://a.b", "file:///x.html", "null", "*"),
            *("https://", "https:///x", "https://user@a.b/", "https://a.b:x/", "https://a.b:99999"),
            *(
                "https://[::1",
                "https://a b",
                "https://a.b\\@c.d",
                "javascript:alert(1)",
                "http://[",
            ),
            *(
                "https://a\u0000.b",
                "https://a.b\n/x",
                "https://stra\u00dfe.example",
                "https://*.a.b",
            ),
            *("https://a\u3002b c", "https://" + "a" * 64 + "\u00e9.example", "data:text/html,x"),
        ],
    )
    def test_of_nothing(self, text: str) -> None:
        assert read_address(text) is None

    @pytest.mark.parametrize(
        ("text", "origin"),
        [
            ("https://ada.github.io", "https://ada.github.io"),
            (" https://Ada.GitHub.io/portfolio/?a=b#c ", "https://ada.github.io"),
            ("http://localhost:4100/", "http://localhost:4100"),
            ("https://a.b:443/x@y", "https://a.b"),
            ("http://[::1]:4100/x", "http://[::1]:4100"),
            ("https://Sch\u00fcler.example/x", "https://xn--schler-5ya.example"),
        ],
    )
    def test_of_a_page(self, text: str, origin: str) -> None:
        assert str(read_address(text)) == origin


class TestRefusedOrigins:
    def test_say_what_allows_them(self) -> None:
        outlook = look("https://ada.github.io", **SCHOOL)
        assert not outlook.is_allowed
        assert outlook.setting == "CORS_ORIGINS=https://ada.github.io"
        assert f"set {outlook.setting} and" in outlook.advice

    def test_on_the_same_site_too(self) -> None:
        assert not look("https://www.school.org", **SCHOOL).is_allowed

    @pytest.mark.parametrize(
        ("origin", "changes"),
        [
            ("https://api.school.org", SCHOOL),
            ("https://www.school.org", {**SCHOOL, "cors_origins": "https://*.school.org"}),
            ("https://ada.github.io", {**SCHOOL, "cors_origins": "https://ada.github.io"}),
            ("http://localhost:4100", {}),
        ],
    )
    def test_are_not_these(self, origin: str, changes: dict[str, Any]) -> None:
        outlook = look(origin, **changes)
        assert outlook.is_allowed
        assert outlook.advice == outlook.setting == ""


class TestMatrix:
    @pytest.mark.parametrize(
        ("origin", "changes", "relation", "attributes", "fates"),
        [
            ("http://localhost:4100", {}, "same-site", LAX, EVERYWHERE),
            ("http://localhost:8086", {}, "same-origin", LAX, EVERYWHERE),
            ("http://127.0.0.1:4500", {}, "cross-site", PARTITIONED, BY_BROWSER),
            ("https://ada.github.io", {}, "cross-site", PARTITIONED, (WORKS, WORKS, SCRIPT, FAILS)),
            ("https://ada.github.io", SCHOOL, "cross-site", PARTITIONED, BY_BROWSER),
            ("https://api.school.org", SCHOOL, "same-origin", SECURE_LAX, EVERYWHERE),
            ("https://www.school.org", SCHOOL, "same-site", SECURE_LAX, EVERYWHERE),
            ("https://school.org:8443", SCHOOL, "same-site", SECURE_LAX, EVERYWHERE),
            # Schemeful: the same names over http are another site.
            ("http://www.school.org", SCHOOL, "cross-site", PARTITIONED, BY_BROWSER),
            ("http://192.168.1.7:4100", LAN, "same-site", LAX, EVERYWHERE),
            ("http://192.168.1.8:4100", LAN, "cross-site", LAX, (SCRIPT,) * 4),
            ("http://www.other.lan", NAMED, "cross-site", LAX, (SCRIPT,) * 4),
            ("http://www.school.lan", NAMED, "same-site", LAX, EVERYWHERE),
            ("https://ada.github.io", LAN, "cross-site", LAX, (FAILS,) * 4),
            ("https://192.168.1.7", LAN, "cross-site", LAX, (FAILS,) * 4),
        ],
    )
    def test_row(
        self,
        origin: str,
        changes: dict[str, Any],
        relation: str,
        attributes: str,
        fates: tuple[Fate, ...],
    ) -> None:
        outlook = look(origin, **changes)
        assert outlook.relation == Relation(relation)
        assert outlook.attributes == attributes
        assert tuple(row.browser for row in outlook.rows) == BROWSERS
        assert tuple(row.fate for row in outlook.rows) == fates
        assert all(row.why for row in outlook.rows)
        assert outlook.is_everywhere == (set(fates) == {WORKS})
        assert outlook.is_hopeless == (set(fates) == {FAILS})

    def test_port_that_is_not_known_yet(self) -> None:
        assert look("http://localhost:4100", port=0).relation is Relation.SAME_SITE


class TestProxy:
    def test_that_nobody_named(self) -> None:
        settings = Settings(_env_file=None, public_url="https://api.school.org")
        assert "Set TRUSTED_PROXIES" in doubt_proxy(settings)

    @pytest.mark.parametrize(
        "changes",
        [{}, {"public_url": "https://api.school.org", "trusted_proxies": "127.0.0.1"}],
    )
    def test_that_is_known_or_not_needed(self, changes: dict[str, Any]) -> None:
        assert doubt_proxy(Settings(_env_file=None, **changes)) == ""
