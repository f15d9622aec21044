"""Names of hosts and origins, read as browsers write them."""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_MAX_PORT = 65535
_IPV6_NETWORK = 64
# Taking an address apart takes longer than most else that is read of a request.
_LONGEST_ADDRESS = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")
_ADDRESSES_KNOWN = 1024
# In place of addresses: all there are.
ANYBODY = "*"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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


def read_address(text: str) -> str | None:
    """Return an IP address as it is usually written, or None if that is none.

    An IPv4 address in IPv6 clothes is the IPv4 address; the name of an interface is dropped.
    """
    text = text.partition("%")[0]
    return _read_address(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(_ADDRESSES_KNOWN)
def _read_address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def read_network(address: str) -> str:
    """Return what of an address belongs to one customer: an IPv4 address, a /64 of IPv6.

    Whoever has one IPv6 address has the 2**64 beside it as well. What is no address, such as the
    name of a socket, stands for itself.
    """
    found = read_address(address)
    if found is None or ":" not in found:
        return found or address
    return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))


def read_proxies(entry: str) -> Network:
    """Return the addresses that an entry of TRUSTED_PROXIES means.

    Raises:
        ValueError: it is neither an address nor a network.
    """
    return ipaddress.ip_network(entry, strict=False)


def is_anybody(entry: str) -> bool:
    """Whether an entry of TRUSTED_PROXIES means everybody there is."""
    return entry == ANYBODY or not read_proxies(entry).prefixlen


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
