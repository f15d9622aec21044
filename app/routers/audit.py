"""`/api/v1/audit`: the trail of what mattered for security, for admins."""

from app.audit_queries import EventFilters
from app.dependencies import ActorDep, AdminUser, Cursor, PageSize, SessionDep
from app.errors import AdminRequired, FieldsRefused, TokenInvalid, Unauthenticated
from app.openapi import refusals
from app.routing import Router
from app.schemas import AuditEventPublic, AuditPerson, Page
from app.services.audit.reading import EventPage, list_events
from app.services.audit.rows import Row

router = Router(prefix="/api/v1/audit", tags=["audit"])


@router.get("", responses=refusals(Unauthenticated, TokenInvalid, AdminRequired, FieldsRefused))
async def list_audit_events(
    session: SessionDep,
    _viewer: AdminUser,
    actor: ActorDep,
    filters: EventFilters,
    cursor: Cursor = None,
    limit: PageSize = 50,
) -> Page[AuditEventPublic]:
    """List what happened, the newest first: all, or one action, one person, some days (UTC)."""
    found = await list_events(session, actor, filters=filters, cursor=cursor, limit=limit)
    return Page(items=[_show(row, found) for row in found.rows], next=found.next)


def _show(row: Row, found: EventPage) -> AuditEventPublic:
    entry = row.entry
    if entry is None:
        return AuditEventPublic(number=row.number, action="unreadable")

    def person(public_id: str | None) -> AuditPerson | None:
        user = found.people.get(public_id)
        uid = None if user is None else user.uid
        return None if public_id is None else AuditPerson(id=public_id, uid=uid)

    return AuditEventPublic(
        number=row.number,
        action=entry.action,
        occurred_at=entry.occurred_at,
        actor=person(entry.actor),
        subject=person(entry.subject),
        client_address=entry.client_address,
        request_id=entry.request_id,
        detail={key: str(value) for key, value in entry.detail.items()},
    )
