"""Forged, altered and misplaced tokens against a running application, as bearer and as cookie.

What can be signed is signed with the application's own key, so that the check under test is the one
that has to catch it. The codec's own tests (tests/test_tokens_refused.py) try many more of each;
here a few of every family meet the whole way in: 401 with its challenge, nothing read or written.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.errors import TokenInvalid
from app.keys import SigningKey
from app.tokens import Purpose
from tests.forgery import base64url, claims, compact, header_text, other_spellings, seal
from tests.security.conftest import Stage
from tests.security.school import dump
from tests.wire import COOKIE, ONE_ENGINE, SESSION, visitor

CHALLENGE = 'Bearer realm="portfolio", error="invalid_token"'
NEW_NAME = "Written by a forger"


class Forger:
    """Makes tokens for the session that ada has, with the key that the application signs with."""

    def __init__(self, stage: Stage, carrier: str) -> None:
        codec, ada = stage.resources.codec, stage.school.owner
        self.key: SigningKey = codec.ring.current
        self.good, self.other = ada.cookie, ada.access
        self.purpose = Purpose.COOKIE
        if carrier == "bearer":
            self.good, self.other, self.purpose = ada.access, ada.cookie, Purpose.ACCESS
        known = codec.inspect(self.good, self.purpose)
        assert known is not None
        now = int(datetime.now(UTC).timestamp())
        self.claims: dict[str, Any] = {
            "sub": known.sub,
            "sid": known.sid,
            "aud": self.purpose.value,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 900,
        }

    def header(self, **changes: Any) -> str:
        return header_text(**{"kid": self.key.kid, **changes})

    def make(self, header: str | None = None, **changes: Any) -> str:
        """Return a token with the key's own signature."""
        payload = claims(**{**self.claims, **changes})
        return compact(header or self.header(), payload, secret=self.key.secret)

    def at(self, seconds: int, **changes: Any) -> str:
        """Return a token made some seconds from now, for a quarter of an hour."""
        start = int(datetime.now(UTC).timestamp()) + seconds
        return self.make(**{"iat": start, "nbf": start, "exp": start + 900, **changes})

    @property
    def parts(self) -> list[str]:
        return self.good.split(".")


Forge = Callable[[Forger], str]

FORGED: dict[str, Forge] = {
    "alg none, no signature": lambda f: ".".join(
        [base64url(f.header(alg="none").encode()), f.parts[1], ""]
    ),
    "alg none, our signature": lambda f: f.make(f.header(alg="none")),
    "alg nOnE": lambda f: f.make(f.header(alg="nOnE")),
    "alg HS512": lambda f: f.make(f.header(alg="HS512")),
    "alg RS256 over our signature": lambda f: f.make(f.header(alg="RS256")),
    "no alg": lambda f: f.make(f.header(alg=None)),
    "kid unknown": lambda f: f.make(f.header(kid="deadbeef")),
    "kid a path": lambda f: f.make(f.header(kid="../../../dev/null")),
    "kid a statement": lambda f: f.make(f.header(kid="' UNION SELECT 'x")),
    "no kid": lambda f: f.make(f.header(kid=None)),
    "kid ours, empty key": lambda f: compact(f.header(), claims(**f.claims), secret=b""),
    "jku": lambda f: f.make(f.header(jku="https://attacker.example/jwks.json")),
    "jwk": lambda f: f.make(f.header(jwk={"kty": "oct", "k": "AAAA"})),
    "x5u": lambda f: f.make(f.header(x5u="https://attacker.example/c.pem")),
    "x5c": lambda f: f.make(f.header(x5c=["MIIB"])),
    "crit": lambda f: f.make(f.header(crit=["exp"])),
    "b64": lambda f: f.make(f.header(b64=False, crit=["b64"])),
    "zip": lambda f: f.make(f.header(zip="DEF")),
    "header in another order": lambda f: f.make(
        f'{{"typ":"JWT","alg":"HS256","kid":"{f.key.kid}"}}'
    ),
    "expired": lambda f: f.at(-901),
    "expires now": lambda f: f.at(-900),
    "from the future": lambda f: f.at(60),
    "never expires": lambda f: f.make(exp=...),
    "exp a text": lambda f: f.make(exp="9999999999"),
    "exp a fraction": lambda f: f.make(exp=f.claims["exp"] + 0.5),
    "exp true": lambda f: f.make(exp=True),
    "exp beyond the calendar": lambda f: f.make(exp=10**18),
    "exp of a hundred digits": lambda f: f.make(exp=10**100),
    "no nbf": lambda f: f.make(nbf=...),
    "nbf later than iat": lambda f: f.make(nbf=f.claims["iat"] + 1),
    "no iat": lambda f: f.make(iat=...),
    "iss wrong": lambda f: f.make(iss="somebody"),
    "iss a list": lambda f: f.make(iss=["fastapi-portfolio"]),
    "no iss": lambda f: f.make(iss=...),
    "aud a list": lambda f: f.make(aud=[f.claims["aud"]]),
    "aud of both": lambda f: f.make(aud=["portfolio:cookie", "portfolio:access"]),
    "aud of something else": lambda f: f.make(aud="portfolio:reset"),
    "no aud": lambda f: f.make(aud=...),
    "sub another's": lambda f: f.make(sub="q0aQbT1uEZk3vJx9"),
    "sub a list": lambda f: f.make(sub=[f.claims["sub"]]),
    "sub empty": lambda f: f.make(sub=""),
    "no sub": lambda f: f.make(sub=...),
    "sid unknown": lambda f: f.make(sid="Zk3vJx9q0aQbT1uE"),
    "sid a statement": lambda f: f.make(sid="' OR '1'='1"),
    "sid a pattern": lambda f: f.make(sid="%"),
    "sid NUL": lambda f: f.make(sid="\x00"),
    "sid half a character": lambda f: f.make(sid="\ud800"),
    "sid a list": lambda f: f.make(sid=[f.claims["sid"]]),
    "no sid": lambda f: f.make(sid=...),
    "no jti": lambda f: f.make(jti=...),
    "jti a number": lambda f: f.make(jti=1),
    "a role on top": lambda f: f.make(role="admin"),
    "the old servers' token": lambda _: compact(
        '{"alg":"HS256","typ":"JWT"}', {"_uid": "ada"}, secret=b"secret"
    ),
    "of the other carrier": lambda f: f.other,
    "claims altered": lambda f: ".".join([f.parts[0], f.parts[1][:-4] + "AAAA", f.parts[2]]),
    "signature altered": lambda f: ".".join([*f.parts[:2], "A" * 43]),
    "signature spelled otherwise": lambda f: ".".join(
        [*f.parts[:2], other_spellings(f.parts[2])[0]]
    ),
    "no signature": lambda f: ".".join([*f.parts[:2], ""]),
    "padding appended": lambda f: f.good + "=",
    "junk appended": lambda f: f.good + "AAAA",
    "a fourth part": lambda f: f.good + ".AAAA",
    "a JWE of five parts": lambda _: ".".join(["QUJDREVGR0g"] * 5),
    "a token in a token": lambda f: seal(
        f"{base64url(f.header().encode())}.{base64url(f.good.encode())}", secret=f.key.secret
    ),
    "too long": lambda f: f.make(sub="x" * 2000),
    "nested": lambda f: seal(
        f"{base64url(f.header().encode())}.{base64url(b'[' * 500)}", secret=f.key.secret
    ),
    "in quotation marks": lambda f: f'"{f.good}"',
    "nothing but dots": lambda _: "..",
}


def sent_as(carrier: str, token: str) -> list[tuple[bytes, bytes]]:
    if carrier == "cookie":
        return [(b"cookie", f"{COOKIE}={token}".encode())]
    return [(b"authorization", f"Bearer {token}".encode())]


def is_refused(answer: httpx.Response, token: str) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    assert "Set-Cookie" not in answer.headers
    assert token not in answer.text
    assert '"ada"' not in answer.text


@ONE_ENGINE
@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
class TestForged:
    async def test_the_forger_can_make_a_good_one(self, stage: Stage, carrier: str) -> None:
        """Otherwise the refusals below would prove nothing."""
        forger = Forger(stage, carrier)
        for token in (forger.make(), forger.at(20), forger.good):
            async with visitor(stage.app, headers=sent_as(carrier, token)) as client:
                assert (await client.get(SESSION)).json()["user"]["uid"] == "ada"

    async def test_each_is_refused_and_changes_nothing(self, stage: Stage, carrier: str) -> None:
        forger = Forger(stage, carrier)
        before = await dump(stage.resources)
        for name, forge in FORGED.items():
            token = forge(forger)
            async with visitor(stage.app, headers=sent_as(carrier, token)) as client:
                try:
                    is_refused(await client.get(SESSION), token)
                    change = await client.patch("/api/v1/users/me", json={"name": NEW_NAME})
                    is_refused(change, token)
                    assert (await client.get("/api/id")).status_code == 401
                except AssertionError as error:
                    raise AssertionError(name) from error
        assert await dump(stage.resources) == before

    async def test_a_refusal_costs_next_to_nothing(self, stage: Stage, carrier: str) -> None:
        """Of the processor's own time, as others use the machine too."""
        forger = Forger(stage, carrier)
        codec, now = stage.resources.codec, datetime.now(UTC)
        tokens = [forge(forger) for forge in FORGED.values()] + ["x" * 10**6, "." * 10**6]
        costs = []
        for token in tokens:
            start = time.thread_time()
            with suppress(TokenInvalid):
                codec.verify(token, forger.purpose, now=now)
            costs.append(time.thread_time() - start)
        assert sorted(costs)[len(costs) * 9 // 10] < 0.005
