"""Passwords in use: chosen, confirmed, changed and reset, also while something else happens."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from sqlmodel import delete, select

from app.errors import (
    AdminRequired,
    FieldsRefused,
    HashingBusy,
    LinkInvalid,
    TooManyAttempts,
    UserNotFound,
    WrongPassword,
)
from app.models import LinkPurpose, OneTimeLink, Role, User, UserSession, utc_now
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.services import credentials, links
from tests.people import PASSWORD
from tests.services.hashing import Pause
from tests.services.rows import NOBODY, acting, make_session, make_user, must, reload, store, trail

NEW = "a quite different phrase"


@pytest.fixture
async def ada(resources: Resources) -> User:
    known = await resources.hasher.hash(PASSWORD)
    return await store(resources, make_user("ada", name="Ada Lovelace", password_hash=known))


@pytest.fixture
async def current(resources: Resources, ada: User) -> UserSession:
    """The session of the request."""
    return await store(resources, make_session(ada))


async def is_password(resources: Resources, user: User, password: str) -> bool:
    known = (await must(resources, user)).password_hash
    return (await resources.hasher.verify(password, known))[0]


async def change(
    resources: Resources, actor: Actor, *, given: str = PASSWORD, new: str = NEW
) -> None:
    async with resources.database.transaction() as session:
        await credentials.change_password(
            session, actor, current=SecretStr(given), new=SecretStr(new), resources=resources
        )


async def reset(resources: Resources, secret: str, new: str = NEW) -> User:
    async with resources.database.transaction() as session:
        return await credentials.reset_password(
            session, Actor(), token=SecretStr(secret), new=SecretStr(new), resources=resources
        )


async def reset_link(resources: Resources, user: User) -> str:
    """Return the secret of a fresh link."""
    async with resources.database.transaction() as session:
        link = await credentials.create_reset_link(
            session, OPERATOR, user=user, resources=resources
        )
    return parse_qs(urlsplit(link.url).query)["token"][0]


class TestNewPassword:
    async def choose(self, resources: Resources, password: str, **options: str) -> str:
        person: dict[str, Any] = {"uid": "ada.lovelace", "name": "Ada Lovelace", **options}
        return await credentials.hash_new_password(
            resources, password=SecretStr(password), **person
        )

    @pytest.mark.parametrize("settings_changes", [{"site_name": "Nighthawks"}], ids=["site"])
    async def test_weak(self, resources: Resources) -> None:
        weak = ["short", "iloveyou2026", "x" * 1025]
        personal = ["ada.lovelace1", "LOVELACE-1815", "Ada Lovelace!", "nighthawks1!"]
        for password in (*weak, *personal):
            with pytest.raises(FieldsRefused) as refusal:
                await self.choose(resources, password, pointer="/here")
            (field,) = refusal.value.fields
            assert (field.pointer, field.code) == ("/here", "weak_password")
            assert password not in str(refusal.value)

    @pytest.mark.parametrize("settings_changes", [{"password_min_length": 8}], ids=["eight"])
    async def test_as_long_as_the_setting_says(self, resources: Resources) -> None:
        with pytest.raises(FieldsRefused, match="at least 8 characters"):
            await self.choose(resources, "wqx-mpl")
        assert await self.choose(resources, "wqx-mplz")

    async def test_good(self, resources: Resources) -> None:
        made = await self.choose(resources, PASSWORD)
        assert await resources.hasher.verify(PASSWORD, made) == (True, None)


class TestConfirm:
    async def confirm(self, resources: Resources, actor: Actor, password: str = PASSWORD) -> User:
        return await credentials.confirm_password(resources, actor, password=SecretStr(password))

    async def test_wrong(self, resources: Resources, ada: User) -> None:
        for password in ("", "wrong", PASSWORD.upper(), "x" * 5000):
            with pytest.raises(WrongPassword):
                await self.confirm(resources, acting(ada), password)

    async def test_account_without_a_password(self, resources: Resources) -> None:
        bob = await store(resources, make_user("bob"))
        with pytest.raises(WrongPassword):
            await self.confirm(resources, acting(bob))

    async def test_account_that_is_gone(self, resources: Resources) -> None:
        with pytest.raises(UserNotFound):
            await self.confirm(resources, Actor(user_id=NOBODY))

    @pytest.mark.parametrize("settings_changes", [{"login_attempts": 2}], ids=["two"])
    async def test_after_too_many_even_the_right_one_waits(
        self, resources: Resources, ada: User
    ) -> None:
        bob = await store(resources, make_user("bob", password_hash=ada.password_hash))
        for address in ("192.0.2.1", "192.0.2.2"):
            with pytest.raises(WrongPassword):
                await self.confirm(resources, acting(ada, client_address=address), "wrong")
        with pytest.raises(TooManyAttempts):
            await self.confirm(resources, acting(ada, client_address="192.0.2.3"))
        assert (await self.confirm(resources, acting(bob))).id == bob.id

    @pytest.mark.parametrize(
        "settings_changes", [{"login_attempts": 1, "hash_queue": 1}], ids=["narrow"]
    )
    async def test_busy_does_not_count(self, resources: Resources, ada: User, pause: Pause) -> None:
        pause.before("verify_secret")
        other = asyncio.create_task(resources.hasher.verify(PASSWORD, ada.password_hash))
        await pause.reached()
        for _ in range(3):
            with pytest.raises(HashingBusy):
                await self.confirm(resources, acting(ada))
        pause.go_on()
        await other
        for _ in range(3):
            assert (await self.confirm(resources, acting(ada))).id == ada.id


class TestChange:
    async def test_wrong_current_password(
        self, resources: Resources, ada: User, current: UserSession
    ) -> None:
        with pytest.raises(WrongPassword):
            await change(resources, acting(ada, current), given="wrong")
        assert await is_password(resources, ada, PASSWORD)
        assert await trail(resources) == ["password-refused"]

    async def test_weak_new_password(
        self, resources: Resources, ada: User, current: UserSession
    ) -> None:
        for weak in ("short", "lovelace12345"):
            with pytest.raises(FieldsRefused) as refusal:
                await change(resources, acting(ada, current), new=weak)
            assert [field.pointer for field in refusal.value.fields] == ["/new_password"]
        assert await is_password(resources, ada, PASSWORD)
        assert (await must(resources, ada)).auth_epoch == 0

    @pytest.mark.parametrize("meanwhile", ["changed", "deleted"])
    async def test_account_changed_meanwhile(
        self, resources: Resources, ada: User, current: UserSession, pause: Pause, meanwhile: str
    ) -> None:
        pause.before("hash_secret")
        changing = asyncio.create_task(change(resources, acting(ada, current)))
        await pause.reached()
        async with resources.database.transaction() as session:
            if meanwhile == "deleted":
                await session.exec(delete(User))
            else:
                session.add(ada)
                ada.password_hash = "somebody else's"
        pause.go_on()
        with pytest.raises(WrongPassword):
            await changing
        found = await reload(resources, ada)
        assert found is None or found.password_hash == "somebody else's"

    async def test_session_that_ended_meanwhile_stays_ended(
        self, resources: Resources, ada: User, current: UserSession, pause: Pause
    ) -> None:
        """An admin disables the account while the hash is made, and lets it back in."""
        pause.before("hash_secret")
        changing = asyncio.create_task(change(resources, acting(ada, current)))
        await pause.reached()
        async with resources.database.transaction() as session:
            session.add(ada)
            ada.auth_epoch += 1
        pause.go_on()
        await changing
        assert (await must(resources, ada)).auth_epoch == 2
        assert (await must(resources, current)).auth_epoch == 0

    async def test_session_that_is_gone(self, resources: Resources, ada: User) -> None:
        await change(resources, acting(ada, session_id=NOBODY))
        assert await is_password(resources, ada, NEW)

    async def test_ends_all_other_sessions(
        self, resources: Resources, ada: User, current: UserSession
    ) -> None:
        other = await store(resources, make_session(ada))
        await change(resources, acting(ada, current))
        assert await is_password(resources, ada, NEW)
        assert not await is_password(resources, ada, PASSWORD)
        assert (await must(resources, ada)).auth_epoch == 1
        assert (await must(resources, current)).auth_epoch == 1
        assert (await must(resources, other)).auth_epoch == 0
        assert (await must(resources, ada)).updated_at > ada.updated_at
        assert await trail(resources) == ["password-changed"]


class TestMakingLinks:
    async def test_only_for_admins(self, resources: Resources, ada: User) -> None:
        for role in (None, Role.USER, Role.TEACHER):
            async with resources.database.transaction() as session:
                with pytest.raises(AdminRequired):
                    await credentials.create_invite(session, Actor(role=role), resources=resources)
                with pytest.raises(AdminRequired):
                    await credentials.create_reset_link(
                        session, Actor(role=role), user=ada, resources=resources
                    )
        assert await trail(resources) == []

    async def test_not_for_an_account_that_is_gone(self, resources: Resources) -> None:
        with pytest.raises(UserNotFound):
            await reset_link(resources, make_user("bob", id=NOBODY))

    @pytest.mark.parametrize("actor", [OPERATOR, Actor(role=Role.ADMIN)], ids=["operator", "admin"])
    async def test_invitation(self, resources: Resources, actor: Actor) -> None:
        async with resources.database.transaction() as session:
            link = await credentials.create_invite(session, actor, resources=resources)
        assert urlsplit(link.url).path == "/signup"
        assert await trail(resources) == ["invite-created"]

    async def test_reset_leaves_the_password_until_it_is_used(
        self, resources: Resources, ada: User
    ) -> None:
        await reset_link(resources, ada)
        assert await is_password(resources, ada, PASSWORD)
        assert await trail(resources) == ["reset-link-created"]


class TestReset:
    async def test_link_that_does_not_hold(self, resources: Resources, ada: User) -> None:
        async with resources.database.transaction() as session:
            invite = await credentials.create_invite(session, OPERATOR, resources=resources)
        for secret in ("", "junk", "a\x00b", parse_qs(urlsplit(invite.url).query)["invite"][0]):
            with pytest.raises(LinkInvalid):
                await reset(resources, secret)
        assert await is_password(resources, ada, PASSWORD)

    async def test_link_of_nobody(self, resources: Resources) -> None:
        async with resources.database.transaction() as session:
            link = await links.create_link(
                session, purpose=LinkPurpose.RESET, settings=resources.settings, now=utc_now()
            )
        with pytest.raises(LinkInvalid):
            await reset(resources, parse_qs(urlsplit(link.url).query)["token"][0])

    async def test_weak_password_does_not_use_the_link_up(
        self, resources: Resources, ada: User
    ) -> None:
        secret = await reset_link(resources, ada)
        for weak in ("short", "Lovelace-1815"):
            with pytest.raises(FieldsRefused) as refusal:
                await reset(resources, secret, weak)
            assert [field.pointer for field in refusal.value.fields] == ["/new_password"]
        await reset(resources, secret)

    @pytest.mark.parametrize("gone", [User, OneTimeLink])
    async def test_account_or_link_gone_meanwhile(
        self, resources: Resources, ada: User, pause: Pause, gone: Any
    ) -> None:
        secret = await reset_link(resources, ada)
        pause.before("hash_secret")
        resetting = asyncio.create_task(reset(resources, secret))
        await pause.reached()
        async with resources.database.transaction() as session:
            await session.exec(delete(gone))
        pause.go_on()
        with pytest.raises(LinkInvalid):
            await resetting
        assert "password-reset" not in await trail(resources)

    async def test_sets_the_password_and_ends_every_session(
        self, resources: Resources, ada: User, current: UserSession
    ) -> None:
        found = await reset(resources, await reset_link(resources, ada))
        assert found.id == ada.id
        assert await is_password(resources, ada, NEW)
        assert (await must(resources, ada)).auth_epoch == 1
        assert (await must(resources, current)).auth_epoch == 0
        assert (await trail(resources))[-1] == "password-reset"
        async with resources.database.transaction(read_only=True) as session:
            assert (await session.exec(select(OneTimeLink))).all() == []

    async def test_works_once(self, resources: Resources, ada: User) -> None:
        secret = await reset_link(resources, ada)
        await reset(resources, secret)
        with pytest.raises(LinkInvalid):
            await reset(resources, secret, "yet another good phrase")
        assert await is_password(resources, ada, NEW)

    async def test_disabled_account_stays_disabled(self, resources: Resources) -> None:
        bob = await store(resources, make_user("bob", is_active=False))
        await reset(resources, await reset_link(resources, bob))
        assert await is_password(resources, bob, NEW)
        assert not (await must(resources, bob)).is_active
