"""A database of some megabytes: copied in pieces, shown as it goes, given up between two."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from app.backups import Reason
from app.backups.making import Order, make_backup
from app.backups.sqlite import copy_database
from app.progress import Advance
from tests.backups.conftest import NOW, Instance


class GivenUp(Exception):
    """Somebody has had enough."""


class Watching:
    """Notes what it is shown, and gives up in a stage."""

    def __init__(self, gives_up_in: str = "") -> None:
        self.seen: list[tuple[str, int]] = []
        self._gives_up_in = gives_up_in

    @contextmanager
    def stage(self, name: str, _total: int) -> Iterator[Advance]:
        def advance(count: int) -> None:
            self.seen.append((name, count))
            if name == self._gives_up_in:
                raise GivenUp

        yield advance


@pytest.fixture
def large(instance: Instance) -> Instance:
    with closing(sqlite3.connect(instance.database)) as database:
        database.executemany(
            "INSERT INTO imported_row (kind, digest, row_id, imported_at) "
            "VALUES (?, ?, ?, '2026-11-24')",
            [("x" * 500, str(number), number) for number in range(6000)],
        )
        database.commit()
    return instance


def order(instance: Instance, stages: Watching) -> Order:
    return Order(settings=instance.settings, reason=Reason.ASKED, now=NOW, stages=stages)


@pytest.mark.parametrize("stage", ["copying", "checking", "writing"])
def test_is_given_up(large: Instance, stage: str) -> None:
    with pytest.raises(GivenUp):
        make_backup(order(large, Watching(stage)))
    assert [path.name for path in large.settings.backups_dir.iterdir()] == [".lock"]


def test_shows_how_far_it_is(large: Instance) -> None:
    watching = Watching()
    made = make_backup(order(large, watching))
    copied = [count for name, count in watching.seen if name == "copying"]
    assert len(copied) > 2
    assert 0 < sum(copied) <= large.database.stat().st_size
    assert made.stat().st_size > 3 * 2**20


def test_what_stops_the_copy_is_told_as_it_is(large: Instance) -> None:
    large.database.write_bytes(large.database.read_bytes()[: 2**20])
    with pytest.raises(sqlite3.DatabaseError):
        copy_database(large.database, large.folder / "copy.db", lambda _count: None)
