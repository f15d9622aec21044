"""The OpenAPI document: valid, stable, complete, and true to what the API does."""

import re
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.config import Settings
from app.main import create_app
from app.models import Role
from tests.people import People
from tests.wire import LEGACY_OPERATIONS, ONE_ENGINE, OPERATIONS, PROBLEM, Operation, describe_api

# Programs are generated from these names: changing one breaks them.
OPERATION_IDS = {
    "auth-create_token": "POST /api/v1/auth/token",
    "auth-refresh_token": "POST /api/v1/auth/refresh",
    "auth-revoke_token": "POST /api/v1/auth/revoke",
    "auth-login": "POST /api/v1/auth/login",
    "auth-logout": "POST /api/v1/auth/logout",
    "auth-get_session": "GET /api/v1/auth/session",
    "auth-list_sessions": "GET /api/v1/auth/sessions",
    "auth-delete_session": "DELETE /api/v1/auth/sessions/{session_id}",
    "auth-delete_other_sessions": "DELETE /api/v1/auth/sessions",
    "auth-reset_password": "POST /api/v1/auth/reset",
    "users-get_second_factor": "GET /api/v1/users/me/second-factor",
    "users-begin_second_factor": "POST /api/v1/users/me/second-factor",
    "users-confirm_second_factor": "POST /api/v1/users/me/second-factor/confirm",
    "users-renew_recovery_codes": "POST /api/v1/users/me/second-factor/recovery-codes",
    "users-remove_second_factor": "DELETE /api/v1/users/me/second-factor",
    "users-remove_second_factor_of": "DELETE /api/v1/users/{uid}/second-factor",
    "users-create_user": "POST /api/v1/users",
    "users-list_users": "GET /api/v1/users",
    "users-get_me": "GET /api/v1/users/me",
    "users-update_me": "PATCH /api/v1/users/me",
    "users-change_password": "POST /api/v1/users/me/password",
    "users-delete_me": "DELETE /api/v1/users/me",
    "users-get_my_picture": "GET /api/v1/users/me/picture",
    "users-set_my_picture": "PUT /api/v1/users/me/picture",
    "users-remove_my_picture": "DELETE /api/v1/users/me/picture",
    "users-create_invite": "POST /api/v1/users/invites",
    "users-get_user": "GET /api/v1/users/{uid}",
    "users-update_user": "PATCH /api/v1/users/{uid}",
    "users-create_reset_link": "POST /api/v1/users/{uid}/reset",
    "users-delete_user": "DELETE /api/v1/users/{uid}",
    "audit-list_audit_events": "GET /api/v1/audit",
    "sections-list_sections": "GET /api/v1/sections",
    "sections-create_section": "POST /api/v1/sections",
    "sections-get_section": "GET /api/v1/sections/{abbreviation}",
    "sections-delete_section": "DELETE /api/v1/sections/{abbreviation}",
    "sections-list_members": "GET /api/v1/sections/{abbreviation}/members",
    "sections-list_memberships": "GET /api/v1/users/me/sections",
    "sections-join_section": "PUT /api/v1/users/me/sections/{abbreviation}",
    "sections-leave_section": "DELETE /api/v1/users/me/sections/{abbreviation}",
    "system-get_connection": "GET /api/v1/connection",
    "system-get_health": "GET /healthz",
    "system-get_readiness": "GET /readyz",
}
OPEN_TO_ALL = {
    "auth-create_token",
    "auth-refresh_token",
    "auth-revoke_token",
    "auth-login",
    "auth-logout",
    "auth-reset_password",
    "users-create_user",
    "system-get_connection",
    "system-get_health",
    "system-get_readiness",
}
OLD_AND_OPEN_TO_ALL = {
    *("POST /api/authenticate", "DELETE /api/authenticate", "POST /api/user"),
    *("POST /api/users/authenticate", "DELETE /api/users/authenticate", "POST /api/users"),
    *("POST /api/user/guest", "GET /api/section", "GET /api/groups", "GET /api/channels"),
    "GET /api/posts",
}

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.id)


def fitting_body(operation: Operation) -> dict[str, Any]:
    """Return a body from the examples that the document itself gives."""
    if not operation.takes_fields:
        return {}
    reference = operation.description["requestBody"]["content"][operation.media_type]["schema"]
    schema = describe_api()["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
    return {
        name: field["examples"][0]
        for name, field in schema["properties"].items()
        if "examples" in field
    }


async def call(client: httpx.AsyncClient, operation: Operation) -> httpx.Response:
    body = fitting_body(operation)
    kind = "data" if "form" in (operation.media_type or "") else "json"
    options: dict[str, Any] = {kind: body} if body else {}
    return await client.request(operation.method, operation.address("nobody"), **options)


class TestDocument:
    def test_is_valid(self) -> None:
        document = describe_api()
        assert document["openapi"].startswith("3.1.")
        assert not list(OpenAPIV31SpecValidator(document).iter_errors())

    def test_operation_ids_are_stable(self) -> None:
        found = {operation.id: f"{operation.method} {operation.path}" for operation in OPERATIONS}
        assert found == OPERATION_IDS

    def test_tags_are_described(self) -> None:
        known = {tag["name"] for tag in describe_api()["tags"]}
        everything = [*OPERATIONS, *LEGACY_OPERATIONS]
        assert {tag for found in everything for tag in found.description["tags"]} == known

    def test_ways_to_log_in(self) -> None:
        schemes = describe_api()["components"]["securitySchemes"]
        assert schemes.keys() == {"Password", "Cookie", "Bearer"}
        assert schemes["Password"]["flows"]["password"]["tokenUrl"] == "/api/v1/auth/token"
        cookie = {"type": "apiKey", "in": "cookie", "name": "portfolio_session"}
        assert schemes["Cookie"].items() >= cookie.items()
        assert schemes["Bearer"].items() >= {"type": "http", "scheme": "bearer"}.items()

    def test_without_the_password_form(self) -> None:
        document = create_app(Settings(_env_file=None, password_grant=False)).openapi()
        assert not list(OpenAPIV31SpecValidator(document).iter_errors())
        assert document["components"]["securitySchemes"].keys() == {"Cookie", "Bearer"}
        assert "/api/v1/auth/token" not in document["paths"]
        named = [
            way
            for operations in document["paths"].values()
            for operation in operations.values()
            for way in operation.get("security", [])
        ]
        assert {"Cookie": []} in named
        assert {"Password": []} not in named

    def test_no_answer_is_described_as_the_frameworks_own(self) -> None:
        assert "HTTPValidationError" not in str(describe_api())

    def test_old_addresses_say_which_need_a_login(self) -> None:
        found = {f"{old.method} {old.path}" for old in LEGACY_OPERATIONS if not old.needs_login}
        assert found == OLD_AND_OPEN_TO_ALL

    def test_the_old_log_out_answers_text(self) -> None:
        paths = describe_api()["paths"]
        for path in ("/api/authenticate", "/api/users/authenticate"):
            assert [*paths[path]["delete"]["responses"]["200"]["content"]] == ["text/plain"]

    def test_bounds_that_no_schema_would_know(self) -> None:
        fields = describe_api()["components"]["schemas"]["UserCreate"]["properties"]
        assert (fields["password"]["minLength"], fields["password"]["maxLength"]) == (1, 1024)
        assert re.fullmatch(fields["uid"]["pattern"], "ada.l-1_0")
        assert not re.search(fields["uid"]["pattern"], "ada.")
        address = fields["email"]["anyOf"][0]["pattern"]
        assert [bool(re.search(address, text)) for text in ("a@b.org", "", "a@b")] == [1, 1, 0]

    @ONE_ENGINE
    async def test_is_served(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/openapi.json")
        assert answer.status_code == 200
        assert answer.json()["paths"].keys() == describe_api()["paths"].keys()

    @ONE_ENGINE
    @pytest.mark.parametrize("settings_changes", [{"docs": False}], ids=["docs off"])
    @pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc"])
    async def test_is_not_there_when_switched_off(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        assert (await client.get(path)).status_code == 404


@each_operation
class TestDescription:
    def test_is_described(self, operation: Operation) -> None:
        # The docstring's first sentence, not the function's name.
        assert operation.description["summary"].count(" ") >= 1
        assert operation.description.get("description", "Said.").endswith(".")
        assert len(operation.description["tags"]) == 1

    def test_refusals_are_problems_with_examples(self, operation: Operation) -> None:
        for status, answer in operation.description["responses"].items():
            if status >= "400":
                assert answer["content"].keys() == {PROBLEM}
                examples = answer["content"][PROBLEM]["examples"]
                assert examples
                for slug, example in examples.items():
                    assert example["value"]["type"] == f"/problems#{slug}"
                    assert example["value"]["status"] == int(status)

    def test_writes_name_the_refusal_of_other_sites(self, operation: Operation) -> None:
        forbidden = str(operation.description["responses"].get("403", ""))
        assert ("cross-origin-refused" in forbidden) is (operation.method != "GET")

    def test_bodies_have_examples(self, operation: Operation) -> None:
        assert bool(fitting_body(operation)) is operation.takes_fields

    def test_says_whether_it_needs_a_login(self, operation: Operation) -> None:
        assert operation.needs_login is (operation.id not in OPEN_TO_ALL)


@each_operation
@ONE_ENGINE
class TestAnswer:
    async def test_anonymous(self, operation: Operation, client: httpx.AsyncClient) -> None:
        answer = await call(client, operation)
        if operation.needs_login:
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="portfolio"'
            assert answer.json()["type"] == "/problems#not-authenticated"
        else:
            assert str(answer.status_code) in operation.description["responses"]
            assert "not-authenticated" not in answer.text

    async def test_wrong_role(self, operation: Operation, people: People) -> None:
        teacher = await people.create_and_log_in("turing", role=Role.TEACHER)
        answer = await call(teacher, operation)
        assert ("admin-required" in answer.text) is operation.needs_admin
        assert answer.status_code == 403 or not operation.needs_admin

    async def test_answers_only_what_it_says(self, operation: Operation, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        answer = await call(boss, operation)
        described = operation.description["responses"][str(answer.status_code)]
        if answer.content:
            assert answer.headers["Content-Type"].partition(";")[0] in described["content"]
        else:
            assert answer.status_code == 204
            assert "content" not in described
