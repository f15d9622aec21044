"""Which names are one site, and below which strangers have theirs."""

import pytest

from app.hosts import Origin, split_origin
from app.sites import find_shared, is_same_site, registrable_domain


def read(text: str) -> Origin:
    origin = split_origin(text)
    assert origin is not None
    return origin


class TestSameSite:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("https://school.org", "http://school.org"),
            ("https://ada.github.io", "https://bob.github.io"),
            ("https://ada.github.io", "https://github.io"),
            ("https://a.co.uk", "https://b.co.uk"),
            ("https://evilschool.org", "https://school.org"),
            ("https://school.org.evil.example", "https://school.org"),
            ("http://localhost", "http://127.0.0.1"),
            ("http://localhost", "http://app.localhost"),
            ("http://192.168.1.7", "http://192.168.1.8"),
            ("http://1.168.1.7", "http://2.168.1.7"),
            ("http://[::1]", "http://[::2]"),
            ("https://one.k12.ca.us", "https://two.k12.ca.us"),
        ],
    )
    def test_two(self, one: str, other: str) -> None:
        assert not is_same_site(read(one), read(other))
        assert not is_same_site(read(other), read(one))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("https://www.school.org", "https://api.school.org"),
            ("https://school.org", "https://api.school.org:8443"),
            ("http://localhost:4100", "http://localhost:8086"),
            ("http://192.168.1.7:4100", "http://192.168.1.7:8086"),
            ("http://[::1]:4100", "http://[::1]:8086"),
            ("https://a.ada.github.io", "https://ada.github.io"),
            ("http://server.school.lan", "http://api.school.lan"),
            ("https://a.b.school.co.uk", "https://school.co.uk"),
        ],
    )
    def test_one(self, one: str, other: str) -> None:
        assert is_same_site(read(one), read(other))

    def test_an_address_has_no_domain_to_register(self) -> None:
        assert registrable_domain("192.168.1.7") == "192.168.1.7"
        assert registrable_domain("[::1]") == "[::1]"
        assert registrable_domain("github.io") == "github.io"


class TestShared:
    @pytest.mark.parametrize(
        "domain",
        [
            *("org", "co.uk", "github.io", "netlify.app", "vercel.app", "pages.dev", "k12.ca.us"),
            *("ck", "kawasaki.jp", "xn--p1ai", "lan", "compute.amazonaws.com"),
        ],
    )
    def test_anyone_can_have_a_name_there(self, domain: str) -> None:
        assert find_shared(domain) == domain

    @pytest.mark.parametrize("domain", ["amazonaws.com", "s3.amazonaws.com"])
    def test_customers_of_a_provider_can(self, domain: str) -> None:
        shared = find_shared(domain)
        assert shared is not None
        assert shared.endswith(domain)

    @pytest.mark.parametrize(
        "domain",
        [
            *("school.org", "a.school.org", "ada.github.io", "school.co.uk", "city.kawasaki.jp"),
            *("lausd.k12.ca.us", "school.lan", "xn--schler-3ya.example", "www.ck"),
        ],
    )
    def test_only_its_owner_can(self, domain: str) -> None:
        assert find_shared(domain) is None
