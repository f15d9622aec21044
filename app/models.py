"""All tables, their enums and the naming convention of constraints. Nothing else lives here.

Table classes do not validate (SQLModel skips it for `table=True`): what comes from outside
passes a wire model of `schemas.py` first. There are no relationships yet; when there are,
they are `lazy="raise"`, so that a forgotten eager load fails in a test and not as N+1 queries.
"""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, Enum, ForeignKey, Integer
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Role(StrEnum):
    """What an account may do. Stored as text with a check, so that a new role is one migration."""

    USER = "user"
    TEACHER = "teacher"
    ADMIN = "admin"


class SessionKind(StrEnum):
    """How the credentials of a login session travel."""

    COOKIE = "cookie"
    BEARER = "bearer"


class LinkPurpose(StrEnum):
    """What a one-time link lets its holder do."""

    SETUP = "setup"
    RESET = "reset"
    INVITE = "invite"


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_public_id() -> str:
    """Return 16 URL-safe characters (96 random bits): safe to show, of no use as a credential."""
    return secrets.token_urlsafe(12)


def _enum_column(kind: type[StrEnum], name: str) -> Column[Any]:
    values = Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )
    return Column(values, nullable=False)


def _user_key(*, nullable: bool = False) -> Column[Any]:
    return Column(Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=nullable, index=True)


class User(SQLModel, table=True):
    """An account. `uid` is the name people log in with; `public_id` is what tokens carry."""

    __tablename__: ClassVar[Any] = "user"

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(default_factory=new_public_id, max_length=16, unique=True)
    uid: str = Field(max_length=64)
    # Two uids that differ only in case are one person's typing error, not two people.
    uid_folded: str = Field(max_length=64, unique=True)
    name: str = Field(max_length=100)
    # Python's casefold, stored, because the two databases fold different alphabets.
    name_folded: str = Field(max_length=300)
    email: str | None = Field(default=None, max_length=254)
    # None: nobody can log in until a reset link was used.
    password_hash: str | None = Field(default=None, max_length=255)
    role: Role = Field(default=Role.USER, sa_column=_enum_column(Role, "role"))
    is_active: bool = True
    # Sessions remember the epoch they were opened in; raising it ends them all in one write.
    auth_epoch: int = 0
    created_at: datetime = Field(default_factory=utc_now)
    updated_at: datetime = Field(default_factory=utc_now)


class UserSession(SQLModel, table=True):
    """A login. Tokens name it by `sid`; ending the row ends every token of it at once."""

    __tablename__: ClassVar[Any] = "user_session"

    id: int | None = Field(default=None, primary_key=True)
    sid: str = Field(default_factory=new_public_id, max_length=16, unique=True)
    user_id: int = Field(sa_column=_user_key())
    kind: SessionKind = Field(sa_column=_enum_column(SessionKind, "kind"))
    auth_epoch: int
    # How the cookie was set (see cookies.py), shown on the token page; empty for bearer sessions.
    cookie_profile: str = Field(default="", max_length=16)
    refresh_counter: int = 0
    user_agent: str = Field(default="", max_length=200)
    client_address: str = Field(default="", max_length=45)
    created_at: datetime = Field(default_factory=utc_now)
    renewed_at: datetime = Field(default_factory=utc_now)
    expires_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None


class OneTimeLink(SQLModel, table=True):
    """A link that works once: set-up, reset, invitation. Only its digest is stored."""

    __tablename__: ClassVar[Any] = "one_time_link"

    id: int | None = Field(default=None, primary_key=True)
    purpose: LinkPurpose = Field(sa_column=_enum_column(LinkPurpose, "purpose"))
    digest: str = Field(max_length=64, unique=True)
    user_id: int | None = Field(default=None, sa_column=_user_key(nullable=True))
    created_at: datetime = Field(default_factory=utc_now)
    expires_at: datetime


class AuditEvent(SQLModel, table=True):
    """Something that mattered for security: who did what to whom, from where. Never changed."""

    __tablename__: ClassVar[Any] = "audit_event"

    id: int | None = Field(default=None, primary_key=True)
    occurred_at: datetime = Field(default_factory=utc_now, index=True)
    action: str = Field(max_length=40)
    # Public ids, not foreign keys: the trail outlives the accounts.
    actor: str | None = Field(default=None, max_length=16)
    subject: str | None = Field(default=None, max_length=16)
    client_address: str = Field(default="", max_length=45)
    request_id: str = Field(default="", max_length=32)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
