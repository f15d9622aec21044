"""Logging in: one answer for every failure, the pause after too many, the upgrade of old hashes."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from app.errors import HashingBusy, LoginFailed, TooManyAttempts
from app.models import AuditEvent, User
from app.passwords import PasswordHasher
from app.principals import Actor
from app.resources import Resources
from app.services import logins
from tests.conftest import make_settings
from tests.people import PASSWORD
from tests.services.hashing import Pause
from tests.services.rows import make_user, must, store, trail

HERE, THERE = Actor(client_address="192.0.2.1"), Actor(client_address="192.0.2.2")
THREE_ATTEMPTS = pytest.mark.parametrize("settings_changes", [{"login_attempts": 3}], ids=["three"])


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada", password_hash=await hashed(resources)))


async def hashed(resources: Resources, password: str = PASSWORD) -> str:
    return await resources.hasher.hash(password)


async def log_in(
    resources: Resources, uid: str = "ada", password: str = PASSWORD, actor: Actor = HERE
) -> User:
    return await logins.authenticate(resources, actor, uid=uid, password=SecretStr(password))


async def fail(resources: Resources, times: int, **arguments: Any) -> None:
    for _ in range(times):
        with pytest.raises(LoginFailed):
            await log_in(resources, **{"password": "wrong", **arguments})


class TestRefused:
    async def test_unknown_uid(self, resources: Resources, ada: User) -> None:
        assert ada.uid == "ada"
        for uid in ("bob", "", "ad", "ada ", "%", "a\x00b", "\ud800", "x" * 64, "' OR 1=1 --"):
            await fail(resources, 1, uid=uid, password=PASSWORD)

    async def test_wrong_password(self, resources: Resources, ada: User) -> None:
        assert ada.password_hash
        for password in (
            "",
            "wrong",
            PASSWORD.upper(),
            PASSWORD + " ",
            ada.password_hash,
            "x" * 5000,
        ):
            await fail(resources, 1, password=password)

    async def test_disabled_account(self, resources: Resources) -> None:
        known = await hashed(resources)
        await store(resources, make_user("bob", password_hash=known, is_active=False))
        await fail(resources, 1, uid="bob", password=PASSWORD)

    async def test_account_without_a_password(self, resources: Resources) -> None:
        await store(resources, make_user("bob"))
        for password in ("", "None", PASSWORD):
            await fail(resources, 1, uid="bob", password=password)

    async def test_is_one_answer(self, resources: Resources, ada: User) -> None:
        refusals = []
        for uid, password in (("bob", PASSWORD), (ada.uid, "wrong")):
            with pytest.raises(LoginFailed) as refusal:
                await log_in(resources, uid, password)
            refusals.append((str(refusal.value), refusal.value.headers, refusal.value.extensions))
        assert refusals[0] == refusals[1]

    async def test_leaves_a_trace_without_what_was_typed(
        self, resources: Resources, ada: User
    ) -> None:
        await fail(resources, 1)
        await fail(resources, 1, uid="bob")
        async with resources.database.transaction(read_only=True) as session:
            found = (await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))).all()
        assert [(event.action, event.subject) for event in found] == [
            ("login-failed", ada.public_id),
            ("login-failed", None),
        ]
        assert [event.client_address for event in found] == ["192.0.2.1", "192.0.2.1"]
        assert "wrong" not in repr(found)
        assert "bob" not in repr(found)


@THREE_ATTEMPTS
class TestThrottle:
    async def test_after_too_many_even_the_right_password_waits(
        self, resources: Resources, ada: User
    ) -> None:
        await fail(resources, 3)
        with pytest.raises(TooManyAttempts) as refusal:
            await log_in(resources)
        assert 290 <= refusal.value.retry_after <= 300
        assert await trail(resources) == [*["login-failed"] * 3, "login-throttled"]
        assert ada.uid == "ada"

    async def test_unknown_names_too(self, resources: Resources) -> None:
        await fail(resources, 3, uid="nobody")
        with pytest.raises(TooManyAttempts):
            await log_in(resources, "nobody")

    async def test_however_the_name_is_written(self, resources: Resources, ada: User) -> None:
        for uid in ("ada", "ADA", "\uff21da"):
            await fail(resources, 1, uid=uid)
        with pytest.raises(TooManyAttempts):
            await log_in(resources, "aDa")
        assert ada.uid == "ada"

    async def test_many_at_once_do_not_slip_through(self, resources: Resources) -> None:
        at_once = (log_in(resources, password="wrong") for _ in range(10))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, LoginFailed) for answer in answers) == 3
        assert sum(isinstance(answer, TooManyAttempts) for answer in answers) == 7

    async def test_a_stranger_elsewhere_locks_nobody_out(
        self, resources: Resources, ada: User
    ) -> None:
        await fail(resources, 3, actor=THERE)
        assert (await log_in(resources)).id == ada.id

    async def test_a_class_behind_one_address_does_not_add_up(
        self, resources: Resources, ada: User
    ) -> None:
        for number in range(8):
            await fail(resources, 1, uid=f"pupil{number}")
        assert (await log_in(resources)).id == ada.id

    async def test_success_starts_afresh(self, resources: Resources, ada: User) -> None:
        for _ in range(3):
            await fail(resources, 2)
            assert (await log_in(resources)).id == ada.id


@pytest.mark.parametrize(
    "settings_changes", [{"login_attempts": 2, "hash_queue": 1}], ids=["narrow"]
)
class TestBusy:
    async def test_does_not_count_as_a_failure(
        self, resources: Resources, ada: User, pause: Pause
    ) -> None:
        pause.before("verify_secret")
        first = asyncio.create_task(log_in(resources, actor=THERE))
        await pause.reached()
        for _ in range(5):
            with pytest.raises(HashingBusy):
                await log_in(resources)
        pause.go_on()
        assert (await first).id == ada.id
        assert (await log_in(resources)).id == ada.id
        assert await trail(resources) == []


class TestLoggedIn:
    async def test_returns_the_account(self, resources: Resources, ada: User) -> None:
        for uid in ("ada", "ADA", "Ada"):
            assert (await log_in(resources, uid)).id == ada.id
        assert await trail(resources) == []

    async def test_accents_however_the_keyboard_writes_them(self, resources: Resources) -> None:
        known = await hashed(resources, "caf\u00e9 au lait, twice")
        await store(resources, make_user("bob", password_hash=known))
        assert (await log_in(resources, "bob", "cafe\u0301 au lait, twice")).uid == "bob"


class TestUpgrade:
    @pytest.fixture
    async def old(self, resources: Resources) -> User:
        """An account whose hash was made when hashes were cheaper."""
        folder = resources.settings.instance_dir
        hasher = PasswordHasher(make_settings(folder, argon2_memory_kib=8, argon2_time=3))
        known = await hasher.hash(PASSWORD)
        hasher.close()
        return await store(resources, make_user("old", password_hash=known))

    async def test_not_after_a_failure(self, resources: Resources, old: User) -> None:
        await fail(resources, 1, uid="old")
        assert (await must(resources, old)).password_hash == old.password_hash

    async def test_not_over_a_password_just_changed(
        self, resources: Resources, old: User, pause: Pause
    ) -> None:
        pause.before("verify_secret")
        login = asyncio.create_task(log_in(resources, "old"))
        await pause.reached()
        async with resources.database.transaction() as session:
            session.add(old)
            old.password_hash = "just changed"
        pause.go_on()
        assert (await login).id == old.id
        assert (await must(resources, old)).password_hash == "just changed"

    async def test_at_the_next_login(self, resources: Resources, old: User) -> None:
        await log_in(resources, "old")
        found = (await must(resources, old)).password_hash
        assert found is not None
        assert found.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        assert (await must(resources, old)).auth_epoch == old.auth_epoch
        assert (await log_in(resources, "old")).password_hash == found

    async def test_not_when_it_is_up_to_date(self, resources: Resources, ada: User) -> None:
        await log_in(resources)
        assert (await must(resources, ada)).password_hash == ada.password_hash
