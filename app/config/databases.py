"""The way to PostgreSQL: what DATABASE_URL says of it, and how long anything may take on it."""

import os
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.hosts import is_loopback

# The others encrypt, if at all, for whoever answers.
_VERIFYING = frozenset({"verify-ca", "verify-full"})
# Several hosts, as libpq has them: `postgresql://user@one:5432,two:5433/name`.
_SEVERAL = re.compile(r"(\w+://(?:[^@/?]*@)?)([^@/?]*,[^@/?]*)(/[^?]*)?(?:\?(.*))?")
_PLACE = re.compile(r"(?:\[([^\]]+)\]|([^\[\]:]+))(?::(\d+))?")
_PORT = "5432"
_MOST_SECONDS = 3600


class DatabaseSettings(BaseModel):
    database_connections: int = Field(
        20,
        ge=1,
        le=1000,
        description="Connections to PostgreSQL at most, for each process of the server; half of "
        "them stay open. Two more look up who is logged in.",
    )
    database_connect_seconds: float = Field(
        3,
        gt=0,
        le=_MOST_SECONDS,
        description="How long PostgreSQL may take to open a connection.",
    )
    database_wait_seconds: float = Field(
        5,
        gt=0,
        le=_MOST_SECONDS,
        description="How long a request waits for a free connection to PostgreSQL.",
    )
    database_statement_seconds: float = Field(
        10,
        ge=0,
        le=_MOST_SECONDS,
        description="How long PostgreSQL may work on one statement (`statement_timeout`). A second "
        "later the server gives the connection up. 0 leaves it to PostgreSQL, without an end here.",
    )
    database_lock_seconds: float = Field(
        5,
        ge=0,
        le=_MOST_SECONDS,
        description="How long a statement waits for a lock in PostgreSQL (`lock_timeout`). "
        "0 leaves it to PostgreSQL.",
    )
    database_idle_seconds: float = Field(
        60,
        ge=0,
        le=_MOST_SECONDS,
        description="How long a transaction in PostgreSQL may do nothing "
        "(`idle_in_transaction_session_timeout`). 0 leaves it to PostgreSQL.",
    )
    database_keepalive_seconds: int = Field(
        15,
        ge=0,
        le=_MOST_SECONDS,
        description="After how long a silent connection to PostgreSQL is asked whether the other "
        "end is still there; unanswered for as long again, it is given up. 0 asks as the system "
        "does.",
    )


def read_address(address: str) -> URL:
    """Take the address of a PostgreSQL apart; several hosts go into its query.

    Raises:
        ArgumentError, ValueError: nobody can take it apart.
    """
    several = _SEVERAL.fullmatch(address)
    if several is None:
        return make_url(address)
    head, hosts, path, query = several.groups()
    url = make_url(f"{head}{path or ''}?{query or ''}")
    places = [_PLACE.fullmatch(place) for place in hosts.split(",")]
    if not all(places):
        raise ValueError("A host is missing.")
    names = [(place[1] or place[2], place[3] or _PORT) for place in places if place is not None]
    # As both SQLAlchemy and PostgreSQL's own programs take it.
    hosts, ports = (",".join(part) for part in zip(*names, strict=True))
    return url.update_query_dict({"host": hosts, "port": ports})


def mask_password(url: str) -> str:
    """Return an address without its password and without its query, which may hold another.

    SQLAlchemy takes it apart, as it does to connect: another reader may see the password elsewhere.
    """
    try:
        address = read_address(url)
        parts = address.set(query={})
    except (ArgumentError, ValueError):
        return "(set, cannot be read)"
    # A password with an @ that is not escaped ends in what is read as the host.
    host = (parts.host or "").rpartition("@")[2]
    several = address.query.get("host", "")
    if not host and "," in several:
        host = str(several)
    return parts.set(host=host).render_as_string(hide_password=True)


def is_unverified(address: str) -> bool:
    """Whether this leads to PostgreSQL on another machine that need not prove itself.

    What cannot be taken apart leads nowhere: the start says so later.
    """
    if not address.startswith("postgres"):
        return False
    try:
        url = read_address(address).set(drivername="postgresql+asyncpg")
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
