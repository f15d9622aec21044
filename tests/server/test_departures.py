"""Whoever goes away while waiting for a hash leaves the place to others, on real sockets."""

import json
import select
import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.server.conftest import Start

# Seconds of work for one hash, so that all of this happens during the first.
SLOW = {"ARGON2_MEMORY_KIB": "262144", "ARGON2_TIME": "20", "HASH_THREADS": "1", "HASH_QUEUE": "3"}
SOON = 2.0


def ask(url: str) -> socket.socket:
    """Send a login and do not wait for the answer."""
    place = urlsplit(url)
    body = json.dumps({"uid": "nobody", "password": "whatever it is"}).encode()
    head = (
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((place.hostname, place.port), timeout=30)
    connection.sendall(head.encode() + body)
    return connection


def answered(*connections: socket.socket, within: float) -> list[socket.socket]:
    readable, _, _ = select.select(connections, [], [], within)
    return [item for item in connections if item in readable]


def test_who_has_gone_does_not_keep_a_place(start: Start) -> None:
    server = start(**SLOW)
    with ExitStack() as stack:
        # It would finish the hash before it stops.
        stack.callback(server.kill)
        four = [stack.enter_context(ask(server.url)) for _ in range(4)]
        # One at work, the next one, one waiting, and one for whom there is no place.
        (refused,) = answered(*four, within=30)
        assert refused.recv(4096).startswith(b"HTTP/1.1 503 ")
        for connection in four:
            connection.close()
        until = time.monotonic() + SOON
        while time.monotonic() < until:
            newcomer = stack.enter_context(ask(server.url))
            if not answered(newcomer, within=0.5):
                return
            assert newcomer.recv(4096).startswith(b"HTTP/1.1 503 ")
    pytest.fail("The place was kept for somebody who had gone.")
