"""One's own picture on the account page: choose one, take it away, let strangers see it."""

from fastapi import Request, Response

from app.dependencies import ActorDep, PageUser, ResourcesDep
from app.errors import AppError
from app.forms import Form, FormDep
from app.quotas import ChangeQuota
from app.rendering import see_other
from app.routers.pages import account
from app.routing import Router
from app.services import pictures, profiles
from app.uploads import MAX_FORM_BYTES, PictureFile

router = Router(prefix="/account", include_in_schema=False)


@router.post("/picture", max_body_size=MAX_FORM_BYTES)
async def save_picture(
    request: Request,
    viewer: PageUser,
    source: PictureFile,
    resources: ResourcesDep,
    actor: ActorDep,
) -> Response:
    """Replace the picture by the file that was chosen."""
    try:
        async with resources.database.transaction() as session:
            await pictures.set_picture(session, actor, source=source, resources=resources)
    except AppError as error:
        # What is kept of the file is that there was one.
        form = Form({"picture": "a file" if source else ""}).refused(error)
        return await account.show(request, resources, actor, viewer, refusal=error, picture=form)
    return see_other("/account?done=picture")


@router.post("/picture/remove")
async def remove_picture(resources: ResourcesDep, actor: ActorDep, viewer: PageUser) -> Response:
    """Take the picture away. Pressed twice, the second time does nothing."""
    async with resources.database.transaction() as session:
        await pictures.remove_picture(session, actor, user_id=viewer.user_id, resources=resources)
    return see_other("/account?done=no-picture")


@router.post("/visibility")
async def save_visibility(
    form: FormDep, _quota: ChangeQuota, resources: ResourcesDep, actor: ActorDep, _viewer: PageUser
) -> Response:
    """Let strangers see the name and the picture, or stop that."""
    # A box that is not ticked is not sent at all.
    is_public = form.value("is_public") == "on"
    async with resources.database.transaction() as session:
        await profiles.set_visibility(session, actor, is_public=is_public)
    return see_other("/account?done=" + ("public" if is_public else "private"))
