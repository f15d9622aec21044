"""The report: complete as JSON, readable for people, and without what is nobody's business."""

import json
import re
from typing import Any

import pytest

from app.legacy.importer.report import MAX_LINES, MAX_NAMES, Outcome, Report
from tests.legacy.importer.conftest import Importing
from tests.legacy.importer.test_run import full
from tests.legacy.old_databases import OLD_HASH, OldDatabase
from tests.wire import ONE_ENGINE

__all__ = ["full"]


def read(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(report.as_json()))
    return found


@pytest.fixture
def report() -> Report:
    return Report("old.db", is_dry_run=False)


class TestJSON:
    def test_of_nothing(self, report: Report) -> None:
        assert read(report)["rows"] == []

    @ONE_ENGINE
    async def test_has_every_row_once(self, full: OldDatabase, carry_over: Importing) -> None:
        told = read(await carry_over(full))
        counts = {table: len(full.read(table)) for table in full.columns}
        assert {table: found["rows"] for table, found in told["tables"].items()} == counts
        for table, found in told["tables"].items():
            rows = [row for row in told["rows"] if row["table"] == table]
            kinds = ("taken", "changed", "refused", "known")
            assert sum(found[kind] for kind in kinds) == found["rows"] == len(rows)
            assert all(row["notes"] for row in rows if row["outcome"] in {"changed", "refused"})

    @ONE_ENGINE
    async def test_says_what_was_asked(self, full: OldDatabase, carry_over: Importing) -> None:
        told = read(await carry_over(full, is_dry_run=True))
        assert (told["source"], told["dry_run"], told["backup"]) == ("old.db", True, None)
        assert told["left_columns"] == {"users": ["_car"]}
        assert told["admins"] == ["alan"]

    @ONE_ENGINE
    async def test_holds_no_secret(self, old: OldDatabase, carry_over: Importing) -> None:
        old.add_user("ada", _email="ada@example.org", _password="a secret in plain text")
        old.add_user("grace", _email="not an address", _password="crypt$unknown$hash")
        old.add_user("alan", _name="x" * 200)
        report = await carry_over(old)
        text = "".join(report.as_json()) + "\n".join(report.lines())
        for secret in ("example.org", "address@", "a secret", "crypt$", OLD_HASH, "not an", "xxx"):
            assert secret not in text


class TestLines:
    def test_count_what_became_of_each_table(self, report: Report) -> None:
        report.took("users", 1, [])
        report.took("users", 2, ["it was cut"], uid="ada")
        report.add("posts", 3, Outcome.REFUSED, "nobody wrote it")
        assert list(report.lines()) == [
            "users: 2 rows: 1 taken, 1 changed",
            "posts: 1 rows: 1 refused",
            "  changed: users 2 (ada): it was cut",
            "  refused: posts 3: nobody wrote it",
        ]

    def test_end_somewhere(self, report: Report) -> None:
        for number in range(MAX_LINES + 5):
            report.add("users", number, Outcome.REFUSED, "too odd")
        report.need_reset.extend(f"u{number}" for number in range(MAX_NAMES + 3))
        lines = list(report.lines())
        assert "  and 5 more rows: write them with --report FILE.json" in lines
        assert any(line.endswith("u19 and 3 more") for line in lines)

    def test_name_what_stays_behind_and_what_to_do(self, report: Report) -> None:
        report.left_tables["players"] = 3
        report.left_columns["users"] = ["_car"]
        report.admins.append("ada")
        report.need_reset.append("grace")
        report.backup = "backups/before.db"
        assert list(report.lines()) == [
            "Tables left where they are: players (3)",
            "Columns of users left where they are: _car",
            "Admins: ada",
            "Without a password (1): grace",
            "  Make a link for each with: portfolio users reset UID",
            "The database as it was before: backups/before.db",
        ]

    def test_do_nothing_to_a_terminal(self, report: Report) -> None:
        nasty = "a\x1b[2Jb\nc\u202e"
        report.add("users", nasty, Outcome.REFUSED, "too odd", uid=nasty)
        report.left_tables[nasty] = 1
        report.left_columns["users"] = [nasty]
        report.need_reset.append(nasty)
        assert re.search("[\x1b\n\u202e]", "".join(report.lines())) is None
