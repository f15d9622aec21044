"""Sections, groups, channels and posts as odd as SQLite lets them be."""

from pathlib import Path

import pytest

from app.models import utc_now
from app.services.sections import school_year
from tests.legacy.importer.conftest import Dumping, Importing, notes, outcomes
from tests.legacy.old_databases import ERAS, OldDatabase, make_old_database
from tests.wire import ONE_ENGINE

pytestmark = ONE_ENGINE


@pytest.fixture
def flock(tmp_path: Path) -> OldDatabase:
    """A flocker server's database with one person in it."""
    return make_old_database(tmp_path / "flock.db", "SFL", "ada")


async def test_without_a_name_are_refused(
    flock: OldDatabase, carry_over: Importing, dump: Dumping
) -> None:
    for table in ("sections", "groups", "channels"):
        flock.add(table, {"id": 1, "_name": " "}, {"id": 2, "_name": None})
    flock.execute("UPDATE channels SET _group_id = 3")
    flock.add("groups", {"id": 3, "_name": "General"})
    report = await carry_over(flock)
    for table in ("sections", "groups", "channels"):
        found = outcomes(report, table)
        assert (found["1"], found["2"]) == ("refused", "refused")
        assert notes(report, table, "1") == "it has no name"
    ours = await dump()
    assert (ours["section"], ours["channel"]) == ([], [])
    assert [group["name"] for group in ours["post_group"]] == ["General"]


async def test_keys_may_be_text(tmp_path: Path, carry_over: Importing, dump: Dumping) -> None:
    tables = {**ERAS["SFL"], "channels": "id VARCHAR, _name VARCHAR, _group_id VARCHAR"}
    made = OldDatabase(tmp_path / "old.db", tables)
    made.add("groups", {"id": 2, "_name": "General"})
    made.add(
        "channels",
        {"id": "3", "_name": "Announcements", "_group_id": "2"},
        {"id": "30000000001", "_name": "Too long a number", "_group_id": "2"},
        {"id": "x", "_name": "Nowhere", "_group_id": "20000000001"},
        {"_name": "Without an id", "_group_id": 2},
    )
    report = await carry_over(made)
    assert [(row["id"], row["name"]) for row in (await dump())["channel"]] == [
        (3, "Announcements"),
        (4, "Without an id"),
        (5, "Too long a number"),
    ]
    assert [entry.outcome for entry in report.entries if entry.table == "channels"] == [
        *("taken", "taken", "taken", "refused")
    ]


async def test_long_texts_are_cut_where_a_column_ends(
    flock: OldDatabase, carry_over: Importing, dump: Dumping
) -> None:
    long = "x" * 255
    flock.add("sections", {"id": 1, "_name": long, "_theme": long})
    flock.add("groups", {"id": 1, "_name": long})
    flock.add("channels", {"id": 1, "_name": long, "_group_id": 1, "_attributes": [1]})
    flock.add("posts", {"id": 1, "_title": long, "_comment": long * 100, "_user_id": 1})
    report = await carry_over(flock)
    ours = await dump()
    (section,), (group,), (channel,) = ours["section"], ours["post_group"], ours["channel"]
    assert (len(section["abbreviation"]), len(section["name"]), len(section["theme"])) == (
        *(32, 100, 100),
    )
    assert (len(group["name"]), len(channel["name"]), channel["attributes"]) == (100, 100, None)
    assert "is no object" in notes(report, "channels", "1")
    (post,) = ours["post"]
    assert (len(post["title"]), len(post["comment"])) == (200, 25_500)


async def test_years_that_are_none_become_the_present_one(
    old: OldDatabase, carry_over: Importing, dump: Dumping
) -> None:
    old.add("users", *(old.user(uid) for uid in ("ada", "grace", "alan")))
    old.add("sections", {"id": 1, "_name": "All", "_abbreviation": "ALL"})
    for number, year in enumerate([0, "soon", 99_999], 1):
        old.add("user_sections", {"user_id": number, "section_id": 1, "year": year})
    report = await carry_over(old)
    years = {row["year"] for row in (await dump())["membership"]}
    assert years == {school_year(utc_now())}
    assert "had no year" in notes(report, "user_sections", "user 1, section 1")
