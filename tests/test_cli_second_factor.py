"""What commands know of second factors: one is taken away, and the keys that others need stay."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from app.keys import KeyRing, SigningKey, new_key
from app.models import utc_now
from tests.test_cli import Run, create, query, ready, run, sentence

__all__ = ["ready", "run"]

OLD = SigningKey("0a1b2c3d", bytes(range(32)), utc_now() - timedelta(days=90))
FACTOR = (
    "INSERT INTO second_factor (user_id, kid, seed, last_step, created_at, confirmed_at) "
    "SELECT id, '0a1b2c3d', '00', 0, created_at, created_at FROM \"user\""
)


@pytest.fixture
def protected(ready: Run) -> Run:
    """An instance with one account, which has a second factor."""
    create(ready, "ada")
    change(FACTOR)
    return ready


def change(statement: str) -> None:
    with closing(sqlite3.connect("instance/portfolio.db")) as database:
        database.execute(statement)
        database.commit()


class TestRemove:
    def test_of_nobody_and_where_there_is_none(self, ready: Run) -> None:
        create(ready, "ada")
        refused = sentence(ready("users", "remove-second-factor", "bob"))
        assert refused == "There is no such user."
        refused = sentence(ready("users", "remove-second-factor", "ada"))
        assert refused == "There is no second factor to do that with."

    def test_takes_it_away_and_ends_every_login(self, protected: Run) -> None:
        told = protected("users", "remove-second-factor", "ADA").stdout
        assert told == "ada logs in with the password alone again.\n"
        assert query("SELECT * FROM second_factor") == []
        assert query('SELECT auth_epoch FROM "user"') == [(1,)]
        assert query("SELECT action FROM audit_event ORDER BY id DESC LIMIT 1") == [
            ("second-factor-removed",)
        ]


class TestRotate:
    def test_keeps_a_key_that_one_needs(self, protected: Run) -> None:
        path = Path("instance/keys.json")
        KeyRing((OLD, new_key(utc_now() - timedelta(days=60)))).write(path)
        told = protected("keys", "rotate").stdout
        assert "; 2 in all, and 1 for second factors alone. Restart" in told
        assert KeyRing.read(path).retired == (OLD,)
        change("DELETE FROM second_factor")
        assert "for second factors" not in protected("keys", "rotate").stdout
        assert KeyRing.read(path).retired == ()

    def test_for_a_secret_store_all_are_kept(self, ready: Run) -> None:
        """The database, which knows which are needed, is not asked."""
        KeyRing((OLD, new_key(utc_now() - timedelta(days=60)))).write(Path("instance/keys.json"))
        Path("next.json").write_text(ready("keys", "make").stdout)
        made = KeyRing.read(Path("next.json"))
        assert made.retired == (OLD,)
        assert len(made.keys) == 2
