"""Other origins: what their pages may read (CORS), and what they may not do (CSRF)."""

import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.people import PASSWORD, People
from tests.wire import COOKIE, LOGIN, ONE_ENGINE, SESSION, visitor

pytestmark = ONE_ENGINE

FRONT_END = "http://localhost:4100"
PRODUCTION = {
    "environment": "production",
    "public_url": "https://api.school.org",
    "cors_origins": "https://ada.github.io",
}
production = pytest.mark.parametrize("settings_changes", [PRODUCTION], ids=["production"])

RESEMBLING = [
    "null",
    "https://evil.example",
    "http://localhost.evil.example:4100",
    "http://evil-localhost:4100",
    "http://localhost@evil.example",
    "http://evil.example@localhost:4100",
    "http://127.0.0.1.evil.example",
    "http://localhost:4100/",
    "http://localhost:4100 http://evil.example",
    "http://localhost:4100, http://evil.example",
    "HTTP://LOCALHOST:4100",
    "http://localhost:x",
    "ftp://localhost",
    "file://",
    "http://",
    "http://[::1",
    "http://192.168.1.9:4100",
    "localhost:4100",
    "*",
    "",
]


def cors_headers(answer: httpx.Response) -> dict[str, list[str]]:
    names = {name for name in answer.headers if name.startswith("access-control-")}
    return {name: answer.headers.get_list(name) for name in names}


def crash_at(app: FastAPI, path: str) -> None:
    async def crash() -> None:
        raise RuntimeError("a secret of the implementation")

    app.add_api_route(path, crash, methods=["GET", "POST"])


async def preflight(
    client: httpx.AsyncClient, path: str, origin: str, method: str = "PUT"
) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,x-origin",
    }
    return await client.options(path, headers=headers)


class TestRefusedOrigins:
    async def test_get_no_headers(self, client: httpx.AsyncClient) -> None:
        for origin in RESEMBLING:
            answer = await client.get(SESSION, headers={"Origin": origin})
            assert answer.status_code == 401, origin
            assert not cors_headers(answer), origin
            assert answer.headers["Vary"] == "Origin", origin

    async def test_fail_their_preflight(self, client: httpx.AsyncClient) -> None:
        for origin in RESEMBLING:
            answer = await preflight(client, SESSION, origin)
            assert answer.status_code == 403, origin
            assert not cors_headers(answer), origin

    @production
    async def test_in_production_all_but_the_listed(self, app: FastAPI) -> None:
        for origin in [
            "http://localhost:4100",
            "https://localhost",
            "https://bob.github.io",
            "https://ada.github.io.evil.example",
            "https://ada.github.io:8443",
            "http://ada.github.io",
            "https://ADA.github.io",
        ]:
            async with visitor(app, base_url="https://api.school.org") as client:
                assert not cors_headers(await client.get(SESSION, headers={"Origin": origin}))
                assert (await preflight(client, SESSION, origin)).status_code == 403


class TestFiles:
    """Everybody's, so that a page which is refused can load the module that says so."""

    async def test_are_for_every_origin_alike(self, client: httpx.AsyncClient) -> None:
        for origin in [*RESEMBLING, FRONT_END]:
            for path in ["/static/portfolio.js", "/static/nothing.js"]:
                answer = await client.get(path, headers={"Origin": origin})
                assert cors_headers(answer) == {"access-control-allow-origin": ["*"]}, origin
                assert "Origin" not in answer.headers.get("Vary", ""), origin

    async def test_take_no_credentials_and_no_writes(self, client: httpx.AsyncClient) -> None:
        headers = {"Origin": "https://evil.example"}
        assert not cors_headers(await preflight(client, "/static/app.css", headers["Origin"]))
        answer = await client.post("/static/app.css", headers=headers)
        assert answer.status_code == 403
        assert not cors_headers(answer)


class TestAllowedByAPattern:
    @pytest.mark.parametrize(
        "settings_changes",
        [{**PRODUCTION, "cors_origins": "https://*.school.org,https://*.school.org:8443"}],
        ids=["pattern"],
    )
    async def test_gets_its_own_name_and_no_other(self, app: FastAPI) -> None:
        async with visitor(app, base_url="https://api.school.org") as client:
            for origin in ["https://school.org", "https://a.school.org.evil.example"]:
                assert not cors_headers(await client.get(SESSION, headers={"Origin": origin}))
                assert (await preflight(client, SESSION, origin)).status_code == 403
            for origin in ["https://www.school.org", "https://a.b.school.org:8443"]:
                answer = await client.get(SESSION, headers={"Origin": origin})
                assert cors_headers(answer)["access-control-allow-origin"] == [origin]
                assert answer.headers.get_list("Vary") == ["Origin"]
                assert (await preflight(client, SESSION, origin)).status_code == 200


OFF = pytest.mark.parametrize("settings_changes", [{"cors": "off"}], ids=["cors off"])


@OFF
class TestLeftToAProxy:
    """CORS=off: the proxy adds the headers, and may hand the browser's question on."""

    async def test_preflight_of_any_address_and_origin(self, client: httpx.AsyncClient) -> None:
        for path in [SESSION, "/api/id", "/api/users/", "/api/nothing", "/static/app.css"]:
            for origin in [FRONT_END, "https://evil.example", "null"]:
                answer = await preflight(client, path, origin)
                assert answer.status_code == 204, path
                assert answer.content == b"", path
                assert not cors_headers(answer), path
                assert "Set-Cookie" not in answer.headers, path

    async def test_question_that_the_proxy_has_taken_apart(self, client: httpx.AsyncClient) -> None:
        assert (await client.options(SESSION)).status_code == 204

    async def test_no_answer_has_headers(self, people: People, app: FastAPI) -> None:
        crash_at(app, "/api/crash")
        ada = await people.create_and_log_in("ada")
        for path in [SESSION, "/api/v1/users/nobody", "/api/crash", "/static/portfolio.js"]:
            assert not cors_headers(await ada.get(path, headers={"Origin": FRONT_END})), path

    async def test_pages_answer_as_before(self, client: httpx.AsyncClient) -> None:
        assert (await preflight(client, "/login", FRONT_END)).status_code == 405

    async def test_writes_are_still_refused(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        headers = {"Origin": "https://evil.example"}
        answer = await ada.patch("/api/v1/users/me", json={"name": "X"}, headers=headers)
        assert answer.status_code == 403
        assert (await ada.get("/api/v1/users/me")).json()["name"] == "Ada"

    async def test_writes_of_an_allowed_origin_are_taken(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        headers = {"Origin": FRONT_END}
        answer = await ada.patch("/api/v1/users/me", json={"name": "X"}, headers=headers)
        assert answer.status_code == 200


class TestAllowedOrigins:
    async def test_on_loopback(self, client: httpx.AsyncClient) -> None:
        for origin in [
            FRONT_END,
            "http://127.0.0.1:4500",
            "https://localhost:4887",
            "http://[::1]:4100",
            "http://site.localhost",
        ]:
            answer = await client.get("/api/v1/users", headers={"Origin": origin})
            assert cors_headers(answer) == {
                "access-control-allow-origin": [origin],
                "access-control-allow-credentials": ["true"],
                "access-control-expose-headers": ["Location, Retry-After, X-Request-ID"],
            }
            assert answer.headers.get_list("Vary") == ["Origin"], origin

    @production
    async def test_in_production_the_listed_one(self, app: FastAPI) -> None:
        origin = "https://ada.github.io"
        async with visitor(app, base_url="https://api.school.org") as client:
            answer = await client.get(SESSION, headers={"Origin": origin})
            assert cors_headers(answer)["access-control-allow-origin"] == [origin]
            assert (await preflight(client, SESSION, origin)).status_code == 200

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (("GET", "/api/v1/users"), 200),
            (("GET", "/api/v1/users/nobody"), 404),
            (("GET", "/api/nothing"), 404),
            (("PUT", "/api/v1/users"), 405),
            (("PATCH", "/api/v1/users/me"), 422),
            (("GET", "/api/crash"), 500),
            (("POST", "/api/v1/auth/logout"), 204),
        ],
    )
    async def test_once_on_every_kind_of_answer(
        self, people: People, app: FastAPI, request_: tuple[str, str], status: int
    ) -> None:
        crash_at(app, "/api/crash")
        ada = await people.create_and_log_in("ada")
        answer = await ada.request(*request_, headers={"Origin": FRONT_END})
        assert answer.status_code == status
        assert cors_headers(answer)["access-control-allow-origin"] == [FRONT_END]
        assert cors_headers(answer)["access-control-allow-credentials"] == ["true"]

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_on_a_body_too_large(self, client: httpx.AsyncClient, *, chunked: bool) -> None:
        async def chunks() -> Any:
            for _ in range(3):
                yield b" " * 500_000

        content = chunks() if chunked else b" " * 1_500_000
        headers = {"Origin": FRONT_END, "Content-Type": "application/json"}
        answer = await client.post("/api/v1/auth/login", content=content, headers=headers)
        assert answer.status_code == 413
        assert cors_headers(answer)["access-control-allow-origin"] == [FRONT_END]

    async def test_preflight_needs_no_login(self, client: httpx.AsyncClient) -> None:
        for path in [SESSION, "/api/nothing", "/api/users"]:
            answer = await preflight(client, path, FRONT_END)
            assert answer.status_code == 200, path
            headers = cors_headers(answer)
            assert headers["access-control-allow-origin"] == [FRONT_END], path
            assert headers["access-control-allow-credentials"] == ["true"], path
            asked = "authorization,content-type,x-origin"
            assert headers["access-control-allow-headers"] == [asked], path
            methods = headers["access-control-allow-methods"][0].split(", ")
            assert {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"} <= set(methods), path

    @pytest.mark.parametrize("path", ["/api/crash", "/api/v1/crash"])
    async def test_on_a_crash_of_the_old_wire_too(self, app: FastAPI, path: str) -> None:
        crash_at(app, path)
        async with visitor(app) as client:
            answer = await client.post(path, headers={"Origin": FRONT_END})
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert cors_headers(answer)["access-control-allow-origin"] == [FRONT_END]
        assert answer.headers.get_list("Vary") == ["Origin"]

    async def test_without_an_origin_there_are_no_headers(self, client: httpx.AsyncClient) -> None:
        assert not cors_headers(await client.get(SESSION))

    async def test_pages_are_not_for_them(self, client: httpx.AsyncClient) -> None:
        for path in ["/", "/login", "/healthz", "/api"]:
            assert not cors_headers(await client.get(path, headers={"Origin": FRONT_END})), path
            assert not cors_headers(await preflight(client, path, FRONT_END)), path


FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://evil.example:8086"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "invented"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:8086.evil.example"},
    {"Origin": "http://[::1"},
    {"Origin": "http://[::1", "Host": "[::1"},
    {"Origin": ""},
]


class TestWritesFromElsewhere:
    @pytest.mark.parametrize("headers", FOREIGN, ids=str)
    async def test_change_nothing(self, people: People, headers: dict[str, str]) -> None:
        ada = await people.create_and_log_in("ada")
        other = await people.log_in("ada")
        writes = [
            ada.patch("/api/v1/users/me", json={"name": "Changed"}, headers=headers),
            ada.delete("/api/v1/auth/sessions", headers=headers),
            ada.post("/api/v1/auth/logout", headers=headers),
            ada.put("/api/v1/users/me", headers=headers),
            ada.request("BREW", "/api/v1/users/me", headers=headers),
        ]
        for write in writes:
            answer = await write
            assert answer.status_code == 403
            assert answer.json()["type"] == "/problems#cross-origin-refused"
            assert "Set-Cookie" not in answer.headers
        assert (await ada.get("/api/v1/users/me")).json()["name"] == "Ada"
        assert (await other.get(SESSION)).status_code == 200

    async def test_log_nobody_in(self, people: People) -> None:
        await people.create("ada")
        client = await people.visitor()
        for headers in FOREIGN:
            for path in ("/api/v1/auth/login", "/login"):
                answer = await client.post(path, json=LOGIN, headers=headers)
                assert answer.status_code == 403, headers
                assert not client.cookies

    async def test_as_a_form_could_send_them(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ]:
            headers = {"Content-Type": media_type, "Origin": "https://evil.example"}
            answer = await ada.post("/api/v1/auth/logout", content=b"x=y", headers=headers)
            assert answer.status_code == 403, media_type
            assert (await ada.get(SESSION)).status_code == 200, media_type

    async def test_from_an_allowed_origin_reach_no_page(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for path in ["/login", "/logout", "/signup", "/healthz"]:
            headers = {"Origin": FRONT_END, "Sec-Fetch-Site": "same-site"}
            assert (await ada.post(path, headers=headers)).status_code == 403, path
            assert (await ada.get(SESSION)).status_code == 200, path

    @production
    async def test_from_the_same_site_are_not_trusted_for_that(self, app: FastAPI) -> None:
        headers = {"Origin": "https://www.school.org", "Sec-Fetch-Site": "same-site"}
        async with visitor(app, base_url="https://api.school.org", headers=headers) as client:
            assert (await client.post("/api/v1/auth/logout")).status_code == 403

    async def test_are_logged_without_what_they_carried(
        self, people: People, caplog: pytest.LogCaptureFixture
    ) -> None:
        ada = await people.create_and_log_in("ada")
        headers = {"Origin": "https://evil.example"}
        with caplog.at_level(logging.WARNING, "portfolio.security"):
            await ada.post("/api/v1/auth/login?token=hush", json=LOGIN, headers=headers)
        record = next(item for item in caplog.records if item.name == "portfolio.security")
        assert record.__dict__["origin"] == "https://evil.example"
        assert record.__dict__["path"] == "/api/v1/auth/login"
        for secret in (PASSWORD, ada.cookies[COOKIE], "hush"):
            assert secret not in str(record.__dict__)


class TestWritesThatMay:
    async def test_change_something(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for headers in [
            {},
            {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8086"},
            {"Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "http://localhost:8086"},
            {"Sec-Fetch-Site": "same-site", "Origin": FRONT_END},
            {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:4500"},
            {"Origin": FRONT_END},
        ]:
            answer = await ada.patch("/api/v1/users/me", json={"name": "X"}, headers=headers)
            assert answer.status_code == 200, headers

    async def test_reading_is_never_refused(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for headers in FOREIGN:
            for method in ("GET", "HEAD"):
                answer = await ada.request(method, SESSION, headers=headers)
                assert answer.status_code == 200, headers
