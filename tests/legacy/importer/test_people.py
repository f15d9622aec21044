"""People with every oddity that real files had: who is refused, what is changed, and that it works.

What is decided about single values has nothing to do with the engine; ids and clashes have.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.legacy.importer.passwords import is_worth_comparing
from app.models import Role
from app.schemas import RESERVED_UIDS
from tests.legacy.importer.conftest import Dumping, Importing, notes, outcomes
from tests.legacy.importer.test_eras import log_in
from tests.legacy.old_databases import OLD_HASH, OldDatabase, make_old_database
from tests.legacy.old_hashes import pbkdf2_hash
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE


class TestRefused:
    @ONE_ENGINE
    @pytest.mark.parametrize(
        "uid", ["", " ", "\t", "x" * 65, "a\x00b", "a\x1bb", "a\u202eb", b"ada", "\ufdfa" * 4]
    )
    async def test_uid_that_nobody_could_use(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping, uid: Any
    ) -> None:
        before = await dump()
        old.add_user("ada", _uid=uid, _name="")
        report = await carry_over(old)
        assert outcomes(report, "users") == {"1": "refused"}
        assert await dump() == before

    async def test_second_of_two_spellings_of_one_uid(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping
    ) -> None:
        old.add("users", *(old.user(uid) for uid in ("Ada", "ada", " ADA ", "grace")))
        report = await carry_over(old)
        assert outcomes(report, "users") == {
            "1": "taken",
            "2": "refused",
            "3": "refused",
            "4": "taken",
        }
        assert "means the same as Ada" in notes(report, "users", "2")
        assert [user["uid"] for user in (await dump())["user"]] == ["Ada", "grace"]

    async def test_uid_of_an_account_that_is_here(
        self, old: OldDatabase, carry_over: Importing, people: People, dump: Dumping
    ) -> None:
        """Whoever signed up first keeps what is theirs, and gets nothing that is not."""
        await people.create("ada")
        (before,) = (await dump())["user"]
        old.add_user("ADA", _role="Admin")
        old.add("sections", {"id": 1, "_name": "Computer Science A", "_abbreviation": "CSA"})
        old.add("user_sections", {"user_id": 1, "section_id": 1, "year": 2025})
        report = await carry_over(old)
        assert "here already" in notes(report, "users", "1")
        assert outcomes(report, "user_sections") == {"user 1, section 1": "refused"}
        ours = await dump()
        assert ours["user"] == [before]
        assert ours["membership"] == []
        await people.log_in("ada")


class TestIds:
    async def test_are_kept_where_they_are_free(
        self, old: OldDatabase, carry_over: Importing, people: People, dump: Dumping
    ) -> None:
        taken = await people.create("teacher")
        old.add_user("ada", id=taken.id)
        old.add_user("grace", id=41)
        old.add_user("alan", id=2_000_000_000)
        old.add("sections", {"id": 1, "_name": "Computer Science A", "_abbreviation": "CSA"})
        old.add("user_sections", {"user_id": taken.id, "section_id": 1, "year": 2025})
        report = await carry_over(old)
        ids = {user["uid"]: user["id"] for user in (await dump())["user"]}
        assert ids == {"teacher": taken.id, "ada": 42, "grace": 41, "alan": 43}
        assert notes(report, "users", str(taken.id)) == "its id is 42 here"
        assert [row["user_id"] for row in (await dump())["membership"]] == [42]

    async def test_next_ones_are_free_afterwards(
        self, old: OldDatabase, carry_over: Importing, people: People
    ) -> None:
        old.add_user("ada", id=1)
        old.add_user("grace", id=7)
        await carry_over(old)
        assert (await people.create("alan")).id == 8

    async def test_without_any(self, tmp_path: Path, carry_over: Importing, dump: Dumping) -> None:
        tables = {"users": "_uid VARCHAR, _name VARCHAR, _password VARCHAR"}
        made = OldDatabase(tmp_path / "old.db", tables)
        for uid in ("ada", "grace"):
            made.add_user(uid)
        report = await carry_over(made)
        assert outcomes(report, "users") == {"row 1": "taken", "row 2": "taken"}
        before = await dump()
        assert outcomes(await carry_over(made), "users") == {"row 1": "known", "row 2": "known"}
        assert await dump() == before

    @ONE_ENGINE
    async def test_that_two_have_are_the_first_ones_in_every_run(
        self, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        tables = {
            "users": "id INTEGER, _uid VARCHAR, _name VARCHAR",
            "posts": 'id INTEGER, note VARCHAR, "userID" INTEGER',
        }
        made = OldDatabase(tmp_path / "old.db", tables)
        for uid in ("ada", "grace"):
            made.add_user(uid, id=5)
        made.add("posts", {"id": 1, "note": "Whose?", "userID": 5})
        await carry_over(made)
        before = await dump()
        assert [user["id"] for user in before["user"]] == [5, 6]
        assert [post["user_id"] for post in before["post"]] == [5]
        await carry_over(made)
        assert await dump() == before


@ONE_ENGINE
class TestOddUidsKeepWorking:
    @pytest.mark.parametrize("uid", ["ada/l", "ada@example.org", "a", "ada lovelace", "ädä", "12"])
    async def test_people_log_in(
        self, old: OldDatabase, carry_over: Importing, client: httpx.AsyncClient, uid: str
    ) -> None:
        old.add_user(uid)
        assert outcomes(await carry_over(old), "users") == {"1": "taken"}
        assert await log_in(client, uid) == 200
        assert (await client.get("/api/v1/users/me")).json()["uid"] == uid

    async def test_blanks_around_are_taken_away(
        self, old: OldDatabase, carry_over: Importing, client: httpx.AsyncClient
    ) -> None:
        old.add_user(" ada ", _name="  Ada \t Lovelace ")
        report = await carry_over(old)
        assert "blanks around the user name" in notes(report, "users", "1")
        assert await log_in(client, "ada") == 200
        assert (await client.get("/api/v1/users/me")).json()["name"] == "Ada Lovelace"

    async def test_reserved_names_are_kept(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping
    ) -> None:
        old.add("users", *(old.user(uid) for uid in sorted(RESERVED_UIDS)))
        await carry_over(old)
        assert {user["uid"] for user in (await dump())["user"]} == set(RESERVED_UIDS)

    async def test_column_of_another_name(
        self, tmp_path: Path, carry_over: Importing, client: httpx.AsyncClient
    ) -> None:
        columns = "id INTEGER PRIMARY KEY, _username VARCHAR, _name VARCHAR, _password VARCHAR"
        made = OldDatabase(tmp_path / "old.db", {"Users": columns})
        row = {"_username": "ada", "_name": "Ada", "_password": OLD_HASH}
        made.add("users", row)
        await carry_over(made)
        assert await log_in(client, "ada") == 200


@ONE_ENGINE
class TestRoles:
    @pytest.mark.parametrize(
        ("written", "role"),
        [
            ("Admin", Role.ADMIN),
            ("admin", Role.ADMIN),
            ("Teacher", Role.TEACHER),
            ("User", Role.USER),
            ("default", Role.USER),
            ("Student", Role.USER),
            ("", Role.USER),
            # What the old check took for an admin: any part of the word.
            ("min", Role.USER),
            ("AdminAdmin", Role.USER),
            (1, Role.USER),
        ],
    )
    async def test_each(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        written: Any,
        role: Role,
    ) -> None:
        old.add_user("ada", _role=written)
        report = await carry_over(old)
        (user,) = (await dump())["user"]
        assert user["role"] == role
        assert report.admins == (["ada"] if role is Role.ADMIN else [])


@ONE_ENGINE
class TestValues:
    @pytest.mark.parametrize(
        ("written", "kept"),
        [
            ("?", None),
            ("", None),
            ("ada@example.org", "ada@example.org"),
            ("not an address", None),
            ("a@b\nbcc: c@d", None),
            ("x" * 300 + "@example.org", None),
        ],
    )
    async def test_email(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        written: str,
        kept: str | None,
    ) -> None:
        old.add_user("ada", _email=written)
        report = await carry_over(old)
        (user,) = (await dump())["user"]
        assert user["email"] == kept
        is_malformed = kept is None and written not in {"?", ""}
        assert outcomes(report, "users") == {"1": "changed" if is_malformed else "taken"}

    async def test_names(self, old: OldDatabase, carry_over: Importing, dump: Dumping) -> None:
        names = [
            "",
            "\u202e",
            "x" * 255,
            "\ufdfa" * 100,
            "A\x07d\u200ba",
            None,
            "Müller, Ł.",
            "e\u0301",
        ]
        old.execute("CREATE TABLE copy AS SELECT * FROM users")
        old.execute("DROP TABLE users")
        old.execute("ALTER TABLE copy RENAME TO users")
        old.add("users", *(old.user(f"u{n}", id=n, _name=name) for n, name in enumerate(names, 1)))
        report = await carry_over(old)
        kept = [user["name"] for user in (await dump())["user"]]
        assert kept[:3] == ["u1", "u2", "x" * 100]
        assert set(kept[3]) == {"\ufdfa"}
        assert kept[4:] == ["Ada", "u6", "Müller, Ł.", "é"]
        assert [key for key, found in outcomes(report, "users").items() if found == "taken"] == [
            *("7", "8")
        ]

    async def test_profile_that_does_not_fit(
        self, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        made = make_old_database(tmp_path / "old.db", "S26")
        made.add_user(
            "ada",
            _sid="1" * 100,
            _school="x" * 500,
            _class=[f"C{number}" for number in range(80)],
            _grade_data="[NaN]",
            _ap_exam="x" * 300_000,
        )
        made.add_user("grace", _class=[1, None, {}, " CSA "], _grade_data='"\\u0000\\ud800"')
        report = await carry_over(made)
        ours = await dump()
        ada, grace = ours["profile"]
        assert (len(ada["student_id"]), len(ada["school"]), len(ada["classes"])) == (64, 200, 50)
        assert grace["classes"] == ["1", "CSA"]
        (kept,) = ours["legacy_profile"]
        assert (kept["user_id"], kept["grade_data"]) == (2, "\ufffd\ufffd")
        said = notes(report, "users", "1")
        for what in ("student id was cut", "school was cut", "first 50 classes", "too large"):
            assert what in said


@ONE_ENGINE
class TestPasswords:
    @pytest.mark.parametrize(
        "stored",
        [
            *(None, "", "   ", "sha1$salt$" + "0" * 40, "0" * 32, "$2b$12$" + "a" * 53, "md5:x"),
            *("pbkdf2:sha256:9999999$salt$" + "0" * 64, "{SSHA}abcd", "pbkdf2:sha...", b"bytes"),
            "x" * 1025,
        ],
    )
    async def test_that_open_nothing_need_a_link(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping, stored: Any
    ) -> None:
        old.add_user("ada", _password=stored)
        report = await carry_over(old)
        (user,) = (await dump())["user"]
        assert user["password_hash"] is None
        assert report.need_reset == ["ada"]
        assert "make a reset link" in notes(report, "users", "1")

    @pytest.mark.parametrize(
        "settings_changes",
        [{}, {"environment": "production", "public_url": "https://api.school.org"}],
        ids=["development", "production"],
    )
    @pytest.mark.parametrize(
        ("uid", "password"),
        [
            *(("toby", "123toby"), ("hop", "123hop"), ("Toby", "123toby"), ("niko", "123Niko!")),
            *(("lex", "123qwerty"), ("admin", "password")),
        ],
    )
    @pytest.mark.parametrize("is_hashed", [True, False])
    async def test_that_are_published_need_a_link(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        uid: str,
        password: str,
        *,
        is_hashed: bool,
    ) -> None:
        old.add_user(uid, _password=pbkdf2_hash(password, 1) if is_hashed else password)
        report = await carry_over(old)
        (user,) = (await dump())["user"]
        assert user["password_hash"] is None
        assert report.need_reset == [uid]

    async def test_of_a_known_name_that_was_changed_is_kept(
        self, old: OldDatabase, carry_over: Importing, client: httpx.AsyncClient
    ) -> None:
        old.add_user("toby")
        assert (await carry_over(old)).need_reset == []
        assert await log_in(client, "toby") == 200

    @pytest.mark.parametrize("password", ["123qwerty", "123Qwerty!", "password"])
    async def test_that_everybody_had_need_a_link(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping, password: str
    ) -> None:
        old.add_user("ada", _password=pbkdf2_hash(password, 1))
        old.add_user("grace")
        report = await carry_over(old)
        assert [user["password_hash"] is None for user in (await dump())["user"]] == [True, False]
        assert report.need_reset == ["ada"]
        assert report.remarks == []

    async def test_that_everybody_had_open_nothing_where_nobody_compared(
        self, old: OldDatabase, carry_over: Importing, client: httpx.AsyncClient
    ) -> None:
        old.add_user("ada", _password=pbkdf2_hash("123qwerty", 1))
        report = await carry_over(old, compares_all=False)
        assert await log_in(client, "ada", "123qwerty") == 401
        assert report.remarks[0].startswith("1 passwords were not compared")

    async def test_are_left_uncompared_where_that_takes_longer_than_minutes(
        self, old: OldDatabase, carry_over: Importing
    ) -> None:
        slow = [f"pbkdf2:sha256:1000000$salt{n}${'0' * 64}" for n in range(334)]
        old.add("users", *(old.user(f"u{n}", _password=text) for n, text in enumerate(slow)))
        report = await carry_over(old)
        assert report.remarks[0].startswith("334 passwords were not compared")

    @pytest.mark.parametrize("settings_changes", [{"hash_queue": 1}])
    async def test_in_plain_text_are_hashed_however_many_there_are(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping
    ) -> None:
        old.add("users", *(old.user(f"u{n}", _password=f"{PASSWORD} {n}") for n in range(30)))
        report = await carry_over(old)
        hashes = [user["password_hash"] for user in (await dump())["user"]]
        assert all(found.startswith("$argon2id$") for found in hashes)
        assert len(set(hashes)) == 30
        assert PASSWORD not in "".join(report.as_json())


def test_thousands_are_not_compared_unasked() -> None:
    cheap = {"password": pbkdf2_hash("123qwerty", 1)}
    assert is_worth_comparing([cheap] * 2000)
    assert not is_worth_comparing([cheap] * 2001)
