"""Groups and their channels: list, filter, create; who looks after a group."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import GroupNotFound, GroupTaken, SectionNotFound, Unauthenticated, UserNotFound
from app.models import Channel, Group, Moderator, Section, User
from app.principals import Actor
from app.schemas import ChannelCreate, GroupCreate, fold, storable
from app.services import audit
from app.services.holding import hold_row

# More than a site of a whole school has; nobody reads more in one list.
MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group, and the ids of the accounts that look after it, in order."""

    group: Group
    moderators: Sequence[int]


async def list_groups(
    session: AsyncSession, *, section_name: str | None = None
) -> Sequence[GroupView]:
    """Return groups in the order they were made: all, or those of a section.

    A section is found by its name or its abbreviation.

    Raises:
        SectionNotFound: there is no section of this name.
    """
    query = select(Group).order_by(col(Group.id)).limit(MAX_LISTED)
    if section_name is not None:
        named = or_(
            Section.name == storable(section_name),
            Section.abbreviation_folded == fold(section_name),
        )
        sections = (await session.exec(select(Section.id).where(named))).all()
        if not sections:
            raise SectionNotFound
        query = query.where(col(Group.section_id).in_(sections))
    groups = (await session.exec(query)).all()
    moderators = await _list_moderators(session, [group.id for group in groups])
    return [GroupView(group, moderators.get(group.id, [])) for group in groups]


async def _list_moderators(
    session: AsyncSession, group_ids: Sequence[int | None]
) -> dict[int | None, list[int]]:
    query = (
        select(Moderator).where(col(Moderator.group_id).in_(group_ids)).order_by(col(Moderator.id))
    )
    found: dict[int | None, list[int]] = {}
    for moderator in (await session.exec(query)).all():
        found.setdefault(moderator.group_id, []).append(moderator.user_id)
    return found


async def create_group(session: AsyncSession, actor: Actor, *, new: GroupCreate) -> GroupView:
    """Create a group, as staff, who then look after it.

    Raises:
        StaffRequired: by somebody who is neither teacher nor admin.
        SectionNotFound: it is to belong to a section that is not there.
        GroupTaken: another group has this name, in whatever case.
    """
    actor.require_staff()
    if new.section_id is not None:
        await hold_row(session, table=Section, row_id=new.section_id, missing=SectionNotFound)
    group = Group(name=new.name, name_folded=fold(new.name), section_id=new.section_id)
    session.add(group)
    try:
        await session.flush()
    except IntegrityError as error:
        # The name is the one constraint left that a new group could break.
        raise GroupTaken from error
    audit.record(session, actor, "group-created", group=group.name)
    if actor.user_id is None or group.id is None:
        return GroupView(group, [])
    await hold_row(session, table=User, row_id=actor.user_id, missing=UserNotFound)
    session.add(Moderator(group_id=group.id, user_id=actor.user_id))
    await session.flush()
    return GroupView(group, [actor.user_id])


async def is_moderator(session: AsyncSession, actor: Actor, *, channel_id: int | None) -> bool:
    """Whether somebody looks after the group that a channel is in."""
    query = (
        select(Moderator.id)
        .join(Channel, col(Channel.group_id) == col(Moderator.group_id))
        .where(Channel.id == channel_id, Moderator.user_id == actor.user_id)
        .limit(1)
    )
    return (await session.exec(query)).first() is not None


async def list_channels(
    session: AsyncSession, *, group_name: str | None = None
) -> Sequence[Channel]:
    """Return channels in the order they were made: all, or those of a group.

    Raises:
        GroupNotFound: there is no group of this name, in whatever case.
    """
    query = select(Channel).order_by(col(Channel.id)).limit(MAX_LISTED)
    if group_name is not None:
        named = select(Group.id).where(Group.name_folded == fold(group_name))
        group_id = (await session.exec(named)).one_or_none()
        if group_id is None:
            raise GroupNotFound
        query = query.where(Channel.group_id == group_id)
    return (await session.exec(query)).all()


async def create_channel(session: AsyncSession, actor: Actor, *, new: ChannelCreate) -> Channel:
    """Create a channel in a group, as anybody who is logged in.

    Raises:
        Unauthenticated: by nobody.
        GroupNotFound: there is no such group.
    """
    if actor.user_id is None:
        raise Unauthenticated
    await hold_row(session, table=Group, row_id=new.group_id, missing=GroupNotFound)
    channel = Channel(**new.model_dump(), name_folded=fold(new.name))
    session.add(channel)
    await session.flush()
    return channel
