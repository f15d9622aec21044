"""Pictures on their way in: room before the first byte is read, bodies of the three kinds.

Only here do bodies beyond MAX_BODY_BYTES come in, at the few routes that say so themselves with
`max_body_size`, from people who are logged in, and for so many pictures at a time.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from app.dependencies import ActorDep, ResourcesDep
from app.errors import BadRequest, UnsupportedBody
from app.pictures import MAX_BYTES
from app.services import pictures

# What a form adds around a file: a boundary, a few headers, a file name.
MAX_FORM_BYTES = MAX_BYTES + 16 * 1024
# Base64 makes three bytes four; line breaks and the JSON around it need a little more.
MAX_BASE64_BYTES = MAX_BYTES * 3 // 2
# A phone on a poor connection needs this long for 8 MiB; a place is not held for longer.
PATIENCE = 120.0


async def _room(request: Request, resources: ResourcesDep, actor: ActorDep) -> AsyncIterator[None]:
    # Without a declared length it may become as long as the longest that any route takes.
    size = int(request.headers.get("content-length", MAX_BASE64_BYTES))
    async with pictures.receive(resources, actor, size=size):
        yield


# To be named after whoever must be logged in, and before the body.
PictureRoom = Annotated[None, Depends(_room, scope="function")]


async def read_whole(request: Request) -> bytes:
    """Return a body without keeping a second copy of it in the request.

    Raises:
        BadRequest: it took too long.
        BodyTooLarge: it is longer than its route takes.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return b"".join([chunk async for chunk in request.stream()])
    except TimeoutError as error:
        raise BadRequest("The picture took too long to arrive. Try a smaller one.") from error


async def _read_picture(request: Request, _room: PictureRoom) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type.startswith("image/") or media_type == "application/octet-stream"):
        raise UnsupportedBody("Send the picture itself, with Content-Type: image/jpeg or the like.")
    return await read_whole(request)


# The bytes of a picture that is the whole body. What they are, the decoder decides.
PictureBody = Annotated[bytes, Depends(_read_picture)]


async def _read_picture_file(request: Request, _room: PictureRoom) -> bytes:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedBody("Send a form with a file: multipart/form-data.")
    try:
        async with (
            asyncio.timeout(PATIENCE),
            request.form(max_fields=1, max_files=1, max_part_size=1024) as form,
        ):
            file = form.get("picture")
            return await file.read() if isinstance(file, UploadFile) else b""
    except TimeoutError as error:
        raise BadRequest("The picture took too long to arrive. Try a smaller one.") from error


# The bytes of the file in a form's field `picture`; none if no file was chosen.
PictureFile = Annotated[bytes, Depends(_read_picture_file)]
