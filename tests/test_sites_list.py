"""Registrable domains by our reading of the list, beside another reader of the same list."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from app import sites
from app.hosts import is_address
from app.sites import find_shared, read_date, registrable_domain

_LINES = sites.LIST.read_text("utf-8").splitlines()
RULES = [line.split()[0] for line in _LINES if line.strip() and not line.startswith("//")]
NAMES = sorted({rule.lstrip("!*.").encode("idna").decode() for rule in RULES})
# What stands before a name: nothing, and labels that no rule, a wildcard or an exception may take.
BEFORE = ("", "a.", "www.", "b.a.", "c.b.a.")
labels = st.text("abcz019-_", min_size=1, max_size=8)
hosts = st.builds(
    lambda before, name: ".".join([*before, name]),
    st.lists(labels | st.sampled_from(["www", "city", "xn--p1ai", "COM"]), max_size=4),
    st.sampled_from(NAMES) | labels,
)


@cache
def oracle() -> PublicSuffixList:
    return PublicSuffixList(sites.LIST.read_bytes())


def expected(host: str) -> str:
    if is_address(host):
        return host
    return oracle().privatesuffix(host) or host


class TestRegistrable:
    def test_every_rule_of_the_list(self) -> None:
        assert len(NAMES) > 9000
        asked = [before + name for name in NAMES for before in BEFORE]
        different = {host for host in asked if registrable_domain(host) != expected(host)}
        assert different == set()

    @pytest.mark.parametrize(
        ("host", "registered"),
        [
            *(("school.org.", "school.org"), ("WWW.School.ORG", "school.org")),
            *(("localhost", "localhost"), ("a.b.lan", "b.lan"), ("lan.", "lan.")),
            *(("www.xn--55qx5d.cn", "www.xn--55qx5d.cn"), ("a.b.xn--p1ai", "b.xn--p1ai")),
            *(("kobe.jp", "kobe.jp"), ("a.kobe.jp", "a.kobe.jp"), ("b.a.kobe.jp", "b.a.kobe.jp")),
            *(("x.city.kobe.jp", "city.kobe.jp"), ("x.www.ck", "www.ck"), ("a.b.ck", "a.b.ck")),
            *(("a..org", "a..org"), (".org", ".org"), ("", ""), (".", "."), ("a.org..", "a.org..")),
            *(("1.2.3.4", "1.2.3.4"), ("a.1", "a.1"), ("a.0xff", "a.0xff"), ("[::1]", "[::1]")),
            *(("-.org", "-.org"), ("a.-.org", "-.org"), ("_dmarc.school.org", "school.org")),
            *(("*.ck", "*.ck"), ("!www.ck", "!www.ck"), ("a.*.ck", "a.*.ck")),
        ],
    )
    def test_odd_hosts(self, host: str, registered: str) -> None:
        assert registrable_domain(host) == registered == expected(host)

    @given(hosts)
    def test_any_host(self, host: str) -> None:
        assert registrable_domain(host) == expected(host)


class TestShared:
    @pytest.mark.parametrize("before", ["", "a.", "b.a."])
    def test_is_itself_what_nobody_registered(self, before: str) -> None:
        for domain in (before + name for name in NAMES[::20]):
            is_public = oracle().privatesuffix(domain) is None
            assert (find_shared(domain) == domain) == is_public, domain


def test_the_list_says_of_which_day_it_is() -> None:
    assert f"// VERSION: {read_date()}" in sites.LIST.read_text("utf-8")
