"""Writing the trail: in the transaction of what it tells about, as the last thing it does.

Events wait in the session until the transaction's end. Then the head is locked, they get the next
numbers, digests and seals, and the head moves on. So nobody waits for the head longer than one
commit takes, and whoever holds it waits for nothing.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects import sqlite
from sqlmodel import insert, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.db import seal_keys_of
from app.models import AuditEvent, AuditHead, utc_now
from app.models.columns import table_of
from app.pauses import let_others_in
from app.plain_statements import PlainStatement
from app.principals import Actor
from app.seals import NOTHING, Entry, SealKeys
from app.transactions import at_the_end, run

BROKEN, KEY_CHANGED = "audit-broken", "audit-key-changed"
_WAITING = "events that wait"

# Put into words once: every login says them, between the lock of the head and its commit.
_EVENTS, _HEADS = table_of(AuditEvent), table_of(AuditHead)
_HEAD = PlainStatement(
    select(_HEADS.c.count, _HEADS.c.kid, _HEADS.c.digest, _HEADS.c.seal).with_for_update()
)
_END = PlainStatement(select(_EVENTS.c.id, _EVENTS.c.digest).order_by(_EVENTS.c.id.desc()).limit(1))
_ADD = PlainStatement(insert(_EVENTS))
_MOVE_ON = PlainStatement(
    update(_HEADS).values(
        {name: bindparam(f"new_{name}") for name in ("count", "kid", "digest", "seal")}
    )
)


def record(
    session: AsyncSession, actor: Actor, action: str, *, subject: str | None = None, **detail: str
) -> None:
    """Add an event. `subject` is the public id of whom it is about; `detail` holds no secrets."""
    event = Entry(
        number=0,
        occurred_at=utc_now(),
        action=action,
        actor=actor.public_id,
        subject=subject,
        client_address=actor.client_address,
        request_id=actor.request_id,
        detail=detail,
        kid="",
    )
    waiting: list[Entry] = session.info.setdefault(_WAITING, [])
    if not waiting:
        at_the_end(session, partial(_append, session))
    waiting.append(event)


async def take_as_long(session: AsyncSession) -> None:
    """Write to the head what stands there: it takes as long as an event, and leaves nothing."""
    await session.exec(update(AuditHead).values(count=AuditHead.count))


@dataclass(frozen=True, slots=True)
class End:
    """How a trail ends: the number and the digest of the last event."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the head says."""

    count: int
    kid: str
    digest: str
    seal: str


async def _append(session: AsyncSession) -> None:
    """Put the events that wait at the end of the chain.

    If the head does not tell of the last event, or its seal does not hold, somebody changed the
    trail or the key is another. Going on as if nothing were would cover that up, and refusing would
    stop every login: so an event that says what was found comes first, and `verify` reports it.
    """
    await let_others_in()
    events: list[Entry] = session.info.pop(_WAITING)
    if session.new or session.dirty or session.deleted:
        await session.flush()
    keys = seal_keys_of(session)
    head = await _lock_head(session)
    end = await find_end(session)
    if not tells_of(head, end, keys):
        events.insert(0, _note(head, end, keys))
    number, digest = end.number, end.digest
    for waiting in events:
        number += 1
        event = replace(waiting, number=number, kid=keys.kid)
        digest = event.digest(digest)
        seal = keys.seal_event(digest)
        await run(session, _ADD, **event.columns(), digest=digest, seal=seal)
    seal = keys.seal_head(number, digest)
    await run(
        session, _MOVE_ON, new_count=number, new_kid=keys.kid, new_digest=digest, new_seal=seal
    )


async def _lock_head(session: AsyncSession) -> Head:
    found = await run(session, _HEAD)
    if not found:
        # Somebody took it away. Of two who find that at once, one makes it.
        values = {"id": 1, "count": 0, "kid": "", "digest": "", "seal": ""}
        make = _insert_for(session.get_bind().dialect.name)
        await session.exec(make(AuditHead).values(values).on_conflict_do_nothing())
        found = await run(session, _HEAD)
    return Head(*found[0])


def _insert_for(dialect: str) -> Any:
    if dialect == sqlite.dialect.name:
        return sqlite.insert
    # Two megabytes that nobody needs on SQLite.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert


async def find_end(session: AsyncSession) -> End:
    """Return how the trail ends."""
    found = await run(session, _END)
    return End(*found[0]) if found else End(0, NOTHING)


def tells_of(head: Head | AuditHead, end: End, keys: SealKeys) -> bool:
    """Whether a head is sealed and tells of this end."""
    is_sealed = keys.fits_head(head.kid, head.count, head.digest, head.seal)
    return is_sealed and (head.count, head.digest) == (end.number, end.digest)


def _note(head: Head, end: End, keys: SealKeys) -> Entry:
    """Return the event that tells what was found in the head's place, the head included."""
    is_whole = (head.count, head.digest) == (end.number, end.digest)
    is_foreign = bool(head.kid) and head.kid not in keys
    return Entry(
        number=0,
        occurred_at=utc_now(),
        action=KEY_CHANGED if is_whole and is_foreign else BROKEN,
        actor=None,
        subject=None,
        client_address="",
        request_id="",
        detail={
            "count": str(head.count),
            "found": str(end.number),
            "kid": head.kid,
            "digest": head.digest,
            "seal": head.seal,
        },
        kid="",
    )


def entry_of(event: AuditEvent) -> Entry:
    """Return an event as its digest sees it."""
    return Entry(
        number=event.id or 0,
        occurred_at=event.occurred_at,
        action=event.action,
        actor=event.actor,
        subject=event.subject,
        client_address=event.client_address,
        request_id=event.request_id,
        detail=event.detail,
        kid=event.kid,
    )
