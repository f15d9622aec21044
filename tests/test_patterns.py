"""Entries of CORS_ORIGINS: what is refused, in which words, and what the others match."""

import pytest

from app.hosts import split_origin
from app.patterns import check_entries, read_pattern

EVERYTHING = (
    "CORS_ORIGINS: entry 2 allows every origin, so any page could act as the user; "
    "name the front ends."
)
NO_PATTERN = (
    "CORS_ORIGINS: entry 2 is no pattern: a * stands for all names below a domain "
    "(https://*.school.org) or for any port (http://localhost:*), and nowhere else."
)
ADDRESSES = "CORS_ORIGINS: entry 2 is a pattern of IP addresses; write each origin in full."
NOT_ASCII = "CORS_ORIGINS: entry 2 must be written as browsers send it: in ASCII (xn--...)."


def refusal(entry: str) -> str:
    with pytest.raises(ValueError, match=r"^CORS_ORIGINS: entry 2 ") as refused:
        check_entries(("https://good.example", entry))
    return str(refused.value)


def matches(entry: str, origin: str) -> bool:
    (checked,) = check_entries((entry,))
    pattern, parts = read_pattern(checked), split_origin(origin)
    assert pattern is not None
    return parts is not None and pattern.matches(parts)


class TestRefused:
    @pytest.mark.parametrize(
        "entry",
        ["*", "*:*", "https://*", "http://*", "https://*:*", "HTTPS://*/", "*://*"],
    )
    def test_everything(self, entry: str) -> None:
        assert refusal(entry) == EVERYTHING

    @pytest.mark.parametrize(
        ("entry", "shared"),
        [
            *(("https://*.org", "org"), ("https://*.co.uk", "co.uk"), ("https://*.lan", "lan")),
            *(("https://*.github.io", "github.io"), ("https://*.netlify.app", "netlify.app")),
            *(("https://*.k12.ca.us", "k12.ca.us"), ("HTTPS://*.GitHub.IO:443", "github.io")),
            *(("http://*.vercel.app:*", "vercel.app"), ("https://*.pages.dev:8443", "pages.dev")),
        ],
    )
    def test_names_that_strangers_can_have(self, entry: str, shared: str) -> None:
        assert refusal(entry) == (
            "CORS_ORIGINS: entry 2 would allow strangers: anyone can have a name below "
            f"{shared}; name each front end in full."
        )

    def test_names_that_a_providers_customers_can_have(self) -> None:
        sentence = refusal("https://*.amazonaws.com")
        assert "anyone can have a name below " in sentence
        assert ".amazonaws.com; name each" in sentence

    @pytest.mark.parametrize(
        "entry",
        [
            *("https://a.*.school.org", "https://a*.school.org", "https://*school.org"),
            *("https://*.*.school.org", "https://school.*", "https://*.school.org:8*"),
            *("https://*.school.org.", "https://*..school.org", "https://*.school.org/"),
            *("http*://school.org", "*://school.org", "*.school.org", "//*.school.org"),
            *("https://*@school.org", "https://*.u@school.org", "https://u@*.school.org"),
            *("https://*.school.org:*/", "https://*.school.org:*:*", "https://*.school.org#:*"),
            *("https://*.a b", "https://*.school.org\\:*", "ftp://*.school.org", "https://*.[::1"),
            *("http://192.168.1.*", "https://*.school.org:99999", "https://:*", "https://*."),
        ],
    )
    def test_stars_elsewhere(self, entry: str) -> None:
        assert refusal(entry) == NO_PATTERN

    @pytest.mark.parametrize(
        "entry",
        [
            *("http://192.168.1.7:*", "http://*.168.1.7", "http://*.0.0.1", "https://*.127.0.0.1"),
            *("http://[fe80::1]:*", "https://*.0x7f", "http://0.0.0.0:*", "http://*.[::1]"),
        ],
    )
    def test_addresses(self, entry: str) -> None:
        assert refusal(entry) == ADDRESSES

    @pytest.mark.parametrize(
        "entry",
        ["https://*.schüler.example", "https://\u017fchool.org", "http://localhost:*\u00a0"],
    )
    def test_letters_that_no_browser_sends(self, entry: str) -> None:
        assert refusal(entry) == NOT_ASCII


class TestNamesBelowADomain:
    @pytest.mark.parametrize(
        "origin",
        [
            *("https://school.org", "https://evilschool.org", "https://evil-school.org"),
            *("https://a.school.org.evil.example", "https://school.org.evil.example"),
            *("https://a.school.org@evil.example", "https://a.school.org:443@evil.example"),
            *("https://evil.example#a.school.org", "https://evil.example/.school.org"),
            *("https://evil.example?.school.org", "https://evil.example\\.school.org"),
            *("http://a.school.org", "https://a.school.org:8443", "https://a.school.org:443"),
            *("https://A.school.org", "HTTPS://a.school.org", "https://a.School.Org"),
            *("https://a.school.org.", "https://.school.org", "https://a..school.org"),
            *("https://*.school.org", "https://ä.school.org", "https://a.school.org\n"),
            *("https://a.school.org https://evil.example", "https://a.xn--school-x.org"),
            *("https://a%2eschool.org", "https://a.school.org%00", "null", "", "a.school.org"),
        ],
    )
    def test_what_only_resembles_one(self, origin: str) -> None:
        assert not matches("https://*.school.org", origin)

    @pytest.mark.parametrize(
        "origin",
        [
            *(
                "https://a.school.org",
                "https://a.b.c.school.org",
                "https://xn--e1afmkfd.school.org",
            ),
            *("https://a-b.school.org", "https://a_b.school.org", "https://1.school.org"),
        ],
    )
    def test_at_any_depth(self, origin: str) -> None:
        assert matches("https://*.school.org", origin)
        assert matches("HTTPS://*.School.ORG:443", origin)

    def test_on_another_port(self) -> None:
        assert matches("https://*.school.org:8443", "https://a.school.org:8443")
        assert not matches("https://*.school.org:8443", "https://a.school.org")
        assert not matches("https://*.school.org:8443", "https://a.school.org:84430")


class TestAnyPort:
    @pytest.mark.parametrize(
        "origin",
        [
            *("https://localhost:1", "http://localhost.evil.example:1", "http://evil-localhost:1"),
            *("http://localhost:1@evil.example", "http://localhost:", "http://localhost:0"),
            *("http://localhost:99999", "http://localhost:1x", "http://localhost:01"),
            *(
                "http://127.0.0.1:1",
                "http://a.localhost:1",
                "http://localhost:80",
                "http://LOCALHOST",
            ),
        ],
    )
    def test_what_only_resembles_one(self, origin: str) -> None:
        assert not matches("http://localhost:*", origin)

    @pytest.mark.parametrize(
        "origin", ["http://localhost", "http://localhost:4100", "http://localhost:65535"]
    )
    def test_any(self, origin: str) -> None:
        assert matches("http://localhost:*", origin)

    @pytest.mark.parametrize(
        ("entry", "origin"),
        [
            ("http://127.0.0.1:*", "http://127.0.0.1:4500"),
            ("http://[::1]:*", "http://[::1]:4500"),
            ("http://*.localhost:*", "http://site.localhost:4500"),
            ("https://*.school.org:*", "https://a.school.org:8443"),
            ("https://ada.github.io:*", "https://ada.github.io"),
        ],
    )
    def test_of_other_hosts(self, entry: str, origin: str) -> None:
        assert matches(entry, origin)
