"""Names of hosts and origins."""

import pytest

from app.hosts import Origin, is_address, is_loopback, read_origin, split_origin


class TestReadOrigin:
    @pytest.mark.parametrize(
        "text",
        [
            *(
                "",
                "null",
                "*",
                "a.b",
                "//a.b",
                "https://",
                "https:///x",
                "ftp://a.b",
                "https://a.b/",
            ),
            *("https://a.b/x", "https://a.b?x", "https://a.b#x", "https://user@a.b", "https://a b"),
            *("https://a.b:", "https://a.b:x", "https://a.b:123456", "https://[", "https://[::1"),
            *("https://a.b:0", "https://a.b:65536", "https://a.b:08", "https://\u212a.org"),
            *("https://a.b\n", " https://a.b", "https://\u00e9.b", "https://a.b\\c", "https://a,b"),
        ],
    )
    def test_no_origin(self, text: str) -> None:
        assert read_origin(text) is None

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("https://a.b", "https://a.b"),
            ("HTTPS://A.B:443", "https://a.b"),
            ("http://a.b:80", "http://a.b"),
            ("http://a.b:443", "http://a.b:443"),
            ("https://a.b:80", "https://a.b:80"),
            ("http://a.b:8080", "http://a.b:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[2001:DB8::1]:8086", "http://[2001:db8::1]:8086"),
            ("http://my_app-1:1", "http://my_app-1:1"),
        ],
    )
    def test_as_browsers_write_it(self, written: str, read: str) -> None:
        assert read_origin(written) == read


class TestIsLoopback:
    @pytest.mark.parametrize(
        "host",
        [
            *("", "example.org", "localhost.example.org", "notlocalhost", "128.0.0.1", "0.0.0.0"),  # noqa: S104
            *("127.0.0.1.example.org", "::2", "[", "127.1", "2130706433", "::ffff:128.0.0.1"),
        ],
    )
    def test_elsewhere(self, host: str) -> None:
        assert not is_loopback(host)

    @pytest.mark.parametrize(
        "host", ["localhost", "a.localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"]
    )
    def test_this_machine(self, host: str) -> None:
        assert is_loopback(host)


class TestSplitOrigin:
    @pytest.mark.parametrize(
        "text",
        ["null", "", "HTTPS://a.b", "https://A.b", "https://a.b:443", "http://a.b:80", "a.b"],
    )
    def test_what_browsers_do_not_write(self, text: str) -> None:
        assert split_origin(text) is None

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("https://a.b", ("https", "a.b", "")),
            ("http://a.b:443", ("http", "a.b", ":443")),
            ("http://[::1]:4100", ("http", "[::1]", ":4100")),
        ],
    )
    def test_takes_it_apart(self, text: str, parts: tuple[str, str, str]) -> None:
        assert split_origin(text) == Origin(*parts)
        assert str(Origin(*parts)) == text


class TestIsAddress:
    @pytest.mark.parametrize("host", ["localhost", "a.b", "1.a", "0x7f.a", "127-0-0-1.a", "x0"])
    def test_names(self, host: str) -> None:
        assert not is_address(host)

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "127.1", "2130706433", "0x7f", "a.1"])
    def test_numbers(self, host: str) -> None:
        assert is_address(host)
