"""What a head may be, beyond what the parser refuses by itself.

The parser (llhttp, in its strict mode) refuses two lengths, a length beside an encoding, bare line
feeds, folded lines and whatever else two servers could read in two ways. It knows no bounds, takes
targets that name another server, and encodings that nobody here undoes.
"""

Headers = list[tuple[bytes, bytes]]

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100

_ENCODING = b"transfer-encoding"


def is_too_large(target: bytes, headers: Headers, bytes_at_most: int) -> bool:
    """Whether a head is beyond bounds; they are counted only where they can be reached."""
    if len(headers) > MAX_HEADERS:
        return True
    if bytes_at_most <= MAX_HEAD_BYTES:
        return False
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD_BYTES


def find_fault(target: bytes, headers: Headers, version: str) -> str | None:
    """Return a sentence on what is wrong with a head; None for a sound one."""
    names = [name for name, _ in headers]
    if version not in {"1.0", "1.1"}:
        return "This server speaks HTTP/1.1."
    if not target.startswith(b"/"):
        return "The target of a request is a path."
    # RFC 9112, section 3.2.
    if names.count(b"host") > 1 or (b"host" not in names and version == "1.1"):
        return "Send one Host header."
    # RFC 9112, section 6.1: what is encoded otherwise would be taken for the body as it is.
    if _ENCODING in names and (version == "1.0" or not _is_chunked(headers)):
        return "The only transfer encoding is chunked."
    return None


def announces_body(headers: Headers) -> bool:
    """Whether a head says that a body follows."""
    return any(name in {b"content-length", _ENCODING} for name, _ in headers)


def _is_chunked(headers: Headers) -> bool:
    return [value.lower() for name, value in headers if name == _ENCODING] == [b"chunked"]
