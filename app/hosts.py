"""Names of hosts and origins, read as browsers write them."""

import ipaddress
import re
from typing import NamedTuple

_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_MAX_PORT = 65535


class Origin(NamedTuple):
    """An origin taken apart. `port` is empty where it is the scheme's usual one."""

    scheme: str
    host: str
    port: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.port}"


def read_origin(text: str) -> str | None:
    """Return an origin as browsers write it (lower case, no usual port); None if it is none."""
    # Some letters beyond ASCII become ASCII in lower case: they are none of a browser's.
    found = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    scheme, host, port = found.groups("")
    if port and int(port[1:]) > _MAX_PORT:
        return None
    return f"{scheme}://{host}{port.removesuffix(_USUAL_PORTS[scheme])}"


def split_origin(text: str) -> Origin | None:
    """Take apart what stands exactly as browsers write it; None for everything else."""
    found = _ORIGIN.fullmatch(text)
    return Origin(*found.groups("")) if found is not None and read_origin(text) == text else None


def is_loopback(host: str) -> bool:
    """Whether a host name or literal address means this machine itself (RFC 6761, RFC 5735)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether browsers take a host for an IP address: in brackets, or with a number at its end."""
    last = host.rpartition(".")[2]
    return host.startswith("[") or last.isdigit() or bool(re.fullmatch("0x[0-9a-f]*", last))
