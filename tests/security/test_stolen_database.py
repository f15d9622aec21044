"""A dump of the database logs nobody in.

Whoever has every value of every column, and knows how everything here is made, but not the keys of
the instance, presents each of them wherever something secret is asked for, and signs with it.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.errors import RefreshTokenInvalid
from app.models import utc_now
from app.tokens import ISSUER, Purpose, digest_secret
from tests.forgery import base64url, compact, header_text, seal
from tests.security.conftest import Stage
from tests.security.school import dump
from tests.wire import COOKIE, ONE_ENGINE, SESSION, visitor

pytestmark = ONE_ENGINE


async def loot(stage: Stage) -> set[str]:
    """Return every value there is, as text, and what stands in it."""
    found: set[str] = set()
    for rows in (await dump(stage.resources)).values():
        for row in rows:
            for value in row.values():
                text = str(getattr(value, "value", value))
                found |= {text, *re.split(r"[$,=\s]+", text)}
    return {text for text in found if text and text.isprintable()}


class Thief:
    """Asks from a new address every time, so that no limit by address answers instead."""

    def __init__(self, stage: Stage) -> None:
        self._app = stage.app
        self._places = itertools.count(1)

    async def request(self, method: str, path: str, **sent: Any) -> httpx.Response:
        place = next(self._places)
        async with visitor(self._app, address=f"10.66.{place >> 8}.{place & 255}") as client:
            return await client.request(method, path, **sent)

    async def get(self, path: str, **sent: Any) -> httpx.Response:
        return await self.request("GET", path, **sent)

    async def post(self, path: str, **sent: Any) -> httpx.Response:
        return await self.request("POST", path, **sent)


@pytest.fixture
def thief(stage: Stage) -> Thief:
    return Thief(stage)


def forge(kid: str, person: Any, secret: bytes, purpose: Purpose) -> str:
    """Return a token that is right in everything but its key."""
    now = int(utc_now().timestamp())
    payload = {
        "iss": ISSUER,
        "aud": purpose.value,
        "sub": person.public_id,
        "sid": person.sid,
        "jti": "1uEZk3vJx9q0aQbT",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    return compact(header_text(kid=kid), payload, secret=secret)


class TestEveryValue:
    async def test_as_a_token(self, stage: Stage, thief: Thief) -> None:
        for text in await loot(stage):
            latin = text.encode("ascii", "ignore").decode()
            for headers in (
                {"Cookie": f"{COOKIE}={latin}"},
                {"Authorization": f"Bearer {latin}"},
            ):
                answer = await thief.get(SESSION, headers=headers)
                assert answer.status_code == 401, text
                assert "user" not in answer.json()

    async def test_as_a_link_or_refresh_token(self, stage: Stage, thief: Thief) -> None:
        new = {"name": "New Comer", "password": "a sentence that nobody knows"}
        for text in await loot(stage):
            short = text[:100]
            reset = {"token": short, "new_password": new["password"]}
            refresh = {"refresh_token": text[:200]}
            invited = {**new, "uid": "newcomer", "invite": short}
            assert (await thief.post("/api/v1/auth/reset", json=reset)).status_code == 404
            assert (await thief.post("/api/v1/auth/refresh", json=refresh)).status_code == 401
            assert (await thief.post("/api/v1/users", json=invited)).status_code == 404
            answer = await thief.post("/setup", data={**new, "uid": "newcomer", "token": short})
            assert answer.status_code == 404
            assert (await thief.get("/reset", params={"token": short})).status_code == 404
        assert await dump(stage.resources) == stage.school.rows

    async def test_as_a_password(self, stage: Stage) -> None:
        """Asked of what verifies: at a login, so many attempts would be held up."""
        found = await loot(stage)
        for row in stage.school.rows["user"]:
            for text in found:
                is_match, _ = await stage.resources.hasher.verify(text, row["password_hash"])
                assert not is_match

    async def test_a_hash_as_a_password(self, stage: Stage) -> None:
        for place, row in enumerate(stage.school.rows["user"]):
            login = {"uid": row["uid"], "password": row["password_hash"]}
            for path in ("/api/v1/auth/login", "/api/authenticate"):
                async with visitor(stage.app, address=f"203.0.113.{place}") as client:
                    assert (await client.post(path, json=login)).status_code == 401


def _keys(found: set[str]) -> Iterator[bytes]:
    yield b""
    for text in found:
        yield text.encode()


class TestForged:
    async def test_signed_with_every_value(self, stage: Stage, thief: Thief) -> None:
        ada = stage.school.owner
        kid = stage.resources.codec.ring.current.kid
        for key in _keys(await loot(stage)):
            access = forge(kid, ada, key, Purpose.ACCESS)
            cookie = forge(kid, ada, key, Purpose.COOKIE)
            for headers in (
                {"Authorization": f"Bearer {access}"},
                {"Cookie": f"{COOKIE}={cookie}"},
            ):
                assert (await thief.get(SESSION, headers=headers)).status_code == 401

    async def test_signed_with_the_key(self, stage: Stage, thief: Thief) -> None:
        """With it, and with nothing else, they are good: so the ones above fail for their key."""
        key = stage.resources.codec.ring.current
        cookie = forge(key.kid, stage.school.owner, key.secret, Purpose.COOKIE)
        answer = await thief.get(SESSION, headers={"Cookie": f"{COOKIE}={cookie}"})
        assert answer.status_code == 200

    async def test_refresh_tokens_of_every_session(self, stage: Stage, thief: Thief) -> None:
        found = await loot(stage)
        for row in stage.school.rows["user_session"]:
            start = f"prt_{row['sid']}.{row['refresh_counter']}"
            macs = {
                *(base64url(text.encode())[:43].ljust(43, "A") for text in found),
                *(seal(start, secret=key).rpartition(".")[2] for key in _keys(found)),
                digest_secret(start)[:43],
            }
            for mac in macs:
                with pytest.raises(RefreshTokenInvalid):
                    stage.resources.codec.read_refresh(f"{start}.{mac}")
            body = {"refresh_token": f"{start}.{macs.pop()}"}
            assert (await thief.post("/api/v1/auth/refresh", json=body)).status_code == 401
        assert await dump(stage.resources) == stage.school.rows


class TestWhatIsKept:
    async def test_is_no_token_and_no_secret(self, stage: Stage) -> None:
        """Not as it is, and not in another spelling of the same octets."""
        kept = repr(await dump(stage.resources))
        school = stage.school
        handed_out = [token for person in school.people.values() for token in person.tokens]
        for secret in (*handed_out, school.reset, school.invite, school.setup):
            for part in secret.split("."):
                if part not in {person.sid for person in school.people.values()} and len(part) > 40:
                    assert part not in kept
            assert secret not in kept
            assert secret.encode().hex() not in kept
