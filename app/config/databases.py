"""What DATABASE_URL says of the way to PostgreSQL: across a network or not, and how sure of it."""

import os
from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.hosts import is_loopback

# The others encrypt, if at all, for whoever answers.
_VERIFYING = frozenset({"verify-ca", "verify-full"})


def is_unverified(address: str) -> bool:
    """Whether this leads to PostgreSQL on another machine that need not prove itself.

    What cannot be taken apart leads nowhere: the start says so later.
    """
    if not address.startswith("postgres"):
        return False
    try:
        url = make_url(address).set(drivername="postgresql+asyncpg")
        options = url.get_dialect()().create_connect_args(url)[1]
    except (ArgumentError, ValueError):
        return False
    is_verifying = options.get("ssl", options.get("sslmode")) in _VERIFYING
    return not (is_verifying or all(map(_is_here, _hosts(options))))


def _hosts(options: Mapping[str, Any]) -> list[str]:
    """Return where the driver would look: what the address names, or else the environment."""
    named = options.get("host") or os.environ.get("PGHOST", "").split(",")
    # A file of services may name any host.
    service = options.get("service") or os.environ.get("PGSERVICE", "")
    return [*([named] if isinstance(named, str) else named), *([service] if service else [])]


def _is_here(host: str) -> bool:
    """Whether a host is this machine; a path is a socket, and none named is one as well."""
    return not host or host.startswith("/") or is_loopback(host)
