"""What people tell about themselves, and the pictures they put there."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlmodel import Field, SQLModel

from app.models.columns import json_column, key_column, new_public_id, utc_now


class Profile(SQLModel, table=True):
    """What people tell about themselves beyond the account. No row means: nothing yet."""

    __tablename__: ClassVar[Any] = "profile"

    user_id: int = Field(sa_column=key_column("user", primary=True))
    birth_date: date | None = None
    student_id: str | None = Field(default=None, max_length=64)
    school: str | None = Field(default=None, max_length=200)
    classes: list[str] = Field(default_factory=list, sa_column=json_column())
    # Whether strangers may see the name, the picture and what is published under it.
    is_public: bool = False
    picture_id: int | None = Field(
        default=None, sa_column=key_column("picture", nullable=True, ondelete="SET NULL")
    )


class Picture(SQLModel, table=True):
    """A picture that was decoded and written anew. The file is `uploads/<name>.webp`."""

    __tablename__: ClassVar[Any] = "picture"

    id: int | None = Field(default=None, primary_key=True)
    # Random, so that an address says nothing and cannot be guessed.
    name: str = Field(default_factory=new_public_id, max_length=32, unique=True)
    user_id: int = Field(sa_column=key_column("user"))
    width: int
    height: int
    size_bytes: int
    created_at: datetime = Field(default_factory=utc_now)

    @property
    def url(self) -> str:
        return f"/pictures/{self.name}.webp"
