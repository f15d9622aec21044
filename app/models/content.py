"""Sections with their members; groups, channels and posts."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Column, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.columns import json_column, key_column, utc_now


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
    section_id: int = Field(sa_column=key_column("section"))
    user_id: int = Field(sa_column=key_column("user"))
    year: int


class Group(SQLModel, table=True):
    """Channels that belong together, perhaps to a section, looked after by moderators."""

    __tablename__: ClassVar[Any] = "post_group"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    name_folded: str = Field(max_length=300, unique=True)
    section_id: int | None = Field(
        default=None, sa_column=key_column("section", nullable=True, ondelete="SET NULL")
    )
    created_at: datetime = Field(default_factory=utc_now)


class Moderator(SQLModel, table=True):
    """That somebody looks after a group: may edit and delete what others post in it."""

    __tablename__: ClassVar[Any] = "moderator"
    __table_args__ = (UniqueConstraint("group_id", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    group_id: int = Field(sa_column=key_column("post_group"))
    user_id: int = Field(sa_column=key_column("user"))


class Channel(SQLModel, table=True):
    """A place in a group where posts are read and written."""

    __tablename__: ClassVar[Any] = "channel"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    name_folded: str = Field(max_length=300)
    group_id: int = Field(sa_column=key_column("post_group"))
    attributes: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    created_at: datetime = Field(default_factory=utc_now)


class Post(SQLModel, table=True):
    """Something a person wrote: in a channel, on a page, or in answer to another post."""

    __tablename__: ClassVar[Any] = "post"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(sa_column=key_column("user"))
    channel_id: int | None = Field(default=None, sa_column=key_column("channel", nullable=True))
    parent_id: int | None = Field(default=None, sa_column=key_column("post", nullable=True))
    title: str = Field(default="", max_length=200)
    comment: str = Field(default="", sa_column=Column(Text, nullable=False))
    # What front ends keep beside the text, as they sent it.
    content: Any = Field(default=None, sa_column=json_column(nullable=True))
    page_url: str | None = Field(default=None, max_length=2000)
    created_at: datetime = Field(default_factory=utc_now)
    updated_at: datetime = Field(default_factory=utc_now)
