"""Nothing leaves the process unless configured: the guard of every test, and that it bites.

That nothing is traced unasked is in tests/server/test_tracing.py; that pages load nothing from
elsewhere, in tests/browser/test_documents.py.
"""

import asyncio
import socket
from contextlib import closing
from ipaddress import IPv4Address

import pytest

from tests.loopback import LeftThisMachine, is_here


class TestGuard:
    @pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "pypi.org"])
    def test_no_connection(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_STREAM)) as line:
            line.setblocking(False)
            with pytest.raises(LeftThisMachine):
                line.connect((address, 9))

    def test_no_datagram(self) -> None:
        with (
            closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as line,
            pytest.raises(LeftThisMachine),
        ):
            line.sendto(b"", ("192.0.2.1", 9))

    async def test_no_look_up(self) -> None:
        with pytest.raises(LeftThisMachine):
            socket.getaddrinfo("portfolio.example", 443)
        with pytest.raises(LeftThisMachine):
            await asyncio.get_running_loop().getaddrinfo("portfolio.example", 443)

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.9.9.9", "::1", str(IPv4Address(0)), "localhost", None]
    )
    def test_lets_this_machine_be(self, host: object) -> None:
        assert is_here(host)

    async def test_lets_a_socket_in_the_file_system_be(self) -> None:
        with (
            closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line,
            pytest.raises(FileNotFoundError),
        ):
            line.connect("no-such-socket")
