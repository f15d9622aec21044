"""Everything that can be measured of a running server, gathered when somebody asks for it.

What is counted as it happens is in app/metrics.py; here it is put beside what stands at this
moment: queues, connections, living sessions, and whether the instance is ready.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, func, select

from app import __version__, processes
from app.errors import DatabaseBusy
from app.metrics import Family, Sample, by_label, gauge, write
from app.models import UserSession, utc_now
from app.resources import Resources
from app.services.readiness import (
    HINDRANCES,
    NO_DATABASE,
    PATIENCE_SECONDS,
    find_hindrances,
)
from app.tallies import Tallies

# Counting them reads the whole table: 20 ms of a thread for 100,000. Nobody needs it more often.
SESSIONS_EVERY_SECONDS = 60.0

P = ParamSpec("P")
T = TypeVar("T")
Login = Callable[Concatenate[Resources, P], Coroutine[Any, Any, T]]


def counted(login: Login[P, T]) -> Login[P, T]:
    """Have a way to log in counted by how it ends."""

    @wraps(login)
    async def log_in(resources: Resources, /, *arguments: P.args, **named: P.kwargs) -> T:
        with resources.metrics.login():
            return await login(resources, *arguments, **named)

    return log_in


async def describe_server(resources: Resources, *, tallies: Tallies | None = None) -> str:
    """Return everything that is measured, in the text format of Prometheus.

    Answers also where the database does not: what had to be asked there is left out. With `tallies`
    it is of all workers of this server.
    """
    hindrances = await find_hindrances(resources)
    if NO_DATABASE in hindrances:
        # Nor is it waited for once more.
        resources.metrics.sessions, resources.metrics.sessions_asked_at = None, float("-inf")
    else:
        await _count_sessions(resources)
    own = list_own_families(resources)
    if tallies is not None:
        tallies.write(own)
        own = tallies.gather()
    return write(
        [
            _describe_program(resources),
            gauge("portfolio_ready", "1 if GET /readyz answers 200.", not hindrances),
            by_label(
                "portfolio_hindrance",
                "gauge",
                "1 for what keeps the server from being ready.",
                label="reason",
                values={one.code: one in hindrances for one in HINDRANCES},
            ),
            *own,
            *_describe_sessions(resources),
        ]
    )


def list_own_families(resources: Resources) -> list[Family]:
    """Return what this process has counted and has at this moment, whoever else serves beside."""
    return [
        *resources.metrics.families(),
        *_describe_hashing(resources),
        *_describe_database(resources),
        *(() if resources.cache is None else resources.cache.families()),
        *processes.list_families(),
    ]


def _describe_program(resources: Resources) -> Family:
    database = "postgresql" if resources.settings.sqlite_path is None else "sqlite"
    labels = (("version", __version__), ("database", database))
    return Family("portfolio_info", "gauge", "Always 1; what runs.", (Sample(1, labels),))


def _describe_hashing(resources: Resources) -> Iterator[Family]:
    turns = resources.hasher.turns
    yield gauge("portfolio_hashes_running", "Passwords being hashed or judged.", turns.running)
    yield gauge("portfolio_hashes_waiting", "Passwords that wait for their turn.", turns.waiting)
    yield Family(
        "portfolio_hash_seconds",
        "summary",
        "Seconds that hashing and judging passwords took, without waiting.",
        (Sample(turns.seconds, suffix="_sum"), Sample(turns.done, suffix="_count")),
    )


def _describe_database(resources: Resources) -> Iterator[Family]:
    found = resources.database.occupancy()
    yield gauge(
        "portfolio_database_connections",
        "Connections in use; with SQLite those that read.",
        found.connections,
    )
    yield gauge("portfolio_database_connections_max", "Connections that may be in use.", found.most)
    if found.writers_waiting is not None:
        yield gauge(
            "portfolio_database_writers_waiting",
            "Transactions that wait for their turn to write to SQLite.",
            found.writers_waiting,
        )


def _describe_sessions(resources: Resources) -> Iterator[Family]:
    if resources.metrics.sessions is not None:
        yield gauge(
            "portfolio_sessions",
            "Logins that have neither ended nor been ended, as of the last minute.",
            resources.metrics.sessions,
        )


async def _count_sessions(resources: Resources) -> None:
    """Count the living sessions anew if the last count is old; tell none where that fails."""
    metrics, now = resources.metrics, time.monotonic()
    if now - metrics.sessions_asked_at < SESSIONS_EVERY_SECONDS:
        return
    metrics.sessions_asked_at = now
    living = select(func.count()).where(
        col(UserSession.revoked_at).is_(None),
        col(UserSession.expires_at) > utc_now(),
        col(UserSession.ends_at) > utc_now(),
    )
    try:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            resources.database.transaction(read_only=True) as session,
        ):
            metrics.sessions = (await session.exec(living)).one()
    except (DatabaseBusy, SQLAlchemyError, OSError):
        metrics.sessions = None
