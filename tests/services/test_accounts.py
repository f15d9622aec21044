"""Accounts looked up, listed, changed, disabled and deleted; the last admin, whatever happens."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import AdminRequired, FieldsRefused, LastAdmin, UidTaken, UserNotFound
from app.models import AuditEvent, OneTimeLink, Role, User, UserSession
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.schemas import UserAdminUpdate, UserUpdate
from app.services import accounts, credentials
from app.services.accounts import UserPage
from tests.services.rows import NOBODY, acting, make_session, make_user, must, reload, store, trail

NOT_ADMINS = (Actor(), Actor(role=Role.USER), Actor(role=Role.TEACHER))


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada", name="Ada Lovelace", email="ada@example.org"))


@pytest.fixture
async def admin(resources: Resources) -> User:
    return await store(resources, make_user("root1", role=Role.ADMIN))


async def get(resources: Resources, uid: str) -> User:
    async with resources.database.transaction(read_only=True) as session:
        return await accounts.get_user(session, uid=uid)


async def page(resources: Resources, **options: Any) -> UserPage:
    async with resources.database.transaction(read_only=True) as session:
        return await accounts.list_users(session, **options)


async def uids(resources: Resources, **options: Any) -> list[str]:
    return [user.uid for user in (await page(resources, **options)).users]


async def change_self(resources: Resources, actor: Actor, **changes: Any) -> User:
    async with resources.database.transaction() as session:
        sent = UserUpdate.model_validate(changes)
        return await accounts.update_self(session, actor, changes=sent, is_proved=True)


async def change(resources: Resources, who: str, actor: Actor = OPERATOR, **changes: Any) -> User:
    async with resources.database.transaction() as session:
        sent = UserAdminUpdate.model_validate(changes)
        return await accounts.update_user(session, actor, uid=who, changes=sent)


async def delete(resources: Resources, uid: str, actor: Actor = OPERATOR) -> None:
    async with resources.database.transaction() as session:
        await accounts.delete_user(session, actor, uid=uid, resources=resources)


async def delete_self(resources: Resources, user: User) -> None:
    async with resources.database.transaction() as session:
        await accounts.delete_self(session, acting(user), resources=resources)


class TestGet:
    async def test_nobody(self, resources: Resources, ada: User) -> None:
        for uid in ("", "ad", "ada ", "%", "_da", "a\x00b", "ada\x00", "\ud800", "x" * 5000):
            with pytest.raises(UserNotFound):
                await get(resources, uid)
        assert ada.uid == "ada"

    async def test_in_whatever_case(self, resources: Resources, ada: User) -> None:
        for uid in ("ada", "ADA", "\uff21da"):
            assert (await get(resources, uid)).id == ada.id


class TestList:
    @pytest.fixture
    async def crowd(self, resources: Resources) -> list[str]:
        for uid, name in (
            ("eve", "Éve O'Neil"),
            ("Bob", "100% Bob"),
            ("a_da", "Ada"),
            ("abda", "X"),
        ):
            await store(resources, make_user(uid, name=name, name_folded=name.casefold()))
        return ["a_da", "abda", "Bob", "eve"]

    @pytest.mark.parametrize(
        "cursor",
        ["", "=", "é", "a b", "YQ=a", "_", "YQ\n", base64.b64encode(b"a\x00").decode(), "gIA"],
    )
    async def test_cursor_that_no_page_gave(self, resources: Resources, cursor: str) -> None:
        with pytest.raises(FieldsRefused) as refusal:
            await page(resources, cursor=cursor)
        assert [(field.pointer, field.code) for field in refusal.value.fields] == [
            ("/cursor", "cursor")
        ]

    async def test_in_pages_nobody_is_missed_or_twice(
        self, resources: Resources, crowd: list[str]
    ) -> None:
        for limit in (1, 2, 3, 4, 5):
            seen: list[str] = []
            cursor = None
            for _ in range(10):
                found = await page(resources, cursor=cursor, limit=limit)
                assert len(found.users) <= limit
                seen += [user.uid for user in found.users]
                cursor = found.next
                if cursor is None:
                    break
            assert sorted(seen) == sorted(crowd)

    async def test_next_only_when_there_is_more(
        self, resources: Resources, crowd: list[str]
    ) -> None:
        assert (await page(resources, limit=len(crowd))).next is None
        assert (await page(resources, limit=len(crowd) - 1)).next is not None

    async def test_cursor_goes_on_after_somebody_who_is_gone(
        self, resources: Resources, crowd: list[str]
    ) -> None:
        first = await page(resources, limit=2)
        await delete(resources, first.users[-1].uid)
        rest = await uids(resources, cursor=first.next)
        assert sorted([user.uid for user in first.users] + rest) == sorted(crowd)

    async def test_no_page_is_longer_than_a_hundred(
        self, resources: Resources, crowd: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert accounts.MAX_PAGE == 100
        monkeypatch.setattr(accounts, "MAX_PAGE", 2)
        assert len(await uids(resources, limit=1000)) == 2 < len(crowd)

    async def test_search(self, resources: Resources, crowd: list[str]) -> None:
        wanted = {
            "": crowd,
            "DA": ["a_da", "abda"],
            "_": ["a_da"],
            "%": ["Bob"],
            "éVE": ["eve"],
            "o'neil": ["eve"],
            "\\": [],
            "a\x00": [],
            "\ud800": [],
            "x" * 5000: [],
        }
        for search, found in wanted.items():
            assert sorted(await uids(resources, search=search)) == sorted(found), search

    async def test_search_goes_on_over_pages(self, resources: Resources, crowd: list[str]) -> None:
        first = await page(resources, search="da", limit=1)
        second = await page(resources, search="da", limit=1, cursor=first.next)
        assert {user.uid for user in (*first.users, *second.users)} == {"a_da", "abda"} < set(crowd)
        assert second.next is None


class TestUpdateSelf:
    async def test_account_that_is_gone(self, resources: Resources) -> None:
        for actor in (Actor(), Actor(user_id=NOBODY)):
            with pytest.raises(UserNotFound):
                await change_self(resources, actor, name="X")

    async def test_taken_uid(self, resources: Resources, ada: User, admin: User) -> None:
        with pytest.raises(UidTaken):
            await change_self(resources, acting(ada), uid=admin.uid.upper())
        assert (await must(resources, ada)).uid == "ada"

    async def test_own_uid_in_another_case(self, resources: Resources, ada: User) -> None:
        await change_self(resources, acting(ada), uid="ADA")
        assert (await get(resources, "ada")).uid == "ADA"

    async def test_what_was_sent_and_nothing_else(self, resources: Resources, ada: User) -> None:
        await change_self(resources, acting(ada), name="Ada L.")
        found = await must(resources, ada)
        assert (found.name, found.name_folded) == ("Ada L.", "ada l.")
        assert (found.uid, found.email, found.role) == ("ada", "ada@example.org", Role.USER)
        assert found.updated_at > ada.updated_at
        assert (found.created_at, found.auth_epoch) == (ada.created_at, 0)

    async def test_null_takes_away_the_email_alone(self, resources: Resources, ada: User) -> None:
        await change_self(resources, acting(ada), uid=None, name=None, email=None)
        found = await must(resources, ada)
        assert (found.uid, found.name, found.email) == ("ada", "Ada Lovelace", None)

    async def test_leaves_a_trace_of_the_fields_and_not_of_what_they_hold(
        self, resources: Resources, ada: User
    ) -> None:
        await change_self(resources, acting(ada), uid="ada2", email="secret@example.org")
        async with resources.database.transaction(read_only=True) as session:
            event = (await session.exec(select(AuditEvent))).one()
        assert (event.action, event.actor, event.subject) == (
            "account-changed",
            ada.public_id,
            ada.public_id,
        )
        assert event.detail == {"fields": "email,uid"}


class TestUpdateUser:
    async def test_only_for_admins(self, resources: Resources, ada: User) -> None:
        for actor in (*NOT_ADMINS, acting(ada)):
            with pytest.raises(AdminRequired):
                await change(resources, "ada", actor, role="admin")
        assert (await must(resources, ada)).role is Role.USER

    async def test_nobody(self, resources: Resources) -> None:
        with pytest.raises(UserNotFound):
            await change(resources, "nobody", role="admin")

    async def test_role(self, resources: Resources, ada: User, admin: User) -> None:
        await change(resources, "ADA", acting(admin), role="teacher")
        found = await must(resources, ada)
        assert (found.role, found.auth_epoch) == (Role.TEACHER, 0)

    async def test_disabling_ends_sessions_for_good(self, resources: Resources, ada: User) -> None:
        await change(resources, "ada", is_active=False)
        assert (
            (await must(resources, ada)).is_active,
            (await must(resources, ada)).auth_epoch,
        ) == (
            False,
            1,
        )
        await change(resources, "ada", is_active=True)
        found = await must(resources, ada)
        assert (found.is_active, found.auth_epoch) == (True, 1)


class TestDelete:
    async def test_only_for_admins(self, resources: Resources, ada: User) -> None:
        for actor in (*NOT_ADMINS, acting(ada)):
            with pytest.raises(AdminRequired):
                await delete(resources, "ada", actor)
        await must(resources, ada)

    async def test_nobody(self, resources: Resources) -> None:
        with pytest.raises(UserNotFound):
            await delete(resources, "nobody")
        with pytest.raises(UserNotFound):
            await delete_self(resources, make_user(id=NOBODY))

    async def test_takes_sessions_and_links_along_and_leaves_the_trail(
        self, resources: Resources, ada: User, admin: User
    ) -> None:
        theirs = await store(resources, make_session(admin))
        await store(resources, make_session(ada))
        async with resources.database.transaction() as session:
            await credentials.create_reset_link(session, OPERATOR, user=ada, resources=resources)
        await delete(resources, "ada", acting(admin))
        async with resources.database.transaction(read_only=True) as session:
            assert [found.id for found in (await session.exec(select(UserSession))).all()] == [
                theirs.id
            ]
            assert (await session.exec(select(OneTimeLink))).all() == []
            event = (
                await session.exec(select(AuditEvent).order_by(col(AuditEvent.id).desc()))
            ).first()
        assert event is not None
        assert (event.action, event.actor, event.subject) == (
            "account-deleted",
            admin.public_id,
            ada.public_id,
        )

    async def test_oneself(self, resources: Resources, ada: User) -> None:
        await delete_self(resources, ada)
        assert await reload(resources, ada) is None
        assert await trail(resources) == ["account-deleted"]


class TestLastAdmin:
    async def test_stays(self, resources: Resources, admin: User) -> None:
        await store(resources, make_user("old", role=Role.ADMIN, is_active=False))
        for attempt in (
            change(resources, "root1", role="user"),
            change(resources, "root1", role="teacher", name="X"),
            change(resources, "root1", is_active=False),
            change(resources, "root1", role="admin", is_active=False),
            delete(resources, "root1"),
            delete_self(resources, admin),
        ):
            with pytest.raises(LastAdmin):
                await attempt
        found = await must(resources, admin)
        assert (found.role, found.is_active, found.name) == (Role.ADMIN, True, "Root1")

    async def test_may_change_otherwise(self, resources: Resources, admin: User) -> None:
        await change(resources, "root1", role="admin", is_active=True, name="X", uid="root2")
        assert (await must(resources, admin)).uid == "root2"

    async def test_is_not_last_beside_another(self, resources: Resources, admin: User) -> None:
        await store(resources, make_user("root2", role=Role.ADMIN))
        await delete_self(resources, admin)
        with pytest.raises(LastAdmin):
            await delete(resources, "root2")

    async def test_disabled_admin_may_go(self, resources: Resources, admin: User) -> None:
        await store(resources, make_user("old", role=Role.ADMIN, is_active=False))
        await delete(resources, "old")
        async with resources.database.transaction(read_only=True) as session:
            assert await accounts.has_admin(session)
        assert admin.role is Role.ADMIN

    @pytest.mark.parametrize("how", ["delete", "demote", "disable", "each other"])
    async def test_not_even_by_two_at_once(
        self, resources: Resources, admin: User, how: str
    ) -> None:
        other = await store(resources, make_user("root2", role=Role.ADMIN))
        attempts: dict[str, Callable[[], list[Coroutine[Any, Any, object]]]] = {
            "delete": lambda: [delete_self(resources, admin), delete_self(resources, other)],
            "demote": lambda: [change(resources, uid, role="user") for uid in ("root1", "root2")],
            "disable": lambda: [
                change(resources, uid, is_active=False) for uid in ("root1", "root2")
            ],
            "each other": lambda: [
                delete(resources, "root1", acting(other)),
                change(resources, "root2", acting(admin), role="user"),
            ],
        }
        answers = await asyncio.gather(*attempts[how](), return_exceptions=True)
        assert sum(isinstance(answer, LastAdmin) for answer in answers) == 1
        async with resources.database.transaction(read_only=True) as session:
            assert await accounts.has_admin(session)


class TestHasAdmin:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, False),
            ({"role": Role.TEACHER}, False),
            ({"role": Role.ADMIN, "is_active": False}, False),
            ({"role": Role.ADMIN}, True),
        ],
        ids=["user", "teacher", "disabled admin", "admin"],
    )
    async def test_only_an_active_one_counts(
        self, resources: Resources, changes: dict[str, Any], *, expected: bool
    ) -> None:
        await store(resources, make_user("bob", **changes))
        async with resources.database.transaction(read_only=True) as session:
            assert await accounts.has_admin(session) is expected
