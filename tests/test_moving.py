"""Moving a database from SQLite to PostgreSQL and back: every row, however often it is cut off."""

import asyncio
import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app import migrations
from app.config import Settings
from app.db import Database
from app.engines import make_engine
from app.keys import KeyRing, new_key
from app.models import User, utc_now
from app.moving import copying
from app.moving.places import list_tables
from app.moving.refusals import CannotMove
from app.moving.run import Moved, move
from app.services.audit.checking import verify_trail
from app.startup import CannotStart, check_ready
from tests import databases
from tests.conftest import make_settings
from tests.databases import copy_instance
from tests.moving import Killed, Quiet, fill, read_all, without_the_move
from tests.services.rows import make_user

pytestmark = pytest.mark.process

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An instance with rows in every table."""
    folder = tmp_path_factory.mktemp("filled")
    copy_instance(sqlite_template, folder)
    KeyRing((new_key(utc_now()),)).write(folder / "keys.json")
    settings = make_settings(folder)
    asyncio.run(fill(settings))
    return settings


@pytest.fixture
def source(filled: Settings, tmp_path: Path) -> Settings:
    """A copy of it for one test."""
    folder = tmp_path / "instance"
    shutil.copytree(filled.instance_dir, folder)
    return make_settings(folder)


@pytest.fixture
def target(source: Settings, postgres_server: str) -> Iterator[Settings]:
    """An empty database in PostgreSQL."""
    name = f"moved_{next(_NUMBERS)}"
    url = databases.create(postgres_server, name)
    yield make_settings(source.instance_dir, database_url=url)
    databases.execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def back(source: Settings) -> Settings:
    """A SQLite file that is not there yet."""
    path = source.instance_dir / "back.db"
    return make_settings(source.instance_dir, database_url=f"sqlite:///{path}")


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "CHUNK", 3)


def go(source: Settings, target: Settings, stages: Quiet | None = None) -> Moved:
    return move(source, target, stages or Quiet(), only_look=False)


def refusal(source: Settings, target: Settings) -> str:
    """Return why nothing is moved, with what is in the way."""
    with pytest.raises(CannotMove) as raised:
        go(source, target)
    return "\n".join([str(raised.value), *raised.value.lines])


def change(settings: Settings, *statements: str) -> None:
    """Change a SQLite file by hand."""
    assert settings.sqlite_path is not None
    with sqlite3.connect(settings.sqlite_path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def change_there(target: Settings, *statements: str) -> None:
    """Change a database in PostgreSQL by hand."""

    async def run() -> None:
        engine = make_engine(target)
        async with engine.begin() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)
        await engine.dispose()

    asyncio.run(run())


async def is_whole(settings: Settings) -> bool:
    database = Database(settings)
    async with database.transaction(read_only=True) as session:
        found = await verify_trail(session, keys=database.seal_keys)
    await database.dispose()
    return found.flaw is None


def assert_same(source: Settings, target: Settings) -> None:
    sent, there = (asyncio.run(read_all(settings)) for settings in (source, target))
    assert without_the_move(there) == without_the_move(sent)
    events = [row for row in there["audit_event"] if row[2] == "database-moved"]
    assert len(events) - sum(row[2] == "database-moved" for row in sent["audit_event"]) == 1
    assert asyncio.run(is_whole(target))


class TestThereAndBack:
    def test_every_row_is_the_same(
        self, source: Settings, target: Settings, back: Settings
    ) -> None:
        moved = go(source, target)
        assert moved.tables == len(list_tables())
        assert moved.is_whole
        assert_same(source, target)
        again = go(target, back)
        assert again.rows == moved.rows + 1
        assert_same(target, back)
        assert back.sqlite_path is not None
        assert back.sqlite_path.stat().st_mode & 0o777 == 0o600

    def test_the_source_is_left_as_it_is(self, source: Settings, target: Settings) -> None:
        assert source.sqlite_path is not None
        before = source.sqlite_path.read_bytes()
        go(source, target)
        assert source.sqlite_path.read_bytes() == before

    def test_what_comes_next_gets_a_number_above_all(
        self, source: Settings, target: Settings
    ) -> None:
        async def add() -> User:
            database = Database(target)
            async with database.transaction() as session:
                user = make_user("next")
                session.add(user)
            await database.dispose()
            return user

        go(source, target)
        assert asyncio.run(add()).id == 71

    def test_shows_how_far_it_is(self, source: Settings, target: Settings) -> None:
        shown = Quiet()
        moved = go(source, target, shown)
        assert [name for name, _ in shown.copied] == [table.name for table in list_tables()]
        assert sum(count for _, count in shown.copied) == moved.rows

    def test_only_looking_changes_nothing(self, source: Settings, target: Settings) -> None:
        moved = move(source, target, Quiet(), only_look=True)
        assert moved.rows == go(source, target).rows

    def test_a_trail_that_is_broken_stays_so(self, source: Settings, target: Settings) -> None:
        change(
            source,
            "DROP TRIGGER audit_event_no_update",
            "UPDATE audit_event SET subject = 'other' WHERE id = 3",
        )
        assert not go(source, target).is_whole
        assert not asyncio.run(is_whole(target))


@pytest.mark.usefixtures("few_at_a_time")
class TestCutOff:
    def test_goes_on_wherever_it_was(self, source: Settings, target: Settings) -> None:
        """It dies at its first step, then two steps further, and so on: each time it goes on."""
        deaths = 0
        for dies_after in itertools.count(1, 2):
            stages = Quiet(dies_after)
            try:
                go(source, target, stages)
            except Killed:
                deaths += 1
                continue
            break
        assert deaths > 5
        assert_same(source, target)

    def test_back_too(self, source: Settings, target: Settings, back: Settings) -> None:
        go(source, target)
        for dies_after in (3, 9, 15):
            with pytest.raises(Killed):
                go(target, back, Quiet(dies_after))
        go(target, back)
        assert_same(target, back)

    def test_what_is_there_is_not_copied_again(self, source: Settings, target: Settings) -> None:
        with suppress(Killed):
            go(source, target, Quiet(20))
        stages = Quiet()
        assert go(source, target, stages).was_resumed
        assert "audit_event" not in dict(stages.copied)

    def test_no_server_starts_on_half_of_it(self, source: Settings, target: Settings) -> None:
        with suppress(Killed):
            go(source, target, Quiet(20))
        with pytest.raises(CannotStart, match="was cut off"):
            check_ready(target)
        check_ready(source)
        go(source, target)
        check_ready(target)

    def test_a_source_that_was_changed_since(self, source: Settings, target: Settings) -> None:
        with suppress(Killed):
            go(source, target, Quiet(20))
        change(source, "UPDATE post SET title = 'another' WHERE id = 4")
        assert "The source was changed" in refusal(source, target)

    def test_a_target_that_was_written_to_since(self, source: Settings, target: Settings) -> None:
        with suppress(Killed):
            go(source, target, Quiet(35))
        change_there(target, "UPDATE section SET name = 'Another'")
        assert "section: of 1 rows some are not the same." in refusal(source, target)
        change_there(target, "DELETE FROM recovery_code WHERE id = 1")
        assert "recovery_code: 7 rows were sent, 6 are there." in refusal(source, target)


class TestRefused:
    def test_a_target_with_rows(self, source: Settings, target: Settings) -> None:
        migrations.upgrade(target, lambda _line: None)
        change_there(target, "INSERT INTO imported_row VALUES ('x', 'user', 1, now())")
        assert "There are rows in the target already" in refusal(source, target)

    def test_a_target_of_something_else(self, source: Settings, target: Settings) -> None:
        change_there(target, "CREATE TABLE guestbook (id int)")
        assert "Tables of something else" in refusal(source, target)
        migrations.upgrade(target, lambda _line: None)
        assert "Tables of something else" in refusal(source, target)

    def test_a_target_at_another_revision(self, source: Settings, target: Settings) -> None:
        migrations.upgrade(target, lambda _line: None)
        change_there(target, "UPDATE alembic_version SET version_num = '1'")
        assert "The target is at revision 1" in refusal(source, target)

    def test_what_was_moved_before(self, source: Settings, target: Settings) -> None:
        go(source, target)
        assert "moved there already" in refusal(source, target)

    def test_an_empty_target_that_was_migrated_is_none(
        self, source: Settings, target: Settings
    ) -> None:
        migrations.upgrade(target, lambda _line: None)
        go(source, target)
        assert_same(source, target)

    def test_a_source_that_others_use(
        self, source: Settings, target: Settings, back: Settings
    ) -> None:
        async def beside() -> str:
            engine = make_engine(target)
            async with engine.connect() as connection:
                await connection.exec_driver_sql("SELECT 1")
                said = await asyncio.to_thread(refusal, target, back)
            await engine.dispose()
            return said

        go(source, target)
        assert "Others are connected to the source" in asyncio.run(beside())
        assert back.sqlite_path is not None
        assert not back.sqlite_path.exists()

    def test_a_source_that_is_empty(self, target: Settings, tmp_path: Path) -> None:
        (tmp_path / "portfolio.db").touch()
        assert "There is nothing to move" in refusal(make_settings(tmp_path), target)

    def test_a_target_out_of_reach(self, source: Settings, target: Settings) -> None:
        nowhere = target.model_copy(update={"database_url": f"{target.database_url}_not"})
        said = refusal(source, nowhere)
        assert "The target cannot be opened" in said
        assert nowhere.database_url not in said

    @pytest.mark.parametrize(
        ("statement", "line"),
        [
            (
                "UPDATE post SET comment = 'a' || char(0) || 'b' WHERE id = 4",
                "post 4: comment has a zero byte (NUL) in it.",
            ),
            (
                "UPDATE post SET title = printf('%.201c', 'x') WHERE id = 4",
                "post 4: title is longer than 200 characters.",
            ),
            ("UPDATE post SET content = '{' WHERE id = 4", "post 4: content is no JSON."),
            ("UPDATE post SET title = x'ff' WHERE id = 4", "post 4: title is no text."),
            ("UPDATE post SET created_at = 'soon' WHERE id = 4", "post 4: created_at is no time."),
            (
                "UPDATE profile SET birth_date = 'May' WHERE user_id = 10",
                "profile 10: birth_date is no date.",
            ),
            (
                "UPDATE membership SET year = 3000000000 WHERE id = 1",
                "membership 1: year is too large a number.",
            ),
            ("UPDATE membership SET year = 'now' WHERE id = 1", "membership 1: year is no number."),
            (
                'UPDATE "user" SET is_active = 7 WHERE id = 10',
                "user 10: is_active is neither yes nor no.",
            ),
            (
                "UPDATE post SET user_id = 999 WHERE id = 4",
                "post, row 4: it points to a row of user that is not there.",
            ),
        ],
        ids=lambda value: value.split(":")[-1].strip() if ": " in value else "",
    )
    def test_what_postgresql_does_not_take(
        self, source: Settings, target: Settings, statement: str, line: str
    ) -> None:
        """Found before anything is copied: nothing is in the target afterwards."""
        change(source, "PRAGMA ignore_check_constraints = on", statement)
        assert refusal(source, target).split("\n") == [
            "PostgreSQL does not take everything that is here.",
            line,
        ]
        change_there(target, "CREATE TABLE post (id int)")
