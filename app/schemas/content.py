"""Wire models of what people publish and belong to: pictures, sections, groups, channels, posts."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from app.schemas.accounts import UserPublic
from app.schemas.fields import (
    Abbreviation,
    Name,
    PageURL,
    PlainJSON,
    RowId,
    ShortJSON,
    Storable,
    Year,
)
from app.schemas.wire import PublicModel, WireModel

Title = Annotated[str, StringConstraints(max_length=200), Storable]
Comment = Annotated[str, StringConstraints(max_length=10_000), Storable]


class PicturePublic(PublicModel):
    """A stored picture. `url` is where it is shown; it changes with every new picture."""

    url: str = Field(examples=["/pictures/Zk3vJx9q0aQbT1uE.webp"])
    width: int
    height: int
    created_at: datetime


class SectionCreate(WireModel):
    abbreviation: Abbreviation = Field(examples=["CSA"])
    name: Name = Field(examples=["Computer Science A"])
    theme: Name | None = Field(default=None, examples=["Algorithms"])


class SectionPublic(PublicModel):
    """A class or course, known by its abbreviation."""

    abbreviation: str = Field(examples=["CSA"])
    name: str = Field(examples=["Computer Science A"])
    theme: str | None = Field(examples=["Algorithms"])


class MembershipUpdate(WireModel):
    """The year in which one belongs to a section; without it, the present school year."""

    year: Year | None = Field(default=None, examples=[2027])


class MembershipPublic(SectionPublic):
    """A section, and the year in which one belongs to it."""

    year: int = Field(examples=[2027])


class MemberPublic(PublicModel):
    """Somebody who belongs to a section, and the year in which they do."""

    user: UserPublic
    year: int = Field(examples=[2027])


class GroupCreate(WireModel):
    name: Name = Field(examples=["General"])
    section_id: RowId | None = None


class ChannelCreate(WireModel):
    """A channel of a group; `attributes` are what front ends keep beside its name."""

    name: Name = Field(examples=["Announcements"])
    group_id: RowId
    attributes: Annotated[dict[str, Any], ShortJSON] | None = None


class PostCreate(WireModel):
    """A post in a channel, on a page, or in answer to another post.

    `content` is what front ends keep beside the text: any JSON, short and not deep.
    """

    title: Title = Field(default="", examples=["A first post"])
    comment: Comment = Field(default="", examples=["Hello."])
    content: Annotated[Any, PlainJSON] = None
    channel_id: RowId | None = None
    parent_id: RowId | None = None
    page_url: PageURL | None = Field(default=None, examples=["https://example.org/2026/a"])


class PostUpdate(WireModel):
    """What is to change about a post. Fields left out stay as they are."""

    title: Title = Field(default="", examples=["A first post"])
    comment: Comment = Field(default="", examples=["Hello."])
    content: Annotated[Any, PlainJSON] = None
    channel_id: RowId | None = None
    page_url: PageURL | None = Field(default=None, examples=["https://example.org/2026/a"])
