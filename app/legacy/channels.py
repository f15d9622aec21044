"""`/api/group`, `/api/channel` and their lists, as the flocker front ends choose from them."""

from typing import Any

from app.dependencies import ActorDep, CurrentUser, ResourcesDep, SessionDep
from app.errors import BadRequest, GroupNotFound, GroupTaken, SectionNotFound
from app.legacy import bodies
from app.legacy.bodies import ObjectDep
from app.legacy.routing import LegacyRouter
from app.legacy.texts import meant, shown
from app.models import Channel
from app.quotas import CreationQuota
from app.schemas import ChannelCreate, GroupCreate
from app.services import groups
from app.services.groups import GroupView

router = LegacyRouter()

_GROUP = {"name": "General", "section_id": "1"}
_CHANNEL = {"name": "Events", "group_id": "1", "attributes": {}}


def _show_group(view: GroupView) -> dict[str, Any]:
    return {
        "id": view.group.id,
        "name": shown(view.group.name),
        "section_id": view.group.section_id,
        "moderators": list(view.moderators),
    }


def _show_channel(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": shown(channel.name),
        "attributes": shown(channel.attributes or {}),
        "group_id": channel.group_id,
    }


def _read_name(body: dict[str, Any], field: str, kind: str) -> str:
    if not body:
        raise BadRequest(f"{kind} data not found")
    name = bodies.text(body, field)
    if name is None:
        raise BadRequest(f"{kind} name not found")
    return str(meant(name))


def _one_line(text: str) -> str:
    return " ".join(str(meant(text)).split())


@router.both("GET", "/api/groups")
async def list_groups(session: SessionDep) -> list[dict[str, Any]]:
    """List all groups, to anybody."""
    return [_show_group(view) for view in await groups.list_groups(session)]


@router.both("POST", "/api/groups/filter", refuses=(401, 404), takes={"section_name": "Home Page"})
async def list_groups_of_section(
    _viewer: CurrentUser, body: ObjectDep, resources: ResourcesDep
) -> list[dict[str, Any]]:
    """List the groups of a section, found by its name or abbreviation."""
    name = _read_name(body, "section_name", "Section")
    async with resources.database.transaction(read_only=True) as session:
        return [_show_group(view) for view in await groups.list_groups(session, section_name=name)]


@router.both("POST", "/api/group", refuses=(401, 404, 429), takes=_GROUP)
async def create_group(
    _viewer: CurrentUser,
    _quota: CreationQuota,
    body: ObjectDep,
    session: SessionDep,
    actor: ActorDep,
) -> dict[str, Any]:
    """Create a group, as a teacher or an admin, who then look after it."""
    actor.require_staff()
    name = _one_line(bodies.text(body, "name") or "")
    if not name:
        raise BadRequest("Group name is required")
    section_id = bodies.number(body.get("section_id"))
    if body.get("section_id") is not None and not section_id:
        raise SectionNotFound
    new = bodies.validate(GroupCreate, {"name": name, "section_id": section_id})
    try:
        return _show_group(await groups.create_group(session, actor, new=new))
    except GroupTaken as refusal:
        raise BadRequest(f"Group {shown(name)} is duplicate") from refusal


@router.both("GET", "/api/channels")
async def list_channels(session: SessionDep) -> list[dict[str, Any]]:
    """List all channels, to anybody."""
    return [_show_channel(channel) for channel in await groups.list_channels(session)]


@router.both("POST", "/api/channels/filter", refuses=(401, 404), takes={"group_name": "General"})
async def list_channels_of_group(
    _viewer: CurrentUser, body: ObjectDep, resources: ResourcesDep
) -> list[dict[str, Any]]:
    """List the channels of a group, found by its name."""
    name = _read_name(body, "group_name", "Group")
    async with resources.database.transaction(read_only=True) as session:
        found = await groups.list_channels(session, group_name=name)
        return [_show_channel(channel) for channel in found]


@router.both("POST", "/api/channel", refuses=(401, 404, 429), takes=_CHANNEL)
async def create_channel(
    _viewer: CurrentUser,
    _quota: CreationQuota,
    body: ObjectDep,
    session: SessionDep,
    actor: ActorDep,
) -> dict[str, Any]:
    """Create a channel in a group, as anybody who is logged in."""
    if not body:
        raise BadRequest("No input data provided")
    name = _one_line(bodies.text(body, "name") or "")
    if not name:
        raise BadRequest("Channel name is required")
    if body.get("group_id") is None:
        raise BadRequest("Group ID is required")
    group_id = bodies.number(body["group_id"])
    if not group_id:
        raise GroupNotFound
    sent = body.get("attributes")
    attributes = sent if isinstance(sent, dict) else {}
    fields = {"name": name, "group_id": group_id, "attributes": attributes}
    new = bodies.validate(ChannelCreate, fields)
    new.attributes = meant(new.attributes)
    return _show_channel(await groups.create_channel(session, actor, new=new))
