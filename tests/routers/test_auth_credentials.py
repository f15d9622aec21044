"""Cookies and tokens as they arrive: forged, doubled, misplaced, contradicting each other."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.keys import KeyRing, new_key
from app.models import User, utc_now
from app.resources import Resources
from app.tokens import Purpose, TokenCodec
from tests.people import People
from tests.wire import COOKIE, ONE_ENGINE, SESSION, current_sid, replay, replay_bearer, visitor

# The sample of jwt.io and of a thousand tutorials; its key is `your-256-bit-secret`.
SAMPLE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
CHALLENGE = 'Bearer realm="portfolio"'
INVALID = f'{CHALLENGE}, error="invalid_token"'


def assert_invalid(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == INVALID
    assert answer.json()["type"] == "/problems#invalid-token"


def assert_nobody(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    assert answer.json()["type"] == "/problems#not-authenticated"


class TestNoCredentials:
    async def test_the_challenge_names_no_error(self, client: httpx.AsyncClient) -> None:
        assert_nobody(await client.get(SESSION))

    @ONE_ENGINE
    async def test_a_token_in_the_address_is_ignored(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        token = script.headers["Authorization"].removeprefix("Bearer ")
        for name in ["token", "access_token", "jwt", "authorization", COOKIE]:
            assert_nobody(await client.get(SESSION, params={name: token}))

    @ONE_ENGINE
    async def test_a_cookie_that_looks_like_ours_is_ignored(
        self, people: People, app: FastAPI
    ) -> None:
        ada = await people.create_and_log_in("ada")
        for name in [
            f"__Host-{COOKIE}",
            f"__Secure-{COOKIE}",
            COOKIE.upper(),
            f"{COOKIE}2",
            f"x{COOKIE}",
            COOKIE[:-1],
            "jwt_python_flask",
            f"{COOKIE}\u00a0",
            f"\u0085{COOKIE}",
            f"\x1c{COOKIE}",
        ]:
            cookie = f"{name}={ada.cookies[COOKIE]}".encode("latin-1")
            async with visitor(app, headers=[(b"Cookie", cookie)]) as client:
                assert_nobody(await client.get(SESSION))


class TestBearer:
    @ONE_ENGINE
    async def test_not_ours(self, app: FastAPI) -> None:
        for header in [
            "Bearer garbage",
            "Bearer",
            "Bearer ",
            "Bearer a.b.c",
            f"Bearer {SAMPLE}",
            f"Bearer {SAMPLE.rpartition('.')[0]}.",
            "Bearer " + "x" * 5000,
            "Bearer \u00fc",
            "Basic YWRhOmFkYQ==",
            "Digest username=ada",
            SAMPLE,
        ]:
            async with visitor(app, headers=[(b"Authorization", header.encode())]) as client:
                assert_invalid(await client.get(SESSION))

    async def test_another_scheme(self, people: People) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        token = script.headers["Authorization"].removeprefix("Bearer ")
        for scheme in ("Token", "JWT", "Bearer:", "BearerX"):
            headers = {"Authorization": f"{scheme} {token}"}
            assert_invalid(await script.get(SESSION, headers=headers))

    async def test_the_scheme_in_any_case(self, people: People) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        for scheme in ("bearer", "BEARER"):
            token = script.headers["Authorization"].removeprefix("Bearer ")
            answer = await script.get(SESSION, headers={"Authorization": f"{scheme} {token}"})
            assert answer.status_code == 200

    async def test_two_headers(self, people: People, app: FastAPI) -> None:
        await people.create("ada")
        value = (await people.bearer("ada")).headers["Authorization"].encode()
        both = [(b"Authorization", value), (b"Authorization", value)]
        async with visitor(app, headers=both) as client:
            assert_invalid(await client.get(SESSION))

    async def test_two_tokens_in_one_header(self, people: People) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        value = script.headers["Authorization"]
        assert_invalid(await script.get(SESSION, headers={"Authorization": f"{value}, {value}"}))

    @ONE_ENGINE
    async def test_tampered(self, people: People, app: FastAPI) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        for place in [0, 5, -1, -20]:
            token = list(script.headers["Authorization"].removeprefix("Bearer "))
            token[place] = "A" if token[place] != "A" else "B"
            assert_invalid(await replay_bearer(app, "".join(token)))

    async def test_a_cookie_is_no_access_token(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        assert_invalid(await replay_bearer(app, ada.cookies[COOKIE]))

    async def test_an_access_token_is_no_cookie(self, people: People, app: FastAPI) -> None:
        await people.create("ada")
        script = await people.bearer("ada")
        assert_invalid(await replay(app, script.headers["Authorization"].removeprefix("Bearer ")))


class TestForged:
    """Tokens made with the means of the server itself, each wrong in one point."""

    @staticmethod
    def _issue(
        codec: TokenCodec, user: User, sid: str, purpose: Purpose = Purpose.ACCESS, start: int = 0
    ) -> str:
        now = utc_now() + timedelta(minutes=start)
        expires_at = now + timedelta(minutes=15)
        return codec.issue(purpose, sub=user.public_id, sid=sid, now=now, expires_at=expires_at)

    async def test_as_it_should_be(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        ada = await people.create("ada")
        sid = await current_sid(await people.bearer("ada"))
        answer = await replay_bearer(app, self._issue(resources.codec, ada, sid))
        assert answer.status_code == 200

    async def test_signed_with_another_key(self, people: People, app: FastAPI) -> None:
        ada = await people.create("ada")
        sid = await current_sid(await people.bearer("ada"))
        stranger = TokenCodec(KeyRing((new_key(utc_now()),)))
        assert_invalid(await replay_bearer(app, self._issue(stranger, ada, sid)))

    @pytest.mark.parametrize("start", [-16, 1], ids=["expired", "not yet"])
    async def test_at_the_wrong_time(
        self, people: People, app: FastAPI, resources: Resources, start: int
    ) -> None:
        ada = await people.create("ada")
        sid = await current_sid(await people.bearer("ada"))
        token = self._issue(resources.codec, ada, sid, start=start)
        assert_invalid(await replay_bearer(app, token))

    async def test_for_another_user(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        await people.create("ada")
        bob = await people.create("bob")
        sid = await current_sid(await people.bearer("ada"))
        assert_invalid(await replay_bearer(app, self._issue(resources.codec, bob, sid)))

    async def test_for_an_unknown_session(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        ada = await people.create("ada")
        assert_invalid(await replay_bearer(app, self._issue(resources.codec, ada, "x" * 16)))

    async def test_a_cookie_for_a_bearer_session(
        self, people: People, app: FastAPI, resources: Resources
    ) -> None:
        ada = await people.create("ada")
        sid = await current_sid(await people.bearer("ada"))
        assert_invalid(await replay(app, self._issue(resources.codec, ada, sid, Purpose.COOKIE)))


class TestTwoCookies:
    async def test_in_one_header(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        bob = await people.create_and_log_in("bob")
        cookies = f"{COOKIE}={ada.cookies[COOKIE]}; {COOKIE}={bob.cookies[COOKIE]}"
        async with visitor(app, headers={"Cookie": cookies}) as client:
            assert_invalid(await client.get(SESSION))

    async def test_in_two_headers(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        planted = [
            (b"Cookie", f"{COOKIE}={ada.cookies[COOKIE]}".encode()),
            (b"Cookie", f"{COOKIE}=planted".encode()),
        ]
        async with visitor(app, headers=planted) as client:
            assert_invalid(await client.get(SESSION))

    async def test_strangers_cookies_beside_ours(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        cookies = f"theme=dark; {COOKIE}={ada.cookies[COOKIE]}; jwt=x; ;=; odd"
        async with visitor(app, headers={"Cookie": cookies}) as client:
            assert (await client.get(SESSION)).status_code == 200


class TestCookieAndBearer:
    async def test_of_different_people(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await people.create("bob")
        bearer = (await people.bearer("bob")).headers["Authorization"]
        answer = await ada.get(SESSION, headers={"Authorization": bearer})
        assert answer.status_code == 401
        assert answer.json()["type"] == "/problems#credentials-disagree"
        assert answer.headers["WWW-Authenticate"] == INVALID

    async def test_a_bad_token_beside_a_living_cookie(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert_invalid(await ada.get(SESSION, headers={"Authorization": f"Bearer {SAMPLE}"}))

    async def test_of_the_same_person(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        bearer = (await people.bearer("ada")).headers["Authorization"]
        answer = await ada.get(SESSION, headers={"Authorization": bearer})
        assert answer.json()["authenticated_by"] == "bearer"

    async def test_a_living_token_beside_a_dead_cookie(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await ada.post("/api/v1/auth/logout", headers={"Accept": "*/*"})
        bearer = (await people.bearer("ada")).headers["Authorization"]
        headers = {"Authorization": bearer, "Cookie": f"{COOKIE}={SAMPLE}"}
        assert (await ada.get(SESSION, headers=headers)).status_code == 200
