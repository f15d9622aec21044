"""A whole import: all of it or nothing, once and never twice, with a backup before."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from app.config import Settings
from app.db import Database
from app.legacy.importer.report import Outcome
from app.legacy.importer.source import CannotImport
from app.models import AuditEvent
from tests.legacy.importer.conftest import Dumping, Importing, notes, outcomes
from tests.legacy.importer.test_opening import snapshot
from tests.legacy.old_databases import OLD_HASH, OldDatabase, make_old_database
from tests.people import People
from tests.wire import ONE_ENGINE

REFUSE = {
    "sqlite": [
        "CREATE TRIGGER refuse BEFORE INSERT ON post BEGIN SELECT RAISE(ABORT, 'ada@secret'); END"
    ],
    "postgresql": [
        (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'ada@secret'; END $$"
        ),
        "CREATE TRIGGER refuse BEFORE INSERT ON post FOR EACH ROW EXECUTE FUNCTION refuse()",
    ],
}
ALLOW = {
    "sqlite": ["DROP TRIGGER refuse"],
    "postgresql": ["DROP TRIGGER refuse ON post", "DROP FUNCTION refuse"],
}


async def execute(settings: Settings, *statements: str) -> None:
    """Change our database as somebody with a shell could."""
    database = Database(settings)
    async with database.transaction() as session:
        for statement in statements:
            await (await session.connection()).execute(text(statement))
    await database.dispose()


@pytest.fixture
def full(tmp_path: Path) -> OldDatabase:
    """A flocker server's database with something in every table."""
    folder = tmp_path / "old"
    folder.mkdir()
    made = make_old_database(folder / "old.db", "SFL", "ada", "grace", "")
    made.add_user("alan", _role="Admin", _password="in plain text")
    made.add("sections", {"id": 1, "_name": "Home Page", "_theme": "blue"})
    made.add("groups", {"id": 2, "_name": "General", "_section_id": 1})
    made.add("group_moderators", {"group_id": 2, "user_id": 1})
    made.add("channels", {"id": 3, "_name": "Announcements", "_group_id": 2})
    made.add("posts", {"id": 6, "_title": "A", "_comment": "B", "_user_id": 2, "_channel_id": 3})
    return made


class TestNothingChanges:
    async def test_in_a_dry_run(
        self, full: OldDatabase, carry_over: Importing, dump: Dumping, settings: Settings
    ) -> None:
        before, files = await dump(), {path.name for path in settings.instance_dir.iterdir()}
        report = await carry_over(full, is_dry_run=True)
        assert await dump() == before
        assert {path.name for path in settings.instance_dir.iterdir()} == files
        assert report.backup is None
        planned = report.entries
        assert (await carry_over(full)).entries == planned

    async def test_when_it_fails_in_the_middle(
        self,
        full: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        engine: str,
    ) -> None:
        before = await dump()
        await execute(settings, *REFUSE[engine])
        with pytest.raises(CannotImport, match="nothing was changed") as refused:
            await carry_over(full)
        assert "secret" not in str(refused.value)
        assert await dump() == before
        await execute(settings, *ALLOW[engine])
        assert outcomes(await carry_over(full), "posts") == {"6": "taken"}

    async def test_in_a_second_run(
        self, full: OldDatabase, carry_over: Importing, dump: Dumping, settings: Settings
    ) -> None:
        await carry_over(full)
        before, files = await dump(), sorted(settings.instance_dir.rglob("*"))
        report = await carry_over(full)
        assert {e.outcome for e in report.entries if e.key != "3" or e.table != "users"} == {
            "known"
        }
        assert await dump() == before
        assert sorted(settings.instance_dir.rglob("*")) == files

    async def test_in_the_file_and_beside_it(
        self, full: OldDatabase, carry_over: Importing
    ) -> None:
        before = snapshot(full.path.parent)
        await carry_over(full, is_dry_run=True)
        await carry_over(full)
        assert snapshot(full.path.parent) == before


class TestLaterRun:
    async def test_takes_what_is_new_and_links_it_to_what_was_taken(
        self, full: OldDatabase, carry_over: Importing, dump: Dumping
    ) -> None:
        await carry_over(full)
        full.add_user("later")
        full.add("posts", {"id": 9, "_title": "C", "_comment": "", "_user_id": 1, "_channel_id": 3})
        report = await carry_over(full)
        assert outcomes(report, "posts") == {"6": "known", "9": "taken"}
        first, second = (await dump())["post"]
        assert (first["id"], second["id"], second["user_id"]) == (6, 9, 1)
        assert second["channel_id"] == 3

    async def test_leaves_what_people_changed_meanwhile(
        self, full: OldDatabase, carry_over: Importing, dump: Dumping, settings: Settings
    ) -> None:
        await carry_over(full)
        await execute(
            settings,
            "UPDATE \"user\" SET uid = 'lovelace', uid_folded = 'lovelace', "
            "name = 'Countess' WHERE uid = 'ada'",
        )
        before = await dump()
        assert outcomes(await carry_over(full), "users")["1"] == "known"
        assert await dump() == before

    async def test_does_not_bring_back_what_was_deleted(
        self,
        full: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        people: People,
    ) -> None:
        """Nor gives what was theirs to whoever has got their number since."""
        await carry_over(full)
        await execute(settings, 'DELETE FROM "user" WHERE id >= 2')
        stranger = await people.create("stranger")
        if settings.sqlite_path is not None:
            assert stranger.id == 2
        full.add("posts", {"id": 9, "_title": "C", "_comment": "", "_user_id": 2, "_channel_id": 3})
        report = await carry_over(full)
        assert "then deleted" in notes(report, "users", "2")
        assert outcomes(report, "posts") == {"6": "refused", "9": "refused"}
        ours = await dump()
        assert [user["uid"] for user in ours["user"]] == ["ada", "stranger"]
        assert ours["post"] == []

    async def test_of_another_server_joins_what_has_the_same_name(
        self, full: OldDatabase, tmp_path: Path, carry_over: Importing, dump: Dumping
    ) -> None:
        await carry_over(full)
        other = make_old_database(tmp_path / "other.db", "SFL", "edsger")
        other.add("sections", {"id": 4, "_name": "HOME PAGE"})
        other.add("groups", {"id": 1, "_name": "general", "_section_id": 4})
        other.add("channels", {"id": 3, "_name": "News", "_group_id": 1})
        report = await carry_over(other)
        ours = await dump()
        assert [row["id"] for row in ours["section"]] == [1]
        assert [row["id"] for row in ours["post_group"]] == [2]
        assert [(row["id"], row["group_id"]) for row in ours["channel"]] == [(3, 2), (4, 2)]
        assert "it is that one" in notes(report, "sections", "4")
        assert notes(report, "channels", "3") == "its id is 4 here"


class TestBackup:
    @ONE_ENGINE
    async def test_is_the_database_as_it_was(
        self,
        full: OldDatabase,
        carry_over: Importing,
        people: People,
        settings: Settings,
    ) -> None:
        await people.create("teacher")
        report = await carry_over(full)
        (backup,) = settings.backups_dir.iterdir()
        assert report.backup == str(backup)
        assert stat.S_IMODE(settings.backups_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        with closing(sqlite3.connect(backup)) as database:
            assert database.execute("SELECT uid FROM user").fetchall() == [("teacher",)]
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    @ONE_ENGINE
    async def test_that_cannot_be_made_stops_the_import(
        self, full: OldDatabase, carry_over: Importing, dump: Dumping, settings: Settings
    ) -> None:
        before = await dump()
        settings.backups_dir.write_text("a file is in the way")
        with pytest.raises(CannotImport, match="backup before the import could not be made"):
            await carry_over(full)
        assert await dump() == before

    @pytest.mark.parametrize("engine", ["postgresql"])
    async def test_on_postgresql_is_said_to_be_missing(
        self, full: OldDatabase, carry_over: Importing
    ) -> None:
        report = await carry_over(full)
        assert report.backup is None
        assert any("pg_dump" in remark for remark in report.remarks)


async def test_is_in_the_audit_trail_once(
    full: OldDatabase, carry_over: Importing, dump: Dumping
) -> None:
    await carry_over(full)
    await carry_over(full)
    (event,) = (await dump())[AuditEvent.__tablename__]
    assert (event["action"], event["detail"]) == ("database-imported", {"source": "old.db"})


async def test_many_rows_go_in_several_statements(
    old: OldDatabase, carry_over: Importing, dump: Dumping
) -> None:
    old.add("users", *(old.user(f"u{n}", _password=OLD_HASH) for n in range(1, 4502)))
    old.add("sections", {"id": 1, "_name": "All", "_abbreviation": "ALL"})
    old.add(
        "user_sections", *({"user_id": n, "section_id": 1, "year": 2026} for n in range(1, 4502))
    )
    report = await carry_over(old)
    for table in ("users", "user_sections"):
        assert report.counts()[table] == {Outcome.TAKEN: 4501}
    ours = await dump()
    assert len(ours["user"]) == len(ours["membership"]) == 4501
    assert len(ours["imported_row"]) == 2 * 4501 + 1
