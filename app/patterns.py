"""The entries of CORS_ORIGINS: exact origins, and patterns that only their owner can fill.

`https://*.school.org` means every name below `school.org`, at any depth, and not `school.org`
itself; `http://localhost:*` means every port. A pattern that a stranger could fill is refused:
whoever opens a page there could act as any visitor of it.
"""

from dataclasses import dataclass

from app.hosts import Origin, is_address, is_loopback, read_origin, split_origin
from app.sites import find_shared

ANY_NAME, ANY_PORT = "*.", ":*"
_EVERYTHING = {"*", "http://*", "https://*", "*://*"}


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """A pattern, taken apart once."""

    scheme: str
    host: str
    port: str
    is_any_name: bool
    is_any_port: bool

    def matches(self, origin: Origin) -> bool:
        """Whether an origin that stands as browsers write it fits."""
        if origin.scheme != self.scheme:
            return False
        if not self.is_any_port and origin.port != self.port:
            return False
        if not self.is_any_name:
            return origin.host == self.host
        name = origin.host.removesuffix(f".{self.host}")
        return name != origin.host and all(name.split("."))


def read_pattern(entry: str) -> OriginPattern | None:
    """Take an entry apart, whether it may be used or not; None if it is none at all."""
    scheme, _, rest = entry.lower().partition("://")
    name = rest.removesuffix(ANY_PORT)
    host = name.removeprefix(ANY_NAME)
    origin = split_origin(read_origin(f"{scheme}://{host}") or "")
    if origin is None or not all(origin.host.split(".")):
        return None
    return OriginPattern(*origin, is_any_name=host != name, is_any_port=name != rest)


def check_entries(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Return all entries as browsers would write them.

    Raises:
        ValueError: one will not do. The sentence names its place: the value may not be shown.
    """
    return tuple(_check(entry, place) for place, entry in enumerate(entries, 1))


def _check(entry: str, place: int) -> str:
    start = f"CORS_ORIGINS: entry {place}"
    if not entry.isascii():
        raise ValueError(f"{start} must be written as browsers send it: in ASCII (xn--...).")
    if "*" not in entry:
        origin = read_origin(entry)
        if origin is None:
            raise ValueError(f"{start} is not an origin. Write scheme://host[:port] with no path.")
        return origin
    if entry.rstrip("/").removesuffix(ANY_PORT).lower() in _EVERYTHING:
        raise ValueError(
            f"{start} allows every origin, so any page could act as the user; name the front ends."
        )
    pattern = read_pattern(entry)
    if pattern is None:
        raise ValueError(
            f"{start} is no pattern: a * stands for all names below a domain "
            "(https://*.school.org) or for any port (http://localhost:*), and nowhere else."
        )
    _check_owner(pattern, start)
    name = ANY_NAME if pattern.is_any_name else ""
    port = ANY_PORT if pattern.is_any_port else pattern.port
    return f"{pattern.scheme}://{name}{pattern.host}{port}"


def _check_owner(pattern: OriginPattern, start: str) -> None:
    is_own_machine = is_loopback(pattern.host)
    if is_address(pattern.host) and (pattern.is_any_name or not is_own_machine):
        raise ValueError(f"{start} is a pattern of IP addresses; write each origin in full.")
    if not pattern.is_any_name or is_own_machine:
        return
    shared = find_shared(pattern.host)
    if shared is not None:
        raise ValueError(
            f"{start} would allow strangers: anyone can have a name below {shared}; "
            "name each front end in full."
        )


def find_plain_http(entries: tuple[str, ...]) -> int | None:
    """Return the place, from 1, of the first entry that is plain http and not this machine."""
    for place, entry in enumerate(entries, 1):
        pattern = read_pattern(entry)
        if pattern and pattern.scheme == "http" and not is_loopback(pattern.host):
            return place
    return None
