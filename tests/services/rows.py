"""Rows made directly, for tests that need them in a state no use case leaves them in."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import SQLModel, col, select

from app.models import AuditEvent, SessionKind, User, UserSession
from app.principals import Actor
from app.resources import Resources
from app.schemas import fold

# A whole second, as the times in tokens are.
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
# An id that no row has: PostgreSQL goes on counting from test to test.
NOBODY = 2_000_000_000
Row = TypeVar("Row", bound=SQLModel)


def make_user(uid: str = "ada", **changes: Any) -> User:
    """Return an account without a password."""
    name = uid.title()
    fields = {"uid": uid, "uid_folded": fold(uid), "name": name, "name_folded": fold(name)}
    return User(**{**fields, **changes})


def make_session(user: User, **changes: Any) -> UserSession:
    """Return a session opened at NOW, which ends after a day."""
    fields = {
        "user_id": user.id,
        "kind": SessionKind.COOKIE,
        "auth_epoch": user.auth_epoch,
        "created_at": NOW,
        "renewed_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "ends_at": NOW + timedelta(days=1),
    }
    return UserSession(**{**fields, **changes})


async def store(resources: Resources, row: Row) -> Row:
    async with resources.database.transaction() as session:
        session.add(row)
    return row


async def reload(resources: Resources, row: Row) -> Row | None:
    """Return a row as it is stored now."""
    async with resources.database.transaction(read_only=True) as session:
        return await session.get(type(row), getattr(row, "id"))  # noqa: B009  (of any table)


async def must(resources: Resources, row: Row) -> Row:
    """Return a row as it is stored now; it must be there."""
    found = await reload(resources, row)
    assert found is not None
    return found


def acting(user: User, user_session: UserSession | None = None, **changes: Any) -> Actor:
    """Return on whose behalf a request of this user acts."""
    session_id = user_session.id if user_session is not None else None
    fields = {"user_id": user.id, "public_id": user.public_id, "role": user.role}
    return Actor(**{**fields, "session_id": session_id, **changes})


async def trail(resources: Resources) -> list[str]:
    """Return the actions of the audit trail, in order."""
    async with resources.database.transaction(read_only=True) as session:
        found = await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))
        return [event.action for event in found.all()]
