"""`portfolio doctor` on the audit trail: a look at its end, and what to do if that does not fit."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from app.config import Settings
from app.db import Database
from app.doctor.findings import Verdict
from app.doctor.trail import examine_trail
from app.principals import Actor
from app.services import audit
from tests.conftest import make_settings
from tests.postgres import free_port

pytestmark = pytest.mark.process


async def run(settings: Settings, statement: str | None = None) -> None:
    """Write two events, or run a statement."""
    database = Database(settings)
    async with database.transaction() as session:
        if statement is None:
            audit.record(session, Actor(), "happened")
            audit.record(session, Actor(), "happened")
        else:
            await (await session.connection()).execute(text(statement))
    await database.dispose()


def test_out_of_reach(tmp_path: Path, settings: Settings) -> None:
    url = f"postgresql://portfolio@127.0.0.1:{free_port()}/x"
    gone = make_settings(tmp_path, database_url=url)
    assert gone.audit_keys_path == settings.audit_keys_path
    found = examine_trail(gone)
    assert (found.value, found.verdict) == ("cannot be read", Verdict.BAD)


@pytest.mark.parametrize("content", [None, "junk"])
def test_without_its_key(settings: Settings, content: str | None) -> None:
    settings.audit_keys_path.unlink()
    if content is not None:
        settings.audit_keys_path.write_text(content)
    found = examine_trail(settings)
    assert (found.value, found.verdict) == ("its key cannot be read", Verdict.BAD)
    assert "portfolio migrate" in found.advice


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_head",
        "UPDATE audit_head SET seal = ''",
        "UPDATE audit_head SET count = 1",
        (
            "INSERT INTO audit_event (id, occurred_at, action, client_address, request_id, detail) "
            "VALUES (3, CURRENT_TIMESTAMP, 'login', '', '', '{}')"
        ),
    ],
)
def test_changed(settings: Settings, statement: str) -> None:
    asyncio.run(run(settings))
    asyncio.run(run(settings, statement))
    found = examine_trail(settings)
    assert (found.value, found.verdict) == ("does not end as its head says", Verdict.BAD)
    assert "portfolio audit verify" in found.advice


def test_whole(settings: Settings) -> None:
    asyncio.run(run(settings))
    found = examine_trail(settings)
    assert (found.value, found.verdict) == ("2 events, the last as the head says", Verdict.FINE)
