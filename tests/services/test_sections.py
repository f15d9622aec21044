"""Sections and memberships: who may, which year, all or none, and many at once."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import (
    AdminRequired,
    FieldsRefused,
    SectionNotFound,
    SectionTaken,
    StaffRequired,
    UserNotFound,
)
from app.models import Group, Membership, Role, Section, User
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.schemas import SectionCreate
from app.services import accounts, sections
from tests.services.rows import NOBODY, NOW, acting, make_user, must, store, trail

NOT_STAFF = (Actor(), Actor(role=Role.USER))
NOT_ADMINS = (*NOT_STAFF, Actor(role=Role.TEACHER))
TEACHER = Actor(role=Role.TEACHER)
ODD = ("", "CS", "CSA ", "%", "CS_", "CSA\x00", "\ud800", "x" * 5000)


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada"))


@pytest.fixture
async def school(resources: Resources) -> None:
    for abbreviation in ("CSP", "CSA", "CSSE"):
        await create(resources, abbreviation)


async def create(resources: Resources, abbreviation: str, actor: Actor = OPERATOR) -> Section:
    new = SectionCreate(abbreviation=abbreviation, name=f"The {abbreviation}")
    async with resources.database.transaction() as session:
        return await sections.create_section(session, actor, new=new)


async def remove(resources: Resources, abbreviation: str, actor: Actor = OPERATOR) -> None:
    async with resources.database.transaction() as session:
        await sections.delete_section(session, actor, abbreviation=abbreviation)


async def join(resources: Resources, actor: Actor, *names: str, now: datetime = NOW) -> None:
    async with resources.database.transaction() as session:
        await sections.join_sections(session, actor, abbreviations=names, now=now)


async def leave(resources: Resources, actor: Actor, *names: str) -> None:
    async with resources.database.transaction() as session:
        await sections.leave_sections(session, actor, abbreviations=names)


async def change_year(resources: Resources, actor: Actor, name: str, year: int) -> None:
    async with resources.database.transaction() as session:
        await sections.change_year(session, actor, abbreviation=name, year=year)


async def mine(resources: Resources, user: User) -> list[tuple[str, int]]:
    async with resources.database.transaction(read_only=True) as session:
        found = await sections.list_memberships(session, user_id=user.id)
        return [(section.abbreviation, year) for section, year in found]


async def listed(resources: Resources) -> list[str]:
    async with resources.database.transaction(read_only=True) as session:
        return [section.abbreviation for section in await sections.list_sections(session)]


async def members(
    resources: Resources, actor: Actor = TEACHER, **options: Any
) -> tuple[list[tuple[str, int]], str | None]:
    async with resources.database.transaction(read_only=True) as session:
        asked = {"abbreviation": "csa", **options}
        page = await sections.list_members(session, actor, **asked)
        return [(user.uid, year) for user, year in page.members], page.next


async def rows(resources: Resources) -> list[Membership]:
    async with resources.database.transaction(read_only=True) as session:
        query = select(Membership).order_by(col(Membership.id))
        return list((await session.exec(query)).all())


class TestSchoolYear:
    @pytest.mark.parametrize(
        ("now", "year"),
        [
            (datetime(2026, 1, 1, tzinfo=UTC), 2026),
            (datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), 2026),
            (datetime(2026, 7, 1, tzinfo=UTC), 2027),
            (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), 2027),
            # The thirtieth of June in UTC, whatever a calendar in Sydney says.
            (datetime(2026, 7, 1, 5, tzinfo=timezone(timedelta(hours=10))), 2026),
        ],
    )
    def test_begins_in_july(self, now: datetime, year: int) -> None:
        assert sections.school_year(now) == year


class TestCreate:
    async def test_not_by_others(self, resources: Resources) -> None:
        for actor in NOT_STAFF:
            with pytest.raises(StaffRequired):
                await create(resources, "CSA", actor)
        assert await listed(resources) == []

    async def test_a_taken_abbreviation(self, resources: Resources, school: None) -> None:
        del school
        for twin in ("CSA", "csa", "\uff23SA"):
            with pytest.raises(SectionTaken):
                await create(resources, twin)
        assert await listed(resources) == ["CSA", "CSP", "CSSE"]

    async def test_one_of_many_at_once(self, resources: Resources) -> None:
        at_once = (create(resources, "CSA") for _ in range(10))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, SectionTaken) for answer in answers) == 9
        assert await listed(resources) == ["CSA"]

    async def test_by_a_teacher(self, resources: Resources) -> None:
        made = await create(resources, "CSA", TEACHER)
        stored = await must(resources, made)
        assert (stored.abbreviation, stored.name, stored.theme) == ("CSA", "The CSA", None)
        assert await trail(resources) == ["section-created"]


class TestGet:
    async def test_none(self, resources: Resources, school: None) -> None:
        del school
        async with resources.database.transaction(read_only=True) as session:
            for name in ODD:
                with pytest.raises(SectionNotFound):
                    await sections.get_section(session, abbreviation=name)

    async def test_in_whatever_case(self, resources: Resources, school: None) -> None:
        del school
        async with resources.database.transaction(read_only=True) as session:
            found = await sections.get_section(session, abbreviation="csa")
        assert found.abbreviation == "CSA"


class TestDelete:
    async def test_not_by_others(self, resources: Resources, school: None) -> None:
        del school
        for actor in NOT_ADMINS:
            with pytest.raises(AdminRequired):
                await remove(resources, "CSA", actor)
        assert await listed(resources) == ["CSA", "CSP", "CSSE"]

    async def test_none(self, resources: Resources) -> None:
        with pytest.raises(SectionNotFound):
            await remove(resources, "CSA")

    async def test_only_once(self, resources: Resources, school: None) -> None:
        del school
        at_once = (remove(resources, "CSA") for _ in range(5))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, SectionNotFound) for answer in answers) == 4

    async def test_ends_memberships_and_leaves_groups(
        self, resources: Resources, ada: User, school: None
    ) -> None:
        del school
        async with resources.database.transaction() as session:
            section = await sections.get_section(session, abbreviation="CSA")
        group = await store(
            resources, Group(name="Home", name_folded="home", section_id=section.id)
        )
        await join(resources, acting(ada), "CSA", "CSP")
        await remove(resources, "csa")
        assert await mine(resources, ada) == [("CSP", 2027)]
        assert (await must(resources, group)).section_id is None
        assert (await trail(resources))[-1] == "section-deleted"


class TestJoin:
    async def test_unknown_section(self, resources: Resources, ada: User, school: None) -> None:
        del school
        for name in ODD:
            with pytest.raises(SectionNotFound):
                await join(resources, acting(ada), "CSA", name)
        with pytest.raises(SectionNotFound):
            await join(resources, acting(ada), *map(str, range(40_000)))
        assert await rows(resources) == []

    async def test_by_nobody(self, resources: Resources, school: None) -> None:
        del school
        for actor in (Actor(), OPERATOR, Actor(user_id=NOBODY)):
            with pytest.raises(UserNotFound):
                await join(resources, actor, "CSA")
        assert await rows(resources) == []

    async def test_in_the_present_school_year(
        self, resources: Resources, ada: User, school: None
    ) -> None:
        del school
        await join(resources, acting(ada), "csp", "CSA", "CSA")
        assert await mine(resources, ada) == [("CSA", 2027), ("CSP", 2027)]

    async def test_again_keeps_the_year(
        self, resources: Resources, ada: User, school: None
    ) -> None:
        del school
        await join(resources, acting(ada), "CSA")
        await join(resources, acting(ada), "CSA", "CSP", now=NOW + timedelta(days=365))
        assert await mine(resources, ada) == [("CSA", 2027), ("CSP", 2028)]

    async def test_fifty_at_once_are_one(
        self, resources: Resources, ada: User, school: None
    ) -> None:
        del school
        await asyncio.gather(*(join(resources, acting(ada), "CSA", "CSP") for _ in range(50)))
        assert await mine(resources, ada) == [("CSA", 2027), ("CSP", 2027)]

    async def test_while_it_is_deleted(self, resources: Resources, ada: User, school: None) -> None:
        """Whichever comes first, it is a section that is not there any more, and no failure."""
        del school
        async with resources.database.transaction() as session:
            await sections.delete_section(session, OPERATOR, abbreviation="CSA")
            late = asyncio.create_task(join(resources, acting(ada), "CSA"))
            for _ in range(5):
                await resources.database.ping()
            assert not late.done()
        with pytest.raises(SectionNotFound):
            await late
        assert await rows(resources) == []

    async def test_while_the_account_is_deleted(
        self, resources: Resources, ada: User, school: None
    ) -> None:
        del school
        async with resources.database.transaction() as session:
            await accounts.delete_user(session, OPERATOR, uid="ada", resources=resources)
            late = asyncio.create_task(join(resources, acting(ada), "CSA"))
            for _ in range(5):
                await resources.database.ping()
        with pytest.raises(UserNotFound):
            await late
        assert await rows(resources) == []


class TestChangeYear:
    async def test_of_a_section_one_is_not_in(
        self, resources: Resources, ada: User, school: None
    ) -> None:
        del school
        bob = await store(resources, make_user("bob"))
        await join(resources, acting(bob), "CSA")
        for name in ("CSA", *ODD):
            with pytest.raises(SectionNotFound):
                await change_year(resources, acting(ada), name, 2030)
        assert await mine(resources, bob) == [("CSA", 2027)]

    async def test_changes_that_one_alone(
        self, resources: Resources, ada: User, school: None
    ) -> None:
        del school
        bob = await store(resources, make_user("bob"))
        for user in (ada, bob):
            await join(resources, acting(user), "CSA", "CSP")
        await change_year(resources, acting(ada), "csa", 2030)
        assert await mine(resources, ada) == [("CSA", 2030), ("CSP", 2027)]
        assert await mine(resources, bob) == [("CSA", 2027), ("CSP", 2027)]


class TestGetMembership:
    async def test_only_ones_own(self, resources: Resources, ada: User, school: None) -> None:
        del school
        bob = await store(resources, make_user("bob"))
        await join(resources, acting(bob), "CSA")
        await join(resources, acting(ada), "CSP")
        async with resources.database.transaction(read_only=True) as session:
            for actor, name in ((acting(ada), "CSA"), (acting(ada), "none"), (Actor(), "CSA")):
                with pytest.raises(SectionNotFound):
                    await sections.get_membership(session, actor, abbreviation=name)
            found = await sections.get_membership(session, acting(ada), abbreviation="csp")
        assert (found[0].abbreviation, found[1]) == ("CSP", 2027)


class TestLeave:
    async def test_all_or_none(self, resources: Resources, ada: User, school: None) -> None:
        del school
        bob = await store(resources, make_user("bob"))
        await join(resources, acting(ada), "CSA")
        await join(resources, acting(bob), "CSP")
        for name in ("CSP", *ODD):
            with pytest.raises(SectionNotFound):
                await leave(resources, acting(ada), "CSA", name)
        with pytest.raises(UserNotFound):
            await leave(resources, Actor(), "CSA")
        assert len(await rows(resources)) == 2

    async def test_leaves_those_alone(self, resources: Resources, ada: User, school: None) -> None:
        del school
        await join(resources, acting(ada), "CSA", "CSP", "CSSE")
        await leave(resources, acting(ada), "csa", "CSA", "CSSE")
        assert await mine(resources, ada) == [("CSP", 2027)]


class TestMembers:
    async def test_not_for_others(self, resources: Resources, school: None) -> None:
        del school
        for actor in NOT_STAFF:
            with pytest.raises(StaffRequired):
                await members(resources, actor)
            # Neither do they learn which sections there are.
            with pytest.raises(StaffRequired):
                await members(resources, actor, abbreviation="none")

    async def test_none(self, resources: Resources) -> None:
        with pytest.raises(SectionNotFound):
            await members(resources)

    async def test_a_cursor_of_ones_own(self, resources: Resources, school: None) -> None:
        del school
        for cursor in ("", "!", "A", "AA=="):
            with pytest.raises(FieldsRefused):
                await members(resources, cursor=cursor)

    async def test_page_after_page(self, resources: Resources, ada: User, school: None) -> None:
        del school
        for user in (ada, *[await store(resources, make_user(uid)) for uid in ("Bob", "cy")]):
            await join(resources, acting(user), "CSA")
        await store(resources, make_user("stranger"))
        first, cursor = await members(resources, limit=2)
        assert first == [("ada", 2027), ("Bob", 2027)]
        assert await members(resources, cursor=cursor) == ([("cy", 2027)], None)
