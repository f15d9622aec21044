"""Hashes as Werkzeug wrote them on the old servers, made with hashlib alone."""

import hashlib
import hmac


def hmac_hash(password: str, salt: str = "saltsalt") -> str:
    """Return a hash of 2022: HMAC with the salt as its key."""
    digest = hmac.new(salt.encode(), password.encode(), hashlib.sha256).hexdigest()
    return f"sha256${salt}${digest}"


def pbkdf2_hash(password: str, iterations: int = 260_000, salt: str = "sixteenlettersxx") -> str:
    """Return a hash of the years since."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations).hex()
    return f"pbkdf2:sha256:{iterations}${salt}${digest}"


def scrypt_hash(
    password: str, *, n: int = 32768, r: int = 8, p: int = 1, salt: str = "sixteenlettersxx"
) -> str:
    """Return a hash as Werkzeug 3 makes them unless told otherwise."""
    memory = 132 * n * r * p + 4096
    digest = hashlib.scrypt(
        password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=memory
    ).hex()
    return f"scrypt:{n}:{r}:{p}${salt}${digest}"
