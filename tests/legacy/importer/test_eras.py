"""Each kind of old server from its file to a login with the old password, and what it brings."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.models import Role
from tests.legacy.importer.conftest import Dumping, Importing, notes, outcomes
from tests.legacy.old_databases import IMPORTABLE, OLD_PASSWORD, make_old_database
from tests.legacy.old_hashes import hmac_hash, pbkdf2_hash, scrypt_hash

# Each once at its real cost.
HASHES: dict[str, Callable[[], str]] = {
    "hmac": lambda: hmac_hash(OLD_PASSWORD),
    "pbkdf2": lambda: pbkdf2_hash(OLD_PASSWORD, 260_000, "tenletters"),
    "pbkdf2 of 2024": lambda: pbkdf2_hash(OLD_PASSWORD, 600_000),
    "pbkdf2 of 2025": lambda: pbkdf2_hash(OLD_PASSWORD, 1_000_000),
    "scrypt": lambda: scrypt_hash(OLD_PASSWORD),
    "plain text": lambda: OLD_PASSWORD,
}


async def log_in(client: httpx.AsyncClient, uid: str, password: str = OLD_PASSWORD) -> int:
    answer = await client.post("/api/v1/auth/login", json={"uid": uid, "password": password})
    return answer.status_code


def only(rows: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    """Return the one row that has some values."""
    (row,) = (r for r in rows if all(r[name] == value for name, value in values.items()))
    return row


@pytest.mark.parametrize("era", IMPORTABLE)
class TestEra:
    async def test_people_log_in_and_get_a_new_hash(
        self,
        era: str,
        tmp_path: Path,
        carry_over: Importing,
        client: httpx.AsyncClient,
        dump: Dumping,
    ) -> None:
        report = await carry_over(make_old_database(tmp_path / "old.db", era, "ada", "grace"))
        assert outcomes(report, "users") == {"1": "taken", "2": "taken"}
        assert await log_in(client, "ada", "another password") == 401
        assert await log_in(client, "ada") == 200
        ada, grace = (await dump())["user"]
        assert (ada["id"], ada["uid"], ada["name"]) == (1, "ada", "Ada")
        assert ada["password_hash"].startswith("$argon2id$")
        assert grace["password_hash"].startswith("pbkdf2:sha256:1000$")
        assert await log_in(client, "ada") == 200

    async def test_a_second_run_changes_nothing(
        self, era: str, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        made = make_old_database(tmp_path / "old.db", era, "ada", "grace")
        await carry_over(made)
        before = await dump()
        report = await carry_over(made)
        assert outcomes(report, "users") == {"1": "known", "2": "known"}
        assert await dump() == before


@pytest.mark.parametrize("kind", HASHES)
async def test_every_kind_of_password(
    kind: str, tmp_path: Path, carry_over: Importing, client: httpx.AsyncClient, dump: Dumping
) -> None:
    made = make_old_database(tmp_path / "old.db")
    made.add_user("ada", _password=HASHES[kind]())
    await carry_over(made)
    assert await log_in(client, "ada", "another password") == 401
    assert await log_in(client, "ada") == 200
    (ada,) = (await dump())["user"]
    assert ada["password_hash"].startswith("$argon2id$")


class TestS24:
    async def test_profiles_roles_and_notes(
        self, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        made = make_old_database(tmp_path / "old.db", "S24")
        made.add_user("ada", _role="Admin", _dob="1815-12-10", _hashmap={"job": "analyst"})
        made.add_user("grace", _role="Teacher", _dob="12-09-1906")
        made.add_user("alan", _role="default", _dob="soon", _hashmap="{")
        made.add("posts", {"note": "A note\non two lines", "image": "engine.png", "userID": 1})
        made.add("posts", {"note": "Whose?", "image": None, "userID": 77})
        made.add("players", {"_name": "P", "_uid": "player", "_password": "x", "_tokens": 3})
        report = await carry_over(made)
        ours = await dump()
        assert [user["role"] for user in ours["user"]] == [Role.ADMIN, Role.TEACHER, Role.USER]
        assert report.admins == ["ada"]
        assert [row["birth_date"] for row in ours["profile"]] == [
            date(1815, 12, 10),
            date(1906, 12, 9),
        ]
        assert [row["hashmap"] for row in ours["legacy_profile"]] == [{"job": "analyst"}]
        assert "default became user" in notes(report, "users", "3")
        assert "hashmap cannot be read" in notes(report, "users", "3")
        assert "birth date cannot be read" in notes(report, "users", "3")
        (post,) = ours["post"]
        assert (post["id"], post["user_id"]) == (1, 1)
        assert post["comment"] == "A note\non two lines"
        assert post["content"] == {"image": "engine.png"}
        assert outcomes(report, "posts") == {"1": "changed", "2": "refused"}
        assert report.left_tables == {"alembic_version": 0, "players": 1}


class TestS25:
    async def test_sections_and_years(
        self, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        made = make_old_database(tmp_path / "old.db", "S25", "ada", "grace", "alan")
        made.add_user("kasm", kasm_server_needed=1, _email="kasm@example.org")
        made.add(
            "sections",
            {"id": 2, "_name": "Computer Science A", "_abbreviation": "CSA"},
            {"id": 5, "_name": "Principles", "_abbreviation": "CSP"},
        )
        made.add(
            "user_sections",
            {"user_id": 1, "section_id": 2, "year": 2025},
            {"user_id": 1, "section_id": 5, "year": "2026"},
            {"user_id": 2, "section_id": 2, "year": None},
            {"user_id": 9, "section_id": 2, "year": 2025},
            {"user_id": 2, "section_id": 9, "year": 2025},
        )
        report = await carry_over(made)
        ours = await dump()
        assert [(row["id"], row["abbreviation"]) for row in ours["section"]] == [
            (2, "CSA"),
            (5, "CSP"),
        ]
        joined = {(row["user_id"], row["section_id"], row["year"]) for row in ours["membership"]}
        assert {(1, 2, 2025), (1, 5, 2026)} <= joined
        assert len(joined) == 3
        assert sorted(outcomes(report, "user_sections").values()) == [
            *("changed", "refused", "refused", "taken", "taken")
        ]
        assert only(ours["legacy_profile"], user_id=4)["kasm_server_needed"] is True
        assert [user["email"] for user in ours["user"]] == [None, None, None, "kasm@example.org"]


class TestS26:
    async def test_profiles_and_answers(
        self, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        made = make_old_database(tmp_path / "old.db", "S26")
        made.add_user(
            "ada",
            _sid="1234567",
            _school="Example High",
            _class=["CSA", "CSP"],
            _grade_data={"grade": 3.5},
            _ap_exam={"score": 5},
        )
        made.add_user("grace", _school="Unknown", _class="CSSE")
        when = {"_timestamp": "2025-10-01 12:30:00.000000", "_updated_at": "2025-10-02 08:00:00"}
        made.add(
            "posts",
            {"id": 4, "_user_id": 1, "_content": "First", "_page_url": "/hacks/1", **when},
            {"id": 9, "_user_id": 2, "_parent_id": 4, "_content": "{}", "_grade_received": "A"},
            {"id": 10, "_user_id": 2, "_parent_id": 11, "_content": "Before what it answers"},
            {"id": 11, "_user_id": 1, "_parent_id": 11, "_content": "To itself"},
        )
        report = await carry_over(made)
        ours = await dump()
        ada, grace = ours["profile"]
        assert (ada["student_id"], ada["school"]) == ("1234567", "Example High")
        assert (ada["classes"], grace["classes"]) == (["CSA", "CSP"], ["CSSE"])
        assert (grace["school"], grace["is_public"]) == (None, False)
        (kept,) = ours["legacy_profile"]
        assert (kept["grade_data"], kept["ap_exam"]) == ({"grade": 3.5}, {"score": 5})
        first, answer, *alone = ours["post"]
        assert (first["id"], first["comment"], first["page_url"]) == (4, "First", "/hacks/1")
        assert first["created_at"] == datetime(2025, 10, 1, 12, 30, tzinfo=UTC)
        assert first["updated_at"] == datetime(2025, 10, 2, 8, tzinfo=UTC)
        assert (answer["id"], answer["parent_id"], answer["comment"]) == (9, 4, "{}")
        assert answer["content"] == {"grade_received": "A"}
        assert [post["parent_id"] for post in alone] == [None, None]
        assert "stands by itself" in notes(report, "posts", "11")


class TestSFL:
    async def test_groups_channels_and_posts(
        self, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        made = make_old_database(tmp_path / "old.db", "SFL", "ada", "grace")
        made.add("sections", {"id": 1, "_name": "Home Page", "_theme": "blue"})
        made.add(
            "groups",
            {"id": 2, "_name": "General", "_section_id": 1},
            {"id": 3, "_name": "Support", "_section_id": 8},
        )
        made.add(
            "group_moderators",
            {"group_id": 2, "user_id": 1},
            {"group_id": 2, "user_id": 8},
            {"group_id": 2, "user_id": 1},
        )
        made.add(
            "channels",
            {"id": 3, "_name": "Announcements", "_attributes": {"colour": "red"}, "_group_id": 2},
            {"id": 7, "_name": "Nowhere", "_group_id": 8},
        )
        made.add(
            "posts",
            {
                "id": 6,
                "_title": "Hello",
                "_comment": "First",
                "_content": {"type": "note"},
                "_user_id": 2,
                "_channel_id": 3,
            },
            {"id": 7, "_title": "Lost", "_comment": "", "_user_id": 2, "_channel_id": 7},
        )
        report = await carry_over(made)
        ours = await dump()
        (section,) = ours["section"]
        assert (section["abbreviation"], section["theme"]) == ("Home Page", "blue")
        assert [(g["id"], g["section_id"]) for g in ours["post_group"]] == [(2, 1), (3, None)]
        assert [(m["group_id"], m["user_id"]) for m in ours["moderator"]] == [(2, 1)]
        assert sorted(e.outcome for e in report.entries if e.table == "group_moderators") == [
            *("known", "refused", "taken")
        ]
        (channel,) = ours["channel"]
        assert (channel["id"], channel["group_id"]) == (3, 2)
        assert channel["attributes"] == {"colour": "red"}
        assert outcomes(report, "channels") == {"3": "taken", "7": "refused"}
        hello, lost = ours["post"]
        assert (hello["id"], hello["channel_id"], hello["user_id"]) == (6, 3, 2)
        assert (hello["title"], hello["comment"]) == ("Hello", "First")
        assert hello["content"] == {"type": "note"}
        assert (lost["channel_id"], lost["title"]) == (None, "Lost")
        assert report.left_columns == {"users": ["_car"]}
