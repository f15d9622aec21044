"""Second factors of accounts, and the codes that stand in for a lost one."""

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field, SQLModel

from app.models.columns import key_column, utc_now


class SecondFactor(SQLModel, table=True):
    """An app that makes codes for an account. It counts once a first code has confirmed it."""

    __tablename__: ClassVar[Any] = "second_factor"

    user_id: int = Field(sa_column=key_column("user", primary=True))
    # The secret is derived from the key with this `kid` and the seed (see codes.py).
    kid: str = Field(max_length=8)
    seed: str = Field(max_length=40)
    # The step of the last code that was used: that one and older ones are worth nothing any more.
    last_step: int = 0
    created_at: datetime = Field(default_factory=utc_now)
    confirmed_at: datetime | None = None


class RecoveryCode(SQLModel, table=True):
    """A code that stands in for the app, once: using it deletes the row. Only its HMAC is kept."""

    __tablename__: ClassVar[Any] = "recovery_code"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(sa_column=key_column("user"))
    digest: str = Field(max_length=64, unique=True)
