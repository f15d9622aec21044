"""Nobody fills the disk: whatever writes is counted, or cannot go on for ever by itself.

Nothing of the trail is ever deleted, so each row that somebody can make at will needs a bound.
"""

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role
from tests.people import People
from tests.security.asking import ask
from tests.security.conftest import Stage
from tests.security.operations import Operation, list_operations
from tests.wire import ONE_ENGINE, SESSION

_HASH = "takes a hash each time; logins and sign-ups are counted besides"
_ENDS = "ends something, of which what begins it is counted or takes a hash"
_ADMIN = "is an admin's"
_READS = "only reads"
_LINK = "takes a link of an admin's, once"
# Why what writes needs no count; everything else is asked for once too often below.
UNCOUNTED = {
    "DELETE /api/authenticate": _ENDS,
    "DELETE /api/id/pfp": _ENDS,
    "DELETE /api/post": _ENDS,
    "DELETE /api/section": _ADMIN,
    "DELETE /api/user": _ENDS,
    "DELETE /api/user/section": _ENDS,
    "DELETE /api/users": _ENDS,
    "DELETE /api/users/authenticate": _ENDS,
    "DELETE /api/v1/auth/sessions": _ENDS,
    "DELETE /api/v1/auth/sessions/{session_id}": _ENDS,
    "DELETE /api/v1/sections/{abbreviation}": _ADMIN,
    "DELETE /api/v1/users/me": _ENDS,
    "DELETE /api/v1/users/me/picture": _ENDS,
    "DELETE /api/v1/users/me/second-factor": _HASH,
    "DELETE /api/v1/users/me/sections/{abbreviation}": _ENDS,
    "DELETE /api/v1/users/{uid}": _ADMIN,
    "DELETE /api/v1/users/{uid}/second-factor": _ADMIN,
    "DELETE /users/delete/{user_id}": _ADMIN,
    "PATCH /api/v1/users/{uid}": _ADMIN,
    "POST /account/delete": _ENDS,
    "POST /account/password": _HASH,
    "POST /account/picture/remove": _ENDS,
    "POST /account/second-factor": _HASH,
    "POST /account/second-factor/codes": _HASH,
    "POST /account/second-factor/confirm": "counts once, for what took a hash to begin",
    "POST /account/second-factor/remove": _HASH,
    "POST /account/sessions/end": _ENDS,
    "POST /account/sessions/end-others": _ENDS,
    "POST /admin/invites": _ADMIN,
    "POST /admin/users/{uid}": _ADMIN,
    "POST /admin/users/{uid}/delete": _ADMIN,
    "POST /admin/users/{uid}/reset": _ADMIN,
    "POST /admin/users/{uid}/second-factor/remove": _ADMIN,
    "POST /api/authenticate": _HASH,
    "POST /api/channels/filter": _READS,
    "POST /api/groups/filter": _READS,
    "POST /api/posts/filter": _READS,
    "POST /api/section": _ADMIN,
    "POST /api/user": _HASH,
    "POST /api/user/guest": _HASH,
    "POST /api/users": _HASH,
    "POST /api/users/authenticate": _HASH,
    "POST /api/v1/auth/login": _HASH,
    "POST /api/v1/auth/logout": _ENDS,
    "POST /api/v1/auth/refresh": "changes one row; a token that is used again ends the login",
    "POST /api/v1/auth/reset": _LINK,
    "POST /api/v1/auth/revoke": _ENDS,
    "POST /api/v1/auth/token": _HASH,
    "POST /api/v1/users": _HASH,
    "POST /api/v1/users/invites": _ADMIN,
    "POST /api/v1/users/me/password": _HASH,
    "POST /api/v1/users/me/second-factor": _HASH,
    "POST /api/v1/users/me/second-factor/confirm": "as on its page",
    "POST /api/v1/users/me/second-factor/recovery-codes": _HASH,
    "POST /api/v1/users/{uid}/reset": _ADMIN,
    "POST /login": _HASH,
    "POST /login/code": "takes a ticket that a hash was needed for",
    "POST /logout": _ENDS,
    "POST /reset": _LINK,
    "POST /sections/leave": _ENDS,
    "POST /sections/{abbreviation}/delete": _ADMIN,
    "POST /setup": _LINK,
    "POST /signup": _HASH,
    "POST /token": _READS,
    "POST /users/reset_password/{user_id}": _ADMIN,
}
STAFF = {"POST /api/group", "POST /api/v1/sections", "POST /sections"}
COUNTED = [
    operation
    for operation in list_operations()
    if not operation.is_safe and str(operation) not in UNCOUNTED
]
ONE_EACH = pytest.mark.parametrize(
    "settings_changes",
    [
        dict.fromkeys(
            ("changes_per_hour", "creations_per_hour", "posts_per_hour", "pictures_per_hour"), 1
        )
    ],
    ids=["one-each"],
)


def test_the_table_names_what_there_is() -> None:
    assert UNCOUNTED.keys() <= {str(operation) for operation in list_operations()}


@ONE_ENGINE
@ONE_EACH
@pytest.mark.parametrize("operation", COUNTED, ids=str)
async def test_once_too_often(stage: Stage, operation: Operation) -> None:
    asker = "teacher" if str(operation) in STAFF else "user"
    for turn in range(2):
        answer = await ask(
            stage.app, stage.school, operation, asker, spelling=operation.spellings[0]
        )
        if not turn:
            assert answer.status_code < 400, answer.text
    assert answer.status_code == 429, answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600


@ONE_ENGINE
@pytest.mark.parametrize("settings_changes", [{"changes_per_hour": 2}], ids=["two"])
class TestChanges:
    ME = "/api/v1/users/me"

    async def test_are_refused_and_nothing_changed(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        ada = await people.create_and_log_in("ada")
        for name in ("Ada One", "Ada Two"):
            assert (await ada.patch(self.ME, json={"name": name})).status_code == 200
        answer = await ada.patch(self.ME, json={"name": "Ada Three"})
        assert answer.status_code == 429
        assert (await ada.get(self.ME)).json()["name"] == "Ada Two"
        assert (await client.get(SESSION)).status_code == 401

    async def test_what_was_refused_does_not_count(self, people: People) -> None:
        await people.create("bob")
        ada = await people.create_and_log_in("ada")
        for _ in range(5):
            assert (await ada.patch(self.ME, json={"uid": "bob"})).status_code == 409
        for _ in range(2):
            assert (await ada.patch(self.ME, json={"name": "Ada"})).status_code == 200

    async def test_of_one_person_leave_others_alone(self, people: People) -> None:
        ada, bob = [await people.create_and_log_in(uid) for uid in ("ada", "bob")]
        for _ in range(3):
            last = await ada.patch(self.ME, json={"name": "Ada"})
        assert last.status_code == 429
        assert (await bob.patch(self.ME, json={"name": "Bob"})).status_code == 200

    async def test_the_page_keeps_what_was_typed(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for name in ("Ada One", "Ada Two", "Ada Three"):
            form = {"uid": "ada", "name": name, "email": ""}
            last = await ada.post("/account/profile", data=form, headers={"Accept": "text/html"})
        assert last.status_code == 429
        assert 'value="Ada Three"' in last.text

    async def test_logging_out_is_never_held_up(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for _ in range(3):
            await ada.patch(self.ME, json={"name": "Ada"})
        assert (await ada.post("/api/v1/auth/logout")).status_code == 204

    async def test_admins_change_a_whole_school(self, app: FastAPI, people: People) -> None:
        admin = await people.create_and_log_in("grace", role=Role.ADMIN)
        for number in range(4):
            answer = await admin.patch(self.ME, json={"name": f"Grace {number}"})
            assert answer.status_code == 200
        assert app.state.resources.limits.change.attempts == 2
