"""The exact read, and the proof that nothing was committed since: no commit may slip through."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.exact import ExactReader

COMMITS = 200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """Another connection of this process, as the server's writer is."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE number (value INTEGER)")
        connection.execute("INSERT INTO number VALUES (0)")
        yield connection


@pytest.fixture
def reader(path: Path, writer: sqlite3.Connection) -> Iterator[ExactReader]:
    """A reader that has found out where SQLite's own header lies."""
    found = ExactReader(path)
    found.version()
    yield found
    writer.close()
    found.close()


def value(reader: ExactReader) -> int:
    row = reader.read_row("SELECT value FROM number", {})
    assert row is not None
    return int(row[0])


class TestVersion:
    def test_the_same_while_nothing_is_committed(
        self, reader: ExactReader, writer: sqlite3.Connection
    ) -> None:
        before = reader.version()
        assert value(reader) == 0
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE number SET value = 1")
        assert reader.version() == before
        writer.execute("ROLLBACK")
        assert reader.version() == before

    def test_another_after_every_commit(
        self, reader: ExactReader, writer: sqlite3.Connection
    ) -> None:
        seen = {reader.version()}
        for number in range(1, COMMITS):
            writer.execute("UPDATE number SET value = ?", (number,))
            assert reader.version() not in seen
            seen.add(reader.version())
            assert value(reader) == number

    @pytest.mark.parametrize(
        "command", ["PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)", "VACUUM"]
    )
    def test_another_after_commits_between_which_the_log_moves(
        self, reader: ExactReader, writer: sqlite3.Connection, command: str
    ) -> None:
        seen = {reader.version()}
        for number in range(1, 20):
            writer.execute("UPDATE number SET value = ?", (number,))
            assert reader.version() not in seen
            seen.add(reader.version())
            writer.execute(command)
            seen.add(reader.version())
            assert value(reader) == number

    @pytest.mark.process
    def test_another_after_a_commit_of_another_process(
        self, reader: ExactReader, path: Path
    ) -> None:
        commit = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "for line in sys.stdin:\n"
            "    c.execute('UPDATE number SET value = ?', (int(line),)); print(line, flush=True)\n"
        )
        seen = {reader.version()}
        with subprocess.Popen(  # noqa: S603  (our own program)
            [sys.executable, "-c", commit, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            for number in range(1, 50):
                other.stdin.write(f"{number}\n")
                other.stdin.flush()
                other.stdout.readline()
                other.stdout.readline()
                assert reader.version() not in seen
                seen.add(reader.version())
                assert value(reader) == number
            other.stdin.close()
        assert reader.version() in seen

    def test_without_a_log_sqlite_is_asked(self, path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE number (value INTEGER)")
            reader = ExactReader(path)
            versions = [reader.version(), reader.version()]
            assert versions[0] == versions[1]
            connection.execute("INSERT INTO number VALUES (1)")
            assert reader.version() not in versions
            assert isinstance(reader.version(), int)
            reader.close()


class TestReadRows:
    def test_all_of_them(self, reader: ExactReader, writer: sqlite3.Connection) -> None:
        writer.execute("INSERT INTO number VALUES (1), (2)")
        query = "SELECT value FROM number WHERE value < :most ORDER BY value"
        assert reader.read_rows(query, {"most": 2}) == [(0,), (1,)]
        assert reader.read_rows(query, {"most": 0}) == []

    def test_from_begin_to_close_nothing_changes(
        self, reader: ExactReader, writer: sqlite3.Connection
    ) -> None:
        reader.begin()
        assert value(reader) == 0
        writer.execute("UPDATE number SET value = 1")
        assert value(reader) == 0
        reader.close()
        assert value(reader) == 1


class TestClose:
    def test_gives_everything_back_and_may_be_used_again(self, path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE number (value INTEGER)")
        reader = ExactReader(path)
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            reader.read_row("SELECT 1 FROM nowhere", {})
        reader.close()
        reader.close()
        assert reader.read_row("SELECT count(*) FROM number", {}) == (0,)
        reader.close()
