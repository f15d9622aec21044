"""Wire models of the audit trail. It is read, never written, from outside."""

from datetime import datetime

from pydantic import Field

from app.schemas.wire import PublicModel


class AuditPerson(PublicModel):
    """Somebody in the trail: a public id, and their uid as long as the account exists."""

    id: str
    uid: str | None


class AuditEventPublic(PublicModel):
    """An event. One that somebody damaged has a number and the action `unreadable`."""

    number: int
    action: str
    occurred_at: datetime | None = None
    actor: AuditPerson | None = None
    subject: AuditPerson | None = None
    client_address: str = ""
    request_id: str = ""
    detail: dict[str, str] = Field(default_factory=dict)
