"""A guard around every test: no connection and no look-up of a name leaves this machine.

It shows as well that the application tells nobody anything: whatever a test makes it do, it does
under this guard. Servers of their own processes are out of its reach; they run the same code.
"""

import ipaddress
import sys
from typing import Any

# asyncio asks for names as bytes.
_LOCAL_NAMES = frozenset({None, "", "localhost", b"localhost"})
_WATCHED = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo"})


class LeftThisMachine(BaseException):
    """Something tried to reach another machine. Nothing that catches `Exception` hides it."""


def stay_here() -> None:
    """Raise the guard, for as long as this process lives."""
    sys.addaudithook(_watch)


def is_here(host: object) -> bool:
    """Whether a name or address is of this machine."""
    if host in _LOCAL_NAMES:
        return True
    try:
        address = _read_address(host)
    except ValueError:
        return False
    # A connection to 0.0.0.0 is one to this machine.
    return address.is_loopback or address.is_unspecified


def asks_nobody(host: object) -> bool:
    """Whether a look-up needs no other machine: names of this one, and addresses."""
    try:
        _read_address(host)
    except ValueError:
        return host in _LOCAL_NAMES
    return True


def _read_address(host: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    return ipaddress.ip_address(text)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _WATCHED:
        return
    if event == "socket.getaddrinfo":
        host, is_fine = arguments[0], asks_nobody(arguments[0])
    else:
        target = arguments[1]
        # The address of a socket in the file system is a path, not a pair.
        host = target[0] if isinstance(target, tuple) else None
        is_fine = is_here(host)
    if not is_fine:
        raise LeftThisMachine(f"{event} to {host!r}")
