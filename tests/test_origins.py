"""Which other origins may act for a visitor: none that only resembles an allowed one."""

import pytest

from app.config import Settings
from app.origins import OriginPolicy

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
                "http://[::2]",
                "http://[::1",
                "http://127.0.0.1,127.0.0.2",
                "http:",
            ),
        ],
    )
    def test_resembles_this_machine(self, origin: str) -> None:
        assert not DEVELOPMENT.allows(origin)

    @pytest.mark.parametrize("origin", LOOPBACK)
    def test_this_machine_in_production(self, origin: str) -> None:
        assert not PRODUCTION.allows(origin)


class TestAllowed:
    def test_exactly_the_configured_one(self) -> None:
        assert DEVELOPMENT.allows(FRONT)
        assert PRODUCTION.allows(FRONT)

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
