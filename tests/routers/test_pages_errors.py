"""Refusals as a person sees them: in words, with a way onward; as problem JSON for programs."""

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from app.errors import AppError, DatabaseBusy, MalformedBody, TooManyAttempts, all_kinds
from tests.markup import read
from tests.people import People
from tests.wire import COOKIE, visitor

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
STATUSES = {400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 503, 507}


@pytest.fixture
def engine() -> str:
    """What is shown here is the same on every database: one engine is enough."""
    return "sqlite"


def raise_at(app: FastAPI, make: Callable[[], Exception]) -> None:
    """Add a page that fails in a certain way."""

    async def fail() -> None:
        raise make()

    app.add_api_route("/fails", fail, methods=["GET", "POST"])


def make_error(kind: type[AppError]) -> AppError:
    return TooManyAttempts(30) if kind is TooManyAttempts else kind()


# Two lead on from a page: to the login, and to setting up a second factor.
KINDS = [
    kind for kind in all_kinds() if kind.slug not in {"not-authenticated", "second-factor-required"}
]


class TestEveryKind:
    def test_covers_the_statuses(self) -> None:
        assert {kind.status for kind in KINDS} == STATUSES

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.slug))
    async def test_says_what_happened_and_leads_on(
        self, app: FastAPI, client: httpx.AsyncClient, kind: type[AppError]
    ) -> None:
        raise_at(app, lambda: make_error(kind))
        answer = await client.get("/fails", headers=HTML)
        page = read(answer)
        assert answer.status_code == kind.status
        assert kind.title in page.text_by_id["main"]
        assert kind.advice in page.text
        assert "Go to the home page" in page.text
        assert page.text_by_id["request-id"] == answer.headers["x-request-id"]
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.slug))
    def test_words(self, kind: type[AppError]) -> None:
        text = f"{kind.title}. {kind.advice}"
        assert kind.advice.endswith(".")
        assert not kind.title.endswith(".")
        for banned in ("!", "please", "Please", "oops", "Oops"):
            assert banned not in text


class TestSameAddressForPrograms:
    @pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json"])
    async def test_problem_json(self, client: httpx.AsyncClient, accept: str) -> None:
        answer = await client.get("/nowhere", headers={"Accept": accept})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems#not-found"


class TestOnward:
    async def test_log_in_when_that_is_missing(self, client: httpx.AsyncClient) -> None:
        form = {"which": "others"}
        answer = await client.post("/account/sessions/end-others", data=form, headers=HTML)
        links = [attributes.get("href") for _, attributes in read(answer).elements]
        assert answer.status_code == 401
        assert "/login" in links

    async def test_try_again_only_where_that_is_a_reading(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        raise_at(app, DatabaseBusy)
        assert "Try again" in read(await client.get("/fails", headers=HTML)).text
        assert "Try again" not in read(await client.post("/fails", headers=HTML)).text

    async def test_a_crash_says_nothing_of_its_cause(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        raise_at(app, lambda: ZeroDivisionError("the secret cause"))
        answer = await client.get("/fails", headers=HTML)
        assert answer.status_code == 500
        assert "Something went wrong on our side" in read(answer).text
        assert "secret cause" not in answer.text
        assert "ZeroDivisionError" not in answer.text

    async def test_whoever_is_logged_in_is_still_greeted(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.get("/nowhere", headers=HTML)
        assert "Your account: Ada" in answer.text

    async def test_a_dead_cookie_does_not_hide_the_page(self, app: FastAPI, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        cookie = f"{COOKIE}={ada.cookies[COOKIE]}x"
        async with visitor(app, headers={"Cookie": cookie, **HTML}) as stranger:
            answer = await stranger.get("/nowhere")
        assert answer.status_code == 404
        assert "Your account" not in answer.text

    async def test_the_address_is_text(self, client: httpx.AsyncClient) -> None:
        answer = await client.get('/"><script>alert(1)</script>', headers=HTML)
        assert answer.status_code == 404
        assert "<script>alert" not in answer.text

    async def test_a_detail_of_its_own_is_shown(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        raise_at(app, lambda: MalformedBody("The body is not valid JSON."))
        assert "The body is not valid JSON." in read(await client.get("/fails", headers=HTML)).text


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/login", "/signup", "/token", "/problems", "/nowhere"])
    async def test_policy(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path, headers=HTML)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "data:" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        for tag, attributes in read(answer).elements:
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
            assert tag != "script" or attributes["src"].startswith("/static/")

    async def test_docs(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/docs", headers=HTML)
        assert answer.status_code == 200
        assert "img-src 'self' data:" in answer.headers["content-security-policy"]
        page = read(answer)
        (place,) = [
            attributes for _, attributes in page.elements if "data-openapi-url" in attributes
        ]
        assert (await client.get(place["data-openapi-url"])).json()["openapi"].startswith("3.1")

    @pytest.mark.parametrize("settings_changes", [{"docs": False}])
    async def test_docs_switched_off(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/docs", headers=HTML)).status_code == 404
        assert "/docs" not in (await client.get("/", headers=HTML)).text
