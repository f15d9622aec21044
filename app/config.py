"""Every knob, once: typed, described, checked. The one reader of the environment.

A setting `port` is read from `PORTFOLIO_PORT` or `PORT` (the first wins), from the process
environment or from a file `.env` in the current folder. The table in README.md is made from here.
Production refuses what is not safe; the message says which setting and what to do.
"""

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AliasChoices,
    AliasGenerator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.hosts import read_origin
from app.patterns import check_entries, find_plain_http

ENV_PREFIX = "PORTFOLIO_"
ENV_FILE = ".env"
MIN_SECRET_LENGTH = 32
_DATABASE_URL = re.compile(r"postgres(?:ql)?://.+|sqlite:///[^:?][^?]*")

# Values that stand in public examples and tutorials; a server that signs with one is open to all.
WEAK_SECRETS = frozenset(
    {"secret", "secretkey", "changeme", "changethis", "your-256-bit-secret", "supersecret"}
)

PACKAGE_DIR = Path(__file__).parent
_BUNDLED = PACKAGE_DIR / "bundled"
# In a source tree templates, static and alembic stand beside `app`; a wheel carries them inside.
ASSETS_DIR = _BUNDLED if _BUNDLED.is_dir() else PACKAGE_DIR.parent

CommaList = Annotated[tuple[str, ...], NoDecode]


class UnsafeSettings(ValueError):
    """A combination of settings that production refuses."""


class Settings(BaseSettings):
    """All settings. `Settings()` reads the environment; keyword arguments override it."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        # `SIGNUP=` in a compose file or a shell means: not set.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # A traceback would show it, secrets included.
        hide_input_in_errors=True,
        populate_by_name=True,
        alias_generator=AliasGenerator(
            validation_alias=lambda name: AliasChoices(ENV_PREFIX.lower() + name, name)
        ),
    )

    environment: Literal["development", "production"] = Field(
        "development", description="`production` switches every safety check on."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8086, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        "",
        description="The address people open, such as `https://api.school.org`. Links are built "
        "from it. Default: `http://localhost:PORT`.",
    )
    allowed_hosts: CommaList = Field(
        (),
        description="Further host names this server answers to in production, besides that of "
        "`PUBLIC_URL` and loopback.",
    )
    site_name: str = Field("Portfolio", max_length=60, description="Name shown on the pages.")
    instance_dir: Path = Field(
        Path("instance"), description="Folder of all that survives: database, keys, pictures."
    )
    database_url: str = Field(
        "",
        description="`postgresql://user:password@host/name`, or `sqlite:///path`. "
        "Default: `portfolio.db` in the instance folder.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Signs tokens instead of the key ring in the instance folder, for hosts "
        "without a lasting disk. At least 32 characters, random.",
    )
    signup: Literal["open", "invite", "closed"] | None = Field(
        None,
        description="Who may create an account: `open`, `invite`, `closed`. "
        "Default: `open` in development, `invite` in production.",
    )
    cors_origins: CommaList = Field(
        (),
        description="Front ends on other origins that may call the API with a login, separated by "
        "commas: `https://name.github.io`; `https://*.school.org` for every name below that domain "
        "but not for itself; `http://localhost:*` for every port. Loopback is allowed in "
        "development.",
    )
    cors: Literal["on", "off"] = Field(
        "on",
        description="`off` where a reverse proxy adds the CORS headers: two copies break browsers. "
        "CORS_ORIGINS still says whose writes are taken.",
    )
    allow_http: bool = Field(
        default=False,
        description="Lets production run on plain http (a closed school network). Logins can then "
        "be read by anyone on that network.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses of reverse proxies whose `X-Forwarded-*` headers are believed, "
        "separated by commas.",
    )
    access_token_minutes: int = Field(15, ge=1, le=60, description="Life of an access token.")
    session_idle_days: int = Field(7, ge=1, le=90, description="A login unused this long ends.")
    session_max_days: int = Field(
        30, ge=1, le=365, description="A login ends after this in any case."
    )
    one_time_link_hours: int = Field(
        48, ge=1, le=336, description="Life of set-up, reset and invitation links."
    )
    password_min_length: int = Field(12, ge=8, le=64, description="Shortest password accepted.")
    argon2_memory_kib: int = Field(19456, ge=8, description="Memory of one password hash, in KiB.")
    argon2_time: int = Field(2, ge=1, le=20, description="Passes of one password hash.")
    hash_threads: int = Field(
        0, ge=0, le=64, description="Password hashes at a time; 0 means one for each processor."
    )
    hash_queue: int = Field(
        300, ge=1, le=10_000, description="Logins that may wait for a hash before others get a 503."
    )
    login_attempts: int = Field(
        10,
        ge=1,
        le=1000,
        description="Wrong passwords for one account from one address within 15 minutes "
        "before a pause.",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body.")
    legacy_api: Literal["on", "off"] = Field(
        "on",
        description="`off` takes away the addresses of the old Flask servers "
        "(`/api/authenticate`, `/api/user` and so on).",
    )
    legacy_user_list: bool = Field(
        default=False,
        description="`GET /api/user` answers the list of users, as some old servers did, and not "
        "the person who asks.",
    )
    docs: bool = Field(default=True, description="Serve the API documentation at `/docs`.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto` writes JSON in production and lines for people elsewhere."
    )

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _safe_origins(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        return check_entries(entries)

    @field_validator("public_url")
    @classmethod
    def _bare_url(cls, url: str) -> str:
        origin = read_origin(url.rstrip("/"))
        if url and origin is None:
            raise ValueError("PUBLIC_URL is scheme://host[:port] with no path.")
        return origin or ""

    @field_validator("database_url")
    @classmethod
    def _known_engine(cls, url: str) -> str:
        if url and not _DATABASE_URL.fullmatch(url):
            raise ValueError("DATABASE_URL is postgresql://user@host/name or sqlite:///path.")
        return url

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> Self:
        if self.environment != "production":
            return self
        if not self.public_url:
            raise UnsafeSettings("PUBLIC_URL is needed in production: the address people open.")
        if not self.is_https and not self.allow_http:
            raise UnsafeSettings(
                "PUBLIC_URL must be https in production. On a closed network set ALLOW_HTTP=true."
            )
        plain = None if self.allow_http else find_plain_http(self.cors_origins)
        if plain is not None:
            raise UnsafeSettings(
                f"CORS_ORIGINS: entry {plain} must be https in production: anyone on the network "
                "can change a page that is not. On a closed network set ALLOW_HTTP=true."
            )
        if "*" in self.allowed_hosts:
            raise UnsafeSettings("ALLOWED_HOSTS must name hosts in production, not `*`.")
        if "*" in self.trusted_proxies:
            raise UnsafeSettings(
                "TRUSTED_PROXIES must name addresses in production: with `*` anyone forges theirs."
            )
        unknown = unknown_settings()
        if unknown:
            raise UnsafeSettings(f"Unknown settings: {', '.join(unknown)}. Check the spelling.")
        return self

    @field_validator("secret_key")
    @classmethod
    def _strong_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        text = secret.get_secret_value()
        too_simple = len(set(text)) < MIN_SECRET_LENGTH // 4
        if len(text) < MIN_SECRET_LENGTH or too_simple or text.lower() in WEAK_SECRETS:
            raise ValueError(
                "SECRET_KEY must be at least 32 random characters. Make one with: "
                'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        return secret

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def signup_mode(self) -> Literal["open", "invite", "closed"]:
        return self.signup or ("invite" if self.is_production else "open")

    @property
    def base_url(self) -> str:
        """Where links point: PUBLIC_URL, never what a request's Host header claims."""
        return self.public_url or f"http://localhost:{self.port}"

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Host names this server answers to in production, without ports."""
        own = urlsplit(self.base_url).hostname or "localhost"
        further = (host.lower() for host in self.allowed_hosts)
        return frozenset({own, "localhost", "127.0.0.1", "::1", *further})

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, or None on PostgreSQL."""
        if not self.database_url:
            return self.instance_dir / "portfolio.db"
        if self.database_url.startswith("sqlite"):
            return Path(self.database_url.removeprefix("sqlite://").removeprefix("/"))
        return None

    @property
    def keys_path(self) -> Path:
        return self.instance_dir / "keys.json"

    @property
    def uploads_dir(self) -> Path:
        return self.instance_dir / "uploads"

    @property
    def backups_dir(self) -> Path:
        return self.instance_dir / "backups"


def unknown_settings() -> list[str]:
    """Names with our prefix, in the environment or `.env`, that no setting has."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    present = {*os.environ, *dotenv_values(ENV_FILE)}
    return sorted(
        name
        for name in present
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known
    )
