"""Tokens that nobody honest makes. Built from bytes and HMAC alone, without the library we use."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.keys import KeyRing, SigningKey
from app.tokens import ISSUER, Purpose

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = SigningKey("0123abcd", b"the quick brown fox jumps over it", NOW - timedelta(days=1))
OTHER_KEY = SigningKey("fedc9876", b"pack my box with five dozen jugs!", NOW - timedelta(days=2))
RING = KeyRing((KEY,))
SID = "Zk3vJx9q0aQbT1uE"


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header_text(**changes: Any) -> str:
    """Return the header our tokens have, with members changed or added; None takes one away."""
    members = {"alg": "HS256", "kid": KEY.kid, "typ": "JWT", **changes}
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True)


def claims(**changes: Any) -> dict[str, Any]:
    """Return claims that hold for half an hour around NOW, changed; `...` takes one away."""
    issued = int(NOW.timestamp()) - 60
    members: dict[str, Any] = {
        "iss": ISSUER,
        "aud": Purpose.COOKIE.value,
        "sub": "q0aQbT1uEZk3vJx9",
        "sid": SID,
        "jti": "1uEZk3vJx9q0aQbT",
        "iat": issued,
        "nbf": issued,
        "exp": issued + 1800,
        **changes,
    }
    return {name: value for name, value in members.items() if value is not ...}


def compact(
    header: str | None = None,
    payload: Mapping[str, Any] | str | bytes | None = None,
    *,
    secret: bytes = KEY.secret,
    digest: str = "sha256",
) -> str:
    """Return a signed token over exactly this header and payload."""
    if payload is None:
        payload = claims()
    if isinstance(payload, Mapping):
        payload = json.dumps(payload, separators=(",", ":"))
    raw = payload.encode() if isinstance(payload, str) else payload
    first = base64url((header or header_text()).encode())
    return seal(f"{first}.{base64url(raw)}", secret=secret, digest=digest)


def seal(text: str, *, secret: bytes = KEY.secret, digest: str = "sha256") -> str:
    """Return a text with its signature behind a dot."""
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), digest))}"


def other_spellings(part: str) -> list[str]:
    """Return the texts that lenient decoders take for the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = {2: 4, 3: 2, 0: 0}[len(part) % 4]
    last = alphabet.index(part[-1])
    return [part[:-1] + alphabet[last + more] for more in range(1, 1 << spare)]
