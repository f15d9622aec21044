"""What every request and answer gets: headers, an id, a log line, limits, a check of the host."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from starlette.responses import StreamingResponse

from app.observability import ConsoleFormatter, JSONFormatter
from tests.people import PASSWORD, People
from tests.wire import COOKIE, LOGIN, ONE_ENGINE, PROBLEM, SESSION, visitor

pytestmark = ONE_ENGINE

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
LOGIN_PATH = "/api/v1/auth/login"
JSON = {"Content-Type": "application/json"}
HTTPS = {"public_url": "https://api.school.org"}
PRODUCTION = {**HTTPS, "environment": "production", "allowed_hosts": "old.school.org"}


async def _crash() -> None:
    raise RuntimeError("a secret of the implementation")


class TestSecurityHeaders:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/healthz", 200),
            ("POST", "/api/v1/auth/logout", 204),
            ("GET", SESSION, 401),
            ("GET", "/api/nothing", 404),
            ("PUT", SESSION, 405),
            ("POST", "/api/v1/auth/login", 422),
            ("GET", "/crash", 500),
        ],
    )
    async def test_on_every_answer(
        self, client: httpx.AsyncClient, app: FastAPI, method: str, path: str, status: int
    ) -> None:
        app.add_api_route("/crash", _crash)
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.headers.items() >= _lower(SECURITY_HEADERS).items()
        assert "Server" not in answer.headers

    @pytest.mark.parametrize("origin", ["http://localhost:4100", "https://evil.example"])
    async def test_on_preflights(self, client: httpx.AsyncClient, origin: str) -> None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        answer = await client.options(SESSION, headers=headers)
        assert answer.headers.items() >= _lower(SECURITY_HEADERS).items()

    async def test_an_answer_may_set_its_own(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        async def framed() -> Response:
            return Response(headers={"X-Frame-Options": "SAMEORIGIN"})

        app.add_api_route("/framed", framed)
        answer = await client.get("/framed")
        assert answer.headers.get_list("X-Frame-Options") == ["SAMEORIGIN"]

    @pytest.mark.parametrize(
        ("settings_changes", "expected"),
        [({}, None), (HTTPS, "max-age=31536000; includeSubDomains")],
    )
    async def test_https_is_kept_where_it_is(
        self, client: httpx.AsyncClient, expected: str | None
    ) -> None:
        answer = await client.get("/healthz")
        assert answer.headers.get("Strict-Transport-Security") == expected


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class TestRequestId:
    async def test_an_unfit_one_is_replaced(self, app: FastAPI) -> None:
        for offered in [
            "",
            "short",
            "x" * 33,
            "with a space",
            "a/../b1234",
            "\u00fc" * 8,
            "<script>",
        ]:
            headers = [(b"X-Request-ID", offered.encode())]
            async with visitor(app, headers=headers) as client:
                answer = await client.get("/healthz")
            assert len(answer.headers["X-Request-ID"]) == 16, offered
            assert int(answer.headers["X-Request-ID"], 16) >= 0, offered

    async def test_a_fit_one_is_kept(self, client: httpx.AsyncClient) -> None:
        answer = await client.get(SESSION, headers={"X-Request-ID": "from-the_proxy-1"})
        assert answer.headers["X-Request-ID"] == "from-the_proxy-1"
        assert answer.json()["request_id"] == "from-the_proxy-1"

    async def test_no_two_are_the_same(self, client: httpx.AsyncClient) -> None:
        ids = {(await client.get("/healthz")).headers["X-Request-ID"] for _ in range(20)}
        assert len(ids) == 20


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """What the server would write to its log, as JSON."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logger = logging.getLogger("portfolio")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def _entries(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestLog:
    async def test_a_line_for_each_request(
        self, client: httpx.AsyncClient, log_lines: StringIO
    ) -> None:
        answer = await client.get("/api/nothing")
        (entry,) = _entries(log_lines)
        assert entry["message"] == "GET /api/nothing"
        assert entry["status"] == 404
        assert entry["ms"] >= 0
        assert entry["request_id"] == answer.headers["X-Request-ID"]

    async def test_who_was_refused(self, people: People, log_lines: StringIO) -> None:
        user = await people.create("ada")
        ada = await people.log_in("ada")
        assert (await ada.get("/api/v1/users/me")).status_code == 200
        assert (await ada.post("/api/v1/users/bob/reset")).status_code == 403
        login, own, refused = _entries(log_lines)
        assert "user" not in login
        assert (own["status"], own["user"]) == (200, user.public_id)
        assert (refused["status"], refused["user"]) == (403, user.public_id)

    async def test_a_crash_is_told_with_its_stack(
        self, client: httpx.AsyncClient, app: FastAPI, log_lines: StringIO
    ) -> None:
        app.add_api_route("/crash", _crash)
        await client.get("/crash")
        failure, access = _entries(log_lines)
        assert "a secret of the implementation" in failure["exception"]
        assert failure["level"] == "error"
        assert failure["request_id"] == access["request_id"]
        assert access["status"] == 500

    async def test_no_secrets(self, people: People, log_lines: StringIO) -> None:
        ada = await people.create_and_log_in("ada")
        script = await people.bearer("ada")
        await ada.get("/api/v1/users", params={"q": "hush-hush"})
        await ada.post("/api/v1/auth/login", json={**LOGIN, "password": "wrong-and-secret"})
        await ada.post("/api/v1/auth/reset", json={"token": "one-time", "new_password": "x"})
        await script.get(SESSION)
        await ada.patch("/api/v1/users/me", json={"email": "ada@example.org"})
        text = log_lines.getvalue()
        token = script.headers["Authorization"].removeprefix("Bearer ")
        for secret in (
            *("hush-hush", "wrong-and-secret", "one-time", PASSWORD, "ada@example.org"),
            *(ada.cookies[COOKIE], token, token.rpartition(".")[2]),
        ):
            assert secret not in text

    @pytest.mark.parametrize("formatter", [JSONFormatter(), ConsoleFormatter(colour=False)])
    async def test_a_line_cannot_be_forged(
        self, app: FastAPI, log_lines: StringIO, formatter: logging.Formatter
    ) -> None:
        logging.getLogger("portfolio").handlers[-1].setFormatter(formatter)
        path = "/x\n2026-01-01 error everything is lost\r\x1b[2J\u2028y"
        async with visitor(app, scope={"path": path}) as client:
            await client.get("/")
        text = log_lines.getvalue()
        assert len(text.splitlines()) == 1
        assert "\x1b" not in text


class TestBodyLimit:
    @pytest.mark.parametrize("size", [1_048_577, 10_000_000])
    async def test_declared(self, client: httpx.AsyncClient, size: int) -> None:
        headers = {**JSON, "Content-Length": str(size)}
        self._is_problem(await client.post(LOGIN_PATH, content=b"{}", headers=headers))

    async def test_declared_in_thousands_of_digits(self, client: httpx.AsyncClient) -> None:
        headers = {**JSON, "Content-Length": "9" * 5000}
        self._is_problem(await client.post(LOGIN_PATH, content=b"{}", headers=headers))

    @pytest.mark.parametrize("path", [LOGIN_PATH, "/api/v1/auth/token"])
    async def test_in_chunks(self, client: httpx.AsyncClient, path: str) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 100_000

        kind = "application/x-www-form-urlencoded" if path.endswith("token") else "application/json"
        headers = {"Content-Type": kind}
        self._is_problem(await client.post(path, content=endless(), headers=headers))

    async def test_declared_in_no_number(self, app: FastAPI) -> None:
        for declared in ["-1", "+5", "1e3", "0x10", "", "\u0661"]:
            headers = [
                (b"Content-Length", declared.encode()),
                (b"Content-Type", b"application/json"),
            ]
            async with visitor(app, headers=headers) as client:
                answer = await client.post(LOGIN_PATH, content=b"{}")
            assert answer.status_code == 400, declared

    async def test_up_to_the_limit(self, client: httpx.AsyncClient) -> None:
        body = b"{}" + b" " * (1_048_576 - 2)
        answer = await client.post(LOGIN_PATH, content=body, headers=JSON)
        assert answer.status_code == 422

    @staticmethod
    def _is_problem(answer: httpx.Response) -> None:
        assert answer.status_code == 413
        assert answer.headers["Content-Type"] == PROBLEM
        assert answer.json()["type"] == "/problems#body-too-large"
        assert answer.headers.items() >= _lower(SECURITY_HEADERS).items()


class TestHost:
    @pytest.mark.parametrize("settings_changes", [PRODUCTION], ids=["production"])
    async def test_production_refuses_strange_ones(self, app: FastAPI) -> None:
        for host in [
            "evil.example",
            "api.school.org.evil.example",
            "evil.example:443",
            "api.school.org@evil.example",
            "evil.example@api.school.org",
            "api.school.org/x",
            "api.school.org#x",
            "[",
            "[::1",
            "",
            "\u00fc",
        ]:
            async with visitor(app, headers=[(b"Host", host.encode())]) as client:
                answer = await client.get("/healthz")
            assert answer.status_code == 400, host
            assert answer.json()["type"] == "/problems#unknown-host", host

    @pytest.mark.parametrize("settings_changes", [PRODUCTION], ids=["production"])
    async def test_production_answers_to_its_own(self, app: FastAPI) -> None:
        for host in [
            *("api.school.org", "API.school.org", "api.school.org:443", "old.school.org"),
            *("127.0.0.1:8086", "localhost", "[::1]:8086"),
        ]:
            async with visitor(app, headers={"Host": host}) as client:
                assert (await client.get("/healthz")).status_code == 200

    async def test_development_answers_to_any(self, app: FastAPI) -> None:
        for host in ["anything.test", "192.168.1.5:8086", "[", ""]:
            async with visitor(app, headers={"Host": host}) as client:
                assert (await client.get("/healthz")).status_code == 200


class TestHead:
    async def test_is_get_without_a_body(self, client: httpx.AsyncClient) -> None:
        for path, status in [
            ("/healthz", 200),
            (SESSION, 401),
            ("/api/nothing", 404),
            ("/api/v1/auth/login", 405),
        ]:
            answer = await client.head(path)
            expected = await client.get(path)
            assert answer.status_code == expected.status_code == status, path
            assert answer.content == b"", path
            assert answer.headers["Content-Length"] == expected.headers["Content-Length"], path


class TestConditionalGet:
    @pytest.fixture(autouse=True)
    def _page(self, app: FastAPI) -> None:
        async def show(
            text: str = "a page",
            control: str = "private, no-cache",
            status: int = 200,
            tag: str = "",
        ) -> Response:
            headers = {"Cache-Control": control} | ({"ETag": tag} if tag else {})
            return Response(text, status, headers=headers)

        async def stream() -> Response:
            async def parts() -> AsyncIterator[bytes]:
                yield b"a "
                yield b"page"

            return StreamingResponse(parts(), headers={"Cache-Control": "no-cache"})

        app.add_api_route("/page", show, methods=["GET", "POST"])
        app.add_api_route("/stream", stream)

    async def test_the_same_page_again(self, client: httpx.AsyncClient) -> None:
        tag = (await client.get("/page")).headers["ETag"]
        answer = await client.get("/page", headers={"If-None-Match": tag})
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["ETag"] == tag
        assert "Content-Length" not in answer.headers
        assert answer.headers["Cache-Control"] == "private, no-cache"

    async def test_among_others(self, client: httpx.AsyncClient) -> None:
        for known in ["{}", '"x", {}', '"x",{},"y"', "*"]:
            tag = (await client.get("/page")).headers["ETag"]
            for spelling in (tag, tag.removeprefix("W/")):
                headers = {"If-None-Match": known.format(spelling)}
                assert (await client.get("/page", headers=headers)).status_code == 304

    async def test_unknown_tags(self, app: FastAPI) -> None:
        for known in ['"x"', "", "W/", "{}x", "\u00fc", ",,,"]:
            async with visitor(app, headers=[(b"If-None-Match", known.encode())]) as client:
                answer = await client.get("/page")
            assert (answer.status_code, answer.text) == (200, "a page"), known

    async def test_a_changed_page(self, client: httpx.AsyncClient) -> None:
        tag = (await client.get("/page")).headers["ETag"]
        answer = await client.get("/page?text=another", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.text) == (200, "another")

    async def test_head_has_the_tag_of_get(self, client: httpx.AsyncClient) -> None:
        answer = await client.head("/page")
        assert answer.headers["ETag"] == (await client.get("/page")).headers["ETag"]

    async def test_not_for_other_answers(self, client: httpx.AsyncClient) -> None:
        for path in ["/page?control=no-store", "/page?status=404", "/stream", "/healthz"]:
            answer = await client.get(path, headers={"If-None-Match": "*"})
            assert answer.status_code != 304, path
            assert answer.content, path
            assert "ETag" not in answer.headers, path

    async def test_not_for_writes(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/page", headers={"If-None-Match": "*"})
        assert answer.status_code == 200
        assert "ETag" not in answer.headers

    async def test_a_tag_of_its_own_stays(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/page", params={"tag": '"mine"'})
        assert answer.headers["ETag"] == '"mine"'


class TestOtherTraffic:
    async def test_a_failure_after_the_answer_began_reaches_the_server(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        async def breaks() -> Response:
            async def parts() -> AsyncIterator[bytes]:
                yield b"half"
                raise RuntimeError("half-way")

            return StreamingResponse(parts())

        app.add_api_route("/breaks", breaks)
        with pytest.raises(RuntimeError, match="half-way"):
            await client.get("/breaks")

    async def test_a_websocket_is_closed(self, app: FastAPI) -> None:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
        await app({**scope, "scheme": "ws", "server": None, "subprotocols": []}, receive, send)
        assert [message["type"] for message in sent] == ["websocket.close"]
