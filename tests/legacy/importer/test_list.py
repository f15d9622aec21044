"""The list of users that `GET /api/user` answered: no hashes, and everything else."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.models import Role
from tests.legacy.importer.conftest import Dumping, Importing, notes, outcomes

ADA = {
    "id": 4,
    "uid": "ada",
    "name": "Ada Lovelace",
    "email": "?",
    "role": "Admin",
    "dob": "12-10-1815",
    "age": 210,
    "kasm_server_needed": True,
    "school": "Unknown",
    "sid": "1234567",
    "class": ["CSA"],
    "hashmap": None,
    "pfp": None,
    "access": ["rw"],
    "sections": [{"id": 2, "name": "Computer Science A", "abbreviation": "CSA", "year": 2026}],
}
GRACE = {
    "id": 5,
    "uid": "grace",
    "name": "Grace Hopper",
    "email": "grace@example.org",
    "sections": [
        {"id": 2, "name": "Computer Science A", "abbreviation": "CSA", "year": 2025},
        {"id": 3, "name": "Principles", "abbreviation": "CSP", "year": 2026},
    ],
}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "users.json"
    path.write_text(json.dumps([ADA, GRACE]))
    return path


async def test_what_is_no_user_in_it_is_refused(
    tmp_path: Path, carry_over: Importing, dump: Dumping
) -> None:
    odd: list[Any] = [ADA, None, 7, [], {}, {"uid": {}}, {"uid": "x", "sections": [None, {}, 1]}]
    (tmp_path / "users.json").write_text(json.dumps(odd))
    report = await carry_over(tmp_path / "users.json")
    assert [entry.outcome for entry in report.entries if entry.table == "users"] == [
        *("changed", "refused", "refused", "refused", "refused", "refused", "changed")
    ]
    assert [user["uid"] for user in (await dump())["user"]] == ["ada", "x"]


async def test_people_come_over_and_need_a_link(
    listed: Path, carry_over: Importing, dump: Dumping
) -> None:
    report = await carry_over(listed)
    ours = await dump()
    assert [(u["id"], u["uid"], u["role"], u["password_hash"]) for u in ours["user"]] == [
        (4, "ada", Role.ADMIN, None),
        (5, "grace", Role.USER, None),
    ]
    assert report.need_reset == ["ada", "grace"]
    assert "make a reset link" in notes(report, "users", "4")
    (profile,) = ours["profile"]
    assert profile["birth_date"] == date(1815, 12, 10)
    assert (profile["student_id"], profile["school"], profile["classes"]) == (
        *("1234567", None, ["CSA"]),
    )
    assert [row["kasm_server_needed"] for row in ours["legacy_profile"]] == [True]
    assert report.left_columns == {"users": ["age", "access"]}


async def test_sections_and_years_come_over(
    listed: Path, carry_over: Importing, dump: Dumping
) -> None:
    await carry_over(listed)
    ours = await dump()
    assert [(s["id"], s["abbreviation"]) for s in ours["section"]] == [(2, "CSA"), (3, "CSP")]
    joined = [(m["user_id"], m["section_id"], m["year"]) for m in ours["membership"]]
    assert joined == [(4, 2, 2026), (5, 2, 2025), (5, 3, 2026)]


async def test_a_second_run_changes_nothing(
    listed: Path, carry_over: Importing, dump: Dumping
) -> None:
    await carry_over(listed)
    before = await dump()
    report = await carry_over(listed)
    assert {entry.outcome for entry in report.entries} == {"known"}
    assert await dump() == before


async def test_a_page_of_2026_is_a_list_too(tmp_path: Path, carry_over: Importing) -> None:
    page = {"users": [ADA], "pagination": {"page": 1, "total": 1}}
    (tmp_path / "users.json").write_text("\ufeff" + json.dumps(page), "utf-8")
    report = await carry_over(tmp_path / "users.json")
    assert outcomes(report, "users") == {"4": "changed"}


async def test_hashes_that_are_in_it_after_all_are_kept_out_of_the_report(
    tmp_path: Path, carry_over: Importing, dump: Dumping
) -> None:
    """The servers of 2024 answered the first characters of them."""
    listed = [{**ADA, "password": "pbkdf2:sha..."}]
    (tmp_path / "users.json").write_text(json.dumps(listed))
    report = await carry_over(tmp_path / "users.json")
    (user,) = (await dump())["user"]
    assert user["password_hash"] is None
    assert "pbkdf2" not in "".join(report.as_json())
