"""The audit trail for admins: what happened, in words, by whom, to whom, and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request, Response

from app.audit_queries import EventFilters
from app.dependencies import ActorDep, AdminPageUser, Cursor, SessionDep
from app.forms import Form
from app.models import User
from app.rendering import page
from app.routing import Router
from app.seals import Entry
from app.services.audit.actions import ACTIONS
from app.services.audit.reading import EventPage, list_events
from app.services.audit.recording import BROKEN, KEY_CHANGED

router = Router(prefix="/admin/audit", include_in_schema=False)
PAGE_SIZE = 50
_FIELDS = ("action", "person", "since", "until")
_BY_SERVER = {BROKEN, KEY_CHANGED}


@dataclass(frozen=True, slots=True)
class Line:
    """An event as the page shows it. Somebody who is gone has an id and no account."""

    number: int
    entry: Entry | None
    words: str
    by: str
    actor: User | None
    subject: User | None
    detail: str


@router.get("")
async def show_audit(
    request: Request,
    session: SessionDep,
    _viewer: AdminPageUser,
    actor: ActorDep,
    filters: EventFilters,
    cursor: Cursor = None,
) -> Response:
    """Show what happened, the newest first, a page at a time."""
    found = await list_events(session, actor, filters=filters, cursor=cursor, limit=PAGE_SIZE)
    asked = {name: request.query_params.get(name, "") for name in _FIELDS}
    given = {name: value for name, value in asked.items() if value}
    return page(
        request,
        "admin_audit.html",
        form=Form(asked),
        actions=[("", "Everything"), *sorted(ACTIONS.items(), key=lambda item: item[1])],
        is_filtered=bool(given),
        lines=_describe(found),
        first=_address(given) if cursor else "",
        next=_address({**given, "cursor": found.next}) if found.next else "",
    )


def _address(query: Mapping[str, str]) -> str:
    return f"{router.prefix}?{urlencode(query)}" if query else router.prefix


def _describe(found: EventPage) -> list[Line]:
    lines = []
    for row in found.rows:
        entry = row.entry
        if entry is None:
            lines.append(Line(row.number, None, "", "", None, None, ""))
            continue
        detail = ", ".join(
            f"{name.replace('_', ' ')}: {value}" for name, value in entry.detail.items()
        )
        lines.append(
            Line(
                row.number,
                entry,
                ACTIONS.get(entry.action, entry.action),
                _say_who(entry),
                found.people.get(entry.actor),
                found.people.get(entry.subject),
                "" if entry.action in _BY_SERVER else detail,
            )
        )
    return lines


def _say_who(entry: Entry) -> str:
    """Say who did it, where that is no account."""
    if entry.actor is not None:
        return "Themselves" if entry.actor == entry.subject else ""
    if entry.action in _BY_SERVER:
        return "This server"
    return "The operator" if entry.client_address == "console" else "Not logged in"
