"""The trail of what mattered for security, and its head. What chains them is in `seals.py`."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from app.models.columns import json_column, utc_now


class AuditEvent(SQLModel, table=True):
    """Something that mattered for security: who did what to whom, from where. Never changed.

    Only `audit.record` makes them. The database refuses to change or delete one.
    """

    __tablename__: ClassVar[Any] = "audit_event"

    # Its number in the chain: from one, without a gap.
    id: int | None = Field(default=None, primary_key=True)
    occurred_at: datetime = Field(default_factory=utc_now, index=True)
    action: str = Field(max_length=40, index=True)
    # Public ids, not foreign keys: the trail outlives the accounts.
    actor: str | None = Field(default=None, max_length=16, index=True)
    subject: str | None = Field(default=None, max_length=16, index=True)
    client_address: str = Field(default="", max_length=45)
    request_id: str = Field(default="", max_length=32)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    # Which key sealed it; the digest of all columns above and of the event before; its seal.
    kid: str = Field(default="", max_length=8)
    digest: str = Field(default="", max_length=64)
    seal: str = Field(default="", max_length=64)


class AuditHead(SQLModel, table=True):
    """How many events there are and the digest of the last, sealed: the one row that is updated."""

    __tablename__: ClassVar[Any] = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True)
    count: int
    kid: str = Field(max_length=8)
    digest: str = Field(max_length=64)
    seal: str = Field(max_length=64)
