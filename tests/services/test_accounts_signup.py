"""Making accounts: who may, with what, and that a uid has one owner however many ask at once."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from app.errors import (
    AppError,
    FieldsRefused,
    InviteRequired,
    LinkInvalid,
    SignupClosed,
    UidTaken,
)
from app.models import AuditEvent, LinkPurpose, OneTimeLink, Role, User, utc_now
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.schemas import UserCreate
from app.services import accounts, links
from tests.people import PASSWORD
from tests.services.rows import make_user, store, trail

VISITOR = Actor(client_address="192.0.2.1", request_id="0123456789abcdef")
ADMIN = Actor(role=Role.ADMIN)
INVITE_ONLY = pytest.mark.parametrize("settings_changes", [{"signup": "invite"}], ids=["invite"])
CLOSED = pytest.mark.parametrize("settings_changes", [{"signup": "closed"}], ids=["closed"])


def new(uid: str = "Ada", **changes: Any) -> UserCreate:
    body = {"uid": uid, "name": "Ada Lovelace", "password": PASSWORD, **changes}
    return UserCreate.model_validate(body)


async def sign_up(resources: Resources, actor: Actor = VISITOR, **changes: Any) -> User:
    async with resources.database.transaction() as session:
        return await accounts.sign_up(session, actor, new=new(**changes), resources=resources)


async def set_up(resources: Resources, token: str, **changes: Any) -> User:
    async with resources.database.transaction() as session:
        return await accounts.set_up_first_admin(
            session, VISITOR, token=token, new=new(**changes), resources=resources
        )


async def link(resources: Resources, purpose: LinkPurpose) -> str:
    """Return the secret of a fresh link."""
    async with resources.database.transaction() as session:
        made = await links.create_link(
            session, purpose=purpose, settings=resources.settings, now=utc_now()
        )
    ((secret,),) = parse_qs(urlsplit(made.url).query).values()
    return secret


async def count(resources: Resources, table: type[User | OneTimeLink]) -> int:
    async with resources.database.transaction(read_only=True) as session:
        return len((await session.exec(select(table))).all())


async def refused(resources: Resources, kind: type[AppError], **arguments: Any) -> AppError:
    """Sign up in vain; nothing may have been stored."""
    with pytest.raises(kind) as refusal:
        await sign_up(resources, **arguments)
    assert await count(resources, User) == 0
    assert await trail(resources) == []
    return refusal.value


class TestRefused:
    @pytest.mark.parametrize("role", ["user", "admin"])
    async def test_choosing_a_role_without_being_an_admin(
        self, resources: Resources, role: str
    ) -> None:
        for actor in (VISITOR, Actor(role=Role.TEACHER), Actor(role=Role.USER)):
            refusal = await refused(resources, FieldsRefused, actor=actor, role=role)
            assert [(field.pointer, field.code) for field in refusal.fields] == [
                ("/role", "forbidden")
            ]

    async def test_weak_password(self, resources: Resources) -> None:
        for actor in (VISITOR, ADMIN, OPERATOR):
            for weak in ("short", "lovelace12345", "iloveyou2026"):
                refusal = await refused(resources, FieldsRefused, actor=actor, password=weak)
                assert [field.pointer for field in refusal.fields] == ["/password"]

    async def test_dead_invitation_where_none_is_needed(self, resources: Resources) -> None:
        await refused(resources, LinkInvalid, invite="junk")

    @CLOSED
    async def test_closed(self, resources: Resources) -> None:
        invite = await link(resources, LinkPurpose.INVITE)
        await refused(resources, SignupClosed)
        await refused(resources, SignupClosed, invite=invite)
        assert await count(resources, OneTimeLink) == 1

    @INVITE_ONLY
    async def test_invitation_missing_or_dead(self, resources: Resources) -> None:
        setup = await link(resources, LinkPurpose.SETUP)
        await refused(resources, InviteRequired)
        for dead in ("junk", setup):
            await refused(resources, LinkInvalid, invite=dead)

    @INVITE_ONLY
    async def test_refusal_does_not_use_the_invitation_up(self, resources: Resources) -> None:
        invite = await link(resources, LinkPurpose.INVITE)
        await refused(resources, FieldsRefused, invite=invite, password="short")
        await store(resources, make_user("bob"))
        with pytest.raises(UidTaken):
            await sign_up(resources, invite=invite, uid="BOB")
        assert (await sign_up(resources, invite=invite)).uid == "Ada"


class TestTaken:
    async def test_in_whatever_case(self, resources: Resources) -> None:
        await sign_up(resources)
        for uid in ("Ada", "ada", "ADA"):
            with pytest.raises(UidTaken):
                await sign_up(resources, uid=uid)
        assert await count(resources, User) == 1
        assert await trail(resources) == ["account-created"]

    async def test_fifty_at_once_for_one_uid(self, resources: Resources) -> None:
        at_once = (sign_up(resources, uid=uid) for uid in ("ada", "ADA") * 25)
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, User) for answer in answers) == 1
        assert sum(isinstance(answer, UidTaken) for answer in answers) == 49
        assert await count(resources, User) == 1


class TestSignedUp:
    async def test_is_stored_as_sent(self, resources: Resources) -> None:
        made = await sign_up(resources, name=" Ada  LOVELACE ", email="ada@example.org")
        assert (made.uid, made.uid_folded) == ("Ada", "ada")
        assert (made.name, made.name_folded) == ("Ada LOVELACE", "ada lovelace")
        assert (made.email, made.role, made.is_active) == ("ada@example.org", Role.USER, True)
        assert made.password_hash is not None
        assert await resources.hasher.verify(PASSWORD, made.password_hash) == (True, None)

    async def test_leaves_a_trace(self, resources: Resources) -> None:
        made = await sign_up(resources)
        async with resources.database.transaction(read_only=True) as session:
            event = (await session.exec(select(AuditEvent))).one()
        assert (event.action, event.actor, event.subject) == (
            "account-created",
            None,
            made.public_id,
        )
        assert (event.client_address, event.request_id) == ("192.0.2.1", "0123456789abcdef")
        assert event.detail == {"role": "user"}

    @pytest.mark.parametrize("actor", [ADMIN, OPERATOR], ids=["admin", "operator"])
    @CLOSED
    async def test_by_an_admin_for_somebody(self, resources: Resources, actor: Actor) -> None:
        assert (await sign_up(resources, actor)).role is Role.USER
        made = await sign_up(resources, actor, uid="bob", role="teacher")
        assert made.role is Role.TEACHER

    async def test_by_an_admin_an_invitation_is_not_looked_at(self, resources: Resources) -> None:
        invite = await link(resources, LinkPurpose.INVITE)
        await sign_up(resources, ADMIN, invite="junk")
        await sign_up(resources, ADMIN, uid="bob", invite=invite)
        assert await count(resources, OneTimeLink) == 1

    @INVITE_ONLY
    async def test_with_an_invitation(self, resources: Resources) -> None:
        invite = await link(resources, LinkPurpose.INVITE)
        assert (await sign_up(resources, invite=invite)).role is Role.USER
        with pytest.raises(LinkInvalid):
            await sign_up(resources, invite=invite, uid="bob")

    @INVITE_ONLY
    async def test_one_invitation_is_for_one_person(self, resources: Resources) -> None:
        invite = await link(resources, LinkPurpose.INVITE)
        at_once = (sign_up(resources, invite=invite, uid=f"ada{n}") for n in range(8))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, User) for answer in answers) == 1
        assert sum(isinstance(answer, LinkInvalid) for answer in answers) == 7


class TestFirstAdmin:
    async def test_link_that_does_not_hold(self, resources: Resources) -> None:
        invite = await link(resources, LinkPurpose.INVITE)
        for dead in ("", "junk", invite):
            with pytest.raises(LinkInvalid):
                await set_up(resources, dead)
        assert await count(resources, User) == 0

    async def test_there_is_an_admin_already(self, resources: Resources) -> None:
        token = await link(resources, LinkPurpose.SETUP)
        await store(resources, make_user("bob", role=Role.ADMIN))
        with pytest.raises(LinkInvalid):
            await set_up(resources, token)
        assert await count(resources, User) == 1

    async def test_refused_password_leaves_the_link(self, resources: Resources) -> None:
        token = await link(resources, LinkPurpose.SETUP)
        with pytest.raises(FieldsRefused):
            await set_up(resources, token, password="short")
        assert (await set_up(resources, token)).role is Role.ADMIN

    async def test_taken_uid_leaves_the_link(self, resources: Resources) -> None:
        token = await link(resources, LinkPurpose.SETUP)
        await store(resources, make_user("ada"))
        with pytest.raises(UidTaken):
            await set_up(resources, token)
        assert (await set_up(resources, token, uid="bob")).role is Role.ADMIN

    @CLOSED
    async def test_only_the_first_of_two(self, resources: Resources) -> None:
        token = await link(resources, LinkPurpose.SETUP)
        at_once = (set_up(resources, token, uid=uid) for uid in ("ada", "bob"))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, User) for answer in answers) == 1
        assert sum(isinstance(answer, LinkInvalid) for answer in answers) == 1
        assert await trail(resources) == ["account-created"]

    async def test_role_in_the_body_does_not_matter(self, resources: Resources) -> None:
        token = await link(resources, LinkPurpose.SETUP)
        assert (await set_up(resources, token, role="user")).role is Role.ADMIN

    async def test_when_the_only_admin_is_disabled(self, resources: Resources) -> None:
        token = await link(resources, LinkPurpose.SETUP)
        await store(resources, make_user("bob", role=Role.ADMIN, is_active=False))
        assert (await set_up(resources, token)).role is Role.ADMIN
