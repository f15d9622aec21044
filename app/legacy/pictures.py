"""`/api/id/pfp`: one's own profile picture, as base64 in JSON."""

import base64
import binascii
from functools import partial

from fastapi import Request

from app.dependencies import ActorDep, CurrentUser, ResourcesDep, SessionDep
from app.errors import BadRequest, NotFound
from app.legacy import people
from app.legacy.bodies import expect_json, parse
from app.legacy.routing import LegacyRouter
from app.schemas import fold
from app.services import pictures
from app.uploads import MAX_BASE64_BYTES, PictureRoom, read_whole

router = LegacyRouter()

_REQUIRED = "Base64 image data required."
_NOT_SET = "Profile picture is not set."


@router.both("GET", "/api/id/pfp", refuses=(401, 404))
async def get_picture(resources: ResourcesDep, viewer: CurrentUser) -> dict[str, str]:
    """Answer one's own picture in base64. Pages show it as `data:image/jpeg;base64,…`."""
    if viewer.picture is None:
        raise NotFound(_NOT_SET)
    webp = await pictures.read_picture(resources, name=viewer.picture)
    return {"pfp": base64.b64encode(webp).decode()}


@router.both(
    "PUT",
    "/api/id/pfp",
    refuses=(401, 429, 503),
    takes={"pfp": "iVBORw0KGgo…"},
    max_body_size=MAX_BASE64_BYTES,
)
async def put_picture(
    request: Request,
    _viewer: CurrentUser,
    _room: PictureRoom,
    session: SessionDep,
    resources: ResourcesDep,
    actor: ActorDep,
) -> dict[str, str]:
    """Replace one's own picture by one sent in base64."""
    expect_json(request)
    raw = await read_whole(request)
    source = await resources.pictures.unpack(partial(_decode, raw))
    del raw  # twelve megabytes, while the picture waits
    await pictures.set_picture(session, actor, source=source, resources=resources)
    return {"message": "Profile picture updated successfully"}


def _decode(raw: bytes) -> bytes:
    """Return the bytes that stand in base64 in the field `pfp`.

    Raises:
        MalformedBody: this is not JSON.
        BadRequest: there is no such field, or something else than base64 in it.
    """
    body = parse(raw) if raw.strip() else None
    text = body.get("pfp") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise BadRequest(_REQUIRED)
    if text.startswith("data:"):
        text = text.partition(",")[2]
    # All of it in C: a regular expression would hold up the loop for a tenth of a second.
    text = "".join(text.split())
    padding = "=" * (-len(text) % 4)
    try:
        return binascii.a2b_base64(text + padding, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(_REQUIRED) from error


@router.both("DELETE", "/api/id/pfp", refuses=(401, 404))
async def delete_picture(
    session: SessionDep,
    resources: ResourcesDep,
    viewer: CurrentUser,
    actor: ActorDep,
    uid: str = "",
) -> dict[str, str]:
    """Take one's own picture away, or as an admin that of `uid`."""
    user_id: int | None = viewer.user_id
    if fold(uid) not in {"", fold(viewer.uid)}:
        actor.require_admin()
        user = await people.find_named(session, uid=uid)
        if user is None:
            raise NotFound(f"User {uid} not found")
        user_id = user.id
    if not await pictures.remove_picture(session, actor, user_id=user_id, resources=resources):
        raise NotFound(_NOT_SET)
    return {"message": "Profile picture deleted successfully"}
