"""Tokens: JWTs out and in, refresh tokens, and the secrets of one-time links.

The only module that imports jose. What comes in is accepted only if this module could have made
it: an exact shape, a header equal byte for byte to one of ours, a canonical signature, then
python-jose, then our own claim checks. Whatever else happens is `TokenInvalid`, and says no more.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from app.errors import RefreshTokenInvalid, TokenInvalid
from app.keys import KeyRing, SigningKey
from app.modules import without_module

# For keys of another kind than ours, it would bring its two dozen modules.
with without_module("rsa"):
    from jose import jws, jwt
    from jose.backends.base import Key as JoseKey
    from jose.backends.native import HMACKey

ALGORITHM = "HS256"
ISSUER = "fastapi-portfolio"
MAX_TOKEN_LENGTH = 1024
# Two machines' clocks may differ by this much before a token "from the future" is refused.
CLOCK_SKEW = timedelta(seconds=30)
REMEMBERED_TOKENS = 4096

_COMPACT = re.compile(r"([A-Za-z0-9_-]{10,200})\.([A-Za-z0-9_-]{10,700})\.([A-Za-z0-9_-]{43})")
_REFRESH = re.compile(r"prt_([A-Za-z0-9_-]{16})\.(0|[1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})")
# Every name in a token was made by us, of these characters; databases and logs get no others.
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_CLAIMS = frozenset({"iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"})
# Ours: claims are checked below against an injected clock, and strictly.
_LEAVE_TIME_TO_US = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}


class Purpose(StrEnum):
    """The audience of a token: one of a kind is never good for another (RFC 8725, 3.12)."""

    COOKIE = "portfolio:cookie"
    ACCESS = "portfolio:access"


@dataclass(frozen=True, slots=True)
class Claims:
    """The checked claims of one of our tokens, RFC 7519 names, times as aware datetimes."""

    sub: str
    sid: str
    jti: str
    iat: datetime
    exp: datetime


class TokenCodec:
    """Makes and checks tokens with one key ring; one instance for a running application."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self._signing = jose_key(ring.current)
        self._header = {"kid": ring.current.kid}
        self._keys_by_header = {
            sign({}, jose_key(key), {"kid": key.kid}).partition(".")[0]: jose_key(key)
            for key in ring.keys
        }
        self._refresh_keys = {key.kid: key.derive(b"refresh") for key in ring.keys}
        # Whether a text is one of ours is a pure question, so its answer may be remembered;
        # whether its session lives is asked of the database every time.
        self._remembered: OrderedDict[tuple[str, Purpose], Claims] = OrderedDict()

    def issue(
        self, purpose: Purpose, *, sub: str, sid: str, now: datetime, expires_at: datetime
    ) -> str:
        """Return a signed JWT (RFC 7519). Times are whole seconds."""
        issued = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": purpose.value,
            "sub": sub,
            "sid": sid,
            "jti": secrets.token_urlsafe(12),
            "iat": issued,
            "nbf": issued,
            "exp": int(expires_at.timestamp()),
        }
        return sign(claims, self._signing, self._header)

    def verify(self, token: str, purpose: Purpose, *, now: datetime) -> Claims:
        """Return the claims of a token of ours that holds now.

        Raises:
            TokenInvalid: in every other case, whatever it is.
        """
        claims = self._remembered.get((token, purpose))
        if claims is None:
            claims = self._read(token, purpose)
            self._remembered[(token, purpose)] = claims
            if len(self._remembered) > REMEMBERED_TOKENS:
                self._remembered.popitem(last=False)
        if now + CLOCK_SKEW < claims.iat or now >= claims.exp:
            raise TokenInvalid
        return claims

    def _read(self, token: str, purpose: Purpose) -> Claims:
        try:
            return self._check(token, purpose)
        except Exception as error:
            # jose and json raise more than they promise on hostile input.
            raise TokenInvalid from error

    def _check(self, token: str, purpose: Purpose) -> Claims:
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenInvalid
        shape = _COMPACT.fullmatch(token)
        if shape is None:
            raise TokenInvalid
        key = self._keys_by_header[shape[1]]
        for part in shape.groups():
            # The last character of a base64url part has spare bits: one spelling is ours.
            if b64encode(b64decode(part)) != part:
                raise TokenInvalid
        payload = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=purpose.value,
            issuer=ISSUER,
            options=_LEAVE_TIME_TO_US,
        )
        return _strict_claims(payload, purpose)

    def inspect(self, token: str, purpose: Purpose) -> Claims | None:
        """Return a token's claims whatever the time is: to explain it, never to trust it."""
        try:
            return self._read(token, purpose)
        except TokenInvalid:
            return None

    def issue_refresh(self, sid: str, counter: int) -> str:
        """Return the refresh token of a session at a count. Nothing secret is stored for it."""
        return f"prt_{sid}.{counter}.{self._refresh_mac(self.ring.current.kid, sid, counter)}"

    def read_refresh(self, token: str) -> tuple[str, int]:
        """Return session id and count of a refresh token of ours.

        Raises:
            RefreshTokenInvalid: it was not made here, or its key is gone.
        """
        shape = _REFRESH.fullmatch(token)
        if shape is None:
            raise RefreshTokenInvalid
        sid, counter = shape[1], int(shape[2])
        matches = [
            hmac.compare_digest(self._refresh_mac(kid, sid, counter), shape[3])
            for kid in self._refresh_keys
        ]
        if not any(matches):
            raise RefreshTokenInvalid
        return sid, counter

    def _refresh_mac(self, kid: str, sid: str, counter: int) -> str:
        mac = hmac.digest(self._refresh_keys[kid], f"{sid}.{counter}".encode(), "sha256")
        return b64encode(mac)


def _strict_claims(payload: Mapping[str, Any], purpose: Purpose) -> Claims:
    if payload.keys() != _CLAIMS or payload["aud"] != purpose.value:
        raise TokenInvalid
    for name in ("sub", "sid", "jti"):
        if type(payload[name]) is not str or _NAME.fullmatch(payload[name]) is None:
            raise TokenInvalid
    for name in ("iat", "nbf", "exp"):
        if type(payload[name]) is not int:
            raise TokenInvalid
    if payload["nbf"] != payload["iat"]:
        raise TokenInvalid
    return Claims(
        sub=payload["sub"],
        sid=payload["sid"],
        jti=payload["jti"],
        iat=datetime.fromtimestamp(payload["iat"], UTC),
        exp=datetime.fromtimestamp(payload["exp"], UTC),
    )


def jose_key(key: SigningKey) -> JoseKey:
    # Named, where `jwk.construct` takes whichever backend it finds installed.
    return HMACKey(key.secret, ALGORITHM)


def sign(claims: Mapping[str, Any], key: JoseKey, header: Mapping[str, str] | None = None) -> str:
    """Return a compact JWS over the claims, HS256. The codec proper, without any rule of ours."""
    return str(jws.sign(dict(claims), key, headers=dict(header or {}), algorithm=ALGORITHM))


def read_signed(token: str, key: JoseKey) -> dict[str, Any]:
    """Verify an HS256 signature and return the claims, whatever they are.

    Raises:
        jose.exceptions.JWSError: the signature does not hold.
    """
    claims: dict[str, Any] = json.loads(jws.verify(token, key, [ALGORITHM]))
    return claims


def new_secret() -> str:
    """Return 256 random bits for a one-time link, URL-safe."""
    return secrets.token_urlsafe(32)


def digest_secret(secret: str) -> str:
    """Return what is stored of a one-time secret. It is random, so it needs no slow hash."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def b64encode(raw: bytes) -> str:
    """Encode as base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def b64decode(text: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
