"""`/api/user`: sign up, read, change and delete accounts, as the front ends since 2024 do it."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse

from app.dependencies import (
    ActorDep,
    AdminUser,
    CookieSessionDep,
    CurrentUser,
    OptionalUser,
    ResourcesDep,
    SessionDep,
)
from app.errors import BadRequest, NotFound
from app.legacy import bodies, changes, people, updates
from app.legacy.bodies import ObjectDep
from app.legacy.roll import RollsDep
from app.legacy.routing import LegacyRouter
from app.legacy.updates import WriterDep
from app.quotas import ChangeQuota
from app.services import accounts

router = LegacyRouter()

MAX_PER_PAGE = 200
# So that an offset fits a database's number.
_MAX_PAGE = 1_000_000
_GUEST = {"uid": "ada", "password": "correct horse battery"}
_NEW = {"name": "Ada Lovelace", **_GUEST}


@router.both("POST", "/api/user", refuses=(429, 503), takes=_NEW, is_open=True)
async def create_user(
    body: ObjectDep,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: OptionalUser,
) -> dict[str, Any]:
    """Sign up. A role in the body means nothing."""
    return await updates.create_person(session, actor, body=body, resources=resources)


@router.both("POST", "/api/user/guest", refuses=(429, 503), takes=_GUEST, is_open=True)
async def create_guest(
    body: ObjectDep,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: OptionalUser,
) -> dict[str, Any]:
    """Sign up with a user name and a password alone."""
    uid = (bodies.text(body, "uid") or "").strip()
    if len(uid) < changes.MIN_LENGTH:
        raise BadRequest("Username is missing, or is less than 2 characters")
    if not bodies.text(body, "password"):
        raise BadRequest("Password is missing, or is less than 2 characters")
    guest: dict[str, Any] = {key: body[key] for key in ("uid", "password", "class") if key in body}
    return await updates.create_person(
        session, actor, body={**guest, "name": f"Guest_{uid}"}, resources=resources
    )


@router.both("GET", "/api/user", refuses=(401,))
async def get_user(
    session: SessionDep,
    viewer: CurrentUser,
    resources: ResourcesDep,
    rolls: RollsDep,
    page: Annotated[str, Query(max_length=10)] = "",
    per_page: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show oneself; with `page`, or where LEGACY_USER_LIST says so, everybody."""
    if not page and not resources.settings.legacy_user_list:
        person = await people.find_person(session, user_id=viewer.user_id)
        return JSONResponse(people.show_own(person))
    if not page:
        return await rolls.answer(resources, viewer)
    size = min(bodies.number(per_page) or 50, MAX_PER_PAGE)
    number = min(bodies.number(page) or 1, _MAX_PAGE)
    found = await people.list_people(session, offset=(number - 1) * size, limit=size)
    users = [
        people.show_in_list(item, viewer_id=viewer.user_id, is_admin=viewer.is_admin)
        for item in found
    ]
    total = await people.count_people(session)
    pagination = {
        "page": number,
        "per_page": size,
        "total": total,
        "has_next": number * size < total,
        "has_prev": number > 1,
    }
    return JSONResponse({"users": users, "pagination": pagination})


@router.both("PUT", "/api/user", refuses=(401, 404, 409, 429, 503), takes={"name": "Ada King"})
async def update_user(
    body: ObjectDep,
    request: Request,
    writer: WriterDep,
    _quota: ChangeQuota,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> dict[str, Any]:
    """Change oneself, one field or all; an admin changes whoever `uid` names."""
    if writer is None:
        return await updates.change_password_late(
            request, session, actor, body=body, resources=resources, cookie=cookie
        )
    target = await updates.choose_target(writer, body, resources)
    return await updates.update_person(
        session, actor, target=target, body=body, resources=resources, cookie=cookie
    )


@router.both("DELETE", "/api/user", refuses=(401, 404, 409), takes={"uid": "ada"}, status_code=204)
@router.both(
    "DELETE",
    "/api/users",
    name="delete_user_2023",
    refuses=(401, 404, 409),
    takes={"uid": "ada"},
    status_code=204,
)
async def delete_user(
    body: ObjectDep,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: AdminUser,
    actor: ActorDep,
) -> None:
    """Delete an account, as an admin."""
    uid = bodies.text(body, "uid")
    user = await people.find_named(session, uid=uid) if uid else None
    if user is None:
        raise NotFound(f"User {uid} not found")
    await accounts.delete_user(session, actor, uid=user.uid, resources=resources)
