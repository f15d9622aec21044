"""Every knob, once: typed, described, checked. The one reader of the environment.

A setting `port` is read from `PORTFOLIO_PORT` or `PORT` (the first wins), from the process
environment or from a file `.env` in the current folder (sources.py). The table in README.md is made
from here. The other modules beside this one hold the settings by subject; here is what concerns all
of them.
Production refuses what is not safe; the message says which setting and what to do.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, model_validator

from app.config.backups import BackupSettings
from app.config.caches import CacheAddress, read_cache_address
from app.config.databases import DatabaseSettings, is_unverified
from app.config.features import FeatureSettings
from app.config.limits import LimitSettings
from app.config.logins import WEAK_SECRETS, LoginSettings
from app.config.place import PlaceSettings
from app.config.sources import ENV_FILE, ENV_PREFIX, read_env_file, read_values
from app.config.stores import StoreAddress, read_store_address
from app.hosts import is_anybody
from app.patterns import find_plain_http

__all__ = [
    "ASSETS_DIR",
    "ENV_PREFIX",
    "WEAK_SECRETS",
    "Settings",
    "UnsafeSettings",
    "unknown_settings",
]

PACKAGE_DIR = Path(__file__).parents[1]
_BUNDLED = PACKAGE_DIR / "bundled"
# In a source tree templates, static and alembic stand beside `app`; a wheel carries them inside.
ASSETS_DIR = _BUNDLED if _BUNDLED.is_dir() else PACKAGE_DIR.parent


class UnsafeSettings(ValueError):
    """A combination of settings that production refuses."""


# pydantic puts the fields of the last of them first.
class Settings(
    BackupSettings,
    FeatureSettings,
    LimitSettings,
    LoginSettings,
    DatabaseSettings,
    PlaceSettings,
):
    """All settings. `Settings()` reads the environment; keyword arguments override it.

    `_env_file` names another file than `.env`, or says None.
    """

    model_config = ConfigDict(
        frozen=True,
        # A traceback would show it, secrets included.
        hide_input_in_errors=True,
        validate_default=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: dict[str, Any]) -> dict[str, Any]:
        env_file = given.get("_env_file", ENV_FILE)
        return {**read_values(cls.model_fields, env_file), **given}

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
        if any(map(is_anybody, self.trusted_proxies)):
            raise UnsafeSettings(
                "TRUSTED_PROXIES must name addresses in production: with `*` anyone forges theirs."
            )
        unknown = unknown_settings()
        if unknown:
            raise UnsafeSettings(f"Unknown settings: {', '.join(unknown)}. Check the spelling.")
        return self

    @model_validator(mode="after")
    def _refuse_unverified_database(self) -> Self:
        is_demanded = self.is_production and not self.allow_unverified_database
        if is_demanded and is_unverified(self.database_url):
            raise UnsafeSettings(
                "DATABASE_URL must verify PostgreSQL's certificate in production: add "
                "?sslmode=verify-full to it. On a closed network set "
                "ALLOW_UNVERIFIED_DATABASE=true."
            )
        return self

    @model_validator(mode="after")
    def _refuse_unverified_cache(self) -> Self:
        is_demanded = self.is_production and not self.allow_unverified_cache
        address = self.cache_address
        if is_demanded and address is not None and address.is_unverified:
            raise UnsafeSettings(
                "CACHE_URL must be rediss:// in production, so that the cache proves itself by a "
                "certificate. On a closed network set ALLOW_UNVERIFIED_CACHE=true."
            )
        return self

    @model_validator(mode="after")
    def _refuse_store(self) -> Self:
        if (address := self.store_address) is None:
            return self
        if self.uploads_dir is not None:
            raise UnsafeSettings("UPLOADS_DIR and UPLOADS_URL name two places. Set one of them.")
        if self.sqlite_path is not None:
            raise UnsafeSettings(
                "UPLOADS_URL needs PostgreSQL (DATABASE_URL). With SQLite there is one server: its "
                "pictures lie in a folder."
            )
        is_demanded = self.is_production and not self.allow_unverified_uploads
        if is_demanded and address.is_unverified:
            raise UnsafeSettings(
                "UPLOADS_URL must be s3+https:// in production, so that the store proves itself by "
                "a certificate. On a closed network set ALLOW_UNVERIFIED_UPLOADS=true."
            )
        return self

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
    def cache_address(self) -> CacheAddress | None:
        """Where the throttles are counted, or None where each process does it for itself."""
        return (
            None
            if self.cache_url is None
            else read_cache_address(self.cache_url.get_secret_value())
        )

    @property
    def keys_path(self) -> Path:
        return (self.keys_dir or self.instance_dir) / "keys.json"

    @property
    def audit_keys_path(self) -> Path:
        return (self.keys_dir or self.instance_dir) / "audit-keys.json"

    @property
    def pictures_dir(self) -> Path:
        return self.uploads_dir or self.instance_dir / "uploads"

    @property
    def are_pictures_elsewhere(self) -> bool:
        """Whether they lie where others may keep theirs too."""
        return self.uploads_dir is not None or self.uploads_url is not None

    @property
    def store_address(self) -> StoreAddress | None:
        """The store that keeps the pictures, or None where a folder does."""
        return (
            None
            if self.uploads_url is None
            else read_store_address(self.uploads_url.get_secret_value())
        )

    @property
    def backups_dir(self) -> Path:
        return self.instance_dir / "backups"


def unknown_settings() -> list[str]:
    """Names with our prefix, in the environment or `.env`, that no setting has."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    present = {*os.environ, *read_env_file(ENV_FILE)}
    return sorted(
        name
        for name in present
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known
    )
