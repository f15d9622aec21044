"""`portfolio …` as somebody types it: exit codes, one sentence when it cannot, and no secrets."""

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from app import __version__
from app.__main__ import main
from app.cli import cli
from app.keys import KeyRing, new_key
from app.models import utc_now
from tests.databases import copy_instance
from tests.people import PASSWORD
from tests.revisions import LINES
from tests.server.process import environment_for

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; keywords are settings, `stdin` is what is typed."""
    monkeypatch.chdir(tmp_path)
    cheap = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME": "1", "PORT": "9"}

    def run_one(*arguments: str, stdin: str = "", **settings: str) -> Result:
        environment = {**cheap, **settings}
        return CliRunner().invoke(cli, arguments, input=stdin, env=environment)

    return run_one


@pytest.fixture
def ready(run: Run, sqlite_template: Path) -> Run:
    """The same, on an instance with keys and a migrated database."""
    Path("instance").mkdir(mode=0o700)
    KeyRing((new_key(utc_now()),)).write(Path("instance/keys.json"))
    copy_instance(sqlite_template, Path("instance"))
    Path("instance/portfolio.db").chmod(0o600)
    return run


def sentence(result: Result) -> str:
    """Return the one sentence of a command that could not do what it should."""
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    return result.stderr.rstrip("\n")


def create(run: Run, uid: str, *options: str, stdin: str = PASSWORD + "\n") -> Result:
    return run("users", "create", uid, "--name", uid.title(), *options, stdin=stdin)


def token_in(output: str) -> str:
    """Return the secret of the link in an output."""
    link = urlsplit(output.rsplit(maxsplit=1)[-1])
    assert link.path == "/reset"
    return parse_qs(link.query)["token"][0]


def query(statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect("instance/portfolio.db")) as database:
        return database.execute(statement).fetchall()


class TestCalledWrongly:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("fly",),
            ("--fly",),
            ("migrate", "now"),
            ("users", "fly"),
            ("users", "create"),
            ("users", "promote"),
            ("users", "promote", "ada", "--role", "root"),
            ("serve", "--port", "70000"),
            ("serve", "--port", "-1"),
            ("serve", "--port", "http"),
            ("keys", "burn"),
        ],
    )
    def test_is_exit_code_2_and_makes_nothing(
        self, run: Run, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        result = run(*arguments)
        assert result.exit_code == 2
        assert "Usage: " in result.stderr
        assert list(tmp_path.iterdir()) == []


class TestUnusableSettings:
    @pytest.mark.parametrize(
        "arguments",
        [
            *(("serve",), ("migrate",), ("doctor",), ("users", "list"), ("keys", "rotate")),
            *(("users", "disable", "ada"), ("users", "reset", "ada"), ("users", "promote", "ada")),
        ],
        ids=" ".join,
    )
    def test_is_one_sentence_without_the_value(
        self, run: Run, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        assert sentence(run(*arguments, SECRET_KEY="hunter2")).startswith(
            "SECRET_KEY must be at least 32 random characters."
        )
        assert "hunter2" not in run(*arguments, SECRET_KEY="hunter2").output
        assert list(tmp_path.iterdir()) == []

    def test_unsafe_production(self, run: Run) -> None:
        assert sentence(run("serve", ENVIRONMENT="production")) == (
            "PUBLIC_URL is needed in production: the address people open."
        )


class TestWithoutAnInstance:
    @pytest.mark.parametrize("command", ["list", "reset", "disable", "promote", "create"])
    def test_looks_after_no_users(self, run: Run, tmp_path: Path, command: str) -> None:
        arguments = () if command == "list" else ("ada",)
        options = ("--name", "Ada") if command == "create" else ()
        assert sentence(run("users", command, *arguments, *options, stdin=PASSWORD)) == (
            "There is no instance here yet. Run `portfolio serve` or `portfolio migrate`."
        )
        assert list(tmp_path.iterdir()) == []

    def test_rotates_no_keys(self, run: Run) -> None:
        assert sentence(run("keys", "rotate")) == (
            "There is no key ring yet. Run `portfolio serve` once."
        )


class TestHelp:
    @staticmethod
    def commands() -> Iterator[tuple[str, Any]]:
        """Yield every command and group with the words that lead to it."""

        def walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
            yield path, command
            for name, inner in getattr(command, "commands", {}).items():
                yield from walk(f"{path} {name}".strip(), inner)

        return walk("", cli)

    def test_there_are_these_commands(self) -> None:
        assert {path for path, command in self.commands() if not hasattr(command, "commands")} == {
            *("serve", "migrate", "doctor", "backup", "restore", "keys rotate", "keys make"),
            *("users list", "move"),
            *("users create", "users promote", "users disable", "users reset", "import-flask"),
            *("users remove-second-factor", "audit list", "audit verify", "audit export"),
        }

    def test_every_command_and_option_is_explained_in_a_sentence(self) -> None:
        for path, command in self.commands():
            assert re.fullmatch(r"[A-Z][^\n]+\.", command.help or ""), path
            for parameter in command.params:
                text = getattr(parameter, "help", None) or ""
                assert re.fullmatch(r"[A-Z].+\.", text), f"{path} {parameter.name}"

    def test_every_command_has_a_page(self, run: Run) -> None:
        for path, command in self.commands():
            result = run(*path.split(), "--help")
            assert result.exit_code == 0
            words = re.sub(r"[^\w]+", " ", result.stdout)
            assert re.sub(r"[^\w]+", " ", (command.help or "")[:40]).strip() in words

    @pytest.mark.parametrize("arguments", [(), ("users",), ("keys",)])
    def test_alone_it_shows_its_page(self, run: Run, arguments: tuple[str, ...]) -> None:
        assert "Usage: " in run(*arguments).output

    def test_version(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["portfolio", "--version"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert (ended.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


class TestMigrate:
    def test_refuses_what_is_no_database(self, run: Run) -> None:
        Path("instance").mkdir()
        Path("instance/portfolio.db").write_text("something else" * 100)
        assert sentence(run("migrate")).endswith("file is not a database.")

    def test_says_what_it_does(self, run: Run) -> None:
        result = run("migrate")
        said = re.findall("^Migrated the database: ", result.stdout, re.MULTILINE)
        assert (result.exit_code, len(said)) == (0, len(LINES))

    def test_twice(self, ready: Run) -> None:
        result = ready("migrate")
        assert (result.exit_code, result.stdout) == (0, "The database is up to date.\n")


class TestCreateUser:
    @pytest.mark.parametrize(
        ("uid", "stdin", "said"),
        [
            ("a b", PASSWORD, "UID: Use letters a to z, digits, and . _ - between them."),
            ("admin", PASSWORD, "UID: That user name is reserved. Try another."),
            ("ada", "", "PASSWORD: Enter a password."),
            ("ada", "hunter2", "Use at least 12 characters."),
            ("ada", "hunter2" * 200, "PASSWORD: Use at most 1,024 bytes."),
        ],
    )
    def test_refused(self, ready: Run, uid: str, stdin: str, said: str) -> None:
        result = create(ready, uid, stdin=stdin)
        assert sentence(result).startswith(said)
        assert "hunter2" not in result.output
        assert query('SELECT * FROM "user"') == []

    def test_taken_in_whatever_case(self, ready: Run) -> None:
        assert create(ready, "ada").exit_code == 0
        assert sentence(create(ready, "ADA")) == "That user name is taken."
        assert query('SELECT uid FROM "user"') == [("ada",)]

    def test_bad_address(self, ready: Run) -> None:
        result = create(ready, "ada", "--email", "nonsense")
        assert sentence(result) == "EMAIL: Enter an e-mail address like name@example.org."

    @pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
    def test_password_from_a_pipe_is_hashed_and_not_shown(self, ready: Run, ending: str) -> None:
        result = create(ready, "ada", stdin=PASSWORD + ending)
        assert (result.exit_code, result.output) == (0, "Created ada (user).\n")
        ((stored,),) = query('SELECT password_hash FROM "user"')
        assert str(stored).startswith("$argon2id$")

    @pytest.mark.process
    def test_password_typed_twice_is_not_shown(self, ready: Run) -> None:
        """At a terminal of its own, as a person would."""
        assert ready("users", "list").exit_code == 0
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "app", "users", "create", "ada", "--name", "Ada"],
            env=environment_for(Path.cwd(), {}),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stderr is not None
            # Asked for when the terminal shows nothing of what is typed any more.
            for prompt in (b"Password: ", b"\nRepeat for confirmation: "):
                assert process.stderr.read(len(prompt)) == prompt
                os.write(ours, PASSWORD.encode() + b"\n")
            output, errors = process.communicate(timeout=30)
        os.close(theirs)
        os.close(ours)
        assert (process.returncode, output) == (0, b"Created ada (user).\n")
        assert PASSWORD.encode() not in errors

    def test_with_everything(self, ready: Run) -> None:
        result = create(ready, "ada", "--role", "teacher", "--email", "ada@example.org")
        assert result.stdout == "Created ada (teacher).\n"
        assert query('SELECT role, email, name FROM "user"') == [
            ("teacher", "ada@example.org", "Ada")
        ]

    def test_with_a_link_asks_for_nothing(self, ready: Run) -> None:
        result = create(ready, "ada", "--link", stdin="")
        assert result.exit_code == 0
        assert result.stdout.startswith("Created ada (user). They choose a password here:\nhttp://")
        assert len(token_in(result.stdout)) == 43
        assert query("SELECT purpose FROM one_time_link") == [("reset",)]

    def test_leaves_a_trace(self, ready: Run) -> None:
        create(ready, "ada")
        assert query("SELECT action, actor, client_address FROM audit_event") == [
            ("account-created", None, "console")
        ]


class TestListUsers:
    def test_none(self, ready: Run) -> None:
        result = ready("users", "list")
        assert (result.exit_code, result.output) == (0, "")

    def test_a_line_each(self, ready: Run) -> None:
        create(ready, "bob", "--role", "admin")
        create(ready, "ada")
        ready("users", "disable", "ada")
        lines = [line.split() for line in ready("users", "list").stdout.splitlines()]
        assert lines == [["ada", "user", "disabled", "Ada"], ["bob", "admin", "active", "Bob"]]

    def test_search(self, ready: Run) -> None:
        create(ready, "bob")
        create(ready, "ada")
        assert ready("users", "list", "--search", "AD").stdout.startswith("ada ")
        assert ready("users", "list", "--search", "%").stdout == ""

    def test_more_than_a_page(self, ready: Run) -> None:
        create(ready, "ada")
        with closing(sqlite3.connect("instance/portfolio.db")) as database, database:
            for number in range(205):
                database.execute(
                    'INSERT INTO "user" (public_id, uid, uid_folded, name, name_folded, role, '
                    "is_active, auth_epoch, created_at, updated_at) SELECT ?, ?, ?, name, "
                    'name_folded, role, 1, 0, created_at, updated_at FROM "user" WHERE uid = "ada"',
                    [f"p{number}", f"u{number:03}", f"u{number:03}"],
                )
        lines = ready("users", "list").stdout.splitlines()
        assert [line.split()[0] for line in lines] == ["ada", *(f"u{n:03}" for n in range(205))]


class TestChangeUser:
    @pytest.mark.parametrize("command", ["promote", "disable", "reset"])
    @pytest.mark.parametrize("uid", ["nobody", "a\x00b", "\udcff"])
    def test_nobody_of_that_name(self, ready: Run, command: str, uid: str) -> None:
        assert sentence(ready("users", command, uid)) == "There is no such user."

    @pytest.mark.parametrize(
        "arguments", [("disable", "ada"), ("promote", "ada", "--role", "teacher")], ids=" ".join
    )
    def test_the_last_admin_stays(self, ready: Run, arguments: tuple[str, ...]) -> None:
        create(ready, "ada", "--role", "admin")
        assert sentence(ready("users", *arguments)) == "This is the last active admin."
        assert query('SELECT role, is_active FROM "user"') == [("admin", 1)]

    def test_promote(self, ready: Run) -> None:
        create(ready, "ada")
        assert ready("users", "promote", "ADA").stdout == "ada is admin, active.\n"
        create(ready, "bob")
        assert (
            ready("users", "promote", "bob", "--role", "teacher").stdout
            == "bob is teacher, active.\n"
        )

    def test_disable_and_undo(self, ready: Run) -> None:
        create(ready, "ada")
        assert ready("users", "disable", "ada").stdout == "ada is user, disabled.\n"
        assert ready("users", "disable", "ada", "--undo").stdout == "ada is user, active.\n"
        assert query('SELECT is_active, auth_epoch FROM "user"') == [(1, 1)]

    def test_reset(self, ready: Run) -> None:
        create(ready, "ada")
        first, second = (ready("users", "reset", "ada").stdout for _ in range(2))
        assert first != second
        assert len(query("SELECT * FROM one_time_link")) == 1
        assert token_in(second) not in str(query("SELECT * FROM one_time_link"))


class TestRotateKeys:
    def test_not_with_a_secret_of_ones_own(self, ready: Run) -> None:
        before = Path("instance/keys.json").read_bytes()
        assert sentence(ready("keys", "rotate", SECRET_KEY="k7Xq2vN9-bT4wZ_8mJ1sR5yL3cH6pF0d")) == (
            "SECRET_KEY is set: change it there. It ends every login."
        )
        assert Path("instance/keys.json").read_bytes() == before

    def test_not_a_damaged_ring(self, ready: Run) -> None:
        Path("instance/keys.json").write_text("junk")
        assert "cannot be read as a key ring" in sentence(ready("keys", "rotate"))
        assert Path("instance/keys.json").read_text() == "junk"

    def test_adds_one_that_signs_and_shows_no_secret(self, ready: Run) -> None:
        path = Path("instance/keys.json")
        old = KeyRing.read(path).current
        result = ready("keys", "rotate")
        ring = KeyRing.read(path)
        told = f"New key {ring.current.kid}; 2 in all. Restart the server to use it.\n"
        assert result.stdout == told
        assert old in ring.keys
        assert ring.current != old
        assert all(
            key["secret"] not in result.output for key in json.loads(path.read_text())["keys"]
        )


@pytest.mark.process
class TestDoctor:
    def test_problems_are_exit_code_1(self, ready: Run) -> None:
        Path("instance/keys.json").chmod(0o644)
        result = ready("doctor")
        assert result.exit_code == 1
        assert "✗" in result.stdout
        assert "Run: chmod 600 instance/keys.json" in result.stdout
        assert result.stdout.endswith("\n1 problem(s).\n")

    def test_nothing_is_wrong(self, ready: Run) -> None:
        result = ready("doctor")
        assert result.exit_code == 0
        assert result.stdout.endswith("\nNo problems.\n")
        headings = [line for line in result.stdout.splitlines() if line and line[0] != " "]
        assert headings[:-1] == [
            *("Versions", "Files", "Settings", "Database", "Backups", "Origins", "Server")
        ]
