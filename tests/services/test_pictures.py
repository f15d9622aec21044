"""Profile pictures: who may see one, rows and files that stand or fall together, limits."""

import asyncio
import stat
from pathlib import Path

import pytest
from sqlmodel import select

from app.errors import (
    AdminRequired,
    PictureNotFound,
    PictureRefused,
    PicturesBusy,
    TooManyAttempts,
    Unauthenticated,
    UserNotFound,
)
from app.models import Picture, Profile, Role, User, new_public_id
from app.pictures import ROOM, Rewritten
from app.principals import OPERATOR, Actor
from app.resources import Resources
from app.services import accounts, pictures, profiles
from tests.photographs import photo
from tests.services.rows import NOBODY, acting, make_user, store, trail
from tests.wire import ONE_ENGINE

ADA = Actor(user_id=1)
TINY = Rewritten(b"RIFF....WEBP", 1, 1)


class Interruption(Exception):
    """What goes wrong after a use case did its work."""


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada"))


async def give(resources: Resources, user: User, *, is_interrupted: bool = False) -> Picture:
    """Give somebody a picture that was decoded before."""
    async with resources.database.transaction() as session:
        picture = await pictures.store_picture(
            session, OPERATOR, user_id=user.id or 0, rewritten=TINY, resources=resources
        )
        assert f"{picture.name}.webp" in files(resources)
        if is_interrupted:
            raise Interruption
        return picture


async def remove(
    resources: Resources, actor: Actor, user: User, *, is_interrupted: bool = False
) -> bool:
    async with resources.database.transaction() as session:
        was_there = await pictures.remove_picture(
            session, actor, user_id=user.id, resources=resources
        )
        if is_interrupted:
            raise Interruption
        return was_there


async def find(resources: Resources, actor: Actor, name: str) -> pictures.FoundPicture:
    async with resources.database.transaction(read_only=True) as session:
        return await pictures.find_picture(session, actor, name=name)


async def publish(resources: Resources, user: User) -> None:
    async with resources.database.transaction() as session:
        await profiles.update_profile(session, user_id=user.id or 0, is_public=True)


async def names(resources: Resources) -> set[str]:
    """Return the names of all pictures that the database knows."""
    async with resources.database.transaction(read_only=True) as session:
        return set((await session.exec(select(Picture.name))).all())


def files(resources: Resources) -> set[str]:
    """Return the names of all files in the folder."""
    folder = resources.settings.pictures_dir
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


async def agree(resources: Resources, count: int) -> None:
    """Check that there are so many pictures, each with its file and no file without one."""
    known = await names(resources)
    assert len(known) == count
    assert files(resources) == {f"{name}.webp" for name in known}


class TestSee:
    async def test_a_name_that_nothing_has(self, resources: Resources) -> None:
        for name in (new_public_id(), "", "x" * 5000, "../keys", "a\x00" * 8, "\ud800" * 16):
            with pytest.raises(PictureNotFound):
                await find(resources, OPERATOR, name)

    async def test_another_sees_nothing(self, resources: Resources, ada: User) -> None:
        picture = await give(resources, ada)
        bob = await store(resources, make_user("bob"))
        for actor in (Actor(), acting(bob)):
            with pytest.raises(PictureNotFound):
                await find(resources, actor, picture.name)

    async def test_what_a_disabled_account_published_is_not_public(
        self, resources: Resources
    ) -> None:
        gone = await store(resources, make_user("gone", is_active=False))
        picture = await give(resources, gone)
        await publish(resources, gone)
        with pytest.raises(PictureNotFound):
            await find(resources, Actor(), picture.name)

    async def test_owner_teachers_and_admins_do(self, resources: Resources, ada: User) -> None:
        picture = await give(resources, ada)
        for actor in (acting(ada), Actor(role=Role.TEACHER), Actor(role=Role.ADMIN), OPERATOR):
            found = await find(resources, actor, picture.name)
            assert (found.picture.name, found.is_public) == (picture.name, False)

    async def test_everybody_does_once_the_profile_is_public(
        self, resources: Resources, ada: User
    ) -> None:
        picture = await give(resources, ada)
        await publish(resources, ada)
        assert (await find(resources, Actor(), picture.name)).is_public

    async def test_ones_own(self, resources: Resources, ada: User) -> None:
        picture = await give(resources, ada)
        async with resources.database.transaction(read_only=True) as session:
            own = await pictures.find_own_picture(session, acting(ada))
            assert own is not None
            assert own.url == f"/pictures/{picture.name}.webp"
            assert await pictures.find_own_picture(session, Actor()) is None


class TestSet:
    async def test_nobody(self, resources: Resources) -> None:
        with pytest.raises(Unauthenticated):
            async with resources.database.transaction() as session:
                await pictures.set_picture(session, Actor(), source=photo(), resources=resources)
        await agree(resources, 0)

    @pytest.mark.process
    async def test_no_picture(self, resources: Resources, ada: User) -> None:
        with pytest.raises(PictureRefused):
            async with resources.database.transaction() as session:
                await pictures.set_picture(session, acting(ada), source=b"x", resources=resources)
        await agree(resources, 0)

    async def test_an_account_that_is_gone(self, resources: Resources) -> None:
        with pytest.raises(UserNotFound):
            await give(resources, User(id=NOBODY, uid="x", uid_folded="x", name="", name_folded=""))
        await agree(resources, 0)

    async def test_undone_with_its_transaction(self, resources: Resources, ada: User) -> None:
        first = await give(resources, ada)
        with pytest.raises(Interruption):
            await give(resources, ada, is_interrupted=True)
        assert await names(resources) == {first.name}
        await agree(resources, 1)

    async def test_a_folder_that_cannot_be_written_to(
        self, resources: Resources, ada: User
    ) -> None:
        await asyncio.to_thread(resources.settings.pictures_dir.write_text, "a file in its place")
        with pytest.raises(FileExistsError):
            await give(resources, ada)
        assert await names(resources) == set()

    @pytest.mark.process
    async def test_decoded_and_stored(self, resources: Resources, ada: User) -> None:
        async with resources.database.transaction() as session:
            picture = await pictures.set_picture(
                session, acting(ada), source=photo(), resources=resources
            )
        assert (picture.width, picture.height) == (80, 60)
        webp = await pictures.read_picture(resources, name=picture.name)
        assert len(webp) == picture.size_bytes
        assert await trail(resources) == ["picture-changed"]
        await agree(resources, 1)

    async def test_nobody_else_on_the_machine_can_read_it(
        self, resources: Resources, ada: User
    ) -> None:
        await give(resources, ada)
        folder: Path = resources.settings.pictures_dir
        for path in (folder, *(folder / name for name in files(resources))):
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0

    async def test_replaces_the_one_before(self, resources: Resources, ada: User) -> None:
        first = await give(resources, ada)
        second = await give(resources, ada)
        assert first.name != second.name
        await agree(resources, 1)

    async def test_many_at_once_leave_one(self, resources: Resources, ada: User) -> None:
        await asyncio.gather(*(give(resources, ada) for _ in range(5)))
        await agree(resources, 1)
        async with resources.database.transaction(read_only=True) as session:
            profile = await session.get(Profile, ada.id)
            own = await pictures.find_own_picture(session, acting(ada))
        assert profile is not None
        assert own is not None
        assert profile.picture_id == own.id


class TestRemove:
    async def test_somebody_elses(self, resources: Resources, ada: User) -> None:
        await give(resources, ada)
        bob = await store(resources, make_user("bob"))
        for actor in (Actor(), acting(bob), Actor(role=Role.TEACHER)):
            with pytest.raises(AdminRequired):
                await remove(resources, actor, ada)
        await agree(resources, 1)

    async def test_undone_with_its_transaction(self, resources: Resources, ada: User) -> None:
        await give(resources, ada)
        with pytest.raises(Interruption):
            await remove(resources, acting(ada), ada, is_interrupted=True)
        await agree(resources, 1)

    async def test_of_an_account_that_is_gone(self, resources: Resources) -> None:
        with pytest.raises(UserNotFound):
            await remove(resources, OPERATOR, make_user(id=NOBODY))

    async def test_without_one(self, resources: Resources, ada: User) -> None:
        assert await remove(resources, acting(ada), ada) is False
        assert await trail(resources) == []

    async def test_ones_own(self, resources: Resources, ada: User) -> None:
        await give(resources, ada)
        assert await remove(resources, acting(ada), ada)
        assert (await trail(resources))[-1] == "picture-removed"
        await agree(resources, 0)

    async def test_by_an_admin(self, resources: Resources, ada: User) -> None:
        await give(resources, ada)
        assert await remove(resources, Actor(role=Role.ADMIN), ada)
        await agree(resources, 0)

    async def test_one_whose_file_is_gone_already(self, resources: Resources, ada: User) -> None:
        picture = await give(resources, ada)
        resources.picture_store.remove(picture.name)
        with pytest.raises(PictureNotFound):
            await pictures.read_picture(resources, name=picture.name)
        assert await remove(resources, acting(ada), ada)
        await agree(resources, 0)

    async def test_goes_with_the_account(self, resources: Resources, ada: User) -> None:
        await give(resources, ada)
        async with resources.database.transaction() as session:
            await accounts.delete_self(session, acting(ada), resources=resources)
            assert len(files(resources)) == 1
        await agree(resources, 0)


@ONE_ENGINE
class TestReceive:
    async def test_nobody(self, resources: Resources) -> None:
        with pytest.raises(Unauthenticated):
            async with pictures.receive(resources, Actor(), size=1):
                pytest.fail("nobody sends a picture")

    @pytest.mark.parametrize("settings_changes", [{"pictures_per_hour": 3}])
    async def test_so_many_an_hour(self, resources: Resources) -> None:
        actor = Actor(user_id=1)
        for _ in range(3):
            async with pictures.receive(resources, actor, size=1):
                pass
        with pytest.raises(TooManyAttempts):
            async with pictures.receive(resources, actor, size=1):
                pytest.fail("one too many")
        async with pictures.receive(resources, Actor(user_id=2), size=1):
            pass

    @pytest.mark.parametrize("settings_changes", [{"pictures_per_hour": 3}])
    async def test_what_could_not_be_tried_does_not_count(self, resources: Resources) -> None:
        for _ in range(4):
            with pytest.raises(PicturesBusy):
                async with pictures.receive(resources, ADA, size=ROOM + 1):
                    pytest.fail("more than there is room for")
        async with pictures.receive(resources, ADA, size=1):
            pass
