"""The token page: what it shows of whose token, what it keeps back, and when it shows nothing."""

import hmac
import re
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role, utc_now
from app.resources import Resources
from app.routers.pages.claims import WORDS
from app.tokens import Purpose, b64encode
from tests.markup import Markup, read
from tests.people import PASSWORD, People
from tests.wire import COOKIE, change_session, current_sid, replay, replay_bearer, visitor

METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


@pytest.fixture
def engine() -> str:
    """What is shown here is the same on every database: one engine is enough."""
    return "sqlite"


async def log_in_from(people: People, **headers: str) -> httpx.AsyncClient:
    """Create Ada and return a client with the cookie that such a browser gets."""
    await people.create("ada")
    client = await people.visitor()
    login = {"uid": "ada", "password": PASSWORD}
    answer = await client.post("/api/v1/auth/login", json=login, headers=headers)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].partition(";")[0]
    # The jar would not send a Secure cookie back over http, as browsers do on loopback.
    client.cookies.clear()
    client.headers["Cookie"] = cookie
    return client


def sign_again(resources: Resources, text: str) -> str:
    """Return the signature that belongs to the first two parts of a token."""
    signed = text.rpartition(".")[0].encode()
    return b64encode(hmac.digest(resources.codec.ring.current.secret, signed, "sha256"))


class TestNothingToShow:
    @METHODS
    async def test_without_a_token(self, client: httpx.AsyncClient, method: str) -> None:
        answer = await client.request(method, "/token")
        page = read(answer)
        assert answer.status_code == 200
        assert "Your browser sent no token" in page.text
        assert "token-text" not in page.ids
        assert "paste" in page.ids

    @METHODS
    @pytest.mark.parametrize("name", ["Cookie", "Authorization"])
    @pytest.mark.parametrize(
        "text",
        [
            "<script>alert(1)</script>",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI8c2NyaXB0PiJ9.c2lnbmF0dXJl",
            "a.b.c",
        ],
    )
    async def test_what_we_did_not_write_is_not_shown(
        self, client: httpx.AsyncClient, method: str, name: str, text: str
    ) -> None:
        value = f"{COOKIE}={text}" if name == "Cookie" else f"Bearer {text}"
        answer = await client.request(method, "/token", headers={name: value})
        page = read(answer)
        assert answer.status_code == 200
        assert "this server did not write it" in page.text
        assert "token-text" not in page.ids
        assert text not in answer.text

    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YWRhOnNlY3JldA=="])
    async def test_a_header_of_another_shape(self, client: httpx.AsyncClient, value: str) -> None:
        answer = await client.get("/token", headers={"Authorization": value})
        assert "this server did not write it" in read(answer).text

    async def test_a_planted_second_cookie(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        bob = await people.create_and_log_in("bob")
        cookies = f"{COOKIE}={bob.cookies[COOKIE]}; {COOKIE}={ada.cookies[COOKIE]}"
        async with visitor(app, headers={"Cookie": cookies}) as tricked:
            page = read(await tricked.get("/token"))
        assert "this server did not write it" in page.text
        assert "token-text" not in page.ids

    async def test_a_cookie_and_a_header_of_two_people(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await people.create("bob")
        bob = await people.bearer("bob")
        ada.headers["Authorization"] = bob.headers["Authorization"]
        answer = await ada.get("/token", headers={"Accept": "text/html"})
        assert answer.status_code == 401
        assert "two different people" in read(answer).text

    async def test_a_token_in_the_address_is_ignored(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        stranger = await people.visitor()
        answer = await stranger.get("/token", params={"token": ada.cookies[COOKIE]})
        assert "Your browser sent no token" in read(answer).text


def shows_nothing_of_the_cookie(answer: httpx.Response, cookie: str) -> bool:
    """Whether neither the payload nor the beginning of the signature is anywhere in a page."""
    _, payload, signature = cookie.split(".")
    return payload not in answer.text and signature[:6] not in answer.text


class TestTheCookie:
    """Scripts cannot read it, and a page that shows it would hand it to them."""

    @METHODS
    async def test_is_not_shown(self, people: People, method: str) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.request(method, "/token")
        assert "token-text" in read(answer).ids
        assert shows_nothing_of_the_cookie(answer, ada.cookies[COOKIE])

    @METHODS
    async def test_is_not_shown_when_its_login_has_ended(
        self, people: People, app: FastAPI, method: str
    ) -> None:
        ada = await people.create_and_log_in("ada")
        cookie = ada.cookies[COOKIE]
        await ada.post("/logout")
        async with visitor(app, headers={"Cookie": f"{COOKIE}={cookie}"}) as stranger:
            answer = await stranger.request(method, "/token")
        assert "token-text" not in read(answer).ids
        assert shows_nothing_of_the_cookie(answer, cookie)

    async def test_is_not_shown_beside_a_header(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        ada.headers["Authorization"] = (await people.bearer("ada")).headers["Authorization"]
        answer = await ada.post("/token")
        assert f"Bearer {read(answer).text_by_id['token-text']}" == ada.headers["Authorization"]
        assert shows_nothing_of_the_cookie(answer, ada.cookies[COOKIE])

    async def test_is_described(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        text = read(await ada.get("/token")).text.partition("How it travels")[2]
        assert "its aud is portfolio:cookie" in text
        assert "expires in 7 days" in text


class TestTheTokenInItsPlace:
    async def test_is_no_cookie(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        token = read(await ada.post("/token")).text_by_id["token-text"]
        assert (await replay(app, token)).status_code == 401

    @pytest.mark.parametrize("settings_changes", [{"access_token_minutes": 5}], ids=["five"])
    async def test_lives_as_long_as_access_tokens_do(
        self, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        token = read(await ada.post("/token")).text_by_id["token-text"]
        claims = resources.codec.verify(token, Purpose.ACCESS, now=utc_now())
        assert claims.exp - claims.iat == timedelta(minutes=5)

    async def test_does_not_outlive_its_login(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        ends = utc_now().replace(microsecond=0) + timedelta(minutes=3)
        await change_session(resources, await current_sid(ada), ends_at=ends)
        token = read(await ada.post("/token")).text_by_id["token-text"]
        assert resources.codec.verify(token, Purpose.ACCESS, now=utc_now()).exp == ends

    async def test_is_of_the_same_login_and_ends_with_it(
        self, people: People, app: FastAPI
    ) -> None:
        ada = await people.create_and_log_in("ada")
        token = read(await ada.post("/token")).text_by_id["token-text"]
        answer = await replay_bearer(app, token)
        assert answer.json()["session"]["id"] == await current_sid(ada)
        await ada.post("/logout")
        assert (await replay_bearer(app, token)).status_code == 401


class TestOwnToken:
    async def test_the_signature_is_masked(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.get("/token")
        shown = read(answer).text_by_id["token-text"]
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]{6}·{37}", shown)
        signature = sign_again(resources, shown)
        assert signature[:6] == shown.rpartition(".")[2][:6]
        assert signature[:7] not in answer.text
        assert answer.headers["cache-control"] == "no-store"

    async def test_the_whole_token_only_on_request(
        self, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.post("/token")
        shown = read(answer).text_by_id["token-text"]
        assert shown.rpartition(".")[2] == sign_again(resources, shown)
        assert answer.headers["cache-control"] == "no-store"

    async def test_another_site_cannot_ask_for_it(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        headers = {"Origin": "http://localhost:4100", "Sec-Fetch-Site": "same-site"}
        answer = await ada.post("/token", headers=headers)
        assert answer.status_code == 403
        assert "token-text" not in answer.text

    async def test_every_name_is_explained(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        page = read(await ada.get("/token"))
        for name in ("alg", "kid", "typ", "iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"):
            word = next(word for word in WORDS if word.name == name)
            assert f"{name} {word.title}" in page.text
            assert f"{word.meaning} {word.why}" in page.text
        assert "portfolio:access" in page.text
        assert await current_sid(ada) in page.text

    async def test_times_are_dates_with_a_countdown(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        page = read(await ada.get("/token"))
        times = [attributes for tag, attributes in page.elements if tag == "time"]
        assert sum("data-countdown" in time for time in times) == 3
        assert sum("data-exact" in time for time in times) == 3
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", time["datetime"]) for time in times)
        assert "in 15 minutes" in page.text

    async def test_nothing_personal_is_in_it(self, people: People) -> None:
        await people.create("ada", name="Ada Lovelace", role=Role.ADMIN)
        ada = await people.log_in("ada")
        text = read(await ada.post("/token")).text.partition("Payload")[2]
        assert "Lovelace" not in text.partition("Paste any token")[0]

    async def test_an_ended_session(self, people: People, app: FastAPI) -> None:
        ada = await people.create_and_log_in("ada")
        token = ada.cookies[COOKIE]
        await ada.post("/logout")
        async with visitor(app, headers={"Cookie": f"{COOKIE}={token}"}) as stranger:
            page = read(await stranger.get("/token"))
        assert "its login has ended" in page.text
        assert "Verifies" in page.text
        assert "Ended" in page.text

    async def test_a_session_that_ran_out(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        past = utc_now() - timedelta(seconds=1)
        await change_session(resources, await current_sid(ada), expires_at=past)
        assert "its login has ended" in read(await ada.get("/token")).text


def attributes_shown(page: Markup) -> list[str]:
    section = page.text.partition("How it travels")[2].partition("What a JWT does not do")[0]
    return [
        name
        for name in ("HttpOnly", "Secure", "SameSite=Lax", "SameSite=None", "Partitioned")
        if name in section
    ]


class TestHowItTravels:
    async def test_a_cookie_of_this_site(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        page = read(await ada.get("/token"))
        assert "this page, for the login of the cookie portfolio_session" in page.text
        assert "one cookie of ours: portfolio_session" in page.text
        assert attributes_shown(page) == ["HttpOnly", "SameSite=Lax"]

    async def test_a_cookie_set_for_another_site(self, people: People) -> None:
        ada = await log_in_from(people, Origin="http://127.0.0.1:4100")
        page = read(await ada.get("/token"))
        expected = ["HttpOnly", "Secure", "SameSite=None", "Partitioned"]
        assert attributes_shown(page) == expected

    async def test_a_header(self, people: People) -> None:
        await people.create("ada")
        ada = await people.bearer("ada")
        page = read(await ada.get("/token"))
        assert "the Authorization header" in page.text
        assert "No cookie of ours came along." in page.text
        assert "portfolio:access" in page.text
        assert attributes_shown(page) == []

    async def test_a_header_beside_a_cookie(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        ada.headers["Authorization"] = (await people.bearer("ada")).headers["Authorization"]
        page = read(await ada.get("/token"))
        assert "A cookie of ours came along too; the header decides." in page.text
        assert "portfolio:access" in page.text


async def test_the_words_for_the_paste_box(client: httpx.AsyncClient) -> None:
    page = read(await client.get("/token"))
    claims = [attributes.get("data-claim") for _, attributes in page.elements]
    assert [claim for claim in claims if claim] == [f"{word.kind}.{word.name}" for word in WORDS]
    assert all(word.title and word.meaning.endswith(".") and word.why for word in WORDS)
