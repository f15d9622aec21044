"""Which other origins may act for a visitor: none that only resembles an allowed one."""

from typing import Any

import pytest

from app.config import Settings
from app.origins import OriginPolicy, advise, suggest

FRONT = "https://name.github.io"
DEVELOPMENT = OriginPolicy(Settings(_env_file=None, cors_origins=FRONT))
PRODUCTION = OriginPolicy(
    Settings(
        _env_file=None,
        environment="production",
        public_url="https://api.school.org",
        cors_origins=FRONT,
    )
)
PATTERNS = OriginPolicy(
    Settings(
        _env_file=None,
        environment="production",
        public_url="https://api.school.org",
        cors_origins="https://*.school.org,http://localhost:*",
    )
)
LOOPBACK = [
    *("http://localhost", "http://localhost:4100", "https://localhost:1", "http://127.0.0.1:4887"),
    *("http://[::1]:4100", "http://app.localhost:8000", "http://127.9.9.9"),
]


class TestRefused:
    @pytest.mark.parametrize(
        "origin",
        [
            *("", "null", "*", "name.github.io", "//name.github.io", "https://"),
            *("http://name.github.io", "https://name.github.io:443", "https://name.github.io/"),
            *("https://name.github.io.attacker.example", "https://attacker.example/name.github.io"),
            *("https://xname.github.io", "https://other.github.io", "https://github.io"),
            *("https://name.github.io@attacker.example", "https://NAME.github.io", FRONT + "\n"),
            *("https://name.github.io https://attacker.example", "https://name-github.io"),
            *("https://api.school.org.attacker.example", "https://n\u0430me.github.io"),
        ],
    )
    def test_resembles_an_allowed_one(self, origin: str) -> None:
        assert not DEVELOPMENT.allows(origin)
        assert not PRODUCTION.allows(origin)

    @pytest.mark.parametrize(
        "origin",
        [
            *("http://localhost.attacker.example", "http://127.0.0.1.attacker.example", "http://["),
            *(
                "http://localhost@attacker.example",
                "http://attacker.example@localhost",
                "localhost",
            ),
            *(
                "http://localhost/",
                "http://localhost/x",
                "http://localhost?x",
                "http://localhost#x",
            ),
            *(
                "ftp://localhost",
                "file://localhost",
                "chrome-extension://localhost",
                "http://0.0.0.0",
            ),
            *(
                "http://notlocalhost",
                "http://192.168.1.7",
                "http://localhost\n",
                "http://loc\talhost",
            ),
            *(
                "HTTP://localhost",
                "http://localhost:0",
                "http://localhost:80",
                "http://localhost.",
                "http://[::2]",
                "http://[::1",
                "http://127.0.0.1,127.0.0.2",
                "http:",
            ),
        ],
    )
    def test_resembles_this_machine(self, origin: str) -> None:
        assert not DEVELOPMENT.allows(origin)

    @pytest.mark.parametrize(
        "origin",
        [
            *("https://school.org", "https://evilschool.org", "https://a.school.org.evil.example"),
            *("http://a.school.org", "https://a.school.org:8443", "http://127.0.0.1:4100", "null"),
            *("https://localhost", "https://a.school.org.", "http://localhost@evil.example", ""),
        ],
    )
    def test_resembles_what_a_pattern_allows(self, origin: str) -> None:
        assert not PATTERNS.allows(origin)

    @pytest.mark.parametrize("origin", LOOPBACK)
    def test_this_machine_in_production(self, origin: str) -> None:
        assert not PRODUCTION.allows(origin)


class TestAllowed:
    def test_exactly_the_configured_one(self) -> None:
        assert DEVELOPMENT.allows(FRONT)
        assert PRODUCTION.allows(FRONT)

    @pytest.mark.parametrize(
        "origin", ["https://www.school.org", "https://a.b.school.org", "http://localhost:4100"]
    )
    def test_what_a_pattern_says(self, origin: str) -> None:
        assert PATTERNS.allows(origin)

    @pytest.mark.parametrize("origin", LOOPBACK)
    def test_this_machine_in_development(self, origin: str) -> None:
        assert DEVELOPMENT.allows(origin)


class TestCovered:
    @pytest.mark.parametrize(
        "path", ["/", "/login", "/account", "/apis", "/API/x", "/docs", "", "/ap"]
    )
    def test_pages_are_for_this_origin_alone(self, path: str) -> None:
        assert not PRODUCTION.covers(path)

    @pytest.mark.parametrize("path", ["/api/v1/users", "/api/id", "/static/x.css", "/openapi.json"])
    def test_the_api_and_files_are_for_others_too(self, path: str) -> None:
        assert PRODUCTION.covers(path)


class TestAdvice:
    """What is advised must be a setting that is accepted, and allows exactly that origin."""

    def advise(self, origin: str, **changes: Any) -> str:
        return advise(Settings(_env_file=None, **changes), origin)

    @pytest.mark.parametrize(
        "origin", ["null", "", "file://", "https://a.b/c", "a\nb", "HTTPS://A"]
    )
    def test_nothing_can_allow_it(self, origin: str) -> None:
        assert self.advise(origin) == (
            "Nothing can allow it: open the page from a web server and not from a file."
        )

    def test_plain_http_in_production(self) -> None:
        production: dict[str, Any] = {
            "environment": "production",
            "public_url": "https://api.school.org",
        }
        assert self.advise("http://a.school.org", **production) == (
            "Serve that page over https, then set CORS_ORIGINS=https://a.school.org "
            "and start the server again."
        )
        assert self.advise("http://a.school.org", **production, allow_http=True) == (
            "To allow it, set CORS_ORIGINS=http://a.school.org and start the server again."
        )
        assert self.advise("http://localhost:4100", **production) == (
            "To allow it, set CORS_ORIGINS=http://localhost:4100 and start the server again."
        )

    def test_nothing_is_suggested_where_nothing_helps(self) -> None:
        assert suggest(Settings(_env_file=None), "null") == ""

    def test_names_the_whole_setting(self) -> None:
        settings = Settings(_env_file=None, cors_origins="https://*.school.org, https://bob.me")
        setting = suggest(settings, FRONT)
        assert setting == f"CORS_ORIGINS=https://*.school.org,https://bob.me,{FRONT}"
        assert setting in advise(settings, FRONT)
        extended = Settings(_env_file=None, cors_origins=setting.removeprefix("CORS_ORIGINS="))
        assert OriginPolicy(extended).allows(FRONT)
        assert OriginPolicy(extended).allows("https://a.school.org")
