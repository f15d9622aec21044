"""All tables, their enums and the naming convention of constraints. Nothing else lives here.

Table classes do not validate (SQLModel skips it for `table=True`): what comes from outside
passes a wire model of `schemas/` first. There are no relationships yet; when there are,
they are `lazy="raise"`, so that a forgotten eager load fails in a test and not as N+1 queries.
"""

import secrets
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, Enum, ForeignKey, Integer, Text, UniqueConstraint
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
    # Opened by the old wire's login, which answers a token and sets a cookie as well.
    EITHER = "either"


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


def _key(
    target: str, *, nullable: bool = False, ondelete: str = "CASCADE", primary: bool = False
) -> Column[Any]:
    """Return a column that points to the `id` of a table."""
    key = ForeignKey(f"{target}.id", ondelete=ondelete)
    return Column(Integer, key, primary_key=primary, nullable=nullable, index=not primary)


def _json_column(*, nullable: bool = False) -> Column[Any]:
    return Column(JSON(none_as_null=True), nullable=nullable)


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
    user_id: int = Field(sa_column=_key("user"))
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
    # The old pages send a new password and the log-out at once, in any order: until this moment the
    # ended session may still change the password, once, and nothing else (see legacy/password.py).
    password_grace_until: datetime | None = None


class OneTimeLink(SQLModel, table=True):
    """A link that works once: set-up, reset, invitation. Only its digest is stored."""

    __tablename__: ClassVar[Any] = "one_time_link"

    id: int | None = Field(default=None, primary_key=True)
    purpose: LinkPurpose = Field(sa_column=_enum_column(LinkPurpose, "purpose"))
    digest: str = Field(max_length=64, unique=True)
    user_id: int | None = Field(default=None, sa_column=_key("user", nullable=True))
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
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=_json_column())


class Profile(SQLModel, table=True):
    """What people tell about themselves beyond the account. No row means: nothing yet."""

    __tablename__: ClassVar[Any] = "profile"

    user_id: int = Field(sa_column=_key("user", primary=True))
    birth_date: date | None = None
    student_id: str | None = Field(default=None, max_length=64)
    school: str | None = Field(default=None, max_length=200)
    classes: list[str] = Field(default_factory=list, sa_column=_json_column())
    # Whether strangers may see the name, the picture and what is published under it.
    is_public: bool = False
    picture_id: int | None = Field(
        default=None, sa_column=_key("picture", nullable=True, ondelete="SET NULL")
    )


class Picture(SQLModel, table=True):
    """A picture that was decoded and written anew. The file is `uploads/<name>.webp`."""

    __tablename__: ClassVar[Any] = "picture"

    id: int | None = Field(default=None, primary_key=True)
    # Random, so that an address says nothing and cannot be guessed.
    name: str = Field(default_factory=new_public_id, max_length=32, unique=True)
    user_id: int = Field(sa_column=_key("user"))
    width: int
    height: int
    size_bytes: int
    created_at: datetime = Field(default_factory=utc_now)

    @property
    def url(self) -> str:
        return f"/pictures/{self.name}.webp"


class Section(SQLModel, table=True):
    """A class or course that people belong to, known by its abbreviation (`CSA`)."""

    __tablename__: ClassVar[Any] = "section"

    id: int | None = Field(default=None, primary_key=True)
    abbreviation: str = Field(max_length=32)
    abbreviation_folded: str = Field(max_length=96, unique=True)
    name: str = Field(max_length=100)
    theme: str | None = Field(default=None, max_length=100)
    created_at: datetime = Field(default_factory=utc_now)


class Membership(SQLModel, table=True):
    """That somebody belongs to a section, and the year in which they do."""

    __tablename__: ClassVar[Any] = "membership"
    __table_args__ = (UniqueConstraint("section_id", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    section_id: int = Field(sa_column=_key("section"))
    user_id: int = Field(sa_column=_key("user"))
    year: int


class Group(SQLModel, table=True):
    """Channels that belong together, perhaps to a section, looked after by moderators."""

    __tablename__: ClassVar[Any] = "post_group"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    name_folded: str = Field(max_length=300, unique=True)
    section_id: int | None = Field(
        default=None, sa_column=_key("section", nullable=True, ondelete="SET NULL")
    )
    created_at: datetime = Field(default_factory=utc_now)


class Moderator(SQLModel, table=True):
    """That somebody looks after a group: may edit and delete what others post in it."""

    __tablename__: ClassVar[Any] = "moderator"
    __table_args__ = (UniqueConstraint("group_id", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    group_id: int = Field(sa_column=_key("post_group"))
    user_id: int = Field(sa_column=_key("user"))


class Channel(SQLModel, table=True):
    """A place in a group where posts are read and written."""

    __tablename__: ClassVar[Any] = "channel"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    name_folded: str = Field(max_length=300)
    group_id: int = Field(sa_column=_key("post_group"))
    attributes: dict[str, Any] | None = Field(default=None, sa_column=_json_column(nullable=True))
    created_at: datetime = Field(default_factory=utc_now)


class Post(SQLModel, table=True):
    """Something a person wrote: in a channel, on a page, or in answer to another post."""

    __tablename__: ClassVar[Any] = "post"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(sa_column=_key("user"))
    channel_id: int | None = Field(default=None, sa_column=_key("channel", nullable=True))
    parent_id: int | None = Field(default=None, sa_column=_key("post", nullable=True))
    title: str = Field(default="", max_length=200)
    comment: str = Field(default="", sa_column=Column(Text, nullable=False))
    # What front ends keep beside the text, as they sent it.
    content: Any = Field(default=None, sa_column=_json_column(nullable=True))
    page_url: str | None = Field(default=None, max_length=2000)
    created_at: datetime = Field(default_factory=utc_now)
    updated_at: datetime = Field(default_factory=utc_now)


class LegacyProfile(SQLModel, table=True):
    """What only the old wire asks about a person, as it is answered there. Goes with `legacy/`."""

    __tablename__: ClassVar[Any] = "legacy_profile"

    user_id: int = Field(sa_column=_key("user", primary=True))
    kasm_server_needed: bool = False
    hashmap: dict[str, Any] | None = Field(default=None, sa_column=_json_column(nullable=True))
    grade_data: Any = Field(default=None, sa_column=_json_column(nullable=True))
    ap_exam: Any = Field(default=None, sa_column=_json_column(nullable=True))


class ImportedRow(SQLModel, table=True):
    """That a row of an old database was taken over, so that a second run leaves it alone."""

    __tablename__: ClassVar[Any] = "imported_row"

    # Of the row's table, its key and what stood in it: the same row of a copy is the same row.
    digest: str = Field(max_length=64, primary_key=True)
    kind: str = Field(max_length=16)
    row_id: int
    imported_at: datetime = Field(default_factory=utc_now)
