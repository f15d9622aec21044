"""The password hashes of the old Flask servers, which Werkzeug wrote: told apart, and compared.

Nothing here makes one. A stored hash says itself what comparing with it costs, and it comes from a
file that anybody may have written, so what would cost more than those servers ever asked for is no
hash to us. Passwords that stand in those servers' public source prove nothing, whoever has them.
"""

import hashlib
import hmac
import re
from collections.abc import Callable

# Werkzeug's largest so far are 1,000,000 iterations (some 0.3 s), and 32768 * 8 * 1 (32 MiB).
MAX_ITERATIONS = 2_000_000
MAX_SCRYPT_WORK = 2**19

# Accounts that the old servers made for everybody, with a password after one pattern.
PUBLISHED_UIDS = frozenset(
    {
        *("abe", "admin", "bell", "eli", "fred", "hedy", "hop", "indi", "jm1021", "lex", "madam"),
        *("nick", "niko", "raven", "toby", "user", "whit"),
    }
)
# Everybody's, unless they chose another, and after a reset.
SHARED_PASSWORDS = ("123qwerty", "123Qwerty!", "password")

_HASH = re.compile(
    r"(?:pbkdf2:sha256:(?P<iterations>[1-9][0-9]{0,6})"
    r"|(?P<scrypt>scrypt:(?P<n>[1-9][0-9]{0,6}):(?P<r>[1-9][0-9]?):(?P<p>[1-9][0-9]?))"
    r"|sha256)"
    r"\$(?P<salt>[!-#%-~]{1,64})\$(?P<digest>[0-9a-f]{64}(?:[0-9a-f]{64})?)"
)
_SHA256_SIZE, _SCRYPT_SIZE = 32, 64
# OpenSSL's own account of what scrypt needs is in blocks of r times this many bytes.
_SCRYPT_BLOCK = 128

Compute = Callable[[bytes], bytes]


def published_passwords(uid: str) -> tuple[str, ...]:
    """Return the passwords that the old servers' source gave an account of this name."""
    return (f"123{uid}", f"123{uid.title()}!", *SHARED_PASSWORDS)


PUBLISHED_PASSWORDS = frozenset(
    password for uid in PUBLISHED_UIDS for password in published_passwords(uid)
)


def is_old_hash(text: str) -> bool:
    """Whether this is a hash in one of the old formats, and within bounds."""
    return _read(text) is not None


def count_rounds(text: str) -> int:
    """Return what comparing with an old hash costs, in rounds of SHA-256 or what takes as long."""
    found = _HASH.fullmatch(text)
    if found is None:
        return 0
    if found["scrypt"]:
        return int(found["n"]) * int(found["r"]) * int(found["p"])
    return int(found["iterations"] or 1)


def matches(password: str, known: str) -> bool:
    """Compare a password, as it was typed, with an old hash; the digests in constant time.

    Raises:
        ValueError: it is none of the old formats, or out of bounds.
    """
    found = _read(known)
    if found is None:
        raise ValueError("Not a hash of an old server.")
    compute, digest = found
    return hmac.compare_digest(compute(password.encode()), digest)


def _read(text: str) -> tuple[Compute, bytes] | None:
    """Return how a hash is computed, and what came out; None for what is no old hash."""
    found = _HASH.fullmatch(text)
    if found is None:
        return None
    digest = bytes.fromhex(found["digest"])
    compute = _scrypt(found, digest) if found["scrypt"] else _sha256(found, digest)
    return None if compute is None else (compute, digest)


def _sha256(found: re.Match[str], digest: bytes) -> Compute | None:
    salt, iterations = found["salt"].encode(), found["iterations"]
    if len(digest) != _SHA256_SIZE or int(iterations or 1) > MAX_ITERATIONS:
        return None
    if iterations is None:
        return lambda password: hmac.digest(salt, password, "sha256")
    return lambda password: hashlib.pbkdf2_hmac("sha256", password, salt, int(iterations))


def _scrypt(found: re.Match[str], digest: bytes) -> Compute | None:
    n, r, p = (int(found[name]) for name in "nrp")
    # What RFC 7914, section 6, asks of N: a power of two, larger than 1 and less than 2^(16 r).
    is_usable = n > 1 and n.bit_count() == 1 and n < 2 ** (16 * r)
    if not is_usable or n * r * p > MAX_SCRYPT_WORK or len(digest) != _SCRYPT_SIZE:
        return None
    salt, memory = found["salt"].encode(), _SCRYPT_BLOCK * r * (n + p + 2)
    return lambda password: hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory)
