"""`/api/v1/users`: accounts, one's own and, for admins, everybody's."""

from fastapi import Response

from app.dependencies import (
    ActorDep,
    AdminUser,
    CookieSessionDep,
    CurrentUser,
    Cursor,
    OptionalUser,
    PageSize,
    ResourcesDep,
    SearchText,
    SessionDep,
)
from app.errors import (
    AdminRequired,
    FieldsRefused,
    HashingBusy,
    InviteRequired,
    LastAdmin,
    LinkInvalid,
    PasswordNeeded,
    PictureNotFound,
    PictureRefused,
    PicturesAway,
    PicturesBusy,
    SignupClosed,
    TokenInvalid,
    TooManyAttempts,
    UidTaken,
    Unauthenticated,
    UserNotFound,
    WrongPassword,
)
from app.models import User
from app.openapi import refusals
from app.pictures import MAX_BYTES
from app.principals import Principal
from app.quotas import ChangeQuota
from app.routing import Router
from app.schemas import (
    OneTimeLinkPublic,
    Page,
    PasswordChange,
    PasswordConfirmation,
    PicturePublic,
    UserAccount,
    UserAdminUpdate,
    UserCreate,
    UserPublic,
    UserUpdate,
)
from app.services import accounts, credentials, pictures, proof, user_pages
from app.uploads import PictureBody

router = Router(prefix="/api/v1/users", tags=["users"])

READ = (Unauthenticated, TokenInvalid)
PICTURE_BODY = {
    "required": True,
    "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
}
# Where a password may be sent along, and for some of it must be.
PROOF = (PasswordNeeded, WrongPassword, TooManyAttempts, HashingBusy)
ADMIN = (*READ, AdminRequired, UserNotFound)


def _visible(user: User, viewer: Principal) -> UserAccount | UserPublic:
    """Show people all of themselves, admins all of everybody, anybody else the public part."""
    if viewer.is_admin or viewer.user_id == user.id:
        return UserAccount.model_validate(user)
    return UserPublic.model_validate(user)


@router.post(
    "",
    status_code=201,
    responses=refusals(
        SignupClosed,
        InviteRequired,
        LinkInvalid,
        UidTaken,
        FieldsRefused,
        TooManyAttempts,
        HashingBusy,
    ),
)
async def create_user(
    body: UserCreate,
    response: Response,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
    _viewer: OptionalUser,
) -> UserAccount:
    """Sign up. An admin creates accounts for others here too, and may give a role."""
    user = await accounts.sign_up(session, actor, new=body, resources=resources)
    response.headers["Location"] = f"{router.prefix}/{user.uid}"
    return UserAccount.model_validate(user)


@router.get(
    "", response_model=Page[UserAccount | UserPublic], responses=refusals(*READ, FieldsRefused)
)
async def list_users(
    viewer: CurrentUser,
    resources: ResourcesDep,
    q: SearchText = "",
    cursor: Cursor = None,
    limit: PageSize = 50,
) -> Response:
    """List users by uid, a page at a time, perhaps those whose name or uid contains `q`."""
    if q:
        async with resources.database.transaction(read_only=True) as session:
            found = await accounts.list_users(session, search=q, cursor=cursor, limit=limit)
        items = [_visible(user, viewer) for user in found.users]
        page = Page[UserAccount | UserPublic](items=items, next=found.next)
        return Response(page.model_dump_json(), media_type="application/json")
    text = await user_pages.write_page(resources, viewer=viewer, cursor=cursor, limit=limit)
    return Response(text, media_type="application/json")


@router.get("/me", responses=refusals(*READ))
async def get_me(viewer: CurrentUser) -> UserAccount:
    """Show one's own account."""
    return UserAccount.model_validate(viewer)


@router.patch("/me", responses=refusals(*READ, UidTaken, *PROOF))
async def update_me(
    body: UserUpdate,
    _quota: ChangeQuota,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: CurrentUser,
    actor: ActorDep,
) -> UserAccount:
    """Change one's own uid, name or e-mail. Fields left out stay.

    Another uid or e-mail takes `current_password`, if the login is older than ten minutes.
    """
    is_proved = await proof.has_proof(resources, actor, password=body.current_password)
    user = await accounts.update_self(session, actor, changes=body, is_proved=is_proved)
    return UserAccount.model_validate(user)


@router.post(
    "/me/password",
    status_code=204,
    responses=refusals(*READ, WrongPassword, FieldsRefused, TooManyAttempts, HashingBusy),
)
async def change_password(
    body: PasswordChange,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: CurrentUser,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> None:
    """Change one's own password. All other logins end; this one stays."""
    user = await credentials.change_password(
        session,
        actor,
        current=body.current_password,
        new=body.new_password,
        resources=resources,
    )
    cookie.remember(user)


@router.delete(
    "/me",
    status_code=204,
    responses=refusals(*READ, WrongPassword, LastAdmin, TooManyAttempts, HashingBusy),
)
async def delete_me(
    body: PasswordConfirmation,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: CurrentUser,
    actor: ActorDep,
    cookie: CookieSessionDep,
) -> None:
    """Delete one's own account for good. Asks for the password again."""
    await credentials.confirm_password(resources, actor, password=body.current_password)
    await accounts.delete_self(session, actor, resources=resources)
    cookie.clear()


@router.post("/invites", status_code=201, responses=refusals(*READ, AdminRequired))
async def create_invite(
    session: SessionDep, resources: ResourcesDep, _viewer: AdminUser, actor: ActorDep
) -> OneTimeLinkPublic:
    """Make a link with which one person may sign up. For admins."""
    link = await credentials.create_invite(session, actor, resources=resources)
    return OneTimeLinkPublic(url=link.url, expires_at=link.expires_at)


@router.get("/me/picture", responses=refusals(*READ, PictureNotFound))
async def get_my_picture(
    session: SessionDep, _viewer: CurrentUser, actor: ActorDep
) -> PicturePublic:
    """Say where one's own picture is shown."""
    picture = await pictures.find_own_picture(session, actor)
    if picture is None:
        raise PictureNotFound
    return PicturePublic.model_validate(picture)


@router.put(
    "/me/picture",
    responses=refusals(*READ, PictureRefused, TooManyAttempts, PicturesAway, PicturesBusy),
    openapi_extra={"requestBody": PICTURE_BODY},
    max_body_size=MAX_BYTES,
)
async def set_my_picture(
    _viewer: CurrentUser,
    source: PictureBody,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
) -> PicturePublic:
    """Replace one's own picture by a JPEG, PNG, WebP or GIF: the body is the file itself.

    It is shrunk to 512 pixels on the longer side; of an animation the first frame is kept, of what
    else is in the file (place, camera, comments) nothing.
    """
    picture = await pictures.set_picture(session, actor, source=source, resources=resources)
    return PicturePublic.model_validate(picture)


@router.delete("/me/picture", status_code=204, responses=refusals(*READ))
async def remove_my_picture(
    session: SessionDep, resources: ResourcesDep, viewer: CurrentUser, actor: ActorDep
) -> None:
    """Take one's own picture away, if there is one."""
    await pictures.remove_picture(session, actor, user_id=viewer.user_id, resources=resources)


@router.get("/{uid:uid}", responses=refusals(*READ, UserNotFound))
async def get_user(uid: str, session: SessionDep, viewer: CurrentUser) -> UserAccount | UserPublic:
    """Show one user: all of it to themselves and to admins, the public part to others."""
    return _visible(await accounts.get_user(session, uid=uid), viewer)


@router.patch("/{uid:uid}", responses=refusals(*ADMIN, UidTaken, LastAdmin, *PROOF))
async def update_user(
    uid: str,
    body: UserAdminUpdate,
    session: SessionDep,
    resources: ResourcesDep,
    _viewer: AdminUser,
    actor: ActorDep,
) -> UserAccount:
    """Change anybody's account, role or state. For admins.

    Another uid or e-mail of their own takes `current_password`, as in `/me`.
    """
    is_proved = await proof.has_proof(resources, actor, password=body.current_password)
    user = await accounts.update_user(session, actor, uid=uid, changes=body, is_proved=is_proved)
    return UserAccount.model_validate(user)


@router.post("/{uid:uid}/reset", status_code=201, responses=refusals(*ADMIN, PasswordNeeded))
async def create_reset_link(
    uid: str, session: SessionDep, resources: ResourcesDep, _viewer: AdminUser, actor: ActorDep
) -> OneTimeLinkPublic:
    """Make a link with which this person chooses a new password. For admins.

    For themselves only within ten minutes of their login.
    """
    user = await accounts.get_user(session, uid=uid)
    link = await credentials.create_reset_link(
        session,
        actor,
        user=user,
        resources=resources,
        is_proved=await proof.has_proof(resources, actor, password=None),
    )
    return OneTimeLinkPublic(url=link.url, expires_at=link.expires_at)


@router.delete("/{uid:uid}", status_code=204, responses=refusals(*ADMIN, LastAdmin))
async def delete_user(
    uid: str, session: SessionDep, resources: ResourcesDep, _viewer: AdminUser, actor: ActorDep
) -> None:
    """Delete anybody's account for good. For admins."""
    await accounts.delete_user(session, actor, uid=uid, resources=resources)
