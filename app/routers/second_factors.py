"""`/api/v1/users/me/second-factor`: a code besides the password; admins take somebody's away."""

from app.dependencies import (
    ActorDep,
    AdminUser,
    CookieSessionDep,
    ResourcesDep,
    SessionDep,
)
from app.enrollment import EnrollingActor, EnrollingUser
from app.errors import (
    AdminRequired,
    CodeRefused,
    Forbidden,
    HashingBusy,
    SecondFactorOff,
    SecondFactorOn,
    TokenInvalid,
    TooManyAttempts,
    Unauthenticated,
    UserNotFound,
    WrongPassword,
)
from app.openapi import refusals
from app.routing import Router
from app.schemas import (
    CodeConfirmation,
    NewSecondFactor,
    PasswordConfirmation,
    ProvedChange,
    RecoveryCodes,
    SecondFactorPublic,
)
from app.services import accounts, credentials, second_factors

router = Router(prefix="/api/v1/users", tags=["users"])

READ = (Unauthenticated, TokenInvalid)
PASSWORD = (WrongPassword, TooManyAttempts, HashingBusy)


@router.get("/me/second-factor", responses=refusals(*READ))
async def get_second_factor(
    session: SessionDep, resources: ResourcesDep, viewer: EnrollingUser
) -> SecondFactorPublic:
    """Say whether one's own logins ask for a code."""
    factor = await second_factors.find_factor(session, user_id=viewer.user_id)
    left = await second_factors.count_recovery_codes(session, user_id=viewer.user_id)
    confirmed_at = factor.confirmed_at if factor is not None else None
    begun = "off" if factor is None else "begun"
    return SecondFactorPublic(
        state="on" if confirmed_at is not None else begun,
        confirmed_at=confirmed_at,
        recovery_codes_left=left,
        is_required=viewer.must_have_second_factor(resources.settings),
    )


@router.post("/me/second-factor", responses=refusals(*READ, *PASSWORD, SecondFactorOn))
async def begin_second_factor(
    body: PasswordConfirmation,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: EnrollingUser,
    actor: EnrollingActor,
) -> NewSecondFactor:
    """Get a secret for an app. It counts once a first code is confirmed."""
    await credentials.confirm_password(resources, actor, password=body.current_password)
    made = await second_factors.begin(session, actor, resources=resources)
    return NewSecondFactor.model_validate(made)


@router.post(
    "/me/second-factor/confirm",
    responses=refusals(*READ, CodeRefused, SecondFactorOff, SecondFactorOn, TooManyAttempts),
)
async def confirm_second_factor(
    body: CodeConfirmation,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: EnrollingUser,
    actor: EnrollingActor,
    cookie: CookieSessionDep,
) -> RecoveryCodes:
    """Show that the app works: from now on each login asks for a code. All other logins end."""
    user, codes = await second_factors.confirm(session, actor, code=body.code, resources=resources)
    cookie.remember(user)
    return RecoveryCodes(recovery_codes=codes)


@router.post(
    "/me/second-factor/recovery-codes",
    responses=refusals(*READ, *PASSWORD, CodeRefused, SecondFactorOff),
)
async def renew_recovery_codes(
    body: ProvedChange,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: EnrollingUser,
    actor: EnrollingActor,
) -> RecoveryCodes:
    """Get ten new recovery codes; the old ones hold no longer."""
    await credentials.confirm_password(resources, actor, password=body.current_password)
    codes = await second_factors.renew_codes(session, actor, code=body.code, resources=resources)
    return RecoveryCodes(recovery_codes=codes)


@router.delete(
    "/me/second-factor",
    status_code=204,
    responses=refusals(*READ, *PASSWORD, CodeRefused, SecondFactorOff),
)
async def remove_second_factor(
    body: ProvedChange,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: EnrollingUser,
    actor: EnrollingActor,
    cookie: CookieSessionDep,
) -> None:
    """Log in with the password alone again. All other logins end."""
    await credentials.confirm_password(resources, actor, password=body.current_password)
    user = await second_factors.remove(session, actor, code=body.code, resources=resources)
    cookie.remember(user)


@router.delete(
    "/{uid:uid}/second-factor",
    status_code=204,
    responses=refusals(*READ, AdminRequired, Forbidden, UserNotFound, SecondFactorOff),
)
async def remove_second_factor_of(
    uid: str, session: SessionDep, _viewer: AdminUser, actor: ActorDep
) -> None:
    """Take away the second factor of somebody who has lost it, and end their logins. For admins."""
    user = await accounts.get_user(session, uid=uid)
    await second_factors.remove_from(session, actor, user_id=user.id)
