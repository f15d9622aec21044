"""Groups, channels and moderators: who may, found by which name, in how many queries."""

import asyncio

import pytest

from app.errors import GroupNotFound, GroupTaken, SectionNotFound, StaffRequired, Unauthenticated
from app.models import Channel, Group, Moderator, Role, Section, User
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.schemas import ChannelCreate, GroupCreate
from app.services import accounts, groups
from app.services.groups import GroupView
from tests.services.rows import NOBODY, acting, make_user, store, trail
from tests.statements import counting

ODD = ("", "Gen", "General ", "%", "General\x00", "\ud800", "x" * 5000)


@pytest.fixture
async def teacher(resources: Resources) -> User:
    return await store(resources, make_user("turing", role=Role.TEACHER))


@pytest.fixture
async def section(resources: Resources) -> Section:
    row = Section(abbreviation="HP", abbreviation_folded="hp", name="Home Page")
    return await store(resources, row)


async def create(
    resources: Resources, actor: Actor, name: str, section_id: int | None = None
) -> GroupView:
    new = GroupCreate(name=name, section_id=section_id)
    async with resources.database.transaction() as session:
        return await groups.create_group(session, actor, new=new)


async def create_channel(resources: Resources, actor: Actor, name: str, group_id: int) -> Channel:
    new = ChannelCreate(name=name, group_id=group_id, attributes={"content": "x"})
    async with resources.database.transaction() as session:
        return await groups.create_channel(session, actor, new=new)


async def names(resources: Resources, section_name: str | None = None) -> list[str]:
    async with resources.database.transaction(read_only=True) as session:
        found = await groups.list_groups(session, section_name=section_name)
        return [view.group.name for view in found]


async def channels(resources: Resources, group_name: str | None = None) -> list[str]:
    async with resources.database.transaction(read_only=True) as session:
        found = await groups.list_channels(session, group_name=group_name)
        return [channel.name for channel in found]


class TestCreateGroup:
    async def test_not_by_others(self, resources: Resources, teacher: User) -> None:
        for actor in (Actor(), acting(teacher, role=Role.USER)):
            with pytest.raises(StaffRequired):
                await create(resources, actor, "General")
        assert await names(resources) == []

    async def test_in_no_such_section(self, resources: Resources, teacher: User) -> None:
        with pytest.raises(SectionNotFound):
            await create(resources, acting(teacher), "General", NOBODY)
        assert await names(resources) == []

    async def test_a_taken_name(self, resources: Resources, teacher: User) -> None:
        await create(resources, acting(teacher), "General")
        with pytest.raises(GroupTaken):
            await create(resources, acting(teacher), "GENERAL")

    async def test_one_of_many_at_once(self, resources: Resources, teacher: User) -> None:
        at_once = (create(resources, acting(teacher), "General") for _ in range(10))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(isinstance(answer, GroupTaken) for answer in answers) == 9
        assert await names(resources) == ["General"]

    async def test_its_maker_looks_after_it(
        self, resources: Resources, teacher: User, section: Section
    ) -> None:
        made = await create(resources, acting(teacher), "General", section.id)
        assert (made.group.section_id, made.moderators) == (section.id, [teacher.id])
        assert await trail(resources) == ["group-created"]

    async def test_by_the_operator_nobody_does(self, resources: Resources) -> None:
        assert (await create(resources, OPERATOR, "General")).moderators == []


class TestListGroups:
    async def test_of_no_such_section(self, resources: Resources, section: Section) -> None:
        del section
        for name in ("Home", *ODD):
            with pytest.raises(SectionNotFound):
                await names(resources, name)

    async def test_of_a_section(
        self, resources: Resources, teacher: User, section: Section
    ) -> None:
        await create(resources, acting(teacher), "Support", section.id)
        await create(resources, acting(teacher), "Elsewhere")
        await create(resources, acting(teacher), "General", section.id)
        for name in ("Home Page", "HP", "hp"):
            assert await names(resources, name) == ["Support", "General"]
        assert await names(resources) == ["Support", "Elsewhere", "General"]

    async def test_in_two_queries_however_many(self, resources: Resources, teacher: User) -> None:
        bob = await store(resources, make_user("bob"))
        for number in range(12):
            made = await create(resources, acting(teacher), f"Group {number}")
            await store(resources, Moderator(group_id=made.group.id or 0, user_id=bob.id or 0))
        with counting() as statements:
            async with resources.database.transaction(read_only=True) as session:
                found = await groups.list_groups(session)
        assert [view.moderators for view in found] == [[teacher.id, bob.id]] * 12
        assert len(statements) == 2


class TestChannels:
    async def test_not_by_nobody(self, resources: Resources, teacher: User) -> None:
        group = (await create(resources, acting(teacher), "General")).group
        with pytest.raises(Unauthenticated):
            await create_channel(resources, Actor(), "Events", group.id or 0)
        assert await channels(resources) == []

    async def test_in_no_such_group(self, resources: Resources, teacher: User) -> None:
        with pytest.raises(GroupNotFound):
            await create_channel(resources, acting(teacher), "Events", NOBODY)

    async def test_of_no_such_group(self, resources: Resources, teacher: User) -> None:
        await create(resources, acting(teacher), "General")
        for name in ODD:
            with pytest.raises(GroupNotFound):
                await channels(resources, name)

    async def test_of_a_group(self, resources: Resources, teacher: User) -> None:
        ada = acting(await store(resources, make_user("ada")))
        first = (await create(resources, acting(teacher), "General")).group
        second = (await create(resources, acting(teacher), "Support")).group
        made = await create_channel(resources, ada, "Events", first.id or 0)
        await create_channel(resources, ada, "FAQ", second.id or 0)
        await create_channel(resources, ada, "Announcements", first.id or 0)
        assert made.attributes == {"content": "x"}
        assert await channels(resources, "general") == ["Events", "Announcements"]
        assert await channels(resources) == ["Events", "FAQ", "Announcements"]


class TestModerators:
    async def test_only_of_their_own_group(self, resources: Resources, teacher: User) -> None:
        group = (await create(resources, acting(teacher), "General")).group
        bare = await store(resources, Group(name="Other", name_folded="other"))
        mine = await create_channel(resources, acting(teacher), "Events", group.id or 0)
        other = await create_channel(resources, acting(teacher), "Events", bare.id or 0)
        ada = acting(await store(resources, make_user("ada")))
        async with resources.database.transaction(read_only=True) as session:

            async def looks_after(actor: Actor, channel_id: int | None) -> bool:
                return await groups.is_moderator(session, actor, channel_id=channel_id)

            assert await looks_after(acting(teacher), mine.id)
            assert not await looks_after(acting(teacher), other.id)
            assert not await looks_after(acting(teacher), None)
            assert not await looks_after(ada, mine.id)
            assert not await looks_after(Actor(), mine.id)

    async def test_end_with_their_account(self, resources: Resources, teacher: User) -> None:
        await create(resources, acting(teacher), "General")
        async with resources.database.transaction() as session:
            await accounts.delete_user(session, OPERATOR, uid="turing", resources=resources)
        async with resources.database.transaction(read_only=True) as session:
            (view,) = await groups.list_groups(session)
        assert (view.group.name, view.moderators) == ("General", [])
