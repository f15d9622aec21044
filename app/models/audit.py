"""The trail of what mattered for security."""

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field, SQLModel

from app.models.columns import json_column, utc_now


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
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
