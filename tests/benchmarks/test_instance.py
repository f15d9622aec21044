"""The instance that is measured: people with the same names as everywhere, and tokens that hold."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from app.keys import KeyRing
from app.tokens import Purpose, TokenCodec
from benchmarks import instance, people


def test_is_full_of_people(tmp_path: Path) -> None:
    logins = instance.make(tmp_path, users=12)

    with closing(sqlite3.connect(tmp_path / "instance" / "portfolio.db")) as database:
        query = "SELECT uid, uid_folded, name, name_folded, email, role FROM user ORDER BY id"
        rows = database.execute(query).fetchall()
    for number, row in enumerate(rows, 1):
        uid, name = people.uid(number), people.name(number)
        role = "admin" if number == 1 else "user"
        assert row == (uid, uid, name, name.lower(), people.email(number), role)
    assert len(rows) == len(logins) == 12

    codec = TokenCodec(KeyRing.read(tmp_path / "instance" / "keys.json"))
    for number, login in enumerate(logins, 1):
        for token, purpose in ((login.cookie, Purpose.COOKIE), (login.bearer, Purpose.ACCESS)):
            claims = codec.verify(token, purpose, now=datetime.now(UTC))
            assert claims.sub == instance.public_id(number)


def test_those_logged_in_are_some_of_all() -> None:
    spread = instance.logged_in(1_000_000)
    assert (len(spread), spread[0], spread[-1]) == (instance.LOGGED_IN, 1, 999_001)
    assert instance.logged_in(3) == range(1, 4)
