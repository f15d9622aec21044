"""Profile pictures: take one, replace it, take it away, and who may see it.

The file is written before the row that names it is committed, and removed after the row is gone:
a crash in between leaves a file that nobody can reach, never a row without its file.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.errors import (
    PictureNotFound,
    Unauthenticated,
    Unavailable,
    UserNotFound,
)
from app.models import Picture, Profile, Role, User, new_public_id
from app.pictures import Rewritten
from app.pictures.store import is_name
from app.principals import Actor
from app.resources import Resources
from app.services import audit, profiles, throttling
from app.transactions import when_kept, when_undone

log = logging.getLogger("portfolio.pictures")


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture that the actor may see, and whether everybody may."""

    picture: Picture
    is_public: bool


@asynccontextmanager
async def receive(resources: Resources, actor: Actor, *, size: int) -> AsyncIterator[None]:
    """Hold room for a body of `size` bytes from before the first is read until all is done.

    Raises:
        Unauthenticated: nobody is logged in.
        TooManyAttempts: this person has sent many within the hour.
        PicturesBusy: too many pictures are on their way in already. This one does not count.
    """
    if actor.user_id is None:
        raise Unauthenticated
    limit = resources.limits.picture
    async with throttling.count_made(resources, actor, limit=limit, refunded=Unavailable):
        with resources.pictures.hold(size):
            yield


async def set_picture(
    session: AsyncSession, actor: Actor, *, source: bytes, resources: Resources
) -> Picture:
    """Make what somebody sent their profile picture, in place of the one they have.

    It is decoded before the session is touched, in a process of its own.

    Raises:
        Unauthenticated: nobody is logged in.
        PictureRefused: it is no picture, or too large a one.
        PicturesAway: the place where it is to lie is out of reach.
        UserNotFound: the account has just been deleted.
    """
    if actor.user_id is None:
        raise Unauthenticated
    rewritten = await resources.pictures.rewrite(source)
    return await store_picture(
        session, actor, user_id=actor.user_id, rewritten=rewritten, resources=resources
    )


async def store_picture(
    session: AsyncSession,
    actor: Actor,
    *,
    user_id: int,
    rewritten: Rewritten,
    resources: Resources,
) -> Picture:
    """Keep a picture that was decoded before, as somebody's profile picture.

    Raises:
        PicturesAway: the place where it is to lie is out of reach.
        UserNotFound: there is no such account.
    """
    name = new_public_id()
    store = resources.picture_store
    when_undone(session, partial(store.remove, name))
    await store.write(name, rewritten.webp)
    user = await _lock(session, user_id)
    picture = Picture(
        name=name,
        user_id=user_id,
        width=rewritten.width,
        height=rewritten.height,
        size_bytes=len(rewritten.webp),
    )
    previous = await _current(session, user_id)
    session.add(picture)
    await session.flush()
    await profiles.update_profile(session, user_id=user_id, picture_id=picture.id)
    if previous is not None:
        await _drop(session, previous, resources)
    audit.record(session, actor, "picture-changed", subject=user.public_id)
    return picture


async def remove_picture(
    session: AsyncSession, actor: Actor, *, user_id: int | None, resources: Resources
) -> bool:
    """Take somebody's profile picture away; return whether there was one.

    Raises:
        AdminRequired: it is somebody else's, and the actor is no admin.
        UserNotFound: there is no such account.
    """
    if user_id is None or user_id != actor.user_id:
        actor.require_admin()
    user = await _lock(session, user_id)
    picture = await _current(session, user.id)
    if picture is None:
        return False
    await profiles.update_profile(session, user_id=picture.user_id, picture_id=None)
    await _drop(session, picture, resources)
    audit.record(session, actor, "picture-removed", subject=user.public_id)
    return True


async def remove_files(session: AsyncSession, *, user_id: int | None, resources: Resources) -> None:
    """Have the files of all somebody's pictures removed once the session's work is kept.

    For whoever deletes the account: the rows go with it.
    """
    names = (await session.exec(select(Picture.name).where(Picture.user_id == user_id))).all()
    for name in names:
        when_kept(session, partial(resources.picture_store.remove, name))


async def read_picture(resources: Resources, *, name: str) -> bytes:
    """Return the WebP of a picture that was found before.

    Raises:
        PictureNotFound: it has just been replaced, or somebody emptied the place.
        PicturesAway: the place is out of reach.
    """
    try:
        return await resources.picture_store.read(name)
    except FileNotFoundError as error:
        log.warning("A picture has no file", extra={"picture": name})
        raise PictureNotFound from error


async def find_own_picture(session: AsyncSession, actor: Actor) -> Picture | None:
    """Return one's own profile picture, or None without one."""
    return await _current(session, actor.user_id)


async def find_picture(session: AsyncSession, actor: Actor, *, name: str) -> FoundPicture:
    """Return a picture: to its owner, to teachers and admins, or to all if the profile is public.

    What an account that was disabled had published is not public any more.

    Raises:
        PictureNotFound: there is none of that name, or the actor may not know of it.
    """
    if not is_name(name):
        raise PictureNotFound
    query = (
        select(Picture, Profile, User)
        .join(User, col(User.id) == col(Picture.user_id))
        .join(Profile, col(Profile.user_id) == col(Picture.user_id))
        .where(Picture.name == name)
    )
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise PictureNotFound
    picture, profile, owner = found
    is_public = profile.is_public and owner.is_active
    is_staff = actor.is_admin or actor.role is Role.TEACHER
    if not (is_public or is_staff or picture.user_id == actor.user_id):
        raise PictureNotFound
    return FoundPicture(picture, is_public)


async def _current(session: AsyncSession, user_id: int | None) -> Picture | None:
    query = (
        select(Picture)
        .join(Profile, col(Profile.picture_id) == col(Picture.id))
        .where(Profile.user_id == user_id)
    )
    return (await session.exec(query)).one_or_none()


async def _lock(session: AsyncSession, user_id: int | None) -> User:
    """Return an account and make others wait with their changes to it.

    Raises:
        UserNotFound: there is none.
    """
    user = None
    if user_id is not None:
        user = await session.get(User, user_id, populate_existing=True, with_for_update=True)
    if user is None:
        raise UserNotFound
    return user


async def _drop(session: AsyncSession, picture: Picture, resources: Resources) -> None:
    when_kept(session, partial(resources.picture_store.remove, picture.name))
    await session.delete(picture)
    await session.flush()
