"""CACHE_URL: what it may say, what production wants of it, and what is never shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.config import Settings
from app.config.caches import read_cache_address
from app.startup import explain
from tests.test_config import PRODUCTION


def make(**changes: Any) -> Settings:
    return Settings(_env_file=None, **changes)


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as error:
        make(**changes)
    return explain(error.value)


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://cache.school.org", "redis://cache.school.org:6379/0"),
            ("rediss://u:p@h:7000/3", "rediss://h:7000/3"),
            ("redis://[::1]:1/?db=2", "redis://[::1]:1/2"),
            ("redis://:hun%23ter2@H", "redis://h:6379/0"),
            ("unix:///run/valkey.sock?db=4", "unix:///run/valkey.sock"),
            ("unix://u:p@/run/valkey%20here.sock", "unix:///run/valkey here.sock"),
        ],
    )
    def test_is_shown_without_names(self, url: str, shown: str) -> None:
        assert str(read_cache_address(url)) == shown

    def test_is_taken_apart(self) -> None:
        files = "ssl_ca_certs=/a/ca.crt&ssl_certfile=/a/b.crt&ssl_keyfile=/a/b.key"
        found = read_cache_address(f"rediss://ada:a%3Ab%40@h:1/9?{files}")
        assert (found.username, found.password, found.database) == ("ada", "a:b@", 9)
        assert found.files == dict(pair.split("=") for pair in files.split("&"))
        assert "a:b@" not in repr(found)
        assert read_cache_address("unix:///a?db=4").database == 4
        assert read_cache_address("redis://:pw@h").username is None

    @pytest.mark.parametrize(
        "url",
        [
            *("valkey://h", "http://h", "h:6379", "redis:h", "redis://", "redis:///0", "rediss://"),
            *("redis://h/x", "redis://h/1/2", "redis://h/-1", "redis://h/²", "redis://h:port"),
            *(
                "redis://h:99999",
                "redis://h#x",
                "redis://:a#b@h",
                "redis://[h",
                "unix://",
                "unix:x",
            ),
            *("unix://host/path", "redis://h?db=x", "redis://h?db=1&db=2", "redis://h?db"),
            # What would make the client less sure or more patient.
            *("rediss://h?ssl_cert_reqs=none", "rediss://h?ssl_check_hostname=false"),
            *("redis://h?socket_timeout=9", "redis://h?ssl_ca_certs=/a", "unix:///a?password=x"),
        ],
    )
    def test_other_forms(self, url: str) -> None:
        assert refusal(cache_url=url) == (
            "CACHE_URL is rediss://user:password@host:port/0, redis:// likewise, or unix:///path. "
            "What is no letter and no digit in a password is written as %23."
        )

    def test_is_not_needed(self) -> None:
        assert make().cache_address is None

    def test_is_a_secret(self) -> None:
        settings = make(cache_url="redis://:hunter2@h")
        assert "hunter2" not in repr(settings)
        address = settings.cache_address
        assert address is not None
        assert address.password == "hunter2"


class TestProduction:
    @pytest.mark.parametrize(
        "url",
        [
            *("redis://cache.school.org", "redis://:p@192.0.2.7", "redis://[2001:db8::7]:6379"),
            "redis://localhost.school.org",
        ],
    )
    def test_takes_no_stranger_s_word(self, url: str) -> None:
        assert refusal(**PRODUCTION, cache_url=url) == (
            "CACHE_URL must be rediss:// in production, so that the cache proves itself by a "
            "certificate. On a closed network set ALLOW_UNVERIFIED_CACHE=true."
        )
        allowed = make(**PRODUCTION, cache_url=url, allow_unverified_cache=True)
        assert allowed.cache_address == make(cache_url=url).cache_address is not None

    @pytest.mark.parametrize(
        "url",
        [
            *("rediss://cache.school.org", "rediss://192.0.2.7?ssl_ca_certs=/ca.crt"),
            *("redis://127.0.0.1", "redis://localhost:7000", "redis://[::1]", "unix:///run/a.sock"),
        ],
    )
    def test_takes(self, url: str) -> None:
        assert make(**PRODUCTION, cache_url=url).cache_address is not None
