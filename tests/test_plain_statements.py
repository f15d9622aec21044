"""Plain rows: the same types as SQLAlchemy gives, on both engines, in and out of a snapshot."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import bindparam, select
from sqlmodel import col

from app import db
from app.db import Database, ReadRows
from app.errors import DatabaseBusy
from app.models import LegacyProfile, Profile, Role, User
from app.plain_statements import PlainStatement
from app.resources import Resources
from tests.services.rows import make_user, store
from tests.wire import change_user

CREATED = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
QUERY = PlainStatement(
    select(
        col(User.uid),
        col(User.role),
        col(User.is_active),
        col(User.created_at),
        col(Profile.birth_date),
        col(Profile.classes),
        col(LegacyProfile.grade_data),
    )
    .join(Profile, col(Profile.user_id) == col(User.id), isouter=True)
    .join(LegacyProfile, col(LegacyProfile.user_id) == col(User.id), isouter=True)
    # A value of its own beside those that come with each call.
    .where(col(User.uid) >= bindparam("first"), col(User.uid) != "never")
    .order_by(col(User.uid))
    .limit(bindparam("limit"))
)


@pytest.fixture
async def database(resources: Resources) -> Database:
    ada = make_user(role=Role.TEACHER, created_at=CREATED, is_active=False)
    await store(resources, ada)
    await store(resources, make_user("bob", created_at=CREATED))
    await store(resources, make_user("never"))
    key = ada.id or 0
    await store(resources, Profile(user_id=key, birth_date=date(2008, 11, 30), classes=["CSA"]))
    await store(resources, LegacyProfile(user_id=key, grade_data='"text"'))
    return resources.database


async def roles(read: ReadRows) -> list[Role]:
    return [row[1] for row in await read(QUERY, first="", limit=10)]


class TestReadRows:
    async def test_values_have_the_types_of_their_columns(self, database: Database) -> None:
        rows = [list(row) for row in await database.read_rows(QUERY, first="", limit=10)]
        assert rows == [
            ["ada", Role.TEACHER, False, CREATED, date(2008, 11, 30), ["CSA"], '"text"'],
            ["bob", Role.USER, True, CREATED, None, None, None],
        ]
        assert isinstance(rows[0][1], Role)
        assert isinstance(rows[0][2], bool)

    async def test_parameters(self, database: Database) -> None:
        assert len(await database.read_rows(QUERY, first="", limit=1)) == 1
        assert [row[0] for row in await database.read_rows(QUERY, first="b", limit=9)] == ["bob"]

    async def test_sees_every_commit(self, database: Database, resources: Resources) -> None:
        assert await roles(database.read_rows) == [Role.TEACHER, Role.USER]
        await change_user(resources, "bob", role=Role.ADMIN)
        assert await roles(database.read_rows) == [Role.TEACHER, Role.ADMIN]


class TestSnapshot:
    async def test_no_place_in_time(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db, "POOL_TIMEOUT", 0.01)

        async def take() -> None:
            async with database.snapshot():
                await release.wait()

        release = asyncio.Event()
        others = [asyncio.create_task(take()) for _ in range(db.SNAPSHOTS)]
        await asyncio.sleep(0)
        with pytest.raises(DatabaseBusy):
            async with database.snapshot():
                pytest.fail("one too many")
        # Nobody else is kept waiting by them.
        assert len(await roles(database.read_rows)) == 2
        release.set()
        await asyncio.gather(*others)
        async with database.snapshot() as read:
            assert len(await roles(read)) == 2

    async def test_stands_still_from_its_first_read_on(
        self, database: Database, resources: Resources
    ) -> None:
        async with database.snapshot() as read:
            before = await roles(read)
            await change_user(resources, "bob", role=Role.ADMIN)
            assert await roles(read) == before == [Role.TEACHER, Role.USER]
        async with database.snapshot() as read:
            assert await roles(read) == [Role.TEACHER, Role.ADMIN]

    async def test_is_let_go_of_by_whoever_fails(self, database: Database) -> None:
        async def fail() -> None:
            async with database.snapshot() as read:
                await read(QUERY, first="", limit=1)
                raise KeyError

        for _ in range(db.SNAPSHOTS + 1):
            with pytest.raises(KeyError):
                await fail()
