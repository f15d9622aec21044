"""Requests to a store that speaks S3: signed, on connections that stay open, never waiting long."""

import http.client
import re
import socket
import ssl
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from app.config.stores import StoreAddress
from app.pictures.signing import Signer, digest, write_moment, write_query

CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 10.0
# A picture has some hundred kilobytes, a page of a listing less than one megabyte.
_MOST_BYTES = 32 * 2**20
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")
_BROKEN = (OSError, http.client.HTTPException, ValueError)


class AskedInVain(Exception):
    """The store did not do what it was asked for. The message says why, and shows no secret."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store answered, whole."""

    status: int
    content: bytes

    @property
    def code(self) -> str:
        """The word for what went wrong."""
        found = _CODE.search(self.content)
        return "" if found is None else found[1].decode()

    def expect(self, statuses: Collection[int]) -> None:
        """Raise AskedInVain unless it is one of these."""
        if self.status not in statuses:
            raise AskedInVain(f"HTTP {self.status} {self.code}".rstrip())

    @contextmanager
    def well_formed(self) -> Iterator[None]:
        """Raise AskedInVain where the content is not what it should be."""
        try:
            yield
        except ValueError as error:
            raise AskedInVain("an answer that cannot be read") from error


class Asker:
    """Asks one bucket. Several threads may do so at once, each on a connection of its own."""

    def __init__(self, address: StoreAddress) -> None:
        self.folder = address.folder
        self._address = address
        self._signer = Signer(address.key_id, address.secret, address.region)
        self._tls = ssl.create_default_context(cafile=address.ca) if address.is_encrypted else None
        self._idle: deque[http.client.HTTPConnection] = deque()

    def ask(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes = b"",
        kind: str = "",
    ) -> Answer:
        """Ask for an object of our folder, or for its bucket with an empty key.

        Raises:
            AskedInVain: there was no answer, or half of one.
        """
        query = dict(query or {})
        if not key:
            query["prefix"] = self.folder
        path = f"/{self._address.bucket}" + (f"/{self.folder}{key}" if key else "")
        headers = {"host": self._address.netloc, "x-amz-content-sha256": digest(content)}
        if kind:
            headers["content-type"] = kind
        target = f"{path}?{write_query(query)}" if query else path
        try:
            return self._send_again(method, path, target, query, headers, content)
        except _BROKEN as error:
            raise AskedInVain(type(error).__name__) from error

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _send_again(
        self,
        method: str,
        path: str,
        target: str,
        query: Mapping[str, str],
        headers: dict[str, str],
        content: bytes,
    ) -> Answer:
        """Send it, a second time where a connection that lay idle turns out to have ended.

        Whatever we ask for may be done twice.
        """
        headers["x-amz-date"] = write_moment(datetime.now(UTC))
        headers["authorization"] = self._signer.sign(method, path, query, headers)
        while True:
            connection, was_idle = self._take()
            try:
                connection.request(method, target, content, headers)
                answer = _read(connection.getresponse())
            except TimeoutError:
                connection.close()
                raise
            except BaseException as error:
                connection.close()
                if was_idle and isinstance(error, (ConnectionError, http.client.BadStatusLine)):
                    continue
                raise
            # One that the store has ended would be opened anew without our time-outs.
            if connection.sock is not None:
                self._idle.append(connection)
            return answer

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        with suppress(IndexError):
            return self._idle.pop(), True
        address = self._address
        connection: http.client.HTTPConnection
        if self._tls is None:
            connection = http.client.HTTPConnection(
                address.host, address.port, timeout=CONNECT_SECONDS
            )
        else:
            connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=CONNECT_SECONDS, context=self._tls
            )
        connection.connect()
        found: socket.socket = connection.sock
        found.settimeout(ANSWER_SECONDS)
        return connection, False


def _read(response: http.client.HTTPResponse) -> Answer:
    content = response.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError("too much")
    # Raises where less came than was announced.
    response.read()
    return Answer(response.status, content)
