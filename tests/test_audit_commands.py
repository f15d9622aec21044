"""`portfolio audit`: what it shows, what it finds out, what it hands out and notes in doing so."""

import csv
import hashlib
import json
import os
import pty
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from app.seals import FORM, NOTHING
from app.services.audit.exporting import defuse
from tests.server.process import environment_for
from tests.test_cli import Run, create, query, ready, run, sentence

pytestmark = pytest.mark.process

__all__ = ["ready", "run"]

SECRET, LATER = "Rk3vTq8xLw5nZy2bHs7dGm4cPa6jEo1f", "Jp9fVu6aXe1tCi0oQz8wNr5hMb2kSd7g"


@pytest.fixture
def used(ready: Run) -> Run:
    """An instance with two accounts and four events, the last of them a role that changed."""
    for uid in ("ada", "bob"):
        assert create(ready, uid).exit_code == 0
    assert ready("users", "disable", "bob").exit_code == 0
    assert ready("users", "promote", "ada").exit_code == 0
    return ready


def change(*statements: str) -> None:
    """Change the database as somebody does who has the file."""
    with closing(sqlite3.connect("instance/portfolio.db")) as database:
        for name in ("update", "delete"):
            database.execute(f"DROP TRIGGER IF EXISTS audit_event_no_{name}")
        for statement in statements:
            database.execute(statement)
        database.commit()


def count() -> int:
    return len(query("SELECT id FROM audit_event"))


def exported(used: Run, *options: str) -> str:
    result = used("audit", "export", "-", *options)
    assert result.exit_code == 0, result.output
    return result.stdout


class TestList:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("--since", "yesterday"),
            ("--since", "xd"),
            ("--since", f"{10**20}d"),
            ("--limit", "0"),
            ("--fly",),
        ],
    )
    def test_called_wrongly(self, used: Run, arguments: tuple[str, ...]) -> None:
        assert used("audit", "list", *arguments).exit_code == 2

    def test_an_action_that_does_not_exist(self, used: Run) -> None:
        result = used("audit", "list", "--action", "flown")
        assert result.exit_code == 1
        assert "no such action" in result.stderr

    def test_nothing_like_that(self, used: Run) -> None:
        for arguments in (("--person", "nobody"), ("--since", "2999-01-01")):
            result = used("audit", "list", *arguments)
            assert result.stdout == "Nothing like that is in the trail.\n"

    def test_newest_first_with_names(self, used: Run) -> None:
        lines = used("audit", "list").stdout.splitlines()
        assert [line.split()[0] for line in lines] == [str(n) for n in range(len(lines), 0, -1)]
        assert "- ada console" in lines[0]
        assert lines[-1].split()[3:] == ["account-created", "-", "ada", "console", "role=user"]

    @pytest.mark.parametrize(
        ("arguments", "subjects"),
        [
            (("--person", "BOB", "--action", "account-created"), ["bob"]),
            (("--action", "account-created", "--since", "1d"), ["bob", "ada"]),
            (("--action", "account-created", "--since", "2020-01-01T00:00"), ["bob", "ada"]),
            (("--action", "account-created", "--limit", "1"), ["bob"]),
        ],
    )
    def test_some_of_them(self, used: Run, arguments: tuple[str, ...], subjects: list[str]) -> None:
        lines = used("audit", "list", *arguments).stdout.splitlines()
        assert [line.split()[5] for line in lines] == subjects

    def test_more_than_a_page(self, used: Run) -> None:
        columns = "occurred_at, action, client_address, request_id, detail"
        row = "SELECT CURRENT_TIMESTAMP, 'login', '', '', '{}' FROM n"
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)"
        change(f"INSERT INTO audit_event ({columns}) {numbers} {row}")
        assert count() > 120
        assert len(used("audit", "list", "--limit", "110").stdout.splitlines()) == 110
        assert len(used("audit", "list", "--limit", "9999").stdout.splitlines()) == count()

    def test_people_who_are_gone_and_what_a_terminal_would_obey(self, used: Run) -> None:
        change("UPDATE audit_event SET subject = 'gone', client_address = '\x1b[2J' WHERE id = 1")
        assert "- (gone) �[2J role=user" in used("audit", "list").stdout

    def test_what_somebody_made_unreadable(self, used: Run) -> None:
        change("UPDATE audit_event SET detail = 'junk' WHERE id = 1")
        last = used("audit", "list").stdout.splitlines()[-1]
        assert last == "     1 cannot be read: it was changed"


class TestVerify:
    @pytest.mark.parametrize(
        ("statement", "told"),
        [
            ("UPDATE audit_event SET actor = 'x' WHERE id = 2", "Changed: Event 2 was changed."),
            ("DELETE FROM audit_event WHERE id = 2", "Removed: Event 2 was removed."),
            ("DELETE FROM audit_event WHERE id > 2", "Cut off: Events 3 to "),
        ],
    )
    def test_tells_what_was_done(self, used: Run, statement: str, told: str) -> None:
        change(statement)
        assert sentence(used("audit", "verify")).startswith(told)

    def test_the_key_is_missing(self, used: Run) -> None:
        Path("instance/audit-keys.json").unlink()
        assert sentence(used("audit", "verify")) == (
            "instance/audit-keys.json, which seals the audit trail, is missing. Restore it from a "
            "copy, or run `portfolio migrate`: it makes a new one."
        )
        used("migrate")
        assert sentence(used("audit", "verify")).startswith("Key missing: Event 1 was sealed with")

    def test_whole(self, used: Run) -> None:
        result = used("audit", "verify")
        assert result.exit_code == 0
        digest = query("SELECT digest FROM audit_head")[0][0]
        assert result.stdout == f"{count()} events, as they were written. The last: {digest}\n"
        assert result.stderr == ""

    def test_is_still_whole_with_new_keys_for_logins(self, used: Run) -> None:
        used("keys", "rotate")
        used("users", "disable", "bob", "--undo")
        assert used("audit", "verify").exit_code == 0

    def test_after_a_number(self, used: Run) -> None:
        change("UPDATE audit_event SET actor = 'x' WHERE id = 1")
        assert used("audit", "verify", "--after", "2").exit_code == 0
        assert used("audit", "verify", "--after", "-1").exit_code == 2

    def test_former_secrets_from_a_pipe(self, used: Run) -> None:
        for secret in (SECRET, LATER):
            assert used("users", "promote", "bob", SECRET_KEY=secret).exit_code == 0
        assert "Key missing" in sentence(used("audit", "verify", SECRET_KEY=LATER))
        arguments = ("audit", "verify", "--former-secret")
        assert used(*arguments, stdin="\nno\n", SECRET_KEY=LATER).exit_code == 1
        assert used(*arguments, stdin=f"{SECRET}\n", SECRET_KEY=LATER).exit_code == 0


class TestWithSomebodyWatching:
    """On a terminal: a bar, and a question for each former secret that does not show."""

    @staticmethod
    def type(*arguments: str, answers: tuple[str, ...] = (), **settings: str) -> tuple[int, str]:
        """Run a command on a terminal, answering its prompts; return its exit code and output."""
        terminal, inner = pty.openpty()
        waiting, shown = list(answers), b""
        with subprocess.Popen(  # noqa: S603  (our own program)
            [sys.executable, "-m", "app", "audit", *arguments],
            env=environment_for(Path.cwd(), settings),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        ) as process:
            os.close(inner)
            # Reading from a terminal that nobody holds any more is an error on Linux.
            with suppress(OSError):
                while part := os.read(terminal, 4096):
                    shown += part
                    if shown.endswith(b"SECRET_KEY: "):
                        os.write(terminal, waiting.pop(0).encode() + b"\n")
        os.close(terminal)
        return process.returncode, shown.decode()

    def test_bar(self, used: Run) -> None:
        assert used("audit", "verify").exit_code == 0
        status, shown = self.type("verify")
        assert status == 0
        assert "Verifying" in shown
        assert "events, as they were written." in shown

    def test_secrets_are_asked_for_one_by_one(self, used: Run) -> None:
        for secret in (SECRET, LATER):
            assert used("users", "promote", "bob", SECRET_KEY=secret).exit_code == 0
        status, shown = self.type(
            "verify", "--former-secret", answers=(SECRET, ""), SECRET_KEY=LATER
        )
        assert status == 0, shown
        assert shown.count("A former SECRET_KEY") == 2


class TestVerifyAgainst:
    @pytest.mark.parametrize(
        "content", ["junk", "[]", '{"number": 1}', '{"number": "1", "digest": "x"}', "\x00\n"]
    )
    def test_no_export(self, used: Run, content: str) -> None:
        Path("export").write_text(content)
        found = sentence(used("audit", "verify", "--against", "export"))
        assert found == "Line 1 is no event of an export as JSON lines."

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_no_file(self, used: Run, content: bytes | None) -> None:
        if content is not None:
            Path("export").write_bytes(content)
        found = sentence(used("audit", "verify", "--against", "export"))
        assert found == "export cannot be read as an export."

    def test_the_database_of_yesterday(self, used: Run) -> None:
        yesterday = Path("instance/portfolio.db").read_bytes()
        used("users", "disable", "ada", "--undo")
        used("audit", "export", "today")
        assert used("audit", "verify", "--against", "today").exit_code == 0
        Path("instance/portfolio.db").write_bytes(yesterday)
        assert used("audit", "verify").exit_code == 0
        assert sentence(used("audit", "verify", "--against", "today")).startswith("Put back: ")


class TestExport:
    def test_never_over_a_file(self, used: Run) -> None:
        Path("export").write_text("mine")
        before = count()
        assert "Name another file" in sentence(used("audit", "export", "export"))
        assert Path("export").read_text() == "mine"
        assert count() == before

    def test_what_cannot_be_written_down(self, used: Run) -> None:
        change("UPDATE audit_event SET detail = 'junk' WHERE id = 1")
        assert "Event 1 was changed" in sentence(used("audit", "export", "export"))
        assert not Path("export").exists()

    def test_is_the_owners_alone_and_tells_of_itself(self, used: Run) -> None:
        result = used("audit", "export", "export")
        lines = [json.loads(line) for line in Path("export").read_text().splitlines()]
        assert (result.stdout, result.stderr) == ("", f"{count()} events.\n")
        assert [line["number"] for line in lines] == list(range(1, count() + 1))
        assert (lines[-1]["action"], lines[-1]["detail"]) == ("audit-exported", {"form": "json"})
        assert stat.S_IMODE(Path("export").stat().st_mode) == 0o600

    def test_an_outsider_can_follow_the_chain(self, used: Run) -> None:
        """With the standard library, as docs/audit.md says, and no secret."""
        previous = NOTHING
        for line in exported(used).splitlines():
            event: dict[str, Any] = json.loads(line)
            digest, _seal = event.pop("digest"), event.pop("seal")
            told = {**event, "form": FORM, "previous": previous}
            text = json.dumps(told, sort_keys=True, separators=(",", ":"))
            previous = hashlib.sha256(text.encode()).hexdigest()
            assert digest == previous

    def test_as_a_table(self, used: Run) -> None:
        first, *rows = csv.reader(StringIO(exported(used, "--format", "csv"), newline=""))
        assert first[:3] == ["number", "occurred_at", "action"]
        assert first[-2:] == ["digest", "seal"]
        assert [row[0] for row in rows] == [str(number) for number in range(1, count() + 1)]
        assert rows[0][2] == "account-created"

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_no_cell_is_run(self, used: Run, start: str) -> None:
        change(f"UPDATE audit_event SET client_address = '{start}1+1' WHERE id = 1")
        cells = list(csv.reader(StringIO(exported(used, "--format", "csv"), newline="")))[1]
        assert cells[5] == f"'{start}1+1"

    @pytest.mark.parametrize("cell", ["", "a=1", "'=1", "1", "2001:db8::1", "{}"])
    def test_other_cells_are_as_they_are(self, cell: str) -> None:
        assert defuse(cell) == cell
