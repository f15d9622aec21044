"""Codes of a second factor: those that an app counts with the clock, and those kept for a bad day.

An app's codes are RFC 6238's: HMAC-SHA-1, six digits, half a minute each, the one before and the
one after accepted for clocks that differ. The secret that it shares with us is stored nowhere: it
is derived from a key of the ring and a random seed, and the seed is what the database keeps. So a
copy of the database alone makes no codes. Recovery codes are random, long, and kept as HMACs.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import ascii_lowercase
from urllib.parse import quote, urlencode

from app.keys import KeyRing, SigningKey
from app.tokens import b64encode

STEP = timedelta(seconds=30)
DIGITS = 6
# Either way, for clocks that differ (RFC 6238, section 5.2).
_DRIFT = 1
# As long as what SHA-1 makes (RFC 4226, section 4, R6), and as RFC 6238's own example.
_SECRET_BYTES = 20
RECOVERY_CODES = 10
# 120 bits, of letters and digits that are not taken for one another; no slow hash is needed.
_LETTERS, _LENGTH, _GROUP = f"{ascii_lowercase}234567", 24, 4
_MISREAD = str.maketrans("018", "olb")
# What people type between groups, and what they paste along with a code.
_BETWEEN = re.compile(r"[\s-]+")
_DIGITS_ALONE = f"[0-9]{{{DIGITS}}}"
_APP_CODE = re.compile(_DIGITS_ALONE)
_RECOVERY_CODE = re.compile(f"[{_LETTERS}]{{{_LENGTH}}}")
_GROUPED = rf"[{_LETTERS}]{{{_GROUP}}}(?:-[{_LETTERS}]{{{_GROUP}}}){{{_LENGTH // _GROUP - 1}}}"
_BEHIND = re.compile(rf"(.+?)({_DIGITS_ALONE}|{_GROUPED})", re.DOTALL)

# Between the password and the code, on a page of its own.
TICKET_LIFE = timedelta(minutes=5)
_TICKET = re.compile(r"([A-Za-z0-9_-]{16})\.([0-9]{1,9})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")
# In percent signs: longer names are cut, so that all fits into a QR code that a telephone reads.
_MAX_ISSUER, _MAX_ACCOUNT = 36, 64


@dataclass(frozen=True, slots=True)
class Ticket:
    """Proof that an account's password was right a moment ago. Opens nothing without a code."""

    public_id: str
    epoch: int


def count_steps(moment: datetime) -> int:
    """Return the number of whole steps since 1970 (RFC 6238, section 4.2)."""
    return int(moment.timestamp()) // int(STEP.total_seconds())


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step (RFC 4226, section 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 0xF
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def find_step(secret: bytes, code: str, *, now: datetime, after: int) -> int | None:
    """Return the step a code is of, if it is one of now and later than `after`; else None.

    `after` is the last step whose code was used: a code holds once (RFC 6238, section 5.2).
    """
    current, found = count_steps(now), None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        is_match = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if is_match and step > after:
            found = step
    return found


def write_secret(secret: bytes) -> str:
    """Write a secret as apps want it typed: Base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def write_uri(secret: bytes, *, issuer: str, account: str) -> str:
    """Return the address that a QR code shows to an app; what is not named is what apps assume."""
    shown = quote(_shorten(issuer.replace(":", " "), _MAX_ISSUER), safe="")
    label = f"{shown}:{quote(_shorten(account, _MAX_ACCOUNT), safe='')}"
    return f"otpauth://totp/{label}?{urlencode({'secret': write_secret(secret)})}&issuer={shown}"


def _shorten(text: str, longest: int) -> str:
    while len(quote(text, safe="")) > longest:
        text = text[:-1]
    return text


def new_recovery_codes() -> list[str]:
    """Return ten random codes, in groups of four letters."""
    return [_group(_random_letters()) for _ in range(RECOVERY_CODES)]


def _random_letters() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def _group(letters: str) -> str:
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def read_app_code(typed: str) -> str | None:
    """Return the digits of an app's code, however they were grouped; None for anything else."""
    code = _BETWEEN.sub("", typed)
    return code if _APP_CODE.fullmatch(code) else None


def read_recovery_code(typed: str) -> str | None:
    """Return the letters of a recovery code, however they were typed; None for anything else."""
    code = _BETWEEN.sub("", typed).lower().translate(_MISREAD)
    return code if _RECOVERY_CODE.fullmatch(code) else None


def split(typed: str) -> tuple[str, str | None]:
    """Take a password apart that may have a code right behind it."""
    found = _BEHIND.fullmatch(typed)
    return (typed, None) if found is None else (found[1], found[2])


class CodeKeys:
    """What the keys of a ring make of seeds, codes and tickets, by `kid`."""

    def __init__(self, ring: KeyRing) -> None:
        self.kid = ring.current.kid
        keys = {key.kid: key for key in (*ring.retired, *ring.keys)}
        self._secrets = _derive(keys, b"second-factor")
        self._recovery = _derive(keys, b"recovery-code")
        # Of those alone that sign, as tokens are.
        self._tickets = _derive({key.kid: key for key in ring.keys}, b"second-step")

    @property
    def kids(self) -> list[str]:
        return list(self._secrets)

    def __contains__(self, kid: str) -> bool:
        return kid in self._secrets

    def new_seed(self) -> str:
        """Return what a database keeps for a new secret."""
        return secrets.token_hex(_SECRET_BYTES)

    def secret(self, kid: str, seed: str) -> bytes:
        """Return the secret that a seed stands for, by a key that is there."""
        return _mac(self._secrets[kid], seed)[:_SECRET_BYTES]

    def digest(self, kid: str, seed: str, code: str) -> str:
        """Return what is kept of a recovery code, as `read_recovery_code` returns it."""
        return _mac(self._recovery[kid], f"{seed}.{code}").hex()

    def issue_ticket(self, ticket: Ticket, *, now: datetime) -> str:
        """Return a ticket to hand out, which holds for five minutes."""
        body = f"{ticket.public_id}.{ticket.epoch}.{int((now + TICKET_LIFE).timestamp())}"
        return f"{body}.{b64encode(_mac(self._tickets[self.kid], body))}"

    def read_ticket(self, text: str, *, now: datetime) -> Ticket | None:
        """Return the ticket that a text is, if one was handed out that still holds."""
        shape = _TICKET.fullmatch(text)
        if shape is None:
            return None
        body, _, given = text.rpartition(".")
        matches = [
            hmac.compare_digest(b64encode(_mac(key, body)), given) for key in self._tickets.values()
        ]
        ends_at = datetime.fromtimestamp(int(shape[3]), UTC) if any(matches) else now
        # A clock that was set back does not lengthen it.
        if not now < ends_at <= now + TICKET_LIFE:
            return None
        return Ticket(shape[1], int(shape[2]))


def _derive(keys: dict[str, SigningKey], label: bytes) -> dict[str, bytes]:
    return {kid: key.derive(label) for kid, key in keys.items()}


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
