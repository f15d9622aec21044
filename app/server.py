"""Starting the server: take the port, get the instance ready, say where it is, serve until stopped.

The port is taken first, so that a second start changes nothing.
"""

import asyncio
import errno
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from app import __version__
from app.config import Settings, unknown_settings
from app.connections import Limits, Watch, watched_by
from app.garbage import kept_for_good
from app.main import create_app
from app.memory import share_one_heap
from app.observability import configure_logging
from app.startup import CannotStart, check_alone, make_setup_link, prepare

log = logging.getLogger("portfolio")

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 5
# What a reader does not take waits here and in the process, where it is seen and given up. Left to
# itself the system would put megabytes aside for each, also after the connection is closed.
SEND_BUFFER_BYTES = 128 * 1024
# What the database, the pictures and the logs need besides connections.
OTHER_FILES = 200
DRAIN_SECONDS = 10


def serve(settings: Settings, report: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        CannotStart: the port is taken, or the instance cannot be used.
    """
    share_one_heap()
    configure_logging(level=settings.log_level, as_json=_wants_json(settings))
    with take_port(settings) as listener:
        port: int = listener.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        check_alone(settings)
        prepare(settings, report)
        for name in unknown_settings():
            log.warning("Unknown setting, ignored", extra={"setting": name})
        connections = allow_files(settings.max_connections)
        settings = settings.model_copy(update={"max_connections": connections})
        with kept_for_good():
            application = create_app(settings)
        config = uvicorn.Config(
            application,
            loop="uvloop",
            http=watched_by(Watch(limits_of(settings))),
            # No WebSocket is spoken here.
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # What proxies say is read in proxies.py, more strictly.
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        server = GreetingServer(config, make_greeting(settings), report)
        # uvicorn raises the signal that stopped it once more when it is done: both end in order.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    if not server.started:
        raise CannotStart("The server could not start; the log above says why.")
    report("Stopped.")


class GreetingServer(uvicorn.Server):
    """Says where it is once it answers, and once Ctrl-C is its to handle."""

    def __init__(
        self, config: uvicorn.Config, greeting: list[str], report: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._greeting = greeting
        self._report = report

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            for line in self._greeting:
                self._report(line)


def _wants_json(settings: Settings) -> bool:
    if settings.log_format == "auto":
        return settings.is_production and not sys.stderr.isatty()
    return settings.log_format == "json"


def take_port(settings: Settings) -> socket.socket:
    """Return a bound socket.

    Raises:
        CannotStart: the port is in use or forbidden, or the host is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Each connection takes this over.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        listener.bind((settings.host, settings.port))
        # From here on a second server is refused; uvicorn listens again, which changes nothing.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotStart(_why_no_port(settings, error)) from error
    listener.set_inheritable(True)
    return listener


def limits_of(settings: Settings) -> Limits:
    """Return the limits that connections keep to."""
    return Limits(
        header_seconds=settings.header_seconds,
        body_seconds=settings.body_seconds,
        bytes_per_second=settings.min_bytes_per_second,
        connections=settings.max_connections,
        is_https=settings.is_https,
    )


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
    link = asyncio.run(make_setup_link(settings))
    if link is not None:
        life = f"for {settings.one_time_link_hours} hours"
        lines.append(f"  No admin exists yet. Create the first one here (works once, {life}):")
        lines.append(f"  {link}")
    if settings.is_production and not settings.is_https:
        lines.append("  Warning: plain http. Anyone on this network can read logins (ALLOW_HTTP).")
    return [*lines, "  Stop with Ctrl-C."]


def _database_name(settings: Settings) -> str:
    return f"SQLite {settings.sqlite_path}" if settings.sqlite_path else "PostgreSQL"
