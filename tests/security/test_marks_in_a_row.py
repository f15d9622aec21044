"""Marks that are put in order one by one: a name of many would hold up everybody for minutes.

Unicode has the marks on a letter sorted before two texts are compared, and what sorts them takes
four times as long for twice as many. So text is normalised only where it is short.
"""

import time
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from app.legacy.importer import values
from app.models import Role
from app.passwords import find_weakness
from app.schemas import fold
from tests.people import People
from tests.wire import ONE_ENGINE, visitor

# Every one of the second kind belongs before all of the first: three seconds' work.
_HOW_MANY = 16_000
MARKS = "a" + "\u0300" * _HOW_MANY + "\u0316" * _HOW_MANY
# Not by the clock: others work on this machine, too.
MOST_SECONDS = 1.0

BODIES: dict[str, dict[str, Any]] = {
    "POST /api/authenticate": {"uid": MARKS, "password": MARKS},
    "POST /api/groups/filter": {"section_name": MARKS},
    "POST /api/channels/filter": {"group_name": MARKS},
    "POST /api/user": {"uid": MARKS, "name": MARKS, "password": MARKS},
    "PUT /api/user": {"uid": MARKS, "name": "Ada", "password": MARKS},
    "PUT /api/users": {"uid": MARKS},
    "DELETE /api/user": {"uid": MARKS},
    "POST /api/user/section": {"sections": [MARKS]},
    "PUT /api/user/section": {"section": {"abbreviation": MARKS, "year": "2026"}},
    "DELETE /api/user/section": {"sections": [MARKS]},
    "DELETE /api/section": {"abbreviation": MARKS},
    "POST /api/v1/auth/login": {"uid": MARKS, "password": MARKS},
    "POST /api/v1/users": {"uid": MARKS, "name": MARKS, "password": MARKS},
}


class TestRequests:
    @ONE_ENGINE
    @pytest.mark.parametrize("operation", BODIES)
    @pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
    async def test_take_a_moment(self, people: People, operation: str, role: Role) -> None:
        ada = await people.create_and_log_in("ada", role=role)
        method, _, path = operation.partition(" ")
        begun = time.process_time()
        answer = await ada.request(method, path, json=BODIES[operation])
        assert time.process_time() - begun < MOST_SECONDS
        assert 400 <= answer.status_code < 500

    @ONE_ENGINE
    @pytest.mark.parametrize(
        ("method", "path", "query"),
        [
            ("GET", f"/api/v1/users/{MARKS}", b""),
            ("GET", f"/api/v1/sections/{MARKS}", b""),
            ("DELETE", "/api/id/pfp", f"uid={quote(MARKS)}".encode()),
        ],
        ids=["user", "section", "picture"],
    )
    async def test_nor_do_addresses(
        self, app: FastAPI, people: People, method: str, path: str, query: bytes
    ) -> None:
        ada = await people.create_and_log_in("ada", role=Role.ADMIN)
        scope = {"path": path, "query_string": query}
        async with visitor(app, scope=scope, cookies=ada.cookies) as client:
            begun = time.process_time()
            answer = await client.request(method, "/")
            assert time.process_time() - begun < MOST_SECONDS
        assert answer.status_code == 404


@ONE_ENGINE
async def test_many_short_names_are_not_even_looked_at(people: People) -> None:
    ada = await people.create_and_log_in("ada")
    marks = "\u0300" * 110 + "\u0316" * 110
    names = [f"{number}{marks}" for number in range(2_000)]
    begun = time.process_time()
    answer = await ada.post("/api/user/section", json={"sections": names})
    assert time.process_time() - begun < MOST_SECONDS
    assert (answer.status_code, answer.json()["message"]) == (
        404,
        "1 or more sections failed to add",
    )


def test_a_password_is_measured_first() -> None:
    begun = time.process_time()
    assert find_weakness(MARKS, min_length=12, personal=()) == "Use at most 1,024 bytes."
    assert time.process_time() - begun < MOST_SECONDS


def test_an_import_cuts_a_name_first() -> None:
    notes: list[str] = []
    begun = time.process_time()
    name = values.name(MARKS, "ada", notes.append)
    assert time.process_time() - begun < MOST_SECONDS
    assert (len(name), notes) == (100, ["the name was cut to 100 characters"])


class TestFolding:
    def test_what_is_short_is_one_in_all_its_spellings(self) -> None:
        # A full-width letter, a mark of its own, and marks the wrong way round.
        assert fold("\uff21B\u00e9") == fold("ab" + "e\u0301")
        assert fold("e\u0301\u0316") == fold("e\u0316\u0301")

    def test_what_no_column_holds_is_folded_in_case_alone(self) -> None:
        assert fold("A" * 1025 + "\uff21\u00c9\0") == "a" * 1025 + "\uff41\u00e9\ufffd"
