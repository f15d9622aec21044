"""`/api/post`, `/api/posts`: what people wrote, as the flocker front ends write and read it."""

from typing import Annotated, Any

from fastapi import Query

from app.dependencies import ActorDep, CurrentUser, ResourcesDep, SessionDep
from app.errors import BadRequest, ChannelNotFound
from app.legacy import bodies
from app.legacy.bodies import ObjectDep
from app.legacy.routing import LegacyRouter
from app.legacy.texts import meant, shown
from app.quotas import ChangeQuota, PostQuota
from app.schemas import PostCreate, PostUpdate
from app.services import posts
from app.services.posts import PostView

router = LegacyRouter()

_NEW = {"title": "A first post", "comment": "Hello.", "channel_id": "3"}


def _show(view: PostView) -> dict[str, Any]:
    return {
        "id": view.post.id,
        "title": shown(view.post.title),
        "comment": shown(view.post.comment),
        "content": shown(view.post.content),
        "user_name": shown(view.author),
        "channel_name": shown(view.channel),
    }


def _read_channel(body: dict[str, Any]) -> int:
    channel_id = bodies.number(body["channel_id"])
    if not channel_id:
        raise ChannelNotFound
    return channel_id


def _read_id(body: dict[str, Any]) -> int | None:
    if body.get("id") is None or body["id"] == "":
        raise BadRequest("Post ID not found")
    return bodies.number(body["id"])


def _read_texts(body: dict[str, Any]) -> dict[str, Any]:
    """Return what of a post was sent: title, comment, content."""
    texts = {name: bodies.text(body, name) for name in ("title", "comment")}
    found: dict[str, Any] = {name: meant(text) for name, text in texts.items() if text is not None}
    if body.get("content") is not None:
        # Checked before it is walked through.
        content = bodies.validate(PostUpdate, {"content": body["content"]}).content
        found["content"] = meant(content)
    return found


@router.both("POST", "/api/post", refuses=(401, 404, 429), takes=_NEW)
async def create_post(
    _viewer: CurrentUser,
    _quota: PostQuota,
    body: ObjectDep,
    session: SessionDep,
    actor: ActorDep,
) -> dict[str, Any]:
    """Write a post in a channel."""
    if not body:
        raise BadRequest("No input data provided")
    texts = _read_texts(body)
    if "title" not in texts:
        raise BadRequest("Post title is required")
    if "comment" not in texts:
        raise BadRequest("Post comment is required")
    if body.get("channel_id") is None:
        raise BadRequest("Channel ID is required")
    # Every post had some content, if only an empty object.
    fields = {"content": {}, **texts, "channel_id": _read_channel(body)}
    new = bodies.validate(PostCreate, fields)
    return _show(await posts.create_post(session, actor, new=new))


@router.both("GET", "/api/post", refuses=(401, 404))
async def get_post(
    _viewer: CurrentUser,
    body: ObjectDep,
    session: SessionDep,
    post_id: Annotated[str, Query(alias="id", max_length=20)] = "",
) -> dict[str, Any]:
    """Show one post, named by `id` in the address or in the body."""
    return _show(await posts.get_post(session, post_id=_read_id({"id": post_id, **body})))


@router.both(
    "PUT", "/api/post", refuses=(401, 404, 429), takes={"id": 7, "title": "A better title"}
)
async def update_post(
    _viewer: CurrentUser, body: ObjectDep, _quota: ChangeQuota, session: SessionDep, actor: ActorDep
) -> dict[str, Any]:
    """Change a post of one's own, or of a group one looks after. What is not sent stays."""
    post_id = _read_id(body)
    fields = _read_texts(body)
    if body.get("channel_id") is not None:
        fields["channel_id"] = _read_channel(body)
    changes = bodies.validate(PostUpdate, fields)
    return _show(await posts.update_post(session, actor, post_id=post_id, changes=changes))


@router.both("DELETE", "/api/post", refuses=(401, 404), takes={"id": 7})
async def delete_post(
    _viewer: CurrentUser, body: ObjectDep, session: SessionDep, actor: ActorDep
) -> dict[str, Any]:
    """Delete a post of one's own, or of a group one looks after."""
    await posts.delete_post(session, actor, post_id=_read_id(body))
    return {"message": "Post deleted"}


@router.both("GET", "/api/post/user", refuses=(401,))
async def list_my_posts(viewer: CurrentUser, session: SessionDep) -> list[dict[str, Any]]:
    """List one's own posts."""
    found = await posts.list_posts(session, user_id=viewer.user_id)
    return [_show(view) for view in found]


@router.both("GET", "/api/posts")
async def list_posts(session: SessionDep) -> list[dict[str, Any]]:
    """List the latest posts, to anybody."""
    return [_show(view) for view in await posts.list_posts(session)]


@router.both("POST", "/api/posts/filter", refuses=(401,), takes={"channel_id": "3"})
async def list_posts_of_channel(
    _viewer: CurrentUser, body: ObjectDep, resources: ResourcesDep
) -> list[dict[str, Any]]:
    """List the latest posts of a channel; of one that is not there, none."""
    if not body:
        raise BadRequest("Channel and User data not found")
    if "channel_id" not in body:
        raise BadRequest("Channel ID not found")
    channel_id = bodies.number(body["channel_id"])
    if channel_id is None:
        return []
    # It only reads, though it is a POST: nobody's writing has to wait for it.
    async with resources.database.transaction(read_only=True) as session:
        return [_show(view) for view in await posts.list_posts(session, channel_id=channel_id)]
