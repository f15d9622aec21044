"""The ring of keys that tokens are signed with: made on first start, rotated by hand.

A key has a public name, the `kid` that stands in a token's header. The newest key signs; older ones
verify until every token they signed has expired. One that second factors were made with stays for
them alone, retired, until the last of these is gone. The file is the one secret that must survive:
whoever has it can log in as anybody, so it is readable by its owner alone, and in a backup only
when somebody asks for it.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

KEY_BYTES = 32
_KID = re.compile("[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key of the ring. `kid` is public, `secret` is 32 random bytes or more."""

    kid: str
    secret: bytes = field(repr=False)
    created_at: datetime

    def derive(self, label: bytes) -> bytes:
        """Return a key of its own for another use than signing JWTs."""
        return hmac.digest(self.secret, b"fastapi-portfolio:" + label, "sha256")


class KeyRing:
    """Keys by `kid`; the newest signs, the others verify until their tokens have expired.

    Those that are `retired` verify no token; second factors made with them still hold.
    """

    def __init__(
        self, keys: tuple[SigningKey, ...], *, retired: tuple[SigningKey, ...] = ()
    ) -> None:
        if not keys:
            raise ValueError("A key ring holds at least one key.")
        self.keys = keys
        self.retired = retired
        self.current = max(keys, key=lambda key: key.created_at)

    @classmethod
    def from_secret(cls, secret: str) -> "KeyRing":
        """Make a ring of one key from the SECRET_KEY setting; its `kid` is the same everywhere."""
        digest = hashlib.sha256(b"fastapi-portfolio:ring:" + secret.encode()).digest()
        kid = hashlib.sha256(b"fastapi-portfolio:kid:" + digest).hexdigest()[:8]
        return cls((SigningKey(kid, digest, datetime.fromtimestamp(0, UTC)),))

    @classmethod
    def read(cls, path: Path) -> "KeyRing":
        """Read a ring that `write` has written.

        Raises:
            OSError, ValueError, KeyError, TypeError: the file is not such a ring.
        """
        content = json.loads(path.read_text("utf-8"))
        return cls(
            tuple(map(_read_key, content["keys"])),
            retired=tuple(map(_read_key, content.get("retired", ()))),
        )

    def rotate(self, *, now: datetime, keep: timedelta, used: Collection[str] = ()) -> "KeyRing":
        """Return a ring with a new current key, without keys whose tokens have all expired.

        A key's last token was made when its successor appeared, so it is kept that long and
        `keep` (the longest life of a token) on top. Then it is retired if it is among those that
        are `used` for second factors, by `kid`, and gone if not.
        """
        ordered = sorted(self.keys, key=lambda key: key.created_at)
        # Whatever the clock said when the others were made: the new key is the newest.
        made_at = max(now, ordered[-1].created_at + timedelta(microseconds=1))
        successors = [*(key.created_at for key in ordered[1:]), now]
        kept = [
            key for key, retired in zip(ordered, successors, strict=True) if retired + keep > now
        ]
        expired = [key for key in ordered if key not in kept]
        retired = tuple(key for key in (*self.retired, *expired) if key.kid in used)
        return KeyRing((*kept, new_key(made_at)), retired=retired)

    def text(self) -> str:
        """Return what a file of this ring holds, secrets and all."""
        content = {"keys": list(map(_write_key, self.keys))}
        if self.retired:
            content["retired"] = list(map(_write_key, self.retired))
        return json.dumps(content, indent=2)

    def write(self, path: Path) -> None:
        """Replace the file in one step, readable by the owner alone."""
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        self._write(temporary)
        temporary.replace(path)

    def found(self, path: Path) -> bool:
        """Make the file in one step; False if somebody else, who starts as well, was quicker."""
        temporary = path.with_suffix(f".{secrets.token_hex(4)}")
        self._write(temporary)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError:  # a file system without links, where the last one wins
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _write(self, temporary: Path) -> None:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self.text())
            file.flush()
            os.fsync(file.fileno())


def new_key(now: datetime) -> SigningKey:
    return SigningKey(secrets.token_hex(4), secrets.token_bytes(KEY_BYTES), now)


def _write_key(key: SigningKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "secret": base64.urlsafe_b64encode(key.secret).decode(),
        "created_at": key.created_at.isoformat(),
    }


def _read_key(entry: Mapping[str, str]) -> SigningKey:
    secret = base64.urlsafe_b64decode(entry["secret"])
    if _KID.fullmatch(entry["kid"]) is None or len(secret) < KEY_BYTES:
        raise ValueError("A key has a kid of 8 hexadecimal digits and 32 bytes or more.")
    return SigningKey(entry["kid"], secret, datetime.fromisoformat(entry["created_at"]))
