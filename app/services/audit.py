"""The trail of what mattered for security. Written in the transaction of what it tells about."""

from sqlmodel.ext.asyncio.session import AsyncSession

from app.models import AuditEvent
from app.principals import Actor


def record(
    session: AsyncSession, actor: Actor, action: str, *, subject: str | None = None, **detail: str
) -> None:
    """Add an event. `subject` is the public id of whom it is about; `detail` holds no secrets."""
    session.add(
        AuditEvent(
            action=action,
            actor=actor.public_id,
            subject=subject,
            client_address=actor.client_address,
            request_id=actor.request_id,
            detail=detail,
        )
    )
