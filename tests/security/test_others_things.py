"""Other people's things: whatever somebody sends with Ada's names in it, hers stay as they are.

Every operation that writes is asked for by others who may log in, naming what is ada's (her uid,
her number, her session, her post) in the body as test_permissions.py does, and everywhere else a
guess could stand. That reading shows nothing of hers is in test_permissions.py and test_answers.py.
"""

from typing import Any

import pytest

from tests.security.asking import ask, holds_no_secret
from tests.security.conftest import Stage
from tests.security.operations import list_operations
from tests.security.school import School, dump, restore
from tests.wire import ONE_ENGINE, visitor

pytestmark = ONE_ENGINE

# Whoever holds a link that was made for her may use it; that is what it is for.
_BY_LINK = {"POST /reset", "POST /api/v1/auth/reset"}
WRITES = [found for found in list_operations() if not found.is_safe and str(found) not in _BY_LINK]
# Who looks after a group changes and deletes what is posted in it.
_MODERATED = {"PUT /api/post", "DELETE /api/post"}


def hers(rows: dict[str, list[dict[str, Any]]], school: School) -> dict[str, list[dict[str, Any]]]:
    """Return every row that is ada's."""
    number = school.owner.user_id
    return {
        table: [row for row in found if row.get("id" if table == "user" else "user_id") == number]
        for table, found in rows.items()
    }


def _guesses(school: School) -> dict[str, Any]:
    ada = school.owner
    return {
        "uid": ada.uid,
        "id": ada.user_id,
        "user_id": ada.user_id,
        "userId": ada.user_id,
        "public_id": ada.public_id,
        "session": ada.sid,
        "session_id": ada.sid,
        "owner": ada.uid,
        "user": ada.uid,
        "username": ada.uid,
    }


@pytest.mark.parametrize("column", ["another", "teacher", "other_teacher"])
class TestOthers:
    @pytest.mark.parametrize("place", ["as it is", "address", "body", "headers"])
    async def test_change_nothing_of_hers(self, stage: Stage, column: str, place: str) -> None:
        school = stage.school
        guesses = _guesses(school)
        for operation in WRITES:
            sent = operation.body(school, school.who(column))
            changes = _place(sent, guesses, place)
            answer = await ask(stage.app, school, operation, column, **changes)
            assert answer.status_code < 500, str(operation)
            holds_no_secret(school, column, operation, answer)
            rows = await dump(stage.resources)
            if not (column == "teacher" and str(operation) in _MODERATED):
                assert hers(rows, school) == hers(school.rows, school), str(operation)
            if rows != school.rows:
                await restore(stage.resources, school)

    async def test_guess_numbers_in_vain(self, stage: Stage, column: str) -> None:
        """The old wire counts people and posts; counting on finds nothing that may be touched."""
        school = stage.school
        person = school.people[column]
        async with visitor(stage.app, headers=person.headers) as client:
            for number in (*range(-1, 12), 2**31 - 1, 2**31, 2**63, 10**30):
                if number == person.user_id:
                    continue
                for method, path, body in (
                    ("PUT", "/api/users", {"id": number, "name": "Guessed"}),
                    ("PUT", "/api/users", {"id": str(number), "name": "Guessed"}),
                    ("DELETE", f"/users/delete/{number}", None),
                    ("POST", f"/users/reset_password/{number}", None),
                ):
                    answer = await client.request(method, path, json=body)
                    assert answer.status_code == 403, f"{method} {path} {body}"
                if number != school.post_id:
                    gone = await client.request("DELETE", "/api/post", json={"id": number})
                    assert gone.status_code == 404
                missing = await client.delete(f"/api/v1/auth/sessions/{number}")
                assert missing.status_code == 404
        assert await dump(stage.resources) == school.rows

    async def test_sessions_of_others_are_404(self, stage: Stage, column: str) -> None:
        school = stage.school
        person = school.people[column]
        own = {
            row["sid"] for row in school.rows["user_session"] if row["user_id"] == person.user_id
        }
        async with visitor(stage.app, headers=person.headers) as client:
            for row in school.rows["user_session"]:
                if row["sid"] not in own:
                    path = f"/api/v1/auth/sessions/{row['sid']}"
                    assert (await client.delete(path)).status_code == 404
                    form = {"session": row["sid"]}
                    answer = await client.post("/account/sessions/end", data=form)
                    assert answer.status_code == 404
            listed = (await client.get("/api/v1/auth/sessions")).json()
        assert {item["id"] for item in listed} == own
        assert await dump(stage.resources) == school.rows


def _place(sent: dict[str, Any], guesses: dict[str, Any], place: str) -> dict[str, Any]:
    """Return what to send besides, with the guesses somewhere."""
    flat = {name: str(value) for name, value in guesses.items()}
    if place == "address":
        return {"params": {**flat, **sent.get("params", {})}}
    if place == "headers":
        return {"headers": {f"X-{name.replace('_', '-')}": value for name, value in flat.items()}}
    if place == "body" and "json" in sent:
        return {"json": {**guesses, **sent["json"]}}
    if place == "body" and "data" in sent:
        return {"data": {**flat, **sent["data"]}}
    return {}


class TestTheProof:
    async def test_the_owner_changes_them(self, stage: Stage) -> None:
        """The same requests by ada do change what is hers: the rows that are looked at are hers."""
        school = stage.school
        changed = set()
        for operation in WRITES:
            await ask(stage.app, school, operation, "user")
            rows = await dump(stage.resources)
            changed |= {
                table
                for table, found in hers(rows, school).items()
                if found != hers(school.rows, school)[table]
            }
            await restore(stage.resources, school)
        assert changed >= {"user", "user_session", "profile", "picture", "membership", "post"}
