"""`/api/user/class`: the list of class names in a profile, which the front ends of 2026 keep."""

from typing import Annotated, Any

from fastapi import Query

from app.dependencies import ActorDep, CurrentUser, ResourcesDep, SessionDep
from app.errors import BadRequest
from app.legacy import bodies, changes, people, updates
from app.legacy.bodies import ObjectDep
from app.legacy.routing import LegacyRouter
from app.legacy.texts import shown
from app.models import User
from app.principals import Principal
from app.quotas import ChangeQuota
from app.services import profiles
from app.services.audit.changes import record_profile_changes

router = LegacyRouter()

_EXAMPLE = {"class": ["CSA", "CSP"]}


def _show(target: User, classes: list[str], viewer: Principal) -> dict[str, Any]:
    """Return somebody's classes; what others wrote carries no markup (see texts.py)."""
    found: dict[str, Any] = {"uid": target.uid, "class": classes}
    return found if target.id == viewer.user_id else shown(found)


@router.both("GET", "/api/user/class", refuses=(401, 404))
async def get_classes(
    viewer: CurrentUser,
    session: SessionDep,
    resources: ResourcesDep,
    uid: Annotated[str, Query(max_length=64)] = "",
) -> dict[str, Any]:
    """Show one's classes, or as an admin anybody's."""
    target = await updates.choose_target(viewer, {"uid": uid, "class": []}, resources)
    profile = await profiles.find_profile(session, user_id=target.id or 0)
    return _show(target, profile.classes, viewer)


@router.both("POST", "/api/user/class", refuses=(401, 404, 429), takes=_EXAMPLE)
async def change_classes(
    body: ObjectDep,
    viewer: CurrentUser,
    _quota: ChangeQuota,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
) -> dict[str, Any]:
    """Add classes, or with `action` remove or clear them."""
    target = await updates.choose_target(viewer, {**body, "class": []}, resources)
    action = bodies.text(body, "action") or "add"
    if action not in {"add", "remove", "clear"}:
        raise BadRequest('Invalid action. Use "add", "remove", or "clear"')
    named = changes.tidy_classes(body.get("class") or body.get("classes"))
    if not named and action != "clear":
        raise BadRequest(f"No classes provided to {action}")
    user_id = target.id or 0
    await people.lock(session, user_id=user_id)
    present = (await profiles.find_profile(session, user_id=user_id)).classes
    wanted = {
        "add": [*present, *named],
        "remove": [name for name in present if name not in named],
        "clear": [],
    }[action]
    profile = await profiles.update_profile(
        session, user_id=user_id, classes=changes.tidy_classes(wanted)
    )
    record_profile_changes(session, actor, user=target, fields=["classes"])
    if action == "clear":
        return {"message": f"Cleared classes for {shown(target.uid)}"}
    return _show(target, profile.classes, viewer)


@router.both("PUT", "/api/user/class", refuses=(401, 404, 429), takes=_EXAMPLE)
async def replace_classes(
    body: ObjectDep,
    viewer: CurrentUser,
    _quota: ChangeQuota,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
) -> dict[str, Any]:
    """Replace the whole list."""
    target = await updates.choose_target(viewer, {**body, "class": []}, resources)
    sent = body.get("class", body.get("classes"))
    if sent is None:
        raise BadRequest("class list is required for PUT")
    user_id = target.id or 0
    await people.lock(session, user_id=user_id)
    profile = await profiles.update_profile(
        session, user_id=user_id, classes=changes.tidy_classes(sent)
    )
    record_profile_changes(session, actor, user=target, fields=["classes"])
    return _show(target, profile.classes, viewer)
