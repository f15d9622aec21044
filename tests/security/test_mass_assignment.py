"""Fields that a body has no business with: a role, an id, a hash, somebody else's number.

The new API refuses them, every one at every operation that takes JSON; the old wire, whose pages
send whatever they have, ignores them, as do forms: what is kept afterwards is then exactly what it
would have been without. Who may give a role at all is in tests/routers/test_users_admin.py.
"""

from typing import Any

import pytest

from tests.security.asking import ask, holds_no_secret
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.security.school import School, dump, restore
from tests.wire import ONE_ENGINE, describe_api

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2g"
PRIVILEGED: dict[str, Any] = {
    "role": "admin",
    "roles": ["admin"],
    "_role": "Admin",
    "is_admin": True,
    "is_active": False,
    "is_staff": True,
    "is_teacher": True,
    "is_operator": True,
    "access": ["rw"],
    "scope": "admin",
    "id": 1,
    "_id": 1,
    "user_id": 1,
    "_user_id": 1,
    "owner_id": 1,
    "author_id": 1,
    "section_id": 1,
    "group_id": 1,
    "parent_id": 1,
    "public_id": "x" * 16,
    "sid": "x" * 16,
    "session_id": 1,
    "uid_folded": "root.admin",
    "name_folded": "root",
    "password_hash": HASH,
    "_password": HASH,
    "hash": HASH,
    "digest": "0" * 64,
    "auth_epoch": 99,
    "kind": "cookie",
    "purpose": "setup",
    "picture_id": 1,
    "is_public": True,
    "moderators": [1],
    "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z",
    "expires_at": "2999-01-01T00:00:00Z",
    "revoked_at": None,
    "__class__": "User",
    "__proto__": {"role": "admin"},
    "constructor": {"prototype": {"role": "admin"}},
    "$set": {"role": "admin"},
}


def _properties(operation: Operation) -> set[str]:
    """Return the fields that the document says a JSON body has."""
    api = describe_api()
    content = api["paths"][operation.path][operation.method.lower()]["requestBody"]["content"]
    reference: str = content["application/json"]["schema"]["$ref"]
    return set(api["components"]["schemas"][reference.rpartition("/")[2]]["properties"])


def _takes_json(operation: Operation) -> bool:
    described = describe_api()["paths"].get(operation.path, {}).get(operation.method.lower(), {})
    return "application/json" in described.get("requestBody", {}).get("content", {})


WITH_JSON = [found for found in list_operations() if _takes_json(found)]
NEW = [found for found in WITH_JSON if not found.is_legacy]
OLD = [found for found in WITH_JSON if found.is_legacy]
FORMS = [
    found
    for found in list_operations()
    if not found.is_safe and (found.is_page or str(found).startswith("POST /api/v1/auth/"))
]


def test_every_operation_with_a_body_is_among_these() -> None:
    assert len(NEW) >= 10
    assert len(OLD) >= 20


@ONE_ENGINE
class TestNewAPI:
    @pytest.mark.parametrize("column", ["user", "admin"])
    @pytest.mark.parametrize("operation", NEW, ids=str)
    async def test_refuses_what_it_does_not_know(
        self, stage: Stage, operation: Operation, column: str
    ) -> None:
        school = stage.school
        body = operation.body(school, school.who(column))["json"]
        for name in PRIVILEGED.keys() - _properties(operation):
            sent = {**body, name: PRIVILEGED[name]}
            answer = await ask(stage.app, school, operation, column, json=sent)
            refused = {error["pointer"]: error["code"] for error in answer.json().get("errors", [])}
            if column == "user" and str(operation) == "PATCH /api/v1/users/{uid}":
                # For admins, and that is asked before the body is looked at.
                assert answer.status_code == 403
                continue
            assert answer.status_code == 422, f"{name}: {answer.text}"
            assert refused == {f"/{name.replace('~', '~0')}": "extra_forbidden"}
            holds_no_secret(school, column, operation, answer)
            assert HASH not in answer.text
        assert await dump(stage.resources) == school.rows

    async def test_a_role_is_for_admins_to_give(self, stage: Stage) -> None:
        (sign_up,) = [found for found in NEW if str(found) == "POST /api/v1/users"]
        for column in ("anonymous", "user", "another", "teacher", "other_teacher", "disabled"):
            for role in ("admin", "teacher", "user"):
                body = {**sign_up.body(stage.school, stage.school.who(column))["json"]}
                answer = await ask(
                    stage.app, stage.school, sign_up, column, json={**body, "role": role}
                )
                assert answer.status_code == 422, column
        assert await dump(stage.resources) == stage.school.rows


# What an operation of the old wire does know, and may then be about.
KNOWN: dict[str, set[str]] = {
    "PUT /api/users": {"id"},
    "PUT /api/post": {"id"},
    "DELETE /api/post": {"id"},
    "POST /api/group": {"section_id"},
    "POST /api/channel": {"group_id"},
    # The old wire's `sid` is a number that a school gives its pupils, and theirs to say.
    "PUT /api/user": {"sid"},
    "POST /api/user": {"sid"},
    "POST /api/users": {"sid"},
}
KNOWN["PUT /api/users"] |= {"sid"}
# What differs from one run to the next.
_VOLATILE = ("public_id", "sid", "password_hash", "digest")


async def kept(stage: Stage, operation: Operation, column: str, **sent: Any) -> Any:
    """Ask, and return the status and what is kept then, without what differs every time."""
    answer = await ask(stage.app, stage.school, operation, column, **sent)
    rows = await dump(stage.resources)
    await restore(stage.resources, stage.school)
    return answer.status_code, {
        table: [
            {
                name: value
                for name, value in row.items()
                if name not in _VOLATILE
                and not name.endswith("_at")
                and (table, name) != ("picture", "name")
            }
            for row in found
        ]
        for table, found in rows.items()
    }


@ONE_ENGINE
class TestOldWire:
    @pytest.mark.parametrize("column", ["anonymous", "user", "admin"])
    @pytest.mark.parametrize("operation", OLD, ids=str)
    async def test_ignores_what_it_does_not_know(
        self, stage: Stage, operation: Operation, column: str
    ) -> None:
        extra = _extra(operation, column)
        plain = operation.body(stage.school, stage.school.who(column)).get("json", {})
        without = await kept(stage, operation, column, json=plain)
        assert await kept(stage, operation, column, json={**extra, **plain}) == without
        assert await kept(stage, operation, column, json=plain, params=_flat(extra)) == without


def _extra(operation: Operation, column: str) -> dict[str, Any]:
    known = KNOWN.get(str(operation), set())
    if column == "admin" and str(operation) in {"PUT /api/user", "PUT /api/users"}:
        # An admin gives roles here.
        known = known | {"role"}
    return {name: value for name, value in PRIVILEGED.items() if name not in known}


def _flat(fields: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


@ONE_ENGINE
class TestForms:
    """Of the pages, and the two of the OAuth standards, which ignore what they do not know."""

    @pytest.mark.parametrize("column", ["anonymous", "user"])
    @pytest.mark.parametrize("operation", FORMS, ids=str)
    async def test_give_no_rights(self, stage: Stage, operation: Operation, column: str) -> None:
        school = stage.school
        plain = operation.body(school, school.who(column)).get("data")
        if plain is None:
            return
        answer = await ask(
            stage.app, school, operation, column, data={**_flat(_extra(operation, column)), **plain}
        )
        assert answer.status_code < 500
        rows = await dump(stage.resources)
        assert _rights(rows, school) == _rights(school.rows, school)
        # Whoever is new is an ordinary user.
        known = {row["id"] for row in school.rows["user"]}
        for row in rows["user"]:
            if row["id"] not in known:
                assert (row["role"].value, row["is_active"], row["auth_epoch"]) == ("user", True, 0)
                assert row["uid_folded"] == "newcomer"


def _rights(rows: dict[str, list[dict[str, Any]]], school: School) -> list[Any]:
    """Return what says who may do what, of everybody who was there before and still is."""
    known = {row["id"] for row in school.rows["user"]}
    present = {row["id"] for row in rows["user"]} & known
    names = ("id", "public_id", "uid_folded", "role", "is_active", "created_at")
    return [
        [[row[name] for name in names] for row in rows["user"] if row["id"] in present],
        rows["moderator"],
        rows["post_group"],
    ]
