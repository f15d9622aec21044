"""What addresses in settings have in common: words behind the question mark, hosts in brackets."""

from urllib.parse import SplitResult, parse_qs


def read_words(parts: SplitResult) -> dict[str, str]:
    """Return what stands behind the question mark of an address, each word once.

    Raises:
        ValueError: a word stands there twice, or it is no such list.
    """
    found = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    return {name: value for name, (value,) in found.items()}


def write_host(host: str) -> str:
    """Write a host as addresses have it: what has colons is an IPv6 address."""
    return f"[{host}]" if ":" in host else host
