"""The session cookie: attributes by kind of visit, as measured in browsers, and strict reading."""

from datetime import timedelta

import pytest

from app.cookies import (
    COOKIE_NAME,
    SECURE_COOKIE_NAME,
    CookieProfile,
    Visit,
    choose_profile,
    clear_cookies,
    read_cookies,
    set_cookie,
)

HTTPS, HTTPS_CROSS = CookieProfile.HTTPS, CookieProfile.HTTPS_CROSS_SITE
HTTP, LOOPBACK_CROSS = CookieProfile.HTTP, CookieProfile.LOOPBACK_CROSS_SITE


def visit(address: str, origin: str | None = None, fetch_site: str | None = None) -> Visit:
    """Describe a request to an address such as `http://localhost:8086`."""
    scheme, _, host = address.partition("://")
    return Visit(scheme=scheme, host=host, origin=origin, fetch_site=fetch_site)


class TestReading:
    @pytest.mark.parametrize(
        "header",
        [
            *("", ";", "a=b", "portfolio_session", "xportfolio_session=1", "portfolio_session2=1"),
            *(
                "PORTFOLIO_SESSION=1",
                "Portfolio_Session=1",
                "portfolio%5Fsession=1",
                "x=portfolio_session",
            ),
            *("\u00a0portfolio_session=1", "portfolio_session\x85=1", "\x1fportfolio_session=1"),
            *("__Secure-portfolio_session=1", "__Host-portfolio_session=1", "portfolio-session=1"),
        ],
    )
    def test_other_names(self, header: str) -> None:
        assert read_cookies([header], "http") == []

    @pytest.mark.parametrize("header", ["portfolio_session=1", "__host-portfolio_session=1"])
    def test_over_https_only_the_prefixed_name(self, header: str) -> None:
        """Without the prefix a neighbour on the same domain could have set it."""
        assert read_cookies([header], "https") == []

    def test_two_are_both_returned(self) -> None:
        twice = [f"{COOKIE_NAME}=one; x=y; {COOKIE_NAME}=two"]
        assert read_cookies(twice, "http") == ["one", "two"]
        assert read_cookies([f"{COOKIE_NAME}=one", f"{COOKIE_NAME}=two"], "http") == ["one", "two"]

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("portfolio_session=abc", "abc"),
            ("a=b; portfolio_session=abc;c=d", "abc"),
            ("a=b;portfolio_session = abc ", "abc"),
            ("portfolio_session=", ""),
            ("portfolio_session=a=b", "a=b"),
            ('portfolio_session="abc"', '"abc"'),
        ],
    )
    def test_ours(self, header: str, value: str) -> None:
        assert read_cookies([header], "http") == [value]
        assert read_cookies([header.replace(COOKIE_NAME, SECURE_COOKIE_NAME)], "https") == [value]


class TestAttributes:
    """`contract.md`'s table: the only combinations that browsers send back."""

    @pytest.mark.parametrize(
        ("profile", "attributes"),
        [
            (HTTPS, "Path=/; HttpOnly; Secure; SameSite=Lax"),
            (HTTPS_CROSS, "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"),
            (HTTP, "Path=/; HttpOnly; SameSite=Lax"),
            (LOOPBACK_CROSS, "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"),
        ],
    )
    def test_of_each_profile(self, profile: CookieProfile, attributes: str) -> None:
        assert profile.attributes == attributes

    @pytest.mark.parametrize("profile", CookieProfile)
    def test_scripts_never_read_it_and_no_domain_shares_it(self, profile: CookieProfile) -> None:
        parts = profile.attributes.split("; ")
        assert "HttpOnly" in parts
        assert not any(part.startswith("Domain") for part in parts)

    @pytest.mark.parametrize("profile", CookieProfile)
    def test_prefixed_name_fulfils_its_own_rules(self, profile: CookieProfile) -> None:
        """RFC 6265bis, section 4.1.3.2: `__Host-` needs Secure and Path=/."""
        is_prefixed = profile.name_on_wire == SECURE_COOKIE_NAME == "__Host-portfolio_session"
        assert is_prefixed == (profile in {HTTPS, HTTPS_CROSS})
        if is_prefixed:
            assert {"Secure", "Path=/"} <= set(profile.attributes.split("; "))


class TestChoosing:
    @pytest.mark.parametrize(
        ("made", "profile"),
        [
            (visit("http://localhost:8086"), HTTP),
            (visit("http://localhost:8086", "http://localhost:8086"), HTTP),
            (visit("http://localhost:8086", "http://localhost:4100"), HTTP),
            (visit("http://LOCALHOST:8086", "http://localhost:4100"), HTTP),
            (visit("http://localhost:8086", "http://127.0.0.1:4100"), LOOPBACK_CROSS),
            (visit("http://127.0.0.1:8086", "http://localhost:4100"), LOOPBACK_CROSS),
            (visit("http://[::1]:8086", "http://localhost:4100"), LOOPBACK_CROSS),
            (visit("http://localhost:8086", "null"), LOOPBACK_CROSS),
            (visit("http://localhost:8086", "http://localhost:4100", "same-site"), HTTP),
            (visit("http://localhost:8086", "http://localhost:8086", "same-origin"), HTTP),
            (visit("http://localhost:8086", None, "none"), HTTP),
            (visit("http://localhost:8086", "http://127.0.0.1:1", "cross-site"), LOOPBACK_CROSS),
            (visit("http://192.168.1.7:8086", "http://192.168.1.7:4100"), HTTP),
            (visit("http://192.168.1.7:8086", "http://192.168.1.8:4100"), HTTP),
            (visit("http://school.lan", "https://x.github.io", "cross-site"), HTTP),
            (visit("https://api.school.org"), HTTPS),
            (visit("https://api.school.org", "https://api.school.org"), HTTPS),
            (visit("https://api.school.org", "https://www.school.org", "same-site"), HTTPS),
            (visit("https://api.school.org", "https://x.github.io", "cross-site"), HTTPS_CROSS),
            (visit("https://api.school.org", "https://x.github.io"), HTTPS_CROSS),
            (visit("https://localhost", "https://127.0.0.1"), HTTPS_CROSS),
            # `null` is a page from a file or a sandbox: no site is its own.
            (visit("https://api.school.org", "null"), HTTPS_CROSS),
            (visit("https://api.school.org", "null", "cross-site"), HTTPS_CROSS),
            (visit("http://192.168.1.7:8086", "null"), HTTP),
            # Two names over http: browsers send no Sec-Fetch-Site there, and drop Secure.
            (visit("http://api.school.lan", "http://pages.other.lan"), HTTP),
            # Schemes count: the same name over https is another site.
            (
                visit("http://localhost:8086", "https://localhost:4100", "cross-site"),
                LOOPBACK_CROSS,
            ),
            (visit("https://api.school.org", "http://www.school.org", "cross-site"), HTTPS_CROSS),
            (visit("http://", "http://localhost:4100"), HTTP),
        ],
        ids=str,
    )
    def test_by_where_the_page_is(self, made: Visit, profile: CookieProfile) -> None:
        assert choose_profile(made) is profile

    @pytest.mark.parametrize(
        ("origin", "is_same"),
        [
            ("http://localhost:8086", True),
            ("http://localhost:8087", False),
            ("https://localhost:8086", False),
            ("http://localhost", False),
            ("http://127.0.0.1:8086", False),
            ("null", False),
            (None, False),
        ],
    )
    def test_same_origin(self, origin: str | None, *, is_same: bool) -> None:
        assert visit("http://localhost:8086", origin).is_same_origin is is_same


class TestSetting:
    @pytest.mark.parametrize(
        ("life", "seconds"),
        [
            (timedelta(days=7), 604_800),
            (timedelta(seconds=1.999), 1),
            (timedelta(0), 0),
            (timedelta(seconds=-5), 0),
        ],
    )
    def test_lives_as_long_as_its_session(self, life: timedelta, seconds: int) -> None:
        assert set_cookie(HTTP, "token", life) == (
            f"portfolio_session=token; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
        )

    @pytest.mark.parametrize(
        ("address", "profiles"),
        [
            ("https://api.school.org", (HTTPS, HTTPS_CROSS)),
            ("http://localhost:8086", (HTTP, LOOPBACK_CROSS)),
        ],
    )
    def test_is_removed_however_it_was_set(
        self, address: str, profiles: tuple[CookieProfile, ...]
    ) -> None:
        """A partitioned cookie and another of the same name are two."""
        assert clear_cookies(visit(address)) == [
            f"{profile.name_on_wire}=; Max-Age=0; {profile.attributes}" for profile in profiles
        ]
