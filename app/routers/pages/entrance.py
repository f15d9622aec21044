"""Home, log in, log out, sign up, the first admin's set-up, a new password from a reset link."""

from typing import Annotated

from fastapi import Query, Request, Response

from app import errors
from app.cookie_sessions import CookieSession
from app.dependencies import (
    ActorDep,
    AnyUser,
    CookieSessionDep,
    CookieUser,
    Done,
    OptionalUser,
    ResourcesDep,
)
from app.enrollment import EnrollingActor
from app.errors import (
    AppError,
    CodeRefused,
    LinkInvalid,
    LoginTimedOut,
    SecondFactorNeeded,
    TooManyAttempts,
)
from app.forms import Form, FormDep, local_path
from app.models import LinkPurpose, User, utc_now
from app.principals import Actor, is_without_admin
from app.rendering import page, see_other
from app.resources import Resources
from app.routing import Router
from app.schemas import Login, PasswordReset, SecondStep, UserCreate
from app.services import accounts, credentials, links, logins, sessions

router = Router(include_in_schema=False)

Secret = Annotated[str, Query(max_length=100)]


@router.get("/")
async def show_home(
    request: Request, viewer: OptionalUser, resources: ResourcesDep, done: Done
) -> Response:
    """Show the way in, or what a person may do here."""
    needs_setup = viewer is None and await is_without_admin(resources.database)
    return page(request, "home.html", needs_setup=needs_setup, done=done)


@router.get("/login")
async def show_login(
    request: Request,
    viewer: OptionalUser,
    target: Annotated[str, Query(alias="next", max_length=2000)] = "",
    done: str = "",
) -> Response:
    """Show the login form."""
    if viewer is not None:
        return see_other(local_path(target))
    return page(request, "login.html", form=Form({"next": target}), done=done)


@router.post("/login")
async def log_in(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> Response:
    """Log in and go on to where the person was heading."""
    login, form = form.check(Login, uid="username")
    if login is None:
        return page(request, "login.html", status=422, form=form, done="")
    try:
        user = await logins.authenticate(resources, actor, uid=login.uid, password=login.password)
        await _open(resources, actor, cookie, user)
    except SecondFactorNeeded as error:
        form = Form({**form.values, "ticket": error.ticket})
        return page(
            request, "login_code.html", status=error.status, headers=error.headers, form=form
        )
    except AppError as error:
        return _again(request, "login.html", form, error)
    return see_other(local_path(form.value("next")))


async def _open(resources: Resources, actor: Actor, cookie: CookieSession, user: User) -> None:
    async with resources.database.transaction() as session:
        user_session = await cookie.open(session, actor, user)
    cookie.set(user, user_session)


@router.post("/login/code")
async def go_on(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> Response:
    """Log in with a code, after the password, and go on to where the person was heading."""
    step, form = form.check(SecondStep)
    if step is None and "ticket" not in form.errors:
        return page(request, "login_code.html", status=422, form=form)
    try:
        if step is None:
            raise LoginTimedOut
        ticket = step.ticket.get_secret_value()
        user = await logins.go_on(resources, actor, ticket=ticket, code=step.code)
        await _open(resources, actor, cookie, user)
    except (CodeRefused, TooManyAttempts) as error:
        return _again(request, "login_code.html", form, error)
    except AppError as error:
        return _again(request, "login.html", Form(form.values), error)
    return see_other(local_path(form.value("next")))


def _again(request: Request, template: str, form: Form, error: AppError) -> Response:
    """Show a form again with what was refused."""
    return page(
        request,
        template,
        status=error.status,
        headers=error.headers,
        form=form.refused(error),
        done="",
    )


@router.get("/logout")
async def show_log_out(request: Request, viewer: AnyUser) -> Response:
    """Ask with a button: a link, an image or a page of another site must not log anybody out."""
    return see_other("/") if viewer is None else page(request, "logout.html")


@router.post("/logout")
async def log_out(
    viewer: CookieUser, resources: ResourcesDep, actor: EnrollingActor, cookie: CookieSessionDep
) -> Response:
    """End the login and go home. Pressed twice, the second has nothing left to end."""
    if viewer is not None:
        async with resources.database.transaction() as session:
            await sessions.revoke_by_token(session, actor, sid=viewer.session.sid, now=utc_now())
    cookie.clear()
    return see_other("/?done=logout")


@router.get("/signup")
async def show_signup(request: Request, _viewer: OptionalUser, invite: Secret = "") -> Response:
    """Show the sign-up form, or why there is none."""
    return page(request, "signup.html", form=Form({"invite": invite}), is_secret=bool(invite))


@router.post("/signup")
async def sign_up(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> Response:
    """Create an account and log in to it."""
    new, form = form.check(UserCreate)
    if new is None:
        return page(request, "signup.html", status=422, form=form, done="")
    try:
        async with resources.database.transaction() as session:
            user = await accounts.sign_up(session, actor, new=new, resources=resources)
            # In one transaction: an account whose login failed would meet itself at the next try.
            user_session = await cookie.open(session, actor, user)
        cookie.set(user, user_session)
    except AppError as error:
        return _again(request, "signup.html", form, error)
    return see_other("/account?done=welcome")


@router.get("/setup")
async def show_setup(
    request: Request,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: OptionalUser,
    token: Secret = "",
) -> Response:
    """Show the form for the first admin, to whoever has the link."""
    if token:
        await links.check_link(resources, actor, purpose=LinkPurpose.SETUP, secret=token)
    async with resources.database.transaction(read_only=True) as session:
        has_admin = await accounts.has_admin(session)
    form = Form({"token": token})
    return page(request, "setup.html", form=form, has_admin=has_admin, is_secret=True)


@router.post("/setup")
async def set_up(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> Response:
    """Create the first admin and log in."""
    token = form.value("token")
    if not token:
        raise LinkInvalid
    new, form = form.check(UserCreate)
    if new is None:
        return page(request, "setup.html", status=422, form=form, done="")
    if new.role is not None or new.invite is not None:
        raise errors.MalformedBody
    try:
        async with resources.database.transaction() as session:
            user = await accounts.set_up_first_admin(
                session, actor, token=token, new=new, resources=resources
            )
            user_session = await cookie.open(session, actor, user)
        cookie.set(user, user_session)
    except AppError as error:
        return _again(request, "setup.html", form, error)
    return see_other("/account?done=setup")


@router.get("/reset")
async def show_reset(
    request: Request,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: OptionalUser,
    token: Secret = "",
) -> Response:
    """Show the form for a new password, to whoever has the link."""
    await links.check_link(resources, actor, purpose=LinkPurpose.RESET, secret=token)
    return page(request, "reset.html", form=Form({"token": token}), is_secret=True)


@router.post("/reset")
async def reset_password(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> Response:
    """Set the new password; the person then logs in with it."""
    wanted, form = form.check(PasswordReset)
    if wanted is None:
        if "token" in form.errors:
            raise LinkInvalid
        return page(request, "reset.html", status=422, form=form, done="")
    try:
        async with resources.database.transaction() as session:
            user = await credentials.reset_password(
                session, actor, token=wanted.token, new=wanted.new_password, resources=resources
            )
        cookie.remember(user)
    except LinkInvalid:
        raise
    except AppError as error:
        return _again(request, "reset.html", form, error)
    return see_other("/login?done=reset")


@router.get("/problems")
async def show_problems(request: Request, _viewer: OptionalUser) -> Response:
    """Explain every kind of refusal; the `type` of problem documents points here."""
    return page(request, "problems.html", kinds=errors.all_kinds())
