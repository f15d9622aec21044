"""What is asked of a server, as bytes, and what it must answer."""

import http.client
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# In a request, this is replaced by another number each time, of as many digits.
NUMBER = b"############"
PATIENCE = 120


@dataclass(frozen=True)
class Ask:
    """Requests to send in turn, and their answers: exactly one of `bodies`, or any that begins so.

    A server that answers anything else fails the benchmark.
    """

    requests: tuple[bytes, ...]
    status: int = 200
    bodies: frozenset[bytes] = frozenset()
    start: bytes = b""
    least: int = 1


@dataclass(frozen=True)
class Answer:
    """One answer: its status, its headers by lower-case name, its body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Unexpected(Exception):
    """A server answered something else than it must."""


def request(
    method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return a request of HTTP/1.1."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(port: int, sent: bytes) -> Answer:
    """Send one request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        line.sendall(sent)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())


def get(port: int, path: str, **headers: str) -> Answer:
    """Get an address that must be there."""
    answer = send(port, request("GET", path, headers=headers))
    if answer.status != http.client.OK:
        raise Unexpected(f"GET {path} answered {answer.status}: {answer.body[:200]!r}")
    return answer


def exactly(port: int, sent: Iterable[bytes], *, holds: bytes, status: int = 200) -> Ask:
    """Ask each once, and return an Ask that wants these very bodies from now on.

    `holds` is what every one of them must contain, so that a server that is wrong from the start
    is noticed too.
    """
    requests = tuple(sent)
    bodies = set()
    for one in requests:
        answer = send(port, one)
        if answer.status != status or holds not in answer.body:
            raise Unexpected(f"{one[:120]!r} got {answer.status}: {answer.body[:300]!r}")
        bodies.add(answer.body)
    return Ask(requests, status, frozenset(bodies))
