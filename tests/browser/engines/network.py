"""The rows over TLS: names of two sites that lead here, a certificate, and what ends TLS for both.

Browsers reach the names through a proxy, which takes them to this machine and refuses all others:
so no browser can call anybody outside, and none has to be told about names in its own way. Loopback
addresses bypass it, as browsers do by themselves or are told to.
"""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PAGES_NAME, API_NAME = "ada.pages.test", "api.school.test"
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_MAX_HEAD = 65536


def make_certificate(openssl: str, folder: Path) -> ssl.SSLContext:
    """Return the server's side of TLS with a certificate for both names, signed by itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = f"subjectAltName=DNS:{PAGES_NAME},DNS:{API_NAME}"
    subprocess.run(  # noqa: S603  (Debian's openssl)
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={API_NAME}", "-addext", names),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


# What nothing but its own two ends refers to would be collected while it is open, with a warning.
_open: set[asyncio.StreamWriter] = set()


@asynccontextmanager
async def _hold(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Hold a connection until it is closed, whoever ends it and however."""
    _open.add(writer)
    try:
        with contextlib.suppress(OSError):
            with contextlib.closing(writer):
                yield
            await writer.wait_closed()
    finally:
        _open.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError), contextlib.closing(writer):
        while part := await reader.read(_MAX_HEAD):
            writer.write(part)
            await writer.drain()


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, head: bytes = b""
) -> None:
    """Carry bytes between a connection and a port of this machine, both ways."""
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    async with _hold(there_writer):
        there_writer.write(head)
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


class TLSEnd:
    """What a reverse proxy does: ends TLS and passes on to a port without it."""

    def __init__(self) -> None:
        self.port = 0
        self.target = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _hold(writer):
            await _join(reader, writer, self.target)


@asynccontextmanager
async def end_tls(context: ssl.SSLContext, target: int = 0) -> AsyncIterator[TLSEnd]:
    """Yield an end of TLS on a free port; its `target` may be set later."""
    end = TLSEnd()
    server = await asyncio.start_server(end.serve, "127.0.0.1", 0, ssl=context)
    end.port, end.target = port_of(server), target
    try:
        yield end
    finally:
        server.close()


async def _serve_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection of a browser: to our names on this machine, and to nobody else."""
    async with _hold(writer):
        await _pass_on(await reader.read(_MAX_HEAD), reader, writer)


async def _pass_on(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    method, _, rest = head.split(b"\r\n")[0].decode("latin-1").partition(" ")
    authority = rest.partition(" ")[0].removeprefix("http://").partition("/")[0]
    name, _, port = authority.partition(":")
    if name not in {PAGES_NAME, API_NAME}:
        writer.write(_REFUSED)
    elif method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await _join(reader, writer, int(port))
    else:
        await _join(reader, writer, int(port), _as_to_a_server(head, authority))


def _as_to_a_server(head: bytes, authority: str) -> bytes:
    """Return a request to a proxy as its server expects it, and as the last on its connection."""
    line, _, rest = head.partition(b"\r\n")
    line = line.replace(f"http://{authority}".encode(), b"", 1)
    return line + b"\r\nConnection: close\r\n" + rest


@asynccontextmanager
async def start_proxy() -> AsyncIterator[int]:
    """Yield the port of a running proxy."""
    server = await asyncio.start_server(_serve_proxy, "127.0.0.1", 0)
    try:
        yield port_of(server)
    finally:
        server.close()
