"""Which host names belong together: registrable domains, by the public suffix list.

The list says below which names strangers have theirs (`org`, `co.uk`, `github.io`). It comes with a
package and is read when it is first asked for, never from the network.
"""

from functools import cache

from publicsuffixlist import PSLFILE, PublicSuffixList

from app.hosts import Origin, is_address


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _suffixes() -> tuple[str, ...]:
    """Every name that a rule of the list speaks of, in ASCII."""
    with open(PSLFILE, encoding="utf-8") as lines:  # noqa: PTH123  (the package gives its path as text)
        rules = [line.split()[0] for line in lines if line.strip() and not line.startswith("//")]
    names = (rule.lstrip("!").removeprefix("*.") for rule in rules)
    return tuple(name.encode("idna").decode("ascii") for name in names)


def registrable_domain(host: str) -> str:
    """Return the part of a host name that one owner registered; the host itself if it has none."""
    if is_address(host):
        return host
    return _list().privatesuffix(host) or host


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
    if _list().privatesuffix(domain) is None:
        return domain
    return next((name for name in _suffixes() if name.endswith(f".{domain}")), None)
