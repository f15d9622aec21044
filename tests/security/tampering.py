"""Writing a trail, changing it as somebody with the database in hand does, and verifying it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlmodel import col, select

from app.keys import KeyRing, SigningKey
from app.models import AuditEvent
from app.principals import Actor
from app.resources import Resources
from app.seals import NOTHING, SealKeys
from app.services import audit
from app.services.audit.checking import Finding, Kind, verify_trail
from app.services.audit.recording import entry_of

ACTOR = Actor(public_id="ada", client_address="192.0.2.1", request_id="r")


async def write(resources: Resources, numbers: Iterable[int]) -> None:
    for number in numbers:
        async with resources.database.transaction() as session:
            audit.record(session, ACTOR, "happened", subject="bob", n=str(number))


async def run(resources: Resources, *statements: str, **values: Any) -> None:
    async with resources.database.transaction() as session:
        connection = await session.connection()
        for statement in statements:
            await connection.execute(text(statement), values)


async def tamper(resources: Resources, *statements: str, **values: Any) -> None:
    """Run statements as somebody who does away with the triggers first."""
    async with resources.database.transaction() as session:
        connection = await session.connection()
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
        else:
            for name in ("update", "delete", "replace"):
                drop = f"DROP TRIGGER IF EXISTS audit_event_no_{name}"
                await connection.execute(text(drop))
        for statement in statements:
            await connection.execute(text(statement), values)


async def verify(resources: Resources, **options: Any) -> Finding:
    keys = options.pop("keys", resources.database.seal_keys)
    async with resources.database.transaction(read_only=True) as session:
        return await verify_trail(session, keys=keys, **options)


async def flaw(resources: Resources, **options: Any) -> tuple[Kind, int]:
    found = (await verify(resources, **options)).flaw
    assert found is not None
    return found.kind, found.number


async def rows(resources: Resources) -> list[AuditEvent]:
    async with resources.database.transaction(read_only=True) as session:
        query = select(AuditEvent).order_by(col(AuditEvent.id))
        return list((await session.exec(query)).all())


def make_key(secret: str) -> SigningKey:
    return KeyRing.from_secret(secret).current


async def chain_anew(resources: Resources, events: list[AuditEvent], keys: SealKeys) -> None:
    """Write events over the trail with digests that fit, seals of another key, and a head."""
    digest = NOTHING
    for event in events:
        told = entry_of(event).digest(digest)
        if told != event.digest:
            event.digest, event.seal = told, keys.seal_event(told)
        digest = told
        await tamper(
            resources,
            "UPDATE audit_event SET kid = :kid, digest = :digest, seal = :seal, detail = :detail "
            "WHERE id = :id",
            id=event.id,
            kid=event.kid,
            digest=event.digest,
            seal=event.seal,
            detail=str(event.detail).replace("'", '"'),
        )
    head = keys.seal_head(len(events), digest)
    change = "UPDATE audit_head SET digest = :digest, seal = :seal"
    await tamper(resources, change, digest=digest, seal=head)


async def digests(resources: Resources) -> list[tuple[int, str]]:
    return [(event.id or 0, event.digest) for event in await rows(resources)]


async def put_back(resources: Resources, count: int, *, head_only: bool = False) -> None:
    """Leave the database as it was after so many events: an attacker kept a copy."""
    keys, events = resources.database.seal_keys, await rows(resources)
    digest = events[count - 1].digest
    if not head_only:
        await tamper(resources, f"DELETE FROM audit_event WHERE id > {count}")
    await tamper(
        resources,
        "UPDATE audit_head SET count = :count, digest = :digest, seal = :seal",
        count=count,
        digest=digest,
        seal=keys.seal_head(count, digest),
    )
