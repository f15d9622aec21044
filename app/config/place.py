"""Where the server stands: addresses, folders, and what is in front of it."""

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from app.config.caches import read_cache_address
from app.config.stores import read_store_address
from app.hosts import ANYBODY, read_origin, read_proxies
from app.patterns import check_entries

_DATABASE_URL = re.compile(r"postgres(?:ql)?://.+|sqlite:///[^:?][^?]*")

CommaList = tuple[str, ...]


class PlaceSettings(BaseModel):
    environment: Literal["development", "production"] = Field(
        "development", description="`production` switches every safety check on."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8086, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that serve, on PostgreSQL; SQLite takes one. `HASH_THREADS`, "
        "`HASH_QUEUE` and `MAX_CONNECTIONS` are divided among them.",
    )
    stop_seconds: int = Field(
        10,
        ge=1,
        le=600,
        description="A server that is told to stop finishes what it has begun, for so long.",
    )
    stop_notice_seconds: int = Field(
        0,
        ge=0,
        le=600,
        description="Before that, `/readyz` says 503 for so long while everything is served as "
        "ever, for a load balancer that asks it to look elsewhere.",
    )
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
    uploads_dir: Path | None = Field(
        None,
        description="Folder of the pictures, where that is not `uploads` in the instance folder: "
        "such as one that several servers share. It must be there.",
    )
    uploads_url: SecretStr | None = Field(
        None,
        description="`s3+https://key:secret@host/bucket/folder?region=name`: the store of the "
        "pictures, which speaks S3, in place of a folder. Needs PostgreSQL.",
    )
    allow_unverified_uploads: bool = Field(
        default=False,
        description="Lets production talk to a store on another machine without TLS (a network of "
        "the two alone). Whoever is on that network can read and change all pictures.",
    )
    database_url: str = Field(
        "",
        description="`postgresql://user:password@host/name`, or `sqlite:///path`. Several "
        "hosts, `one,two`: whichever takes writes. "
        "Default: `portfolio.db` in the instance folder.",
    )
    allow_unverified_database: bool = Field(
        default=False,
        description="Lets production talk to PostgreSQL on another machine that does not prove "
        "itself by a certificate (a network of the two alone). Whoever is on that network can read "
        "and change everything.",
    )
    cache_url: SecretStr | None = Field(
        None,
        description="`rediss://user:password@host/0`, `redis://` likewise, or `unix:///path`: the "
        "Valkey or Redis in which several processes count together how often something is tried. "
        "Default: each counts for itself.",
    )
    allow_unverified_cache: bool = Field(
        default=False,
        description="Lets production talk to a cache on another machine without TLS (a network of "
        "the two alone). Whoever is on that network can give everybody any number of attempts, or "
        "none.",
    )
    trusted_proxies: CommaList = Field(
        (),
        description="Addresses or networks of reverse proxies whose `X-Forwarded-*` headers are "
        "believed, separated by commas: `127.0.0.1`, `172.16.0.0/12`.",
    )
    allow_http: bool = Field(
        default=False,
        description="Lets production run on plain http (a closed school network). Logins can then "
        "be read by anyone on that network.",
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

    @field_validator("allowed_hosts", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _safe_origins(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        return check_entries(entries)

    @field_validator("trusted_proxies")
    @classmethod
    def _real_proxies(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for place, entry in enumerate(entries, 1):
            if entry != ANYBODY:
                try:
                    read_proxies(entry)
                except ValueError:
                    sentence = f"TRUSTED_PROXIES: entry {place} is no address and no network."
                    raise ValueError(sentence) from None
        return entries

    @field_validator("public_url")
    @classmethod
    def _bare_url(cls, url: str) -> str:
        origin = read_origin(url.rstrip("/"))
        if url and origin is None:
            raise ValueError("PUBLIC_URL is scheme://host[:port] with no path.")
        return origin or ""

    @field_validator("cache_url")
    @classmethod
    def _real_cache(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            read_cache_address(url.get_secret_value())
        return url

    @field_validator("uploads_url")
    @classmethod
    def _real_store(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            read_store_address(url.get_secret_value())
        return url

    @field_validator("database_url")
    @classmethod
    def _known_engine(cls, url: str) -> str:
        if url and not _DATABASE_URL.fullmatch(url):
            raise ValueError("DATABASE_URL is postgresql://user@host/name or sqlite:///path.")
        return url
