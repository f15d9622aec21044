"""`portfolio doctor` on second factors: who is kept out because a key is gone, and what to do."""

import asyncio
from pathlib import Path

import pytest

from app.config import Settings
from app.db import Database
from app.doctor.findings import Verdict
from app.doctor.second_factors import examine_second_factors
from app.keys import KeyRing, new_key
from app.models import SecondFactor, utc_now
from tests.conftest import make_settings
from tests.postgres import free_port
from tests.services.rows import make_user

pytestmark = pytest.mark.process


async def protect(settings: Settings, *uids: str, confirmed: bool = True) -> None:
    """Store accounts with second factors made with the current key."""
    kid = KeyRing.read(settings.keys_path).current.kid
    database = Database(settings)
    async with database.transaction() as session:
        for uid in uids:
            user = make_user(uid)
            session.add(user)
            await session.flush()
            confirmed_at = utc_now() if confirmed else None
            factor = SecondFactor(user_id=user.id or 0, kid=kid, seed="", confirmed_at=confirmed_at)
            session.add(factor)
    await database.dispose()


def lose_keys(settings: Settings) -> None:
    KeyRing((new_key(utc_now()),)).write(settings.keys_path)


def test_out_of_reach(tmp_path: Path, settings: Settings) -> None:
    url = f"postgresql://portfolio@127.0.0.1:{free_port()}/x"
    gone = make_settings(tmp_path, database_url=url)
    assert gone.keys_path == settings.keys_path
    found = examine_second_factors(gone)
    assert (found.value, found.verdict) == ("cannot be read", Verdict.BAD)


def test_without_any_keys(settings: Settings) -> None:
    settings.keys_path.unlink()
    found = examine_second_factors(settings)
    assert (found.value, found.verdict) == ("their keys cannot be read", Verdict.BAD)
    assert "keys.json" in found.advice


def test_without_their_key(settings: Settings) -> None:
    asyncio.run(protect(settings, "ada", "bob"))
    lose_keys(settings)
    asyncio.run(protect(settings, "eve"))
    found = examine_second_factors(settings)
    assert found.value == "3, of which 2 without their key"
    assert found.verdict is Verdict.BAD
    assert found.advice.endswith("remove-second-factor` for each: ada, bob.")


def test_without_their_key_many(settings: Settings) -> None:
    asyncio.run(protect(settings, *(f"u{number}" for number in range(7))))
    lose_keys(settings)
    assert examine_second_factors(settings).advice.endswith(": u0, u1, u2, u3, u4 ….")


def test_that_were_only_begun_keep_nobody_out(settings: Settings) -> None:
    asyncio.run(protect(settings, "ada", confirmed=False))
    lose_keys(settings)
    found = examine_second_factors(settings)
    assert (found.value, found.verdict) == ("none", Verdict.FINE)


def test_well(settings: Settings) -> None:
    asyncio.run(protect(settings, "ada", "bob"))
    ring = KeyRing.read(settings.keys_path)
    KeyRing((new_key(utc_now()),), retired=ring.keys).write(settings.keys_path)
    found = examine_second_factors(settings)
    assert (found.value, found.verdict) == ("2", Verdict.FINE)
