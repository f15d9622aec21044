"""Names of hosts and origins, read as browsers write them."""

import ipaddress
import re

_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def read_origin(text: str) -> str | None:
    """Return an origin as browsers write it (lower case, no usual port); None if it is none."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups("")
    return f"{scheme}://{host}{port.removesuffix(_USUAL_PORTS[scheme])}"


def is_loopback(host: str) -> bool:
    """Whether a host name or literal address means this machine itself (RFC 6761, RFC 5735)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
