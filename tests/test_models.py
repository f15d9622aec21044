"""Table classes: defaults, ids, and how times and enums are stored on both engines."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, select

from app.models import (
    AuditEvent,
    LinkPurpose,
    OneTimeLink,
    Role,
    SessionKind,
    User,
    UserSession,
    new_public_id,
    utc_now,
)
from app.resources import Resources
from tests.services.rows import NOBODY

NOW = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)


def make_user(uid: str = "ada", **changes: Any) -> User:
    fields = {"uid": uid, "uid_folded": uid, "name": uid, "name_folded": uid, **changes}
    return User(**fields)


def make_session(user_id: int) -> UserSession:
    return UserSession(
        user_id=user_id, kind=SessionKind.COOKIE, auth_epoch=0, expires_at=NOW, ends_at=NOW
    )


async def keep(resources: Resources, *rows: SQLModel) -> None:
    async with resources.database.transaction() as session:
        session.add_all(rows)


async def change(resources: Resources, statement: str) -> None:
    async with resources.database.transaction() as session:
        await (await session.connection()).execute(text(statement))


class TestConstraints:
    @pytest.mark.parametrize("column", ["uid_folded", "public_id"])
    async def test_twins(self, resources: Resources, column: str) -> None:
        twin = {column: "x" * 16}
        with pytest.raises(IntegrityError):
            await keep(resources, make_user(**twin), make_user("bob", **twin))

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE \"user\" SET role = 'root'",
            "UPDATE user_session SET kind = 'root'",
            "UPDATE one_time_link SET purpose = 'root'",
        ],
    )
    async def test_words_no_enum_has(self, resources: Resources, statement: str) -> None:
        """The database itself refuses, whoever writes."""
        ada = make_user()
        await keep(resources, ada)
        link = OneTimeLink(purpose=LinkPurpose.SETUP, digest="x", expires_at=NOW)
        await keep(resources, make_session(ada.id or 0), link)
        with pytest.raises(IntegrityError):
            await change(resources, statement)

    async def test_session_of_nobody(self, resources: Resources) -> None:
        with pytest.raises(IntegrityError):
            await keep(resources, make_session(NOBODY))

    def test_every_constraint_has_a_name(self) -> None:
        """Migrations on SQLite can only change what has one."""
        for table in SQLModel.metadata.tables.values():
            assert all(constraint.name for constraint in table.constraints), table.name


class TestDefaults:
    async def test_of_an_account(self, resources: Resources) -> None:
        before = utc_now()
        await keep(resources, make_user())
        async with resources.database.transaction(read_only=True) as session:
            ada = (await session.exec(select(User))).one()
        assert (ada.role, ada.is_active, ada.auth_epoch) == (Role.USER, True, 0)
        assert (ada.email, ada.password_hash) == (None, None)
        assert before <= ada.created_at <= utc_now()

    async def test_of_an_event(self, resources: Resources) -> None:
        await keep(resources, AuditEvent(action="x", detail={"é": "\u202e"}))
        async with resources.database.transaction(read_only=True) as session:
            event = (await session.exec(select(AuditEvent))).one()
        assert (event.actor, event.subject, event.detail) == (None, None, {"é": "\u202e"})

    async def test_times_come_back_as_they_went(self, resources: Resources) -> None:
        """In UTC and to the microsecond, wherever they were told."""
        elsewhere = NOW.astimezone(tz=None)
        await keep(resources, make_user(created_at=elsewhere))
        async with resources.database.transaction(read_only=True) as session:
            ada = (await session.exec(select(User))).one()
        assert ada.created_at == NOW
        assert ada.created_at.utcoffset() == timedelta(0)

    def test_now_is_aware(self) -> None:
        assert utc_now().utcoffset() == timedelta(0)


class TestPublicIds:
    def test_are_16_url_safe_characters_and_random(self) -> None:
        made = {new_public_id() for _ in range(100)}
        assert len(made) == 100
        assert {len(public_id) for public_id in made} == {16}
        assert all(public_id.replace("-", "a").replace("_", "a").isalnum() for public_id in made)
