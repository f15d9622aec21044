"""One's own second factor: set it up, new recovery codes, take it away.

What an app is told and the recovery codes are shown once, in the answer to the form that made them.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request, Response

from app.dependencies import CookieSessionDep, ResourcesDep, SessionDep
from app.enrollment import EnrollingActor, EnrollingPageUser
from app.errors import AppError, FieldsRefused
from app.forms import Form, FormDep
from app.principals import Actor, Principal
from app.rendering import page, see_other
from app.resources import Resources
from app.routing import Router
from app.schemas import CodeConfirmation, PasswordConfirmation, ProvedChange
from app.services import credentials, second_factors

router = Router(prefix="/account/second-factor", include_in_schema=False)

T = TypeVar("T")
_GROUP = 4


async def _show(
    request: Request,
    resources: Resources,
    viewer: Principal,
    *,
    refusal: AppError | None = None,
    **refused: Form,
) -> Response:
    """Show how things stand, perhaps with one of the forms (by name) as it was refused."""
    async with resources.database.transaction(read_only=True) as session:
        factor = await second_factors.find_factor(session, user_id=viewer.user_id)
        left = await second_factors.count_recovery_codes(session, user_id=viewer.user_id)
    return page(
        request,
        "second_factor.html",
        status=refusal.status if refusal else 200,
        headers=refusal.headers if refusal else None,
        factor=factor,
        codes_left=left,
        is_required=viewer.must_have_second_factor(resources.settings),
        password=refused.get("password") or Form(),
        code=refused.get("code") or Form(),
    )


@router.get("")
async def show_second_factor(
    request: Request, resources: ResourcesDep, viewer: EnrollingPageUser
) -> Response:
    """Show whether there is one, and what can be done about it."""
    return await _show(request, resources, viewer)


@router.post("")
async def begin(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: EnrollingActor,
    viewer: EnrollingPageUser,
) -> Response:
    """Make a secret and show it, once."""
    given, form = form.check(PasswordConfirmation)
    if given is None:
        return await _show(request, resources, viewer, refusal=FieldsRefused(), password=form)
    try:
        await credentials.confirm_password(resources, actor, password=given.current_password)
        async with resources.database.transaction() as session:
            made = await second_factors.begin(session, actor, resources=resources)
    except AppError as error:
        refused = form.refused(error)
        return await _show(request, resources, viewer, refusal=error, password=refused)
    # Half a megabyte of tables, for a page that most people see once.
    from app.qr import encode  # noqa: PLC0415

    starts = range(0, len(made.secret), _GROUP)
    groups = [made.secret[start : start + _GROUP] for start in starts]
    return page(
        request,
        "second_factor_begun.html",
        is_secret=True,
        uri=made.uri,
        qr=encode(made.uri),
        groups=groups,
        code=Form(),
    )


@router.post("/confirm")
async def confirm(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: EnrollingActor,
    viewer: EnrollingPageUser,
    cookie: CookieSessionDep,
) -> Response:
    """Let it count, and show the recovery codes, once."""
    given, form = form.check(CodeConfirmation)
    if given is None:
        return await _show(request, resources, viewer, refusal=FieldsRefused(), code=form)
    try:
        async with resources.database.transaction() as session:
            user, codes = await second_factors.confirm(
                session, actor, code=given.code, resources=resources
            )
        cookie.remember(user)
    except AppError as error:
        return await _show(request, resources, viewer, refusal=error, code=form.refused(error))
    return page(request, "recovery_codes.html", is_secret=True, codes=codes, is_first=True)


@router.get("/codes")
async def show_renew_codes(request: Request, viewer: EnrollingPageUser) -> Response:
    """Ask for the password and a code."""
    if not viewer.has_second_factor:
        return see_other(router.prefix)
    return page(request, "second_factor_codes.html", form=Form())


@router.post("/codes")
async def renew_codes(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: EnrollingActor,
    _viewer: EnrollingPageUser,
) -> Response:
    """Replace the recovery codes and show the new ones, once."""

    async def renew(session: SessionDep, given: ProvedChange) -> list[str]:
        return await second_factors.renew_codes(
            session, actor, code=given.code, resources=resources
        )

    codes = await _change(request, "second_factor_codes.html", form, resources, actor, renew)
    if isinstance(codes, Response):
        return codes
    return page(request, "recovery_codes.html", is_secret=True, codes=codes, is_first=False)


@router.get("/remove")
async def show_remove(request: Request, viewer: EnrollingPageUser) -> Response:
    """Ask once more, for the password and a code."""
    if not viewer.has_second_factor:
        return see_other(router.prefix)
    return page(request, "second_factor_remove.html", form=Form())


@router.post("/remove")
async def remove(
    request: Request,
    form: FormDep,
    resources: ResourcesDep,
    actor: EnrollingActor,
    _viewer: EnrollingPageUser,
    cookie: CookieSessionDep,
) -> Response:
    """Take it away."""

    async def take_away(session: SessionDep, given: ProvedChange) -> None:
        user = await second_factors.remove(session, actor, code=given.code, resources=resources)
        cookie.remember(user)

    refused = await _change(request, "second_factor_remove.html", form, resources, actor, take_away)
    return refused or see_other("/account?done=second-factor-off")


async def _change(
    request: Request,
    template: str,
    form: Form,
    resources: Resources,
    actor: Actor,
    act: Callable[[SessionDep, ProvedChange], Awaitable[T]],
) -> T | Response:
    """Do what takes the password and a code; return its outcome, or its form as it was refused."""
    given, form = form.check(ProvedChange)
    if given is None:
        return page(request, template, status=422, form=form)
    try:
        await credentials.confirm_password(resources, actor, password=given.current_password)
        async with resources.database.transaction() as session:
            return await act(session, given)
    except AppError as error:
        refused = form.refused(error)
        return page(request, template, status=error.status, headers=error.headers, form=refused)
