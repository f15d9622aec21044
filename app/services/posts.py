"""Posts: write, read, list, change, delete. Everybody may read them.

A post is changed or deleted by whoever wrote it, whoever looks after the group of its channel, or
an admin. Names of authors and channels come with the posts, in the same query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text
from sqlmodel import cast, col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from app.errors import ChannelNotFound, NotYours, PostNotFound, Unauthenticated, UserNotFound
from app.models import Channel, Post, User, utc_now
from app.principals import Actor
from app.schemas import PostCreate, PostUpdate
from app.services import audit, groups
from app.services.adding import add_row
from app.services.holding import hold_row

MAX_POSTS = 500
# Characters of all the posts in a list together, but for those of its oldest. Anybody may ask for
# one, and five hundred of the longest would keep the event loop busy for seconds.
MAX_TEXT = 500_000
_LENGTH = (
    func.length(col(Post.title))
    + func.length(col(Post.comment))
    + func.coalesce(func.length(cast(col(Post.content), Text)), 0)
).label("length")


@dataclass(frozen=True, slots=True)
class PostView:
    """A post, the name of its author, and that of its channel if it is in one."""

    post: Post
    author: str
    channel: str | None


async def create_post(session: AsyncSession, actor: Actor, *, new: PostCreate) -> PostView:
    """Write a post, as anybody who is logged in.

    Raises:
        Unauthenticated: by nobody.
        ChannelNotFound: it is for a channel that is not there.
        PostNotFound: it answers a post that is not there.
        UserNotFound: the account has just been deleted.
    """
    if actor.user_id is None:
        raise Unauthenticated
    author = await hold_row(
        session, table=User, row_id=actor.user_id, missing=UserNotFound, column="name"
    )
    channel = None
    if new.channel_id is not None:
        channel = await hold_row(
            session, table=Channel, row_id=new.channel_id, missing=ChannelNotFound, column="name"
        )
    if new.parent_id is not None:
        await hold_row(session, table=Post, row_id=new.parent_id, missing=PostNotFound)
    post = await add_row(session, table=Post, **new.model_dump(), user_id=actor.user_id)
    return PostView(post, author, channel)


async def get_post(session: AsyncSession, *, post_id: int | None) -> PostView:
    """Return one post.

    Raises:
        PostNotFound: there is none.
    """
    found = (await session.exec(_select().where(Post.id == post_id))).one_or_none()
    if found is None:
        raise PostNotFound
    return PostView(*found)


async def list_posts(
    session: AsyncSession,
    *,
    channel_id: int | None = None,
    user_id: int | None = None,
    limit: int = MAX_POSTS,
) -> Sequence[PostView]:
    """Return the latest posts, the oldest of them first: all, of a channel, or by somebody.

    They are fewer where they are long.
    """
    latest = select(Post.id, _LENGTH).order_by(col(Post.id).desc()).limit(min(limit, MAX_POSTS))
    if channel_id is not None:
        latest = latest.where(Post.channel_id == channel_id)
    if user_id is not None:
        latest = latest.where(Post.user_id == user_id)
    found = latest.subquery()
    together = func.sum(found.c.length).over(order_by=found.c.id.desc())
    sums = select(found.c.id, (together - found.c.length).label("later")).subquery()
    query = (
        _select()
        .join(sums, sums.c.id == col(Post.id))
        .where(sums.c.later < MAX_TEXT)
        .order_by(col(Post.id))
    )
    return [PostView(*row) for row in (await session.exec(query)).all()]


def _select() -> SelectOfScalar[Any]:
    query: SelectOfScalar[Any] = (
        select(Post, User.name, Channel.name)  # type: ignore[assignment]  # rows of three
        .join(User, col(User.id) == col(Post.user_id))
        .outerjoin(Channel, col(Channel.id) == col(Post.channel_id))
    )
    return query


async def update_post(
    session: AsyncSession, actor: Actor, *, post_id: int | None, changes: PostUpdate
) -> PostView:
    """Change a post; fields that were not sent stay.

    Raises:
        PostNotFound: there is none.
        NotYours: by somebody who may not.
        ChannelNotFound: it is to move to a channel that is not there.
    """
    post = await _lock(session, actor, post_id, "post-changed")
    sent = changes.model_dump(exclude_unset=True)
    if sent.get("channel_id") is not None:
        await hold_row(session, table=Channel, row_id=changes.channel_id, missing=ChannelNotFound)
    post.sqlmodel_update({**sent, "updated_at": utc_now()})
    await session.flush()
    return await get_post(session, post_id=post.id)


async def delete_post(session: AsyncSession, actor: Actor, *, post_id: int | None) -> None:
    """Delete a post, and the posts that answer it.

    Raises:
        PostNotFound: there is none.
        NotYours: by somebody who may not.
    """
    await session.delete(await _lock(session, actor, post_id, "post-deleted"))
    await session.flush()


async def _lock(session: AsyncSession, actor: Actor, post_id: int | None, action: str) -> Post:
    """Return a post that the actor may change, and make others wait with their changes to it.

    What is done to somebody else's post leaves a trace.
    """
    query = (
        select(Post, User.public_id)
        .join(User, col(User.id) == col(Post.user_id))
        .where(Post.id == post_id)
        .with_for_update(of=Post)
    )
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise PostNotFound
    post, author = found
    if post.user_id == actor.user_id:
        return post
    may = actor.is_admin or await groups.is_moderator(session, actor, channel_id=post.channel_id)
    if not may:
        # Not hidden behind a 404: everybody can read the post.
        raise NotYours
    audit.record(session, actor, action, subject=author, post=str(post.id))
    return post
