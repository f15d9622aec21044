"""The password once more: how young a login must be to do instead, and what it protects."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from app.errors import PasswordNeeded, WrongPassword
from app.models import User, utc_now
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.services import proof
from app.services.proof import FRESH, is_fresh, protect
from app.tokens import CLOCK_SKEW
from tests.people import PASSWORD
from tests.services.rows import NOW, TICK, acting, make_user, store, trail


@pytest.mark.unit
class TestFresh:
    @pytest.mark.parametrize("age", [FRESH, FRESH + TICK, timedelta(days=30), -CLOCK_SKEW - TICK])
    def test_not(self, age: timedelta) -> None:
        assert not is_fresh(NOW - age, now=NOW)

    def test_not_without_a_login(self) -> None:
        assert not is_fresh(None, now=NOW)
        with pytest.raises(PasswordNeeded):
            proof.require_fresh(None)

    def test_not_after_ten_minutes_by_the_clock(self) -> None:
        with pytest.raises(PasswordNeeded):
            proof.require_fresh(utc_now() - timedelta(minutes=10))

    @pytest.mark.parametrize("age", [timedelta(0), TICK, FRESH - TICK, -CLOCK_SKEW])
    def test_until_then(self, age: timedelta) -> None:
        assert is_fresh(NOW - age, now=NOW)


class TestHasProof:
    @pytest.fixture
    async def ada(self, resources: Resources) -> User:
        known = await resources.hasher.hash(PASSWORD)
        return await store(resources, make_user("ada", password_hash=known))

    async def ask(self, resources: Resources, actor: Actor, password: str | None) -> bool:
        given = None if password is None else SecretStr(password)
        return await proof.has_proof(resources, actor, password=given)

    async def test_wrong_even_if_none_was_needed(self, resources: Resources, ada: User) -> None:
        for at in (None, utc_now()):
            with pytest.raises(WrongPassword):
                await self.ask(resources, acting(ada, logged_in_at=at), "wrong")
        assert await trail(resources) == ["password-refused"] * 2

    async def test_none_and_no_fresh_login(self, resources: Resources, ada: User) -> None:
        for at in (None, utc_now() - FRESH):
            assert not await self.ask(resources, acting(ada, logged_in_at=at), None)
        assert await trail(resources) == []

    async def test_given(self, resources: Resources, ada: User) -> None:
        assert await self.ask(resources, acting(ada), PASSWORD)

    async def test_a_fresh_login(self, resources: Resources, ada: User) -> None:
        assert await self.ask(resources, acting(ada, logged_in_at=utc_now()), None)

    async def test_the_operator(self, resources: Resources) -> None:
        assert await self.ask(resources, OPERATOR, None)


@pytest.mark.unit
class TestProtect:
    ADA = make_user("ada", id=7, email="ada@example.org")

    @pytest.mark.parametrize(
        "changes",
        [{"uid": "ada2"}, {"uid": "Ada"}, {"email": "eve@example.org"}, {"email": None}],
    )
    def test_not_without_proof(self, changes: dict[str, Any]) -> None:
        with pytest.raises(PasswordNeeded):
            protect(acting(self.ADA), self.ADA, {"name": "Eve", **changes}, is_proved=False)

    @pytest.mark.parametrize(
        "changes",
        [{}, {"name": "Ada King"}, {"uid": "ada"}, {"email": "ada@example.org"}],
    )
    def test_nothing_protected(self, changes: dict[str, Any]) -> None:
        protect(acting(self.ADA), self.ADA, changes, is_proved=False)

    def test_with_proof(self) -> None:
        protect(acting(self.ADA), self.ADA, {"uid": "ada2", "email": None}, is_proved=True)

    def test_somebody_elses(self) -> None:
        """An admin's way to help people; whether it is one is asked before."""
        protect(acting(make_user("root1", id=8)), self.ADA, {"uid": "ada2"}, is_proved=False)
