"""What our pages owe to whoever uses them: fields that hide passwords, and a way out."""

import httpx
import pytest

from tests.markup import Markup, read
from tests.security.asking import ask
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.wire import ONE_ENGINE

# The addresses of the old servers' own pages lead on to ours or answer files.
PAGES = [
    found
    for found in list_operations()
    if found.method == "GET"
    and found.is_page
    and not found.path.startswith(
        ("/static", "/pictures", "/openapi", "/healthz", "/readyz", "/metrics")
    )
]
WITH_PASSWORDS = {"/login", "/signup", "/setup", "/reset", "/account", "/account/delete"}


def shows(answer: httpx.Response) -> Markup | None:
    """Return the page that an answer is, if it is one."""
    return read(answer) if answer.headers.get("Content-Type", "").startswith("text/html") else None


def inputs(page: Markup) -> list[dict[str, str]]:
    return [attributes for tag, attributes in page.elements if tag == "input"]


async def password_fields(stage: Stage) -> dict[str, list[dict[str, str]]]:
    """Return the fields of every page that are about passwords, by the page's address."""
    found: dict[str, list[dict[str, str]]] = {}
    for operation in PAGES:
        for column in ("anonymous", "user"):
            page = shows(await ask(stage.app, stage.school, operation, column))
            for field in inputs(page) if page else []:
                if "password" in field.get("name", "") or field.get("type") == "password":
                    found.setdefault(operation.path, []).append(field)
    return found


@ONE_ENGINE
class TestPasswordFields:
    async def test_hide_what_is_typed(self, stage: Stage) -> None:
        found = await password_fields(stage)
        assert found.keys() >= WITH_PASSWORDS - {"/setup"}
        for path, fields in found.items():
            assert all(field["type"] == "password" for field in fields), path
            assert not any("value" in field for field in fields), path

    async def test_say_what_password_managers_need(self, stage: Stage) -> None:
        for path, fields in (await password_fields(stage)).items():
            for field in fields:
                is_new = field["name"] == "new_password" or path in {"/signup", "/setup"}
                expected = "new-password" if is_new else "current-password"
                assert field["autocomplete"] == expected, path
                assert not {"maxlength", "readonly", "onpaste", "pattern"} & field.keys(), path


@ONE_ENGINE
class TestLogOut:
    @pytest.mark.parametrize("column", ["user", "admin"])
    async def test_is_on_every_page_of_somebody_logged_in(self, stage: Stage, column: str) -> None:
        seen = set()
        for operation in PAGES:
            answer = await ask(stage.app, stage.school, operation, column)
            page = shows(answer)
            if page is not None:
                forms = [attributes for tag, attributes in page.elements if tag == "form"]
                assert {"method": "post", "action": "/logout"} in forms, str(operation)
                seen.add(operation.path)
        assert {"/", "/account", "/token", "/sections", "/docs"} <= seen
        assert ("/admin/users" in seen) or column == "user"


def test_pages_are_found() -> None:
    assert {str(operation) for operation in PAGES} >= {"GET /login", "GET /account", "GET /docs"}
    assert Operation("GET", "/healthz", ("/healthz",)) not in PAGES
