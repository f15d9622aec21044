"""The trail: in the transaction of what it tells about, and it outlives whom it tells about."""

from contextlib import suppress

from sqlmodel import select

from app.models import AuditEvent
from app.principals import Actor
from app.resources import Resources
from app.services import audit
from tests.services.rows import trail


async def test_undone_with_what_it_tells_about(resources: Resources) -> None:
    with suppress(ZeroDivisionError):
        async with resources.database.transaction() as session:
            audit.record(session, Actor(), "never-happened")
            raise ZeroDivisionError
    assert await trail(resources) == []


async def test_says_who_did_what_to_whom_from_where(resources: Resources) -> None:
    actor = Actor(public_id="actor", client_address="192.0.2.1", request_id="request")
    async with resources.database.transaction() as session:
        audit.record(session, actor, "happened", subject="subject", kind="é\n")
    async with resources.database.transaction(read_only=True) as session:
        event = (await session.exec(select(AuditEvent))).one()
    assert (event.action, event.actor, event.subject) == ("happened", "actor", "subject")
    assert (event.client_address, event.request_id) == ("192.0.2.1", "request")
    assert event.detail == {"kind": "é\n"}
    assert event.occurred_at.tzinfo is not None
