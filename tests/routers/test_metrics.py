"""`/metrics`: who is let in, and that it tells what happened and nothing about anybody."""

import secrets

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app import __version__
from app.metrics import CONTENT_TYPE, LOGIN_RESULTS
from app.models import Role
from app.resources import Resources
from tests.exposition import Exposition, read
from tests.factors import protect
from tests.people import PASSWORD, People
from tests.wire import LOGIN, ONE_ENGINE, SESSION, visitor

TOKEN = "k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d"
REQUESTS = "portfolio_http_requests_total"
PATH = "/metrics"
with_token = pytest.mark.parametrize("settings_changes", [{"metrics_token": TOKEN}])


async def scrape(client: httpx.AsyncClient) -> Exposition:
    answer = await client.get(PATH)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


async def nothing_there(client: httpx.AsyncClient) -> None:
    """Check that the answer is that of an address which is none."""
    answer, other = await client.get(PATH), await client.get("/nothing")
    assert answer.status_code == 404
    for name in ("instance", "request_id"):
        assert answer.json().pop(name) != ""
    assert {**answer.json(), "instance": "", "request_id": ""} == {
        **other.json(), "instance": "", "request_id": "",
    }  # fmt: skip


@ONE_ENGINE
class TestStrangers:
    @pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"])
    async def test_from_elsewhere(self, app: FastAPI, address: str) -> None:
        async with visitor(app, address=address) as client:
            await nothing_there(client)

    @pytest.mark.parametrize("scope", [{"client": None}, {"client": ("", 0)}])
    async def test_without_an_address(self, app: FastAPI, scope: dict[str, object]) -> None:
        async with visitor(app, scope=scope) as client:
            await nothing_there(client)

    @pytest.mark.parametrize(
        "header",
        [
            *(("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "127.0.0.1")),
            *(("X-Forwarded-For", ""), ("Forwarded", "for=127.0.0.1"), ("Via", "1.1 proxy")),
            *(("X-Real-IP", "127.0.0.1"), ("X-Forwarded-Proto", "http")),
        ],
    )
    @pytest.mark.parametrize(
        "settings_changes", [{}, {"trusted_proxies": "127.0.0.1"}], ids=["", "trusted"]
    )
    async def test_behind_a_proxy_here(self, app: FastAPI, header: tuple[str, str]) -> None:
        async with visitor(app, headers=[header]) as client:
            await nothing_there(client)

    @pytest.mark.parametrize("settings_changes", [{"trusted_proxies": "10.0.0.1"}])
    async def test_a_loopback_address_that_was_told(self, app: FastAPI) -> None:
        headers = {"X-Forwarded-For": "127.0.0.1"}
        async with visitor(app, address="10.0.0.1", headers=headers) as client:
            await nothing_there(client)

    @pytest.mark.parametrize("host", ["rebound.example", "192.0.2.7:8086", "user@localhost"])
    async def test_by_another_name(self, app: FastAPI, host: str) -> None:
        async with visitor(app, headers={"Host": host}) as client:
            await nothing_there(client)

    async def test_with_a_login(self, app: FastAPI, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        async with visitor(app, address="192.0.2.7", cookies=ada.cookies) as client:
            assert (await client.get(SESSION)).status_code == 200
            await nothing_there(client)


@ONE_ENGINE
class TestToken:
    @with_token
    @pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.7"])
    @pytest.mark.parametrize(
        "credentials",
        [
            *(f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Bearer {TOKEN.swapcase()}", "Bearer "),
            *(f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} {TOKEN}", f"Bearer {TOKEN}ü", "Bearer ü"),
        ],
    )
    async def test_wrong(self, app: FastAPI, address: str, credentials: str) -> None:
        headers = [(b"Authorization", credentials.encode("latin-1"))]
        async with visitor(app, address=address, headers=headers) as client:
            await nothing_there(client)

    @with_token
    async def test_twice(self, app: FastAPI) -> None:
        headers = [("Authorization", f"Bearer {TOKEN}")] * 2
        async with visitor(app, headers=headers) as client:
            await nothing_there(client)

    async def test_where_there_is_none(self, app: FastAPI) -> None:
        async with visitor(app, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            await nothing_there(client)

    @with_token
    async def test_of_a_login(self, app: FastAPI, people: People) -> None:
        await people.create("ada", role=Role.ADMIN)
        async with visitor(app, address="192.0.2.7") as client:
            form = {"username": "ada", "password": PASSWORD}
            pair = (await client.post("/api/v1/auth/token", data=form)).json()
            client.headers["Authorization"] = f"Bearer {pair['access_token']}"
            assert (await client.get(SESSION)).status_code == 200
            await nothing_there(client)

    @with_token
    async def test_right(self, app: FastAPI) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.9"}
        async with visitor(app, address="192.0.2.7", headers=headers) as client:
            assert (await scrape(client)).value("portfolio_ready") == 1

    @with_token
    async def test_programs_on_this_machine_need_none(self, client: httpx.AsyncClient) -> None:
        assert (await scrape(client)).value("portfolio_ready") == 1


class TestAnswer:
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    @ONE_ENGINE
    async def test_is_the_text_format(self, app: FastAPI, address: str) -> None:
        async with visitor(app, address=address) as client:
            answer = await client.get(PATH)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        assert answer.headers["Cache-Control"] == "no-store"
        read(answer.text)

    async def test_what_runs(self, client: httpx.AsyncClient, engine: str) -> None:
        found = await scrape(client)
        assert found.value("portfolio_info", version=__version__, database=engine) == 1

    async def test_requests_by_route(self, client: httpx.AsyncClient, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        before = await scrape(client)
        for path in ("/api/v1/users/ada", "/api/v1/users/bob", "/api/v1/users/ada?cursor=secret"):
            await ada.get(path)
        for path in ("/nothing", f"/{secrets.token_urlsafe(32)}", "/wp-login.php"):
            await client.get(path)
        await client.head("/healthz")
        await client.request("BREW", "/healthz")
        after = await scrape(client)

        def more(**labels: str) -> float:
            name = REQUESTS
            return (after.value(name, **labels) or 0) - (before.value(name, **labels) or 0)

        route = "/api/v1/users/{uid:uid}"
        assert more(method="GET", route=route, status="2xx") == 2
        assert more(method="GET", route=route, status="4xx") == 1
        assert more(method="GET", route="unmatched", status="4xx") == 3
        assert more(method="HEAD", route="/healthz", status="2xx") == 1
        assert more(method="other", route="/healthz", status="4xx") == 1

    @ONE_ENGINE
    async def test_labels_are_the_programs_own(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        for path in ("/openapi.json", "/docs", "/static/portfolio.js", "/login", "/api/user/"):
            await client.get(path)
        await client.post("/api/v1/auth/login", json=LOGIN, headers={"Origin": "https://evil.org"})
        found = (await scrape(client)).labels(REQUESTS, "route")
        known = {route.path for route in iter_route_contexts(app.routes)}
        assert found <= known | {"unmatched"}
        assert {"/openapi.json", "/docs", "/static/{name:path}", "/login", "unmatched"} <= found

    async def test_logins(self, client: httpx.AsyncClient, people: People) -> None:
        await people.create("ada")
        wrong = {**LOGIN, "password": f"{PASSWORD} not"}
        for _ in range(11):
            await client.post("/api/v1/auth/login", json=wrong)
        bob = {"uid": "bob", "password": PASSWORD}
        await people.create("bob")
        for path in ("/api/v1/auth/login", "/api/authenticate"):
            await client.post(path, json=bob)
        found = await scrape(client)
        results = {
            result: found.value("portfolio_logins_total", result=result) for result in LOGIN_RESULTS
        }
        counts = {"accepted": 2, "refused": 10, "throttled": 1}
        assert results == {**dict.fromkeys(LOGIN_RESULTS, 0), **counts}
        assert found.value("portfolio_throttled_total", attempt="login") == 1
        assert (found.value("portfolio_hash_seconds", "_count") or 0) >= 12
        assert (found.value("portfolio_hash_seconds", "_sum") or 0) > 0
        assert found.value("portfolio_hashes_waiting") == 0

    @ONE_ENGINE
    async def test_logins_with_a_code(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        await people.create("ada")
        phone = await protect(people, resources, "ada")
        before = await scrape(client)
        for further in ({}, {"code": phone.wrong_code()}, {"code": phone.code()}):
            await client.post("/api/v1/auth/login", json={**LOGIN, **further})
        after = await scrape(client)
        for result in ("halfway", "refused", "accepted"):
            was = before.value("portfolio_logins_total", result=result) or 0
            assert after.value("portfolio_logins_total", result=result) == was + 1

    @ONE_ENGINE
    async def test_says_nothing_about_anybody(
        self, client: httpx.AsyncClient, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada.lovelace")
        session = (await ada.get(SESSION)).json()
        await client.post("/api/v1/auth/login", json={"uid": "typed.name", "password": PASSWORD})
        text = (await client.get(PATH)).text
        secret = [session["user"]["id"], session["session"]["id"], "lovelace", "typed", "127.0.0"]
        for word in (*secret, str(resources.settings.instance_dir), PASSWORD):
            assert word not in text
