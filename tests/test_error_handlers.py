"""Refusals as they are read: problem JSON with exact members, a page for people, never an echo."""

import copy
import json
import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.errors import AppError
from app.models import utc_now
from app.resources import Resources
from app.tokens import Purpose
from tests.people import PASSWORD, People
from tests.wire import (
    COOKIE,
    ONE_ENGINE,
    OPERATIONS,
    PROBLEM,
    SESSION,
    Operation,
    describe_api,
    visitor,
)

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}
SECRET = "do-not-echo-this"


class TestProblem:
    @pytest.mark.parametrize(
        ("method", "path", "status", "slug"),
        [
            ("GET", SESSION, 401, "not-authenticated"),
            ("GET", "/api/v1/nothing", 404, "not-found"),
            ("PUT", SESSION, 405, "method-not-allowed"),
        ],
    )
    @ONE_ENGINE
    async def test_has_exactly_these_members(
        self, client: httpx.AsyncClient, method: str, path: str, status: int, slug: str
    ) -> None:
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == PROBLEM
        shown = answer.json()
        assert shown.keys() == MEMBERS
        assert shown["type"] == f"/problems#{slug}"
        assert shown["status"] == status
        assert shown["instance"] == path
        assert shown["request_id"] == answer.headers["X-Request-ID"]

    @ONE_ENGINE
    async def test_instance_is_an_address(self, app: FastAPI) -> None:
        for path, instance in [
            ("/api/v1/a b", "/api/v1/a%20b"),
            ("/api/v1/\u00fc", "/api/v1/%C3%BC"),
            ("/api/v1/?x#y", "/api/v1/%3Fx%23y"),
            ("/api/v1/\r\nx", "/api/v1/%0D%0Ax"),
            ("//evil.example/x", "//evil.example/x"),
        ]:
            async with visitor(app, scope={"path": path}) as client:
                answer = await client.get("/")
            assert answer.status_code == 404, path
            assert answer.json()["instance"] == instance, path

    @ONE_ENGINE
    async def test_names_the_fields(self, client: httpx.AsyncClient) -> None:
        body = {"uid": "a", "name": 5, "a/b~c": 1}
        answer = await client.post("/api/v1/users", json=body)
        assert answer.status_code == 422
        assert answer.json().keys() == MEMBERS | {"errors"}
        assert answer.json()["errors"] == [
            {
                "pointer": "/uid",
                "message": "Use at least 2 characters.",
                "code": "string_too_short",
            },
            {"pointer": "/name", "message": "This must be text.", "code": "string_type"},
            {"pointer": "/password", "message": "This field is required.", "code": "missing"},
            {
                "pointer": "/a~1b~0c",
                "message": "This field is not known here.",
                "code": "extra_forbidden",
            },
        ]

    @ONE_ENGINE
    async def test_names_some_of_many_fields(self, client: httpx.AsyncClient) -> None:
        body = {f"field{number}": 1 for number in range(4_000)}
        answer = await client.post("/api/v1/auth/login", json=body)
        assert answer.status_code == 422
        assert len(answer.json()["errors"]) == 20

    @ONE_ENGINE
    async def test_of_a_malformed_body(self, client: httpx.AsyncClient) -> None:
        for body in [b"{", b"{'uid': 1}", b"\xff", b'{"uid": "\xff"}', b"[" * 100_000, b"1" * 5000]:
            headers = {"Content-Type": "application/json"}
            answer = await client.post("/api/v1/auth/login", content=body, headers=headers)
            assert answer.status_code == 400, body
            assert answer.json()["type"] == "/problems#malformed-body", body

    @ONE_ENGINE
    async def test_of_a_wrong_method_lists_the_right_ones(self, client: httpx.AsyncClient) -> None:
        for method, path, allowed in [
            ("PUT", "/api/v1/users", "GET, HEAD, POST"),
            ("POST", "/api/v1/users/me", "DELETE, GET, HEAD, PATCH"),
            ("GET", "/api/v1/auth/login", "POST"),
            ("OPTIONS", "/api/v1/auth/sessions", "DELETE, GET, HEAD"),
            ("BREW", "/healthz", "GET, HEAD"),
        ]:
            answer = await client.request(method, path)
            assert answer.status_code == 405, method
            assert answer.headers["Allow"] == allowed, method


@ONE_ENGINE
class TestPageOrJSON:
    @pytest.mark.parametrize("path", [SESSION, "/nothing"])
    async def test_as_asked(self, client: httpx.AsyncClient, path: str) -> None:
        for accept, is_page in [
            ("text/html", True),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
            ("application/xhtml+xml", True),
            ("TEXT/HTML", True),
            ("application/json;q=0.5, text/html", True),
            ("application/json, text/html", True),
            ("application/json, text/html;q=0.9", False),
            ("text/html;q=0", False),
            ("text/html;q=0.0, */*", False),
            ("text/html;q=x", False),
            ("text/html;q=nan", False),
            ("text/html;level=1;q=0.4, application/problem+json;q=0.5", False),
            ("application/json", False),
            ("*/*", False),
            ("text/*", False),
            ("image/png", False),
            ("", False),
            (",;=,;q=", False),
        ]:
            answer = await client.get(path, headers={"Accept": accept})
            kind = "text/html; charset=utf-8" if is_page else PROBLEM
            assert answer.headers["Content-Type"] == kind, accept

    async def test_without_accept_it_is_json(self, client: httpx.AsyncClient) -> None:
        del client.headers["Accept"]
        assert (await client.get("/nothing")).headers["Content-Type"] == PROBLEM

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", SESSION, 401), ("GET", "/nothing", 404), ("PUT", SESSION, 405)],
    )
    async def test_a_page_keeps_status_and_headers(
        self, client: httpx.AsyncClient, method: str, path: str, status: int
    ) -> None:
        page = await client.request(method, path, headers={"Accept": "text/html"})
        problem = await client.request(method, path)
        assert page.status_code == problem.status_code == status
        assert problem.json()["title"] in page.text
        for name in ("WWW-Authenticate", "Allow"):
            assert page.headers.get(name) == problem.headers.get(name)

    async def test_a_page_echoes_nothing_as_markup(self, app: FastAPI) -> None:
        path = "/<script>alert(1)</script>"
        async with visitor(app, scope={"path": path}, headers={"Accept": "text/html"}) as client:
            answer = await client.get("/")
        assert answer.status_code == 404
        assert "<script>alert" not in answer.text

    @pytest.mark.parametrize(
        "settings_changes", [{"database_url": "postgresql://nobody@127.0.0.1:1/none"}]
    )
    @pytest.mark.process
    async def test_a_page_survives_that_its_viewer_cannot_be_found_out(
        self, app: FastAPI, resources: Resources
    ) -> None:
        now = utc_now()
        token = resources.codec.issue(
            Purpose.COOKIE, sub="x" * 16, sid="x" * 16, now=now, expires_at=now + timedelta(days=1)
        )
        headers = {"Accept": "text/html", "Cookie": f"{COOKIE}={token}"}
        async with visitor(app, headers=headers) as client:
            assert (await client.get("/nothing")).status_code == 404

    async def test_a_page_survives_an_address_that_is_no_text(self, app: FastAPI) -> None:
        scope = {"path": "/nothing", "query_string": b"q=\xff\xfe&\x00"}
        async with visitor(app, scope=scope, headers={"Accept": "text/html"}) as client:
            assert (await client.get("/")).status_code == 404


class TestCrash:
    @ONE_ENGINE
    @pytest.mark.parametrize("accept", ["application/json", "text/html"])
    async def test_shows_nothing_of_itself(
        self,
        app: FastAPI,
        client: httpx.AsyncClient,
        caplog: pytest.LogCaptureFixture,
        accept: str,
    ) -> None:
        async def crash() -> None:
            raise RuntimeError(SECRET)

        app.add_api_route("/crash", crash)
        answer = await client.get("/crash", headers={"Accept": accept})
        assert answer.status_code == 500
        assert SECRET not in answer.text
        assert "Traceback" not in answer.text
        assert "RuntimeError" not in answer.text
        logged = next(item for item in caplog.records if item.name == "portfolio.error")
        assert logged.exc_info is not None

    @ONE_ENGINE
    async def test_is_a_problem_with_an_id_to_tell(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        async def crash() -> None:
            raise AppError

        app.add_api_route("/crash", crash)
        shown = (await client.get("/crash")).json()
        assert shown.keys() == MEMBERS
        assert shown["type"] == "/problems#internal-error"

    async def test_of_a_statement_logs_no_values(
        self,
        client: httpx.AsyncClient,
        resources: Resources,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        new = {"uid": "ada", "name": "Ada", "password": PASSWORD, "email": "ada@example.org"}
        await self._rename_column(resources, "email", "mail")
        with caplog.at_level(logging.DEBUG, "portfolio"):
            answer = await client.post("/api/v1/users", json=new)
        await self._rename_column(resources, "mail", "email")
        assert answer.status_code == 500
        assert "column" not in answer.text
        assert "INSERT INTO" in caplog.text
        for value in ("ada@example.org", "$argon2id$", PASSWORD):
            assert value not in caplog.text

    @staticmethod
    async def _rename_column(resources: Resources, old: str, new: str) -> None:
        async with resources.database.transaction() as session:
            statement = f'ALTER TABLE "user" RENAME COLUMN {old} TO {new}'
            await (await session.connection()).execute(text(statement))


def _properties(operation: Operation) -> dict[str, Any]:
    content = operation.description["requestBody"]["content"][operation.media_type]
    name = content["schema"]["$ref"].rpartition("/")[2]
    properties: dict[str, Any] = describe_api()["components"]["schemas"][name]["properties"]
    return properties


def _bodies(operation: Operation) -> list[Any]:
    """Return bodies with the secret in every place where a refusal might pick it up."""
    names = list(_properties(operation))
    whole = dict.fromkeys(names, SECRET)
    bodies: list[Any] = [whole, {**whole, "unknown": SECRET}, dict.fromkeys(names, SECRET * 200)]
    if operation.media_type == "application/json":
        bodies += [SECRET, [SECRET]]
        for wrong in ({"a": SECRET}, [SECRET], f"{SECRET}\u0000", f"{SECRET}\ud800"):
            bodies.append(dict.fromkeys(names, wrong))
    return copy.deepcopy(bodies)


@ONE_ENGINE
@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS if operation.takes_fields],
    ids=lambda found: found.id,
)
class TestNoEcho:
    async def test_of_what_was_sent(
        self, operation: Operation, people: People, caplog: pytest.LogCaptureFixture
    ) -> None:
        ada = await people.create_and_log_in("ada")
        with caplog.at_level(logging.DEBUG, "portfolio"):
            for body in _bodies(operation):
                for accept in ("application/json", "text/html"):
                    answer = await self._send(ada, operation, body, accept)
                    assert answer.status_code < 500
                    if answer.status_code >= 400:
                        assert SECRET not in answer.text
                    assert (ada.cookies.get(COOKIE) or "-") not in answer.text
        assert SECRET not in caplog.text

    @staticmethod
    async def _send(
        client: httpx.AsyncClient, operation: Operation, body: Any, accept: str
    ) -> httpx.Response:
        headers = {"Accept": accept, "Content-Type": operation.media_type or ""}
        if operation.media_type == "application/json":
            options: dict[str, Any] = {"content": json.dumps(body)}
        else:
            options = {"data": body}
        return await client.request(
            operation.method, operation.address(), params={"q": SECRET}, headers=headers, **options
        )
