"""What makes the audit trail tell on whoever changes it: digests in a chain, and seals on them.

An event's digest (SHA-256) is over all its columns and the digest before it, so whoever holds an
export can follow the chain without any secret. Its seal (HMAC) is over the digest, with a key that
`portfolio keys rotate` leaves alone: whoever writes into the database can make digests, not seals.
The head says how many events there are and how they end, and is sealed like them, so that a tail
which was cut off is missed. docs/decisions/0016-the-audit-chain.md says what this can not do.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.config import Settings
from app.keys import KeyRing, SigningKey, new_key

# Part of every digest: another form of writing events down would have another name.
FORM = "portfolio-audit-1"
# What stands before the first event.
NOTHING = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as its digest sees it."""

    number: int
    occurred_at: datetime
    action: str
    actor: str | None
    subject: str | None
    client_address: str
    request_id: str
    detail: dict[str, Any]
    kid: str

    def columns(self) -> dict[str, Any]:
        """Return what stands in its row, but for digest and seal."""
        return {
            "id": self.number,
            "occurred_at": self.occurred_at,
            "action": self.action,
            "actor": self.actor,
            "subject": self.subject,
            "client_address": self.client_address,
            "request_id": self.request_id,
            "detail": self.detail,
            "kid": self.kid,
        }

    def as_json(self) -> dict[str, Any]:
        """Return what stands in an export, but for digest and seal."""
        columns = self.columns()
        return {"number": columns.pop("id"), **columns, "occurred_at": iso(self.occurred_at)}

    def digest(self, previous: str) -> str:
        """Return the digest of this event after one with the digest `previous`, in hexadecimal."""
        fields = {**self.as_json(), "form": FORM, "previous": previous}
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def iso(moment: datetime) -> str:
    """Write a moment as digests and exports do: in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class SealKeys:
    """The key that seals, and those that sealed before, by `kid`."""

    def __init__(self, current: SigningKey, *former: SigningKey) -> None:
        self.kid = current.kid
        self._keys = {key.kid: key.derive(b"audit") for key in (*former, current)}

    def __contains__(self, kid: str) -> bool:
        return kid in self._keys

    def seal_event(self, digest: str) -> str:
        return self._seal(self.kid, f"event:{digest}")

    def seal_head(self, count: int, digest: str) -> str:
        return self._seal(self.kid, f"head:{count}:{digest}")

    def fits_event(self, kid: str, digest: str, seal: str) -> bool:
        """Whether a seal is one that the key `kid` made of an event's digest."""
        return self._fits(kid, f"event:{digest}", seal)

    def fits_head(self, kid: str, count: int, digest: str, seal: str) -> bool:
        """Whether a seal is one that the key `kid` made of a head."""
        return self._fits(kid, f"head:{count}:{digest}", seal)

    def fits_any(self, digest: str, seal: str) -> bool:
        """Whether any of the keys made this seal of an event's digest."""
        return any(self.fits_event(kid, digest, seal) for kid in self._keys)

    def _seal(self, kid: str, text: str) -> str:
        return hmac.digest(self._keys[kid], text.encode(), "sha256").hex()

    def _fits(self, kid: str, text: str, seal: str) -> bool:
        return kid in self._keys and hmac.compare_digest(
            self._seal(kid, text).encode(), seal.encode()
        )


def read_seal_keys(settings: Settings, *, former_secrets: tuple[str, ...] = ()) -> SealKeys:
    """Read the keys of the audit trail: derived from SECRET_KEY if that is set, else from the file.

    With SECRET_KEY, a file from before it was set still verifies what it sealed. `former_secrets`
    are earlier values of SECRET_KEY.

    Raises:
        OSError, ValueError, KeyError, TypeError: the file is needed, and is no ring of keys.
    """
    former = [KeyRing.from_secret(secret).current for secret in former_secrets]
    path = settings.audit_keys_path
    if settings.secret_key is None:
        ring = KeyRing.read(path)
        return SealKeys(ring.current, *former, *ring.keys)
    derived = KeyRing.from_secret(settings.secret_key.get_secret_value()).current
    older = KeyRing.read(path).keys if path.exists() else ()
    return SealKeys(derived, *former, *older)


def make_seal_key(settings: Settings, now: datetime) -> bool:
    """Make the file if there is none and one is needed; return whether it was made."""
    path = settings.audit_keys_path
    if settings.secret_key is not None or path.exists():
        return False
    return KeyRing((new_key(now),)).found(path)
