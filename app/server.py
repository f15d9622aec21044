"""Starting the server: take the port, get the instance ready, say where it is, serve until stopped.

The port is taken first, so that a second start changes nothing.
"""

import asyncio
import errno
import logging
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from math import ceil

from app import __version__
from app.config import Settings, unknown_settings
from app.db import Database
from app.locks import find_too_many
from app.memory import share_one_heap
from app.observability import configure_logging, wants_json
from app.services.audit.checking import is_sealed_elsewhere
from app.serving import Config, Server
from app.startup import CannotStart, check_alone, make_setup_link, prepare

log = logging.getLogger("portfolio")

BACKLOG = 2048
# What a reader does not take waits here and in the process, where it is seen and given up. Left to
# itself the system would put megabytes aside for each, also after the connection is closed.
SEND_BUFFER_BYTES = 128 * 1024
# What the database, the pictures and the logs need besides connections.
OTHER_FILES = 200


def serve(settings: Settings, report: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        CannotStart: the port is taken, or the instance cannot be used.
    """
    share_one_heap()
    configure_logging(level=settings.log_level, as_json=wants_json(settings))
    too_many = find_too_many(settings)
    if too_many is not None:
        raise CannotStart(too_many)
    with take_port(settings) as listener:
        port: int = listener.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        check_alone(settings)
        prepare(settings, report)
        for name in unknown_settings():
            log.warning("Unknown setting, ignored", extra={"setting": name})
        # Each worker takes the limit over, and its share of the connections.
        share = ceil(settings.max_connections / settings.workers)
        connections = allow_files(share) * settings.workers
        if connections < settings.max_connections:
            settings = settings.model_copy(update={"max_connections": connections})
        greeting = make_greeting(settings)

        def greet() -> None:
            for line in greeting:
                report(line)

        serve_from = _serve_alone if settings.workers == 1 else _serve_with_workers
        has_served = serve_from(settings, listener, greet)
    if not has_served:
        raise CannotStart("The server could not start; the log above says why.")
    report("Stopped.")


def _serve_alone(settings: Settings, listener: socket.socket, greet: Callable[[], None]) -> bool:
    """Serve in this process; return whether it could."""
    server = Server(Config(settings), greet)
    # uvicorn raises the signal that stopped it once more when it is done: both end in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # uvicorn exits by itself where it cannot start.
    with suppress(KeyboardInterrupt, SystemExit):
        server.run(sockets=[listener])
    return server.started


def _serve_with_workers(
    settings: Settings, listener: socket.socket, greet: Callable[[], None]
) -> bool:
    """Serve in processes of their own; return whether they could."""
    # Imported here: few servers have any.
    from app.workers import Workers  # noqa: PLC0415

    workers = Workers(settings, listener, greet)
    workers.run()
    return not workers.has_failed


def take_port(settings: Settings) -> socket.socket:
    """Return a bound socket, on SQLite one that listens.

    Raises:
        CannotStart: the port is in use or forbidden, or the host is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Each connection takes this over.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        # Refused where somebody listens.
        listener.bind((settings.host, settings.port))
        if settings.sqlite_path is not None:
            # From here on a second server is refused, and who comes waits until this one is ready.
            # uvicorn listens again, which changes nothing. On PostgreSQL there may be another
            # server who is ready, and a load balancer that asks it if nobody listens here.
            listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotStart(_why_no_port(settings, error)) from error
    listener.set_inheritable(True)
    return listener


def allow_files(connections: int) -> int:
    """Raise this process's limit of open files to what so many connections need.

    Returns how many connections the system allows: fewer where its own limit is lower, which is no
    reason not to start, and is logged.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        needed, connections = hard, max(hard - OTHER_FILES, 10)
        log.warning(
            "The system's limit of open files allows fewer connections; raise `ulimit -n`",
            extra={"connections": connections},
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return connections


def _why_no_port(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} is taken: another program (perhaps this one) uses it. "
            f"Stop that, or choose another port: PORT={settings.port + 1} make run"
        )
    if error.errno == errno.EACCES:
        return f"Port {settings.port} needs special rights. Choose one above 1023 with PORT."
    return (
        f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. Check HOST and PORT."
    )


def make_greeting(settings: Settings) -> list[str]:
    """Return the addresses and, while there is no admin, a new link to become the first."""
    lines = [
        f"Portfolio {__version__}, {settings.environment}, {_database_name(settings)}",
        f"  Site       {settings.base_url}",
    ]
    if settings.docs:
        lines.append(f"  API docs   {settings.base_url}/docs")
    # Before the link, which is an event of the trail itself.
    if settings.sqlite_path is None and asyncio.run(_has_other_keys(settings)):
        lines.append("  Warning: a server of this database has other keys. All need the same.")
    link = asyncio.run(make_setup_link(settings))
    if link is not None:
        life = f"for {settings.one_time_link_hours} hours"
        lines.append(f"  No admin exists yet. Create the first one here (works once, {life}):")
        lines.append(f"  {link}")
    if settings.is_production and not settings.is_https:
        lines.append("  Warning: plain http. Anyone on this network can read logins (ALLOW_HTTP).")
    if settings.sqlite_path is None and asyncio.run(_has_other_keys(settings)):
        lines.append(
            "  Warning: another server of this database has other keys; all need the same."
        )
    return [*lines, "  Stop with Ctrl-C."]


async def _has_other_keys(settings: Settings) -> bool:
    """Whether somebody without our keys was the last to write into the audit trail."""
    database = Database(settings)
    try:
        async with database.transaction(read_only=True) as session:
            return await is_sealed_elsewhere(session, keys=database.seal_keys)
    finally:
        await database.dispose()


def _database_name(settings: Settings) -> str:
    return f"SQLite {settings.sqlite_path}" if settings.sqlite_path else "PostgreSQL"
