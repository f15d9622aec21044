"""One's own account: profile, password, logins, and leaving.

A new user name or e-mail, and the end of other logins, take the password once the present login is
not fresh (see services/proof.py). The form then comes back with a field for it.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from app.dependencies import ActorDep, CookieSessionDep, PageUser, ResourcesDep, SessionDep
from app.errors import (
    AppError,
    FieldsRefused,
    HashingBusy,
    PasswordNeeded,
    TooManyAttempts,
    WrongPassword,
)
from app.forms import Form, FormDep
from app.models import utc_now
from app.pictures import MAX_BYTES
from app.principals import Actor, Principal
from app.rendering import page, see_other
from app.resources import Resources
from app.routers.pages.devices import name_device
from app.routing import Router
from app.schemas import PasswordChange, PasswordConfirmation, PasswordProof, UserUpdate
from app.services import accounts, credentials, profiles, proof, sessions, throttling

router = Router(prefix="/account", include_in_schema=False)

# The password has a field of its own in each form of the page.
_PROFILE_FIELD = "profile_password"
_SESSIONS_FIELD = "sessions_password"
_PROOF_REFUSALS = (PasswordNeeded, WrongPassword, TooManyAttempts, HashingBusy)


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
        ending=refused.get("ending"),
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
    stored = {"uid": viewer.uid, "current_password": ""}
    changes, form = form.check(UserUpdate, stored=stored, current_password=_PROFILE_FIELD)
    if changes is None:
        return await show(request, resources, actor, viewer, refusal=FieldsRefused(), profile=form)
    try:
        is_proved = await proof.has_proof(resources, actor, password=changes.current_password)
        async with (
            throttling.count_change(resources, actor),
            resources.database.transaction() as session,
        ):
            await accounts.update_self(session, actor, changes=changes, is_proved=is_proved)
    except AppError as error:
        refused = form.refused(error, current_password=_PROFILE_FIELD)
        return await show(request, resources, actor, viewer, refusal=error, profile=refused)
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
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    viewer: PageUser,
    cookie: CookieSessionDep,
) -> Response:
    """End one login; the present one is a log-out."""
    sid = form.value("session")
    refused = await _end(
        request,
        resources,
        actor,
        viewer,
        form,
        lambda session, is_proved: sessions.end_session(
            session, actor, sid=sid, is_proved=is_proved, now=utc_now()
        ),
    )
    if refused is not None:
        return refused
    if sid == viewer.session.sid:
        cookie.clear()
        return see_other("/")
    return see_other("/account?done=session#sessions")


@router.post("/sessions/end-others")
async def end_other_sessions(
    request: Request, form: FormDep, resources: ResourcesDep, actor: ActorDep, viewer: PageUser
) -> Response:
    """End all logins but the present one."""
    refused = await _end(
        request,
        resources,
        actor,
        viewer,
        form,
        lambda session, is_proved: sessions.end_other_sessions(
            session, actor, is_proved=is_proved, now=utc_now()
        ),
    )
    return refused or see_other("/account?done=sessions#sessions")


async def _end(
    request: Request,
    resources: Resources,
    actor: Actor,
    viewer: Principal,
    form: Form,
    act: Callable[[SessionDep, bool], Awaitable[object]],
) -> Response | None:
    """End logins; return the page that asks for the password where that is needed, or wrong."""
    stored = {"current_password": ""}
    given, form = form.check(PasswordProof, stored=stored, current_password=_SESSIONS_FIELD)
    if given is None:
        return await show(request, resources, actor, viewer, refusal=FieldsRefused(), ending=form)
    try:
        is_proved = await proof.has_proof(resources, actor, password=given.current_password)
        async with resources.database.transaction() as session:
            await act(session, is_proved)
    except _PROOF_REFUSALS as error:
        refused = form.refused(error, current_password=_SESSIONS_FIELD)
        return await show(request, resources, actor, viewer, refusal=error, ending=refused)
    return None


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
