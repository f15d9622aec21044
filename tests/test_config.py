"""Settings: what is refused and in which words, where they are read, what follows from them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.config import ENV_PREFIX, WEAK_SECRETS, Settings, unknown_settings
from app.startup import explain

GOOD_SECRET = "k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d"
PRODUCTION: dict[str, Any] = {"environment": "production", "public_url": "https://api.school.org"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` is looked for in the current folder."""
    monkeypatch.chdir(tmp_path)


def make(**values: Any) -> Settings:
    return Settings(**values)


def problem(**values: Any) -> ValidationError | None:
    """Return what is wrong with settings, if anything."""
    try:
        Settings(**values)
    except ValidationError as error:
        return error
    return None


def refusal(**values: Any) -> str:
    """Return the sentence with which settings are refused."""
    error = problem(**values)
    assert error is not None
    return explain(error)


class TestProductionRefuses:
    def test_no_public_url(self) -> None:
        assert refusal(environment="production") == (
            "PUBLIC_URL is needed in production: the address people open."
        )

    def test_plain_http(self) -> None:
        assert refusal(environment="production", public_url="http://api.school.org") == (
            "PUBLIC_URL must be https in production. On a closed network set ALLOW_HTTP=true."
        )

    def test_any_host(self) -> None:
        assert refusal(**PRODUCTION, allowed_hosts="api.school.org, *") == (
            "ALLOWED_HOSTS must name hosts in production, not `*`."
        )

    @pytest.mark.parametrize("proxies", ["*", "127.0.0.1,*", "0.0.0.0/0", "10.0.0.1/0", "::/0"])
    def test_any_proxy(self, proxies: str) -> None:
        assert refusal(**PRODUCTION, trusted_proxies=proxies) == (
            "TRUSTED_PROXIES must name addresses in production: with `*` anyone forges theirs."
        )
        assert make(trusted_proxies=proxies).trusted_proxies

    @pytest.mark.parametrize("entry", ["nginx", "127.0.0.1:80", "10.0.0.0/33", "10.0.0", "[::1]"])
    def test_proxy_that_is_no_address(self, entry: str) -> None:
        for environment in ("production", "development"):
            values = {**PRODUCTION, "environment": environment}
            assert refusal(**values, trusted_proxies=f"127.0.0.1, {entry}") == (
                "TRUSTED_PROXIES: entry 2 is no address and no network."
            )

    @pytest.mark.parametrize("name", ["PORTFOLIO_SECRETKEY", "portfolio_signups", "Portfolio_X"])
    def test_unknown_setting_in_the_environment(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "1")
        assert refusal(**PRODUCTION) == f"Unknown settings: {name}. Check the spelling."

    def test_unknown_setting_in_the_file(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("PORTFOLIO_TYPO=1\nOTHER=2\nPORTFOLIO_ALSO=3\n")
        assert refusal(**PRODUCTION) == (
            "Unknown settings: PORTFOLIO_ALSO, PORTFOLIO_TYPO. Check the spelling."
        )

    def test_every_check_is_off_in_development(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORTFOLIO_TYPO", "1")
        assert not Settings(allowed_hosts="*", public_url="http://x").is_production

    def test_takes_plain_http_when_told_to(self) -> None:
        settings = Settings(environment="production", public_url="http://x", allow_http=True)
        assert not settings.is_https

    def test_takes_safe_settings(self) -> None:
        settings = Settings(**PRODUCTION)
        assert settings.is_production
        assert settings.is_https


class TestSecretKey:
    @pytest.mark.parametrize(
        "secret",
        [
            *("", "short", GOOD_SECRET[:-1], "a" * 40, "abcdefg" * 6, " " * 32),
            *sorted(WEAK_SECRETS),
            *("YOUR-256-BIT-SECRET", "ChangeMe"),
            *(
                "abcdefgh" * 4,
                "change-me-" * 4,
                "your-256-bit-secret" * 2,
            ),
            *("insecure" * 3 + "0123456789abcde", "0123456789abcde" * 3),
        ],
    )
    def test_weak(self, secret: str) -> None:
        for environment in ("development", "production"):
            values = {**PRODUCTION, "environment": environment}
            assert refusal(**values, secret_key=secret).startswith(
                "SECRET_KEY must be at least 32 random characters. Make one with: "
            )

    def test_just_strong_enough(self) -> None:
        assert Settings(secret_key=SecretStr(GOOD_SECRET)).secret_key == SecretStr(GOOD_SECRET)

    def test_is_not_shown(self) -> None:
        settings = Settings(secret_key=SecretStr(GOOD_SECRET))
        assert GOOD_SECRET not in f"{settings!r} {settings!s} {settings.model_dump_json()}"


class TestOrigins:
    """What a pattern may be is in test_patterns.py; here, that settings ask."""

    @pytest.mark.parametrize("origins", ["*", "https://*.github.io", "https://a.b, *"])
    def test_pattern_that_a_stranger_could_fill(self, origins: str) -> None:
        place = origins.count(",") + 1
        assert refusal(cors_origins=origins).startswith(f"CORS_ORIGINS: entry {place} ")

    @pytest.mark.parametrize(
        "plain", ["http://*.school.org", "http://a.school.org:*", "http://a.b"]
    )
    def test_plain_http_in_production(self, plain: str) -> None:
        origins = f"https://*.school.org,{plain}"
        assert refusal(**PRODUCTION, cors_origins=origins) == (
            "CORS_ORIGINS: entry 2 must be https in production: anyone on the network can change a "
            "page that is not. On a closed network set ALLOW_HTTP=true."
        )
        assert make(**PRODUCTION, cors_origins=origins, allow_http=True).cors_origins[1] == plain
        assert make(cors_origins=origins).cors_origins[1] == plain

    def test_this_machine_in_production(self) -> None:
        settings = make(**PRODUCTION, cors_origins="http://localhost:*,http://127.0.0.1:4100")
        assert settings.cors_origins == ("http://localhost:*", "http://127.0.0.1:4100")

    @pytest.mark.parametrize(
        "origin",
        [
            *("name.github.io", "https://", "https://name.github.io/", "https://name.github.io/x"),
            *("ftp://name.github.io", "null", "https://user:pass@name.github.io", "https://a b"),
            *("https://name.github.io?x", "https://name.github.io#x", "https://a:port", "//a.b"),
            *("https://a:123456", "http://[", "javascript:alert(1)", "https://a.b\\@c.d"),
        ],
    )
    def test_no_origin(self, origin: str) -> None:
        assert refusal(cors_origins=f"https://good.example,{origin}") == (
            "CORS_ORIGINS: entry 2 is not an origin. Write scheme://host[:port] with no path."
        )

    def test_several(self) -> None:
        settings = Settings(cors_origins=" https://a.github.io ,, http://b.org:8080,")
        assert settings.cors_origins == ("https://a.github.io", "http://b.org:8080")

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("HTTPS://Name.GitHub.io", "https://name.github.io"),
            ("https://a.b:443", "https://a.b"),
            ("http://a.b:80", "http://a.b"),
            ("http://a.b:443", "http://a.b:443"),
            ("https://a.b:80", "https://a.b:80"),
            ("http://a.b:8080", "http://a.b:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://my_app:1", "http://my_app:1"),
        ],
    )
    def test_are_read_as_browsers_write_them(self, written: str, read: str) -> None:
        assert Settings(cors_origins=written).cors_origins == (read,)
        assert Settings(public_url=written).public_url == read


class TestPublicURL:
    @pytest.mark.parametrize(
        "url",
        [
            *("api.school.org", "https://", "https://a.b/api", "https://a.b?x=1", "https://a.b#x"),
            *("https://user:pass@a.b", "ftp://a.b", "http://[", "https://a.b:port", "/"),
        ],
    )
    def test_no_address(self, url: str) -> None:
        assert refusal(public_url=url) == "PUBLIC_URL is scheme://host[:port] with no path."

    def test_slash_at_the_end(self) -> None:
        assert Settings(public_url="https://a.b/").base_url == "https://a.b"

    def test_default_names_the_port(self) -> None:
        assert Settings(port=1234).base_url == "http://localhost:1234"


class TestUnverifiedDatabase:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u@db.school.org/d",
            "postgres://u:p@db/d?sslmode=require",
            "postgresql://u@db/d?ssl=require",
            "postgresql://u@db/d?sslmode=prefer&sslrootcert=/ca.crt",
            "postgresql://u@192.0.2.7:5433/d?sslmode=disable",
            "postgresql://u@db/d?sslmode=verify-full&ssl=prefer",
            "postgresql://u@localhost.school.org/d",
            "postgresql:///d?host=db.school.org",
            "postgresql:///d?host=127.0.0.1:5432&host=db.school.org:5432",
            "postgresql://u@[2001:db8::7]/d",
            "postgresql:///d?service=elsewhere",
        ],
    )
    def test_is_refused_in_production(self, url: str) -> None:
        assert refusal(**PRODUCTION, database_url=url) == (
            "DATABASE_URL must verify PostgreSQL's certificate in production: add "
            "?sslmode=verify-full to it. On a closed network set ALLOW_UNVERIFIED_DATABASE=true."
        )
        allowed = make(**PRODUCTION, database_url=url, allow_unverified_database=True)
        assert allowed.database_url == url
        assert make(database_url=url).database_url == url

    @pytest.mark.parametrize(("name", "value"), [("PGHOST", "db"), ("PGSERVICE", "elsewhere")])
    def test_that_the_environment_names(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        assert "must verify" in refusal(**PRODUCTION, database_url="postgresql:///d")

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u@db.school.org/d?sslmode=verify-full",
            "postgresql://u@db/d?sslmode=verify-ca&sslrootcert=/ca.crt",
            "postgresql://u@127.0.0.1/d",
            "postgresql://u@localhost:5433/d?sslmode=disable",
            "postgresql://u@[::1]/d",
            "postgresql:///d",
            "postgresql:///d?host=/run/postgresql",
            # What nobody can take apart is refused when it is to be opened.
            "postgresql://u@db:port/d",
            "postgresql:///d?host=a&host=b:1",
            "sqlite:////srv/portfolio.db",
            "",
        ],
    )
    def test_is_not(self, url: str) -> None:
        assert make(**PRODUCTION, database_url=url).database_url == url


class TestDatabaseURL:
    @pytest.mark.parametrize(
        "url",
        [
            *("mysql://u@h/d", "postgresql+asyncpg://u@h/d", "sqlite+aiosqlite:///x.db", "x.db"),
            *("sqlite://", "sqlite:///", "sqlite:x.db", "sqlite:///:memory:", "postgresql:x"),
            *("sqlite:///x.db?mode=ro", "sqlite:///?x", "postgresql://", "SQLITE:///x.db"),
        ],
    )
    def test_other_forms(self, url: str) -> None:
        assert refusal(database_url=url) == (
            "DATABASE_URL is postgresql://user@host/name or sqlite:///path."
        )

    def test_default_is_in_the_instance(self) -> None:
        assert Settings(instance_dir=Path("x")).sqlite_path == Path("x/portfolio.db")

    @pytest.mark.parametrize(
        ("url", "path"), [("sqlite:///a/b.db", "a/b.db"), ("sqlite:////a/b.db", "/a/b.db")]
    )
    def test_sqlite(self, url: str, path: str) -> None:
        assert Settings(database_url=url).sqlite_path == Path(path)

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
    def test_postgresql(self, scheme: str) -> None:
        assert Settings(database_url=f"{scheme}://u:p@h/d?sslmode=require").sqlite_path is None


class TestExplain:
    @pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - {"host"}))
    def test_never_shows_a_value(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name.upper(), "hunter2" if name != "site_name" else "hunter2" * 10)
        error = problem()
        if error is None:
            assert name.endswith("_dir") or name in {"allowed_hosts", "breached_passwords"}
        else:
            assert name.upper() in explain(error)
            assert "hunter2" not in explain(error) + str(error)

    def test_names_every_setting_that_is_wrong_in_a_sentence(self) -> None:
        sentences = refusal(port="x", docs="x", public_url="x")
        assert sentences.count(".") == 3
        assert all(name in sentences for name in ("PORT: ", "DOCS: ", "PUBLIC_URL is "))

    def test_names_the_setting_without_our_prefix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORTFOLIO_PORT", "many")
        assert refusal().startswith("PORT: Input should be a valid integer")


class TestSources:
    def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "1")
        assert Settings().port == 1

    def test_our_prefix_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "1")
        monkeypatch.setenv("PORTFOLIO_PORT", "2")
        assert Settings().port == 2

    @pytest.mark.parametrize("name", sorted(Settings.model_fields))
    def test_both_spellings_of_every_setting(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for spelling in (name.upper(), ENV_PREFIX + name.upper()):
            with monkeypatch.context() as patch:
                patch.setenv(spelling, "~")
                error = problem()
                wrong = "" if error is None else explain(error)
                assert name.upper() in wrong if wrong else name in Settings().model_fields_set

    def test_empty_means_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As compose files write what they have no value for."""
        for name in ("SIGNUP", "SECRET_KEY", "PORTFOLIO_PORT", "DATABASE_URL"):
            monkeypatch.setenv(name, "")
        assert Settings().model_fields_set == set()

    def test_file(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("PORT=3\nPORTFOLIO_SITE_NAME='My site'\nUNRELATED=1\n")
        settings = Settings()
        assert (settings.port, settings.site_name) == (3, "My site")

    def test_environment_wins_over_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".env").write_text("PORT=3\n")
        monkeypatch.setenv("PORT", "4")
        assert Settings().port == 4

    def test_arguments_win_over_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORTFOLIO_PORT", "4")
        assert Settings(port=5).port == 5

    def test_cannot_be_changed_afterwards(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Settings().port = 5  # type: ignore[misc]  # that is what is refused


class TestUnknownSettings:
    def test_none(self) -> None:
        assert unknown_settings() == []

    def test_known_ones_and_other_programs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORTFOLIO_PORT", "1")
        monkeypatch.setenv("portfolio_host", "1")
        monkeypatch.setenv("MYPORTFOLIO_X", "1")
        assert unknown_settings() == []

    def test_in_order(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("PORTFOLIO_A=1\n")
        monkeypatch.setenv("PORTFOLIO_B", "1")
        assert unknown_settings() == ["PORTFOLIO_A", "PORTFOLIO_B"]


class TestDerived:
    def test_hosts(self) -> None:
        settings = Settings(
            public_url="https://API.school.org:8443", allowed_hosts="Old.school.org"
        )
        local = {"localhost", "127.0.0.1", "::1"}
        assert settings.hosts == {"api.school.org", "old.school.org", *local}

    def test_hosts_of_an_address(self) -> None:
        assert "2001:db8::1" in Settings(public_url="https://[2001:DB8::1]:1").hosts

    @pytest.mark.parametrize(
        ("environment", "chosen", "mode"),
        [
            ("development", None, "open"),
            ("production", None, "invite"),
            ("development", "closed", "closed"),
            ("production", "open", "open"),
        ],
    )
    def test_signup_mode(self, environment: str, chosen: str | None, mode: str) -> None:
        settings = Settings(**{**PRODUCTION, "environment": environment, "signup": chosen})
        assert settings.signup_mode == mode

    def test_keys_are_in_the_instance(self) -> None:
        assert Settings(instance_dir=Path("x")).keys_path == Path("x/keys.json")
