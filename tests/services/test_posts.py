"""Posts: who may change and delete what, what a list shows, and in how many queries."""

import asyncio
from typing import Any

import pytest
from sqlmodel import select

from app.errors import ChannelNotFound, NotYours, PostNotFound, Unauthenticated, UserNotFound
from app.models import AuditEvent, Channel, Group, Moderator, Post, Role, User
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.schemas import PostCreate, PostUpdate, fold
from app.services import accounts, posts
from app.services.posts import PostView
from tests.services.rows import NOBODY, acting, make_user, must, reload, store, trail
from tests.statements import counting


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada", name="Ada Lovelace"))


@pytest.fixture
async def bob(resources: Resources) -> User:
    return await store(resources, make_user("bob"))


@pytest.fixture
async def channel(resources: Resources) -> Channel:
    return await make_channel(resources, "Events")


async def make_channel(resources: Resources, name: str) -> Channel:
    group = await store(resources, Group(name=name, name_folded=fold(name)))
    row = Channel(name=name, name_folded=fold(name), group_id=group.id or 0)
    return await store(resources, row)


async def write(resources: Resources, actor: Actor, **fields: Any) -> PostView:
    new = PostCreate.model_validate({"title": "A title", "comment": "A comment", **fields})
    async with resources.database.transaction() as session:
        return await posts.create_post(session, actor, new=new)


async def change(
    resources: Resources, actor: Actor, post_id: int | None, **fields: Any
) -> PostView:
    changes = PostUpdate.model_validate(fields)
    async with resources.database.transaction() as session:
        return await posts.update_post(session, actor, post_id=post_id, changes=changes)


async def delete(resources: Resources, actor: Actor, post_id: int | None) -> None:
    async with resources.database.transaction() as session:
        await posts.delete_post(session, actor, post_id=post_id)


async def listed(resources: Resources, **options: Any) -> list[PostView]:
    async with resources.database.transaction(read_only=True) as session:
        return list(await posts.list_posts(session, **options))


async def looks_after(resources: Resources, user: User, channel: Channel) -> None:
    await store(resources, Moderator(group_id=channel.group_id, user_id=user.id or 0))


class TestWrite:
    async def test_not_by_nobody(self, resources: Resources) -> None:
        for actor in (Actor(), OPERATOR):
            with pytest.raises(Unauthenticated):
                await write(resources, actor)
        with pytest.raises(UserNotFound):
            await write(resources, Actor(user_id=NOBODY))
        assert await listed(resources) == []

    async def test_where_nothing_is(self, resources: Resources, ada: User) -> None:
        with pytest.raises(ChannelNotFound):
            await write(resources, acting(ada), channel_id=NOBODY)
        with pytest.raises(PostNotFound):
            await write(resources, acting(ada), parent_id=NOBODY)
        assert await listed(resources) == []

    async def test_while_the_account_is_deleted(self, resources: Resources, ada: User) -> None:
        async with resources.database.transaction() as session:
            await accounts.delete_user(session, OPERATOR, uid="ada", resources=resources)
            late = asyncio.create_task(write(resources, acting(ada)))
            for _ in range(5):
                await resources.database.ping()
        with pytest.raises(UserNotFound):
            await late
        assert await listed(resources) == []

    async def test_comes_back_with_names(
        self, resources: Resources, ada: User, channel: Channel
    ) -> None:
        content = {"rating": 5, "é": [None, True, 0.5]}
        made = await write(resources, acting(ada), channel_id=channel.id, content=content)
        assert (made.author, made.channel) == ("Ada Lovelace", "Events")
        stored = await must(resources, made.post)
        assert (stored.title, stored.comment, stored.content) == ("A title", "A comment", content)
        assert stored.user_id == ada.id

    async def test_in_no_channel(self, resources: Resources, ada: User) -> None:
        url = "https://example.org/2026/a"
        first = await write(resources, acting(ada), page_url=url)
        answer = await write(resources, acting(ada), parent_id=first.post.id)
        assert (first.channel, first.post.page_url) == (None, url)
        assert answer.post.parent_id == first.post.id


class TestList:
    async def test_of_nothing(self, resources: Resources, ada: User) -> None:
        await write(resources, acting(ada))
        assert await listed(resources, channel_id=NOBODY) == []
        assert await listed(resources, user_id=NOBODY) == []

    async def test_by_channel_and_by_author(
        self, resources: Resources, ada: User, bob: User, channel: Channel
    ) -> None:
        for title, user, place in (
            ("one", ada, channel.id),
            ("two", bob, channel.id),
            ("three", ada, None),
        ):
            await write(resources, acting(user), title=title, channel_id=place)

        async def titles(**options: Any) -> list[str]:
            return [view.post.title for view in await listed(resources, **options)]

        assert await titles() == ["one", "two", "three"]
        assert await titles(channel_id=channel.id) == ["one", "two"]
        assert await titles(user_id=ada.id) == ["one", "three"]
        # The latest, the oldest of them first.
        assert await titles(limit=2) == ["two", "three"]

    async def test_has_a_bound(self, resources: Resources, ada: User) -> None:
        async with resources.database.transaction() as session:
            session.add_all(
                Post(user_id=ada.id or 0, title=str(number))
                for number in range(posts.MAX_POSTS + 3)
            )
        found = await listed(resources, limit=10**9)
        assert len(found) == posts.MAX_POSTS
        assert found[0].post.title == "3"

    async def test_is_shorter_where_they_are_long(
        self, resources: Resources, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(posts, "MAX_TEXT", 110)
        content = {"a": "x" * 30}
        for title, user in (("one", ada), ("two", ada), ("three", ada), ("four", bob)):
            await write(resources, acting(user), title=title, comment="x" * 60, content=content)
        found = await listed(resources)
        assert [view.post.title for view in found] == ["three", "four"]
        # Others' posts take nobody's room.
        found = await listed(resources, user_id=ada.id)
        assert [view.post.title for view in found] == ["two", "three"]
        # One that is too long for any list is the whole of one.
        await write(resources, acting(ada), title="five", comment="x" * 1000, content=None)
        assert [view.post.title for view in await listed(resources)] == ["five"]

    async def test_in_one_query_however_many(
        self, resources: Resources, ada: User, bob: User, channel: Channel
    ) -> None:
        other = await make_channel(resources, "Other")
        for user in (ada, bob):
            for place in (channel, other):
                await write(resources, acting(user), channel_id=place.id)
        with counting() as statements:
            found = await listed(resources)
        assert {(view.author, view.channel) for view in found} == {
            *(("Ada Lovelace", "Events"), ("Ada Lovelace", "Other")),
            *(("Bob", "Events"), ("Bob", "Other")),
        }
        assert len(statements) == 1


class TestChange:
    async def test_of_nothing(self, resources: Resources, ada: User) -> None:
        for post_id in (None, 0, NOBODY):
            with pytest.raises(PostNotFound):
                await change(resources, acting(ada), post_id, title="Changed")
            with pytest.raises(PostNotFound):
                await delete(resources, acting(ada), post_id)

    async def test_not_somebody_elses(
        self, resources: Resources, ada: User, bob: User, channel: Channel
    ) -> None:
        """A teacher neither, nor whoever looks after another group, nor nobody at all."""
        other = await make_channel(resources, "Other")
        await looks_after(resources, bob, other)
        post = (await write(resources, acting(ada), channel_id=channel.id)).post
        before = await must(resources, post)
        for actor in (acting(bob), acting(bob, role=Role.TEACHER), Actor()):
            with pytest.raises(NotYours):
                await change(resources, actor, post.id, title="Changed")
            # Not by moving it into one's own group either.
            with pytest.raises(NotYours):
                await change(resources, actor, post.id, channel_id=other.id)
            with pytest.raises(NotYours):
                await delete(resources, actor, post.id)
        assert await must(resources, post) == before
        assert await trail(resources) == []

    async def test_into_no_channel(self, resources: Resources, ada: User) -> None:
        post = (await write(resources, acting(ada))).post
        with pytest.raises(ChannelNotFound):
            await change(resources, acting(ada), post.id, title="Changed", channel_id=NOBODY)
        assert (await must(resources, post)).title == "A title"

    async def test_ones_own(self, resources: Resources, ada: User, channel: Channel) -> None:
        made = await write(resources, acting(ada), content={"a": 1})
        changed = await change(
            resources, acting(ada), made.post.id, title="Changed", channel_id=channel.id
        )
        assert (changed.post.title, changed.channel) == ("Changed", "Events")
        stored = await must(resources, made.post)
        assert (stored.comment, stored.content) == ("A comment", {"a": 1})
        assert stored.updated_at > stored.created_at
        assert await trail(resources) == []

    async def test_by_a_moderator_leaves_a_trace(
        self, resources: Resources, ada: User, bob: User, channel: Channel
    ) -> None:
        await looks_after(resources, bob, channel)
        post = (await write(resources, acting(ada), channel_id=channel.id)).post
        await change(resources, acting(bob), post.id, comment="Removed.")
        stored = await must(resources, post)
        # It stays the author's.
        assert (stored.comment, stored.user_id) == ("Removed.", ada.id)
        async with resources.database.transaction(read_only=True) as session:
            (event,) = (await session.exec(select(AuditEvent))).all()
        assert (event.action, event.actor) == ("post-changed", bob.public_id)
        assert (event.subject, event.detail) == (ada.public_id, {"post": str(post.id)})

    async def test_by_an_admin(self, resources: Resources, ada: User, bob: User) -> None:
        post = (await write(resources, acting(ada))).post
        admin = acting(bob, role=Role.ADMIN)
        assert (await change(resources, admin, post.id, title="Changed")).author == "Ada Lovelace"


class TestDelete:
    async def test_ones_own_with_its_answers(
        self, resources: Resources, ada: User, bob: User
    ) -> None:
        post = (await write(resources, acting(ada))).post
        answer = (await write(resources, acting(bob), parent_id=post.id)).post
        other = (await write(resources, acting(bob))).post
        await delete(resources, acting(ada), post.id)
        assert [view.post.id for view in await listed(resources)] == [other.id]
        assert await reload(resources, answer) is None

    async def test_by_others_who_may(
        self, resources: Resources, ada: User, bob: User, channel: Channel
    ) -> None:
        await looks_after(resources, bob, channel)
        for actor in (acting(bob), acting(bob, role=Role.ADMIN), OPERATOR):
            post = (await write(resources, acting(ada), channel_id=channel.id)).post
            await delete(resources, actor, post.id)
            assert await reload(resources, post) is None
        assert await trail(resources) == ["post-deleted"] * 3

    async def test_only_once(self, resources: Resources, ada: User) -> None:
        post = (await write(resources, acting(ada))).post
        at_once = (delete(resources, acting(ada), post.id) for _ in range(10))
        answers = await asyncio.gather(*at_once, return_exceptions=True)
        assert sum(answer is None for answer in answers) == 1
        assert sum(isinstance(answer, PostNotFound) for answer in answers) == 9

    async def test_end_with_their_author(self, resources: Resources, ada: User, bob: User) -> None:
        await write(resources, acting(ada))
        await write(resources, acting(bob), title="stays")
        async with resources.database.transaction() as session:
            await accounts.delete_user(session, OPERATOR, uid="ada", resources=resources)
        assert [view.post.title for view in await listed(resources)] == ["stays"]
