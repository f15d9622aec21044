"""Which host names belong together: registrable domains, by the public suffix list.

The list says below which names strangers have theirs (`org`, `co.uk`, `github.io`). It lies in
`data`, as publicsuffix.org publishes it, and is read when it is first asked for, never from the
network. Names are in ASCII, as browsers send them.
"""

from datetime import date
from functools import cache
from pathlib import Path

from app.hosts import Origin, is_address

LIST = Path(__file__).parent / "data" / "public_suffix_list.dat"
_REMARK, _VERSION = "//", "// VERSION: "


@cache
def _rules() -> dict[str, None]:
    """Return the rules in their order: a name, `*.` before one, or `!` before an exception."""
    lines = LIST.read_text("utf-8").splitlines()
    rules = (line.split()[0] for line in lines if line.strip() and not line.startswith(_REMARK))
    # The signs before a name are no letters that the encoding knows.
    return {_to_ascii(rule): None for rule in rules}


def _to_ascii(rule: str) -> str:
    name = rule.lstrip("!*.")
    return rule.removesuffix(name) + name.encode("idna").decode("ascii")


def read_date() -> date:
    """Return the day of the list."""
    _, _, rest = LIST.read_text("utf-8").partition(_VERSION)
    return date.fromisoformat(rest[: len("2000-01-01")])


def _public_suffix(name: str) -> str:
    """Return the longest end of a name that a rule makes public; its last label where none does."""
    rules, rest = _rules(), name
    while rest:
        _, _, parent = rest.partition(".")
        if f"!{rest}" in rules:
            return parent
        # A rule for all names below one makes that one public as well.
        if rest in rules or f"*.{parent}" in rules or f"*.{rest}" in rules:
            return rest
        rest = parent
    return name.rpartition(".")[2]


def _registered(host: str) -> str | None:
    """Return the public suffix of a host name and the label before it, or None."""
    name = host.lower().removesuffix(".")
    suffix = _public_suffix(name)
    if suffix == name or not all(name.split(".")):
        return None
    return f"{name.removesuffix(f'.{suffix}').rpartition('.')[2]}.{suffix}"


def registrable_domain(host: str) -> str:
    """Return the part of a host name that one owner registered; the host itself if it has none."""
    if is_address(host):
        return host
    return _registered(host) or host


def is_same_site(one: Origin, other: Origin) -> bool:
    """Whether two origins are of one site as browsers count: scheme and registrable domain.

    Ports do not count. An address, `localhost` or a public suffix is a site of its own.
    """
    return one.scheme == other.scheme and (
        one.host == other.host or registrable_domain(one.host) == registrable_domain(other.host)
    )


def find_shared(domain: str) -> str | None:
    """Return the name below a domain, or the domain itself, where strangers have theirs; or None.

    A provider's own domain counts (`amazonaws.com`), because its customers' names lie below it.
    """
    if _registered(domain) is None:
        return domain
    names = (rule.lstrip("!*.") for rule in _rules())
    return next((name for name in names if name.endswith(f".{domain}")), None)
