"""One's own account: profile, password, logins, and leaving."""

from fastapi import Request, Response

from app.dependencies import ActorDep, CookieSessionDep, PageUser, ResourcesDep
from app.errors import AppError, FieldsRefused
from app.forms import Form, FormDep
from app.models import utc_now
from app.pictures import MAX_BYTES
from app.principals import Actor, Principal
from app.rendering import page, see_other
from app.resources import Resources
from app.routers.pages.devices import name_device
from app.routing import Router
from app.schemas import PasswordChange, PasswordConfirmation, UserUpdate
from app.services import accounts, credentials, profiles, sessions

router = Router(prefix="/account", include_in_schema=False)


async def show(
    request: Request,
    resources: Resources,
    actor: Actor,
    viewer: Principal,
    *,
    refusal: AppError | None = None,
    done: str = "",
    **refused: Form,
) -> Response:
    """Show the account page, perhaps with one of its forms (by name) as it was refused."""
    async with resources.database.transaction(read_only=True) as session:
        own = await sessions.list_sessions(session, actor, now=utc_now())
        told = await profiles.find_profile(session, user_id=viewer.user_id)
    stored = {"uid": viewer.uid, "name": viewer.name, "email": viewer.email or ""}
    return page(
        request,
        "account.html",
        status=refusal.status if refusal else 200,
        headers=refusal.headers if refusal else None,
        profile=refused.get("profile") or Form(stored),
        password=refused.get("password") or Form(),
        picture=refused.get("picture") or Form(),
        max_picture_bytes=MAX_BYTES,
        visibility=Form({"is_public": "on" if told.is_public else ""}),
        sessions=own,
        devices={item.sid: name_device(item.user_agent) for item in own},
        done=done,
    )


@router.get("")
async def show_account(
    request: Request, resources: ResourcesDep, actor: ActorDep, viewer: PageUser, done: str = ""
) -> Response:
    """Show the account."""
    return await show(request, resources, actor, viewer, done=done)


@router.post("/profile")
async def save_profile(
    request: Request, form: FormDep, resources: ResourcesDep, actor: ActorDep, viewer: PageUser
) -> Response:
    """Save name, user name and e-mail."""
    changes, form = form.check(UserUpdate, stored={"uid": viewer.uid})
    if changes is None:
        return await show(request, resources, actor, viewer, refusal=FieldsRefused(), profile=form)
    try:
        async with resources.database.transaction() as session:
            await accounts.update_self(session, actor, changes=changes)
    except AppError as error:
        return await show(
            request, resources, actor, viewer, refusal=error, profile=form.refused(error)
        )
    return see_other("/account?done=profile")


@router.post("/password")
async def change_password(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    viewer: PageUser,
    cookie: CookieSessionDep,
) -> Response:
    """Change the password; all other logins end."""
    wanted, form = form.check(PasswordChange)
    if wanted is None:
        return await show(request, resources, actor, viewer, refusal=FieldsRefused(), password=form)
    try:
        async with resources.database.transaction() as session:
            user = await credentials.change_password(
                session,
                actor,
                current=wanted.current_password,
                new=wanted.new_password,
                resources=resources,
            )
        cookie.remember(user)
    except AppError as error:
        return await show(
            request, resources, actor, viewer, refusal=error, password=form.refused(error)
        )
    return see_other("/account?done=password")


@router.post("/sessions/end")
async def end_session(
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    viewer: PageUser,
    cookie: CookieSessionDep,
) -> Response:
    """End one login; the present one is a log-out."""
    sid = form.value("session")
    async with resources.database.transaction() as session:
        await sessions.end_session(session, actor, sid=sid, now=utc_now())
    if sid == viewer.session.sid:
        cookie.clear()
        return see_other("/")
    return see_other("/account?done=session#sessions")


@router.post("/sessions/end-others")
async def end_other_sessions(
    resources: ResourcesDep, actor: ActorDep, _viewer: PageUser
) -> Response:
    """End all logins but the present one."""
    async with resources.database.transaction() as session:
        await sessions.end_other_sessions(session, actor, now=utc_now())
    return see_other("/account?done=sessions#sessions")


@router.get("/delete")
async def show_delete(request: Request, _viewer: PageUser) -> Response:
    """Ask once more, and for the password."""
    return page(request, "account_delete.html", form=Form())


@router.post("/delete")
async def delete_account(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: PageUser,
    cookie: CookieSessionDep,
) -> Response:
    """Delete the account for good."""
    confirmed, form = form.check(PasswordConfirmation)
    if confirmed is None:
        return page(request, "account_delete.html", status=422, form=form)
    try:
        await credentials.confirm_password(resources, actor, password=confirmed.current_password)
        async with resources.database.transaction() as session:
            await accounts.delete_self(session, actor, resources=resources)
    except AppError as error:
        refused = form.refused(error)
        return page(
            request,
            "account_delete.html",
            status=error.status,
            headers=error.headers,
            form=refused,
        )
    cookie.clear()
    return see_other("/?done=deleted")
