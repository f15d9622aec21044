"""A small flock: a section, two groups and a channel in each, as an import would leave them."""

from dataclasses import dataclass

import httpx

from app.models import Channel, Group, Role, Section
from app.resources import Resources
from app.schemas import fold
from tests.legacy.wire import STANDARD
from tests.people import People


@dataclass(frozen=True)
class Flock:
    """The ids of what there is."""

    section_id: int
    group_id: int
    channel_id: int
    other_group_id: int
    other_channel_id: int


async def make_flock(resources: Resources) -> Flock:
    """Store the section Home Page with General (Events) and Support (FAQ)."""
    async with resources.database.transaction() as session:
        section = Section(
            abbreviation="Home Page", abbreviation_folded="home page", name="Home Page"
        )
        session.add(section)
        await session.flush()
        ids = [section.id or 0]
        for group_name, channel_name in (("General", "Events"), ("Support", "FAQ")):
            group = Group(name=group_name, name_folded=fold(group_name), section_id=section.id)
            session.add(group)
            await session.flush()
            channel = Channel(
                name=channel_name, name_folded=fold(channel_name), group_id=group.id or 0
            )
            session.add(channel)
            await session.flush()
            ids += [group.id or 0, channel.id or 0]
    return Flock(*ids)


async def log_in(people: People, uid: str, role: Role = Role.USER) -> httpx.AsyncClient:
    """Create an account and return the page of an old front end that is logged in as it."""
    client = await people.create_and_log_in(uid, role=role)
    client.headers.update(STANDARD)
    return client
