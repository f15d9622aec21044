"""Accounts, their logins, and the links that work once."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlmodel import Field, SQLModel

from app.models.columns import enum_column, key_column, new_public_id, utc_now


class Role(StrEnum):
    """What an account may do. Stored as text with a check, so that a new role is one migration."""

    USER = "user"
    TEACHER = "teacher"
    ADMIN = "admin"


class SessionKind(StrEnum):
    """How the credentials of a login session travel."""

    COOKIE = "cookie"
    BEARER = "bearer"
    # Opened by the old wire's login, which answers a token and sets a cookie as well.
    EITHER = "either"


class LinkPurpose(StrEnum):
    """What a one-time link lets its holder do."""

    SETUP = "setup"
    RESET = "reset"
    INVITE = "invite"


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
    role: Role = Field(default=Role.USER, sa_column=enum_column(Role, "role"))
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
    user_id: int = Field(sa_column=key_column("user"))
    kind: SessionKind = Field(sa_column=enum_column(SessionKind, "kind"))
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
    # The old pages send a new password and the log-out at once, in any order: until this moment the
    # ended session may still change the password, once, and nothing else (see legacy/password.py).
    password_grace_until: datetime | None = None


class OneTimeLink(SQLModel, table=True):
    """A link that works once: set-up, reset, invitation. Only its digest is stored."""

    __tablename__: ClassVar[Any] = "one_time_link"

    id: int | None = Field(default=None, primary_key=True)
    purpose: LinkPurpose = Field(sa_column=enum_column(LinkPurpose, "purpose"))
    digest: str = Field(max_length=64, unique=True)
    user_id: int | None = Field(default=None, sa_column=key_column("user", nullable=True))
    created_at: datetime = Field(default_factory=utc_now)
    expires_at: datetime
