"""Asking a server one question over HTTP, as the standard library does it.

No proxy of the environment stands between, no redirect is followed, certificates are checked
against the authorities that this machine knows. What the answer means is for others to say.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# What `ask` raises where nothing answers, or not in HTTP.
NO_ANSWER = (OSError, HTTPException)
# Of an answer no more is read: ours are short, and another's may have no end.
MOST_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    text: str

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_redirect(self) -> bool:
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST

    def values(self, name: str) -> list[str]:
        """Return the values of a header in small letters, however many lines it has."""
        lines = self.headers.get_all(name, [])
        return [value.strip().lower() for line in lines for value in line.split(",")]

    def json(self) -> Any:
        """Return what it says as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.text)


def ask(
    base_url: str,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    timeout: float,
) -> Answer:
    """Ask on a connection of its own; `timeout` is for each wait, in seconds.

    Raises:
        NO_ANSWER: nobody is there, or what they say is not HTTP, or TLS fails.
        UnicodeError: no host can have such a name.
    """
    connection = _connect(base_url, timeout)
    sent = {"Accept": "*/*", "User-Agent": "portfolio-doctor", "Connection": "close"}
    try:
        connection.request(method, path, headers={**sent, **(headers or {})})
        response = connection.getresponse()
        text = response.read(MOST_BYTES).decode("utf-8", "replace")
        return Answer(response.status, response.headers, text)
    finally:
        connection.close()


def _connect(base_url: str, timeout: float) -> HTTPConnection:
    address = urlsplit(base_url)
    host = address.hostname or ""
    if address.scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(host, address.port, timeout=timeout, context=context)
    return HTTPConnection(host, address.port, timeout=timeout)


def knows_authorities() -> bool:
    """Whether this machine has authorities at all to check certificates against."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))
