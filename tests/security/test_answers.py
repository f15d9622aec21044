"""What answers hold: exactly these keys, for every operation that answers JSON, by who asks.

A hash, a token, a birth date or an e-mail that slips into an answer is a key too many here. Keys
are written as paths; of a list of people one's own row is `[own]`. That the values are not other
people's is checked with every request of test_permissions.py.
"""

from typing import Any

import pytest

from tests.legacy.wire import FIELDS
from tests.security.asking import ask
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.security.school import UIDS, restore
from tests.security.test_permissions import COLUMNS
from tests.wire import ONE_ENGINE

pytestmark = ONE_ENGINE

Keys = frozenset[str]
# What their owners may fill with whatever they like.
_FREE = {"hashmap", "grade_data", "ap_exam", "attributes", "content"}


def keys(value: Any, own: str, path: str = "") -> set[str]:
    """Return the paths of everything in an answer."""
    if isinstance(value, dict) and value and path.rpartition(".")[2] not in _FREE:
        start = f"{path}." if path else ""
        return set().union(*(keys(item, own, f"{start}{name}") for name, item in value.items()))
    if isinstance(value, list):
        found: set[str] = set()
        for item in value:
            is_own = isinstance(item, dict) and item.get("uid") == own
            found |= keys(item, own, f"{path}[own]" if is_own else f"{path}[]")
        return found or {path}
    return {path}


def _under(start: str, *names: str | Keys) -> Keys:
    """Return paths below another."""
    flat: set[str] = set()
    for name in names:
        flat |= {name} if isinstance(name, str) else name
    return frozenset(f"{start}.{name}" for name in flat)


def _all(*names: str | Keys) -> Keys:
    return frozenset().union(*({name} if isinstance(name, str) else name for name in names))


NOTHING: Keys = frozenset({""})
PROBLEM = _all("type", "title", "status", "detail", "instance", "request_id")
PUBLIC = _all("id", "uid", "name", "role")
ACCOUNT = _all(PUBLIC, "email", "is_active", "created_at", "updated_at")
LOGIN = _all(
    "id", "kind", "is_current", "user_agent", "client_address", "created_at", "renewed_at",
    "expires_at",
)  # fmt: skip
CURRENT = _all(
    _under("user", ACCOUNT), _under("session", LOGIN), "authenticated_by", "token_expires_at"
)
TOKEN = _all("access_token", "token_type", "expires_in", "refresh_token")
LINK = _all("url", "expires_at")
SECTION = _all("abbreviation", "name", "theme")
EVENT = _all(
    _under("items[]", "number", "action", "occurred_at"),
    _under("items[]", "actor", "actor.id", "actor.uid", "subject.id", "subject.uid"),
    _under("items[]", "client_address", "request_id", "detail.kind"),
    "next",
)
PICTURE = _all("url", "width", "height", "created_at")
EVERYBODY = _all(_under("items[]", PUBLIC), _under("items[own]", ACCOUNT), "next")
EVERY_ACCOUNT = _all(_under("items[]", ACCOUNT), _under("items[own]", ACCOUNT), "next")
HEALTH = _all("status", "version")

OLD_ERROR = _all("message", "data", "error")
_ROLES, _SECTIONS = "roles[].name", _under("sections[]", "id", "name", "abbreviation", "year")
_FLAT = frozenset(FIELDS - {"roles", "sections", "class"})
# With and without classes and sections, which are lists.
PERSON = _all(_FLAT, _ROLES, "class[]", _SECTIONS)
NO_MEMBER = _all(_FLAT, _ROLES, "class[]", "sections")
STRANGER = _all(_FLAT, _ROLES, "class", "sections")
OLD_LIST = {
    "user": _all(_under("[]", STRANGER, "access[]"), _under("[own]", PERSON, "access[]")),
    "another": _all(_under("[]", STRANGER, "access[]"), _under("[own]", NO_MEMBER, "access[]")),
    "admin": _all(
        _under("[]", PERSON, NO_MEMBER, "access[]"), _under("[own]", NO_MEMBER, "access[]")
    ),
}
OLD_LOGIN = _all("message", _under("user", "uid", "name", "role", "class[]"), "token")
OLD_SECTION = _all("id", "name", "abbreviation", "theme")
OLD_SECTIONS = _under("sections[]", "id", "name", "abbreviation", "year")
OLD_GROUP = _all("id", "name", "section_id", "moderators[]")
OLD_CHANNEL = _all("id", "name", "attributes", "group_id")
OLD_POST = _all("id", "title", "comment", "content", "user_name", "channel_name")
OLD_CLASSES = _all("uid", "class[]")
MESSAGE = _all("message")

Row = Keys | dict[str, Keys]
# A row for one column holds for the others that the operation lets in.
SUCCESS: dict[str, Row] = {
    "POST /api/v1/auth/token": TOKEN,
    "POST /api/v1/auth/refresh": TOKEN,
    "POST /api/v1/auth/revoke": NOTHING,
    "POST /api/v1/auth/login": _all(CURRENT, "token"),
    "GET /api/v1/auth/session": CURRENT,
    "GET /api/v1/auth/sessions": _under("[]", LOGIN),
    "GET /api/v1/connection": _all("scheme", "forwarded_for"),
    "GET /api/v1/audit": EVENT,
    "GET /api/v1/sections": _all(_under("items[]", SECTION), "next"),
    "POST /api/v1/sections": SECTION,
    "GET /api/v1/sections/{abbreviation}": SECTION,
    "GET /api/v1/sections/{abbreviation}/members": _all(
        _under("items[].user", PUBLIC), "items[].year", "next"
    ),
    "GET /api/v1/users/me/sections": {
        "user": _all(_under("items[]", SECTION, "year"), "next"),
        "another": _all("items", "next"),
        "admin": _all("items", "next"),
    },
    "PUT /api/v1/users/me/sections/{abbreviation}": _all(SECTION, "year"),
    "POST /api/v1/users": ACCOUNT,
    "GET /api/v1/users": {"user": EVERYBODY, "another": EVERYBODY, "admin": EVERY_ACCOUNT},
    "GET /api/v1/users/me": ACCOUNT,
    "PATCH /api/v1/users/me": ACCOUNT,
    "POST /api/v1/users/invites": LINK,
    "GET /api/v1/users/me/second-factor": _all(
        "state", "confirmed_at", "recovery_codes_left", "is_required"
    ),
    "POST /api/v1/users/me/second-factor": _all("secret", "uri"),
    "POST /api/v1/users/me/second-factor/confirm": _all("recovery_codes[]"),
    "POST /api/v1/users/me/second-factor/recovery-codes": _all("recovery_codes[]"),
    "GET /api/v1/users/me/picture": PICTURE,
    "PUT /api/v1/users/me/picture": PICTURE,
    "GET /api/v1/users/{uid}": {"user": ACCOUNT, "another": PUBLIC, "admin": ACCOUNT},
    "PATCH /api/v1/users/{uid}": ACCOUNT,
    "POST /api/v1/users/{uid}/reset": LINK,
    "GET /healthz": HEALTH,
    "GET /readyz": _all("status", "version", "limits"),
    "POST /api/authenticate": OLD_LOGIN,
    "POST /api/users/authenticate": OLD_LOGIN,
    "GET /api/id": {"user": PERSON, "another": NO_MEMBER, "admin": NO_MEMBER},
    "GET /api/user": {"user": PERSON, "another": NO_MEMBER, "admin": NO_MEMBER},
    "PUT /api/user": {"user": PERSON, "another": NO_MEMBER, "admin": NO_MEMBER},
    "POST /api/user": STRANGER,
    "POST /api/user/guest": STRANGER,
    "POST /api/users": STRANGER,
    "GET /api/users": OLD_LIST,
    "PUT /api/users": PERSON,
    "GET /api/user/class": OLD_CLASSES,
    "POST /api/user/class": OLD_CLASSES,
    "PUT /api/user/class": OLD_CLASSES,
    "GET /api/id/pfp": _all("pfp"),
    "PUT /api/id/pfp": MESSAGE,
    "DELETE /api/id/pfp": MESSAGE,
    "GET /api/user/section": {
        "user": OLD_SECTIONS,
        "another": _all("sections"),
        "admin": _all("sections"),
    },
    "POST /api/user/section": OLD_SECTIONS,
    "PUT /api/user/section": OLD_SECTIONS,
    "DELETE /api/user/section": MESSAGE,
    "GET /api/section": _under("[]", OLD_SECTION),
    "POST /api/section": OLD_SECTION,
    "GET /api/groups": _under("[]", OLD_GROUP),
    "POST /api/groups/filter": _under("[]", OLD_GROUP),
    "POST /api/group": OLD_GROUP,
    "GET /api/channels": _under("[]", OLD_CHANNEL),
    "POST /api/channels/filter": _under("[]", OLD_CHANNEL),
    "POST /api/channel": OLD_CHANNEL,
    "POST /api/post": OLD_POST,
    "GET /api/post": OLD_POST,
    "PUT /api/post": OLD_POST,
    "DELETE /api/post": MESSAGE,
    "GET /api/post/user": {
        "user": _under("[]", OLD_POST),
        "another": NOTHING,
        "admin": NOTHING,
    },
    "GET /api/posts": _under("[]", OLD_POST),
    "POST /api/posts/filter": _under("[]", OLD_POST),
    "DELETE /users/delete/{user_id}": MESSAGE,
    "POST /users/reset_password/{user_id}": _all("message", LINK),
}
# These say more than a problem does by itself: what RFC 6749 wants, or which field it is.
_OAUTH = _all(PROBLEM, "error", "error_description")
REFUSED: dict[str, Keys] = {
    "POST /api/v1/auth/login": _OAUTH,
    "POST /api/v1/auth/token": _OAUTH,
    "POST /api/v1/auth/refresh": _OAUTH,
}


_ABOUT_ONESELF = frozenset(
    {
        "GET /api/v1/users/me/sections",
        "GET /api/id",
        "GET /api/user",
        "PUT /api/user",
        "GET /api/user/section",
        # Of the list, the row about oneself.
        "GET /api/users",
    }
)


def expected(operation: Operation, column: str, status: int) -> Keys:
    name = str(operation)
    if status >= 400:
        return OLD_ERROR if operation.is_legacy else REFUSED.get(name, PROBLEM)
    row = SUCCESS[name]
    if isinstance(row, frozenset):
        return row
    # A teacher is told about others what any user is, and is in a section as ada is.
    is_about_oneself = name in _ABOUT_ONESELF and column in {"teacher", "other_teacher"}
    return row.get(column) or row["user" if is_about_oneself else "another"]


@pytest.mark.parametrize("column", COLUMNS)
async def test_exactly_these_keys(stage: Stage, column: str) -> None:
    answered = set()
    for operation in list_operations():
        if str(operation) == "GET /openapi.json":
            continue
        answer = await ask(stage.app, stage.school, operation, column)
        await restore(stage.resources, stage.school)
        if answer.content and "json" in answer.headers.get("content-type", ""):
            found = keys(answer.json(), UIDS.get(column, "ada"))
            wanted = expected(operation, column, answer.status_code)
            assert found == wanted, f"{operation} as {column}"
            answered |= {str(operation)} if answer.is_success else set()
    if column == "admin":
        # Everything in the table was seen by somebody who may do everything.
        assert SUCCESS.keys() - answered <= {
            "PUT /api/user/section",
            "DELETE /api/user/section",
            "POST /api/v1/users/me/second-factor/recovery-codes",
        }
