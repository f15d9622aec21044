"""What every answer says to browsers, whoever asks for what: no route may forget or weaken it."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.main import create_app
from app.metrics import CONTENT_TYPE as METRICS
from tests.conftest import make_settings
from tests.security.asking import ask
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.security.school import School, restore
from tests.wire import ONE_ENGINE

COLUMNS = ("anonymous", "user", "admin")
# Text without a charset is guessed at; JSON is UTF-8, and pictures are none.
WITH_CHARSET = re.compile(r"(?:text/[a-z]+|image/svg\+xml); charset=utf-8")
JSON = {"application/json", "application/problem+json"}
SELF = {"'none'", "'self'"}


class Told(NamedTuple):
    """An answer, and who got it for what."""

    operation: Operation
    column: str
    answer: httpx.Response

    def __str__(self) -> str:
        return f"{self.operation} as {self.column}: {self.answer.status_code}"

    @property
    def is_empty(self) -> bool:
        return self.answer.status_code in {204, 303, 304} or not self.answer.content

    def header(self, name: str) -> str:
        """Return a header that must be there once."""
        (value,) = self.answer.headers.get_list(name)
        return value


async def _ask_for_everything(folder: Path, school: School) -> list[Told]:
    app = create_app(make_settings(folder))
    told = []
    async with app.router.lifespan_context(app):
        for operation in list_operations():
            for column in COLUMNS:
                told.append(Told(operation, column, await ask(app, school, operation, column)))
                if told[-1].answer.status_code < 400 and not operation.is_safe:
                    await restore(app.state.resources, school)
    return told


@pytest.fixture(scope="module")
def everything(
    founded: tuple[Path, School], tmp_path_factory: pytest.TempPathFactory
) -> list[Told]:
    """What every operation answers to nobody, to its owner and to an admin."""
    source, school = founded
    folder = tmp_path_factory.mktemp("headers")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return asyncio.run(_ask_for_everything(folder, school))


def directives(told: Told) -> dict[str, str]:
    """Return the content security policy, taken apart."""
    parts = (
        part.strip().partition(" ") for part in told.header("Content-Security-Policy").split(";")
    )
    return {name: value for name, _, value in parts}


def with_logins(everything: list[Told]) -> Iterator[Told]:
    """Yield what those got who are logged in, files for everybody excepted."""
    for told in everything:
        if told.column != "anonymous" and not told.operation.path.startswith("/static/"):
            yield told


class TestEveryAnswer:
    def test_is_looked_at(self, everything: list[Told]) -> None:
        kinds = {told.answer.headers.get("Content-Type") for told in everything}
        assert {"text/html; charset=utf-8", "image/webp", *JSON} <= kinds
        assert {200, 201, 204, 303, 401, 403, 404} <= {
            told.answer.status_code for told in everything
        }

    def test_has_a_policy_that_holds(self, everything: list[Told]) -> None:
        for told in everything:
            policy = directives(told)
            # Without an `object-src` of its own this is that of plugins too.
            assert policy["default-src"] == "'none'", told
            assert "object-src" not in policy, told
            assert policy["base-uri"] == "'none'", told
            assert policy["frame-ancestors"] == "'none'", told
            assert policy["form-action"] in SELF, told
            for kind in ("script-src", "style-src", "connect-src"):
                assert policy.get(kind, "'none'") in SELF, told

    def test_is_taken_for_what_it_says_it_is(self, everything: list[Told]) -> None:
        for told in everything:
            assert told.header("X-Content-Type-Options") == "nosniff", told
            if told.is_empty:
                continue
            kind = told.header("Content-Type")
            assert kind in {*JSON, "image/webp", METRICS} or WITH_CHARSET.fullmatch(kind), told
            text = told.answer.content.lstrip()
            assert (kind in JSON) == text.startswith((b"{", b"[", b"null", b'"')), told
            assert ("text/html" in kind) == text.startswith(b"<!doctype html>"), told
            assert (kind == "image/webp") == text.startswith(b"RIFF"), told

    def test_tells_other_sites_no_address(self, everything: list[Told]) -> None:
        for told in everything:
            assert told.header("Referrer-Policy") == "same-origin", told


class TestKept:
    """What of somebody's is left in caches, on the way and in the browser."""

    def test_nothing_by_caches_between_people(self, everything: list[Told]) -> None:
        for told in with_logins(everything):
            control = told.header("Cache-Control")
            assert control == "no-store" or control.startswith("private, "), told

    def test_no_page_of_somebody_logged_in(self, everything: list[Told]) -> None:
        """Pictures are the one exception: kept by the browser that asked, until the log-out."""
        for told in with_logins(everything):
            if (
                told.header("Content-Type" if not told.is_empty else "Cache-Control")
                != "image/webp"
            ):
                assert told.header("Cache-Control") == "no-store", told

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/logout"),
            ("POST", "/api/v1/auth/logout"),
            ("DELETE", "/api/authenticate"),
            ("POST", "/account/delete"),
            ("DELETE", "/api/v1/users/me"),
        ],
    )
    @ONE_ENGINE
    async def test_nothing_after_a_log_out(self, stage: Stage, method: str, path: str) -> None:
        (operation,) = [found for found in list_operations() if str(found) == f"{method} {path}"]
        answer = await ask(stage.app, stage.school, operation, "user")
        assert answer.status_code < 400
        assert answer.headers.get_list("Clear-Site-Data") == ['"cache"']

    @ONE_ENGINE
    async def test_all_of_it_after_a_refusal(self, stage: Stage) -> None:
        (operation,) = [
            found for found in list_operations() if str(found) == "POST /account/delete"
        ]
        wrong = {"current_password": "a wrong one of mine"}
        answer = await ask(stage.app, stage.school, operation, "user", data=wrong)
        assert answer.status_code >= 400
        assert "Clear-Site-Data" not in answer.headers


@ONE_ENGINE
class TestTrace:
    @pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG"])
    @pytest.mark.parametrize("path", ["/", "/login", "/api/v1/auth/session", "/static/app.css"])
    async def test_is_no_method_of_ours(
        self, client: httpx.AsyncClient, method: str, path: str
    ) -> None:
        headers = {"Cookie": "secret=of-the-visitor", "X-Secret": "of-the-visitor"}
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 405
        assert "of-the-visitor" not in answer.text
