"""Connections to PostgreSQL, opened as libpq would from the words of an address.

asyncpg knows what libpq writes about TLS (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`) in an
address alone, SQLAlchemy hands it the parts. Here they are put together again, for each connection
anew: a certificate that was replaced is read by the next one, without a restart.
"""

import ssl
from typing import Any
from urllib.parse import urlencode

import asyncpg

_ABOUT_TLS = (
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
)
# In place of a file: the authorities that this machine trusts anyway.
_SYSTEM = "system"


async def connect(**options: Any) -> asyncpg.Connection:
    """Open a connection from the parts of an address, as the dialect of SQLAlchemy makes them.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: it cannot be opened like that.
    """
    words = {name: options.pop(name) for name in _ABOUT_TLS if name in options}
    if words.get("sslrootcert") == _SYSTEM:
        return await asyncpg.connect(**{**options, "ssl": _trust_the_system(words)})
    address = f"postgresql://?{urlencode(words)}" if words else None
    return await asyncpg.connect(address, **options)


def _trust_the_system(words: dict[str, str]) -> ssl.SSLContext:
    """Return what verifies a server's certificate and its name, whatever `sslmode` says.

    Anybody gets a certificate from these authorities: without the name it would prove nothing.
    """
    context = ssl.create_default_context()
    if "sslcert" in words:
        context.load_cert_chain(words["sslcert"], words.get("sslkey"), words.get("sslpassword"))
    return context
