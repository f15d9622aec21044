"""Wire models of what people publish and belong to: pictures, sections, groups, channels, posts."""

from datetime import datetime

from pydantic import Field

from app.schemas.accounts import UserPublic
from app.schemas.fields import Abbreviation, Name, Year
from app.schemas.wire import PublicModel, WireModel


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
