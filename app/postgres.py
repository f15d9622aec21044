"""Connections to PostgreSQL, opened as libpq would from the words of an address.

asyncpg knows what libpq writes about TLS (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`) in an
address alone, SQLAlchemy hands it the parts. Here they are put together again, for each connection
anew: a certificate that was replaced is read by the next one, without a restart. Of several hosts
all are asked, each a moment after the other, so that one that hangs holds nothing up.
"""

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import asyncpg

_ABOUT_TLS = (
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
)
# In place of a file: the authorities that this machine trusts anyway.
_SYSTEM = "system"
# Before the next of several hosts is asked, though the one before has not answered.
_HEAD_START = 0.25
# To take leave of whoever does not answer.
_LEAVE_SECONDS = 2.0
# How many questions a silent connection is asked within the time that it has for the answer.
_QUESTIONS = 3
# What every host is asked for where several are named: we write. To a connection that is told not
# to, every host looks as if it took no writes: there the primary is asked for.
_WRITABLE, _PRIMARY = "read-write", "primary"
NO_WRITES = {"default_transaction_read_only": "on"}


class Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection that finds out by itself that the other end is gone."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  (the driver's)
        """Take leave, if that does not take long."""
        with suppress(TimeoutError):
            await super().close(timeout=timeout or _LEAVE_SECONDS)

    def keep_alive(self, seconds: int) -> None:
        """Ask after so many seconds of silence, and give up after as many without an answer."""
        line = self._transport.get_extra_info("socket")
        if not seconds or line.family == socket.AF_UNIX:
            return
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # What a system cannot do it leaves out.
        for name, value in (
            ("TCP_KEEPIDLE", seconds),
            ("TCP_KEEPINTVL", max(1, seconds // _QUESTIONS)),
            ("TCP_KEEPCNT", _QUESTIONS),
            ("TCP_USER_TIMEOUT", 2 * seconds * 1000),
        ):
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def connect(*, keepalive: int = 0, **options: Any) -> Connection:
    """Open a connection from the parts of an address, as the dialect of SQLAlchemy makes them.

    Raises:
        ConnectionError, TimeoutError: nobody is there.
        asyncpg.PostgresError, asyncpg.InterfaceError: it cannot be opened like that.
    """
    hosts = options.get("host")
    wanted = options.get("target_session_attrs", _WRITABLE if isinstance(hosts, list) else None)
    if wanted == _WRITABLE and NO_WRITES.items() <= options.get("server_settings", {}).items():
        wanted = _PRIMARY
    options["target_session_attrs"] = wanted
    try:
        if isinstance(hosts, list):
            connection = await _connect_to_first(hosts, options)
        else:
            connection = await _connect(options)
        connection.keep_alive(keepalive)
    except (ConnectionError, TimeoutError, ssl.SSLCertVerificationError):
        raise
    except OSError as error:
        # No route, no such name, a handshake that was cut off; or several of those at once.
        raise ConnectionError(error.strerror or "no connection") from error
    return connection


async def _connect_to_first(hosts: list[str], options: dict[str, Any]) -> Connection:
    """Connect to whichever host is the right one, and let the others be."""
    waiting = {
        asyncio.create_task(
            _connect_after(place * _HEAD_START, {**options, "host": host, "port": port})
        )
        for place, (host, port) in enumerate(zip(hosts, options["port"], strict=True))
    }
    try:
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            opened = [task.result() for task in done if task.exception() is None]
            if opened or not waiting:
                break
        for further in opened[1:]:
            further.terminate()
        return opened[0] if opened else done.pop().result()
    finally:
        for task in waiting:
            task.cancel()


async def _connect_after(seconds: float, options: dict[str, Any]) -> Connection:
    await asyncio.sleep(seconds)
    return await _connect(options)


async def _connect(options: dict[str, Any]) -> Connection:
    words = {name: options[name] for name in _ABOUT_TLS if name in options}
    rest = {name: value for name, value in options.items() if name not in words}
    if words.get("sslrootcert") == _SYSTEM:
        found = await asyncpg.connect(
            **{**rest, "ssl": _trust_the_system(words)}, connection_class=Connection
        )
    else:
        address = f"postgresql://?{urlencode(words)}" if words else None
        found = await asyncpg.connect(address, **rest, connection_class=Connection)
    opened: Connection = found
    return opened


def _trust_the_system(words: dict[str, str]) -> ssl.SSLContext:
    """Return what verifies a server's certificate and its name, whatever `sslmode` says.

    Anybody gets a certificate from these authorities: without the name it would prove nothing.
    """
    context = ssl.create_default_context()
    if "sslcert" in words:
        context.load_cert_chain(words["sslcert"], words.get("sslkey"), words.get("sslpassword"))
    return context
