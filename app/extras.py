"""Packages that only some servers need, and whether those that the settings ask for are installed.

Each is an extra of the distribution; in a clone, `make run` installs what the settings name.
"""

from dataclasses import dataclass
from importlib.util import find_spec

from app.config import Settings


@dataclass(frozen=True, slots=True)
class Extra:
    """What is installed as `fastapi-portfolio[name]`: the module that shows it, and what it is."""

    name: str
    module: str
    what: str

    def find_lack(self) -> str | None:
        """Return in a sentence or two that it is missing, and what to do; None if it is there."""
        if find_spec(self.module) is not None:
            return None
        return (
            f"{self.what} is not installed. Run: pip install 'fastapi-portfolio[{self.name}]' "
            "(in a clone: make run)."
        )


POSTGRESQL = Extra(
    "postgresql", "asyncpg", "The driver of PostgreSQL, to which DATABASE_URL leads,"
)
CACHE = Extra("cache", "redis", "The client of Valkey and Redis, to which CACHE_URL leads,")
TRACING = Extra(
    "tracing", "opentelemetry.sdk", "What sends traces, for which TRACING_ENDPOINT asks,"
)


def find_lack(settings: Settings) -> str | None:
    """Return what is missing of all that these settings ask for."""
    wanted = {
        POSTGRESQL: settings.sqlite_path is None,
        CACHE: settings.cache_url is not None,
        TRACING: settings.tracing_endpoint is not None,
    }
    lacks = (extra.find_lack() for extra, is_wanted in wanted.items() if is_wanted)
    return next(filter(None, lacks), None)
