"""Whom a request is from, on real sockets: what a visitor says, and what a proxy says of one."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.people import PASSWORD
from tests.server.conftest import Start
from tests.server.process import RunningServer
from tests.server.proxy import Habits, Headers, proxying

LOGIN = {"uid": "ada", "password": PASSWORD}
FORGED = [
    *("192.0.2.1", "127.0.0.1", "unknown", "x" * 5000, "192.0.2.1:80", "2001:db8::1", ","),
    *("10.0.0.1, 192.0.2.1", "127.0.0.1, 127.0.0.1", "[::1]:80", ", ".join(["192.0.2.1"] * 500)),
]


def sign_up(server: RunningServer) -> None:
    body = {**LOGIN, "name": "Ada"}
    assert httpx.post(f"{server.url}/api/v1/users", json=body).status_code == 201


def seen_address(url: str, *told: str) -> str:
    """Log in with such headers and return the address that the login is shown with."""
    headers = [("X-Forwarded-For", text) for text in told]
    with httpx.Client(base_url=url, headers=headers) as client:
        answer = client.post("/api/v1/auth/login", json=LOGIN)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["session"]["client_address"])


@pytest.fixture
def untrusting(start: Start) -> RunningServer:
    server = start()
    sign_up(server)
    return server


@pytest.fixture
def trusting(start: Start) -> RunningServer:
    server = start(TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8")
    sign_up(server)
    return server


def test_nobody_is_believed_unless_named(untrusting: RunningServer) -> None:
    for told in FORGED:
        assert seen_address(untrusting.url, told) == "127.0.0.1", told


def test_a_proxy_adds_whom_it_heard_from(trusting: RunningServer) -> None:
    """As nginx does it: what the visitor sent stays in front."""

    def add(headers: Headers) -> Headers:
        sent = ", ".join(value for name, value in headers if name.lower() == "x-forwarded-for")
        kept = [item for item in headers if item[0].lower() != "x-forwarded-for"]
        return [*kept, ("X-Forwarded-For", f"{sent}, 203.0.113.9" if sent else "203.0.113.9")]

    with proxying(trusting.url, Habits(request=add)) as url:
        for told in ((), *((text,) for text in FORGED)):
            assert seen_address(url, *told) == "203.0.113.9", told


def test_several_hops(trusting: RunningServer) -> None:
    assert seen_address(trusting.url, "6.6.6.6, 203.0.113.9, 10.1.2.3") == "203.0.113.9"
    assert seen_address(trusting.url, "6.6.6.6", "203.0.113.9", "10.1.2.3") == "203.0.113.9"
    assert seen_address(trusting.url, "unknown, 10.1.2.3") == "10.1.2.3"
    assert seen_address(trusting.url, "unknown") == "127.0.0.1"


def test_bytes_that_are_no_text(trusting: RunningServer, tmp_path: Path) -> None:
    """They reach no log and no column: the server answers as if they were not there."""
    place = urlsplit(trusting.url)
    told = b"\xff\xfe" * 100 + b"\x1b[31m, 192.0.2.1\x7f"
    request = (
        b"GET /api/v1/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"X-Forwarded-For: " + told + b"\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400"))
    assert b"192.0.2.1" not in answer
    assert b"\xff" not in (tmp_path / "server.log").read_bytes()
