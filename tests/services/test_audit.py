"""The trail: in the transaction of what it tells about, and it outlives whom it tells about."""

from contextlib import suppress

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from app.models import AuditEvent, AuditHead, User
from app.principals import Actor
from app.resources import Resources
from app.services import audit
from app.services.audit.failures import (
    OF_NOBODY,
    OF_ONE,
    REFUSALS,
    record_failure,
    record_throttled,
)
from tests.services.rows import make_user, store, trail


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


async def test_never_in_a_transaction_that_only_reads(resources: Resources) -> None:
    with pytest.raises(DBAPIError):
        async with resources.database.transaction(read_only=True) as session:
            audit.record(session, Actor(), "never-happened")
    assert await trail(resources) == []


async def test_comes_last_whatever_else_a_transaction_does(resources: Resources) -> None:
    """Nothing of it is in the database, and no lock is held, before the block has ended."""
    async with resources.database.transaction() as session:
        audit.record(session, Actor(), "first")
        session.add(make_user())
        await session.flush()
        audit.record(session, Actor(), "second")
        assert (await session.exec(select(AuditEvent))).all() == []
    assert await trail(resources) == ["first", "second"]


class TestFailures:
    """Written down within bounds: an account's own, and one for all names that nobody has."""

    async def fail(self, resources: Resources, times: int, user: User | None) -> None:
        for _ in range(times):
            await record_failure(resources, Actor(), action="login-failed", user=user)

    async def test_of_an_account_and_of_nobody(self, resources: Resources) -> None:
        ada = await store(resources, make_user())
        await self.fail(resources, OF_ONE + 5, ada)
        await self.fail(resources, OF_NOBODY + 5, None)
        assert await trail(resources) == ["login-failed"] * (OF_ONE + OF_NOBODY)
        async with resources.database.transaction(read_only=True) as session:
            found = await session.exec(select(AuditEvent.detail).order_by(col(AuditEvent.id)))
            told = [number for number, detail in enumerate(found.all(), start=1) if detail]
        assert told == [OF_ONE, OF_ONE + OF_NOBODY]

    async def test_one_that_is_left_out_changes_nothing(self, resources: Resources) -> None:
        ada = await store(resources, make_user())
        await self.fail(resources, OF_ONE, ada)
        async with resources.database.transaction(read_only=True) as session:
            before = (await session.exec(select(AuditHead))).one().model_dump()
        await self.fail(resources, 1, ada)
        async with resources.database.transaction(read_only=True) as session:
            assert (await session.exec(select(AuditHead))).one().model_dump() == before

    async def test_refusals_once_for_a_name_however_it_is_written(
        self, resources: Resources
    ) -> None:
        ada = await store(resources, make_user())
        for uid in ("ada", "ADA", "ada"):
            await record_throttled(resources, Actor(), uid=uid, user=ada)
        assert await trail(resources) == ["login-throttled"]

    async def test_refusals_of_many_names(self, resources: Resources) -> None:
        for number in range(REFUSALS + 5):
            await record_throttled(resources, Actor(), uid=f"nobody{number}", user=None)
        assert await trail(resources) == ["login-throttled"] * REFUSALS
