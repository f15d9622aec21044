"""`/api/users`: everybody in a list, and accounts the way the front ends before 2024 do it."""

import secrets
from dataclasses import replace
from typing import Any

from fastapi import Response

from app.dependencies import (
    ActorDep,
    CookieSessionDep,
    CurrentUser,
    OptionalUser,
    ResourcesDep,
    SessionDep,
)
from app.errors import AppError, BadRequest, Forbidden, NotFound
from app.legacy import bodies, people, updates
from app.legacy.answers import message_of
from app.legacy.bodies import BodyDep, ObjectDep
from app.legacy.roll import RollsDep
from app.legacy.routing import LegacyRouter
from app.models import User, utc_now
from app.principals import Actor, Principal
from app.quotas import ChangeQuota
from app.resources import Resources
from app.schemas import MembershipUpdate
from app.services import sections

router = LegacyRouter()

MAX_BULK = 500
_NEW = {"name": "Ada Lovelace", "uid": "ada", "password": "correct horse battery"}


@router.both("GET", "/api/users", refuses=(401,), response_model=list[dict[str, Any]])
async def list_users(viewer: CurrentUser, resources: ResourcesDep, rolls: RollsDep) -> Response:
    """List everybody; what is personal is shown to themselves and to admins."""
    return await rolls.answer(resources, viewer)


@router.both("POST", "/api/users", refuses=(401, 429, 503), takes=_NEW, is_open=True)
async def create_users(
    body: BodyDep,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: OptionalUser,
) -> dict[str, Any]:
    """Sign up; an admin may send a list and gets what was wrong with whom."""
    if isinstance(body, dict):
        return await updates.create_person(session, actor, body=body, resources=resources)
    if not isinstance(body, list):
        raise BadRequest("Expected a list of user data")
    actor.require_admin()
    if len(body) > MAX_BULK:
        raise BadRequest(f"Send at most {MAX_BULK} users at once")
    refused = [await _create_one(item, actor, resources) for item in body]
    errors = [{"message": message} for message in refused if message is not None]
    return {
        "errors": errors,
        "success_count": len(body) - len(errors),
        "error_count": len(errors),
    }


async def _create_one(item: Any, actor: Actor, resources: Resources) -> str | None:
    """Create one account of a list in a transaction of its own; return what stood in its way."""
    if not isinstance(item, dict):
        return "Expected a list of user data"
    # Nobody ever learns this one: whoever comes without a password chooses it by a reset link.
    secret = bodies.text(item, "password") or secrets.token_urlsafe(32)
    try:
        async with resources.database.transaction() as session:
            body = {**item, "password": secret}
            made = await updates.create_person(session, actor, body=body, resources=resources)
            owner = replace(actor, user_id=made["id"], session_id=None)
            return await _join(session, owner, item)
    except AppError as error:
        return message_of(error)


async def _join(session: SessionDep, owner: Actor, item: dict[str, Any]) -> str | None:
    """Put somebody who was just created into their sections; return what stood in the way."""
    sent = item.get("sections")
    wanted = [entry for entry in sent if isinstance(entry, dict)] if isinstance(sent, list) else []
    years = {
        name: bodies.number(entry.get("year"))
        for entry in wanted
        if (name := bodies.text(entry, "abbreviation"))
    }
    try:
        await sections.join_sections(session, owner, abbreviations=years, now=utc_now())
        for name, year in years.items():
            if year is not None:
                checked = bodies.validate(MembershipUpdate, {"year": year})
                await sections.change_year(
                    session, owner, abbreviation=name, year=checked.year or year
                )
    except AppError:
        return f"Failed to add sections {list(years)} to user {item.get('uid')}"
    return None


@router.both(
    "PUT",
    "/api/users",
    name="update_user_2023",
    refuses=(401, 404, 409, 429, 503),
    takes={"id": 7, "name": "Ada"},
)
async def update_user(
    body: ObjectDep,
    viewer: CurrentUser,
    _quota: ChangeQuota,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> dict[str, Any]:
    """Change oneself, or as an admin anybody, named by `id` or else by `uid`."""
    target = await _find_target(body, viewer, resources)
    return await updates.update_person(
        session, actor, target=target, body=body, resources=resources, cookie=cookie
    )


async def _find_target(body: dict[str, Any], viewer: Principal, resources: Resources) -> User:
    wanted = bodies.text(body, "id") or bodies.text(body, "uid")
    if not wanted:
        raise BadRequest("User ID is required")
    async with resources.database.transaction(read_only=True) as session:
        if "id" in body:
            user = await people.find_numbered(session, user_id=bodies.number(body["id"]))
        else:
            user = await people.find_named(session, uid=wanted)
    if user is None and viewer.is_admin:
        raise NotFound(f"User {wanted} not found")
    # Whoever may not change them does not learn here who exists.
    if user is None or (user.id != viewer.user_id and not viewer.is_admin):
        raise Forbidden("Insufficient permissions, user is not owner or admin.")
    return user
