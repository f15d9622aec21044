"""Admins look after accounts: find, change, disable, reset, delete, invite."""

from urllib.parse import quote

from fastapi import Request, Response

from app.dependencies import (
    ActorDep,
    AdminPageUser,
    Cursor,
    ResourcesDep,
    SearchText,
    SessionDep,
)
from app.errors import AppError, FieldsRefused
from app.forms import Form, FormDep
from app.models import SecondFactor, User
from app.rendering import page, see_other
from app.routing import Router
from app.schemas import UserAdminUpdate
from app.services import accounts, credentials, proof, second_factors

router = Router(prefix="/admin", include_in_schema=False)
PAGE_SIZE = 25


@router.get("/users")
async def show_users(
    request: Request,
    session: SessionDep,
    _viewer: AdminPageUser,
    q: SearchText = "",
    cursor: Cursor = None,
    done: str = "",
) -> Response:
    """Show accounts, a page at a time."""
    found = await accounts.list_users(session, search=q, cursor=cursor, limit=PAGE_SIZE)
    return page(
        request,
        "admin_users.html",
        users=found.users,
        next=found.next,
        q=q,
        cursor=cursor,
        done=done,
    )


@router.post("/invites")
async def create_invite(
    request: Request,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: AdminPageUser,
) -> Response:
    """Make an invitation and show it, once."""
    link = await credentials.create_invite(session, actor, resources=resources)
    return page(
        request, "one_time_link.html", purpose="invite", link=link, user=None, is_secret=True
    )


def _show_user(
    request: Request,
    user: User,
    *,
    factor: SecondFactor | None,
    refusal: AppError | None = None,
    form: Form | None = None,
    done: str = "",
) -> Response:
    stored = {
        "uid": user.uid,
        "name": user.name,
        "email": user.email or "",
        "role": user.role.value,
        "is_active": "on" if user.is_active else "",
    }
    return page(
        request,
        "admin_user.html",
        status=refusal.status if refusal else 200,
        headers=refusal.headers if refusal else None,
        user=user,
        factor=factor,
        form=form or Form(stored),
        done=done,
    )


@router.post("/users/{uid:uid}/reset")
async def create_reset_link(
    request: Request,
    uid: str,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: AdminPageUser,
) -> Response:
    """Make a reset link and show it, once."""
    user = await accounts.get_user(session, uid=uid)
    link = await credentials.create_reset_link(
        session,
        actor,
        user=user,
        resources=resources,
        is_proved=await proof.has_proof(resources, actor, password=None),
    )
    return page(
        request, "one_time_link.html", purpose="reset", link=link, user=user, is_secret=True
    )


@router.post("/users/{uid:uid}/second-factor/remove")
async def remove_second_factor(
    uid: str, session: SessionDep, actor: ActorDep, _viewer: AdminPageUser
) -> Response:
    """Take away the second factor of somebody who has lost it."""
    user = await accounts.get_user(session, uid=uid)
    await second_factors.remove_from(session, actor, user_id=user.id)
    return see_other(f"/admin/users/{quote(user.uid)}?done=second-factor-gone")


@router.get("/users/{uid:uid}/delete")
async def show_delete(
    request: Request, uid: str, session: SessionDep, _viewer: AdminPageUser
) -> Response:
    """Ask once more."""
    user = await accounts.get_user(session, uid=uid)
    return page(request, "admin_user_delete.html", user=user, form=Form())


@router.post("/users/{uid:uid}/delete")
async def delete_user(
    request: Request, uid: str, resources: ResourcesDep, actor: ActorDep, _viewer: AdminPageUser
) -> Response:
    """Delete the account for good."""
    async with resources.database.transaction(read_only=True) as session:
        user = await accounts.get_user(session, uid=uid)
    try:
        async with resources.database.transaction() as session:
            await accounts.delete_user(session, actor, uid=uid, resources=resources)
    except AppError as error:
        refused = Form().refused(error)
        return page(request, "admin_user_delete.html", status=error.status, user=user, form=refused)
    return see_other("/admin/users?done=deleted")


# After the addresses that are longer by a word: a uid from an old server may have a slash in it.
@router.get("/users/{uid:uid}")
async def show_user(
    request: Request, uid: str, session: SessionDep, _viewer: AdminPageUser, done: str = ""
) -> Response:
    """Show one account."""
    user = await accounts.get_user(session, uid=uid)
    factor = await second_factors.find_factor(session, user_id=user.id or 0)
    return _show_user(request, user, factor=factor, done=done)


@router.post("/users/{uid:uid}")
async def save_user(
    request: Request,
    uid: str,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: AdminPageUser,
) -> Response:
    """Save name, user name, e-mail, role and state."""
    async with resources.database.transaction(read_only=True) as session:
        user = await accounts.get_user(session, uid=uid)
        factor = await second_factors.find_factor(session, user_id=user.id or 0)
    # A box that is not ticked is not sent at all.
    given = {"is_active": form.value("is_active") == "on"}
    stored = {"uid": user.uid, "current_password": ""}
    wanted, form = form.check(UserAdminUpdate, given=given, stored=stored)
    if wanted is None:
        return _show_user(request, user, factor=factor, refusal=FieldsRefused(), form=form)
    try:
        is_proved = await proof.has_proof(resources, actor, password=wanted.current_password)
        async with resources.database.transaction() as session:
            changed = await accounts.update_user(
                session, actor, uid=uid, changes=wanted, is_proved=is_proved
            )
    except AppError as error:
        refused = form.refused(error)
        return _show_user(request, user, factor=factor, refusal=error, form=refused)
    return see_other(f"/admin/users/{quote(changed.uid)}?done=saved")
