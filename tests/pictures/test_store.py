"""What every place for pictures has to do, whichever it is."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.config.stores import read_store_address
from app.pictures.bucket import PictureBucket
from app.pictures.folder import PictureFolder
from app.pictures.store import PictureStore

NAMES = ["a" * 16, "B-_" + "b" * 20, "c" * 32]
WEBP = b"RIFF....WEBP" + bytes(range(256))


@pytest.fixture(params=["folder", "folder elsewhere", "bucket", "folder in a bucket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PictureStore]:
    if "bucket" in request.param:
        url = request.getfixturevalue("bucket_url")
        inside = "/site/one" if "folder" in request.param else ""
        bucket = PictureBucket(read_store_address(f"{url}{inside}"))
        yield bucket
        await bucket.close()
        return
    (tmp_path / "pictures").mkdir(mode=0o700)
    yield PictureFolder(tmp_path / "pictures", is_elsewhere="elsewhere" in request.param)


async def test_gives_back_what_it_got(place: PictureStore) -> None:
    for name in NAMES:
        await place.write(name, WEBP + name.encode())
    for name in NAMES:
        assert await place.read(name) == WEBP + name.encode()


async def test_a_large_one(place: PictureStore) -> None:
    webp = bytes(range(256)) * 2**15
    await place.write(NAMES[0], webp)
    assert await place.read(NAMES[0]) == webp


async def test_one_that_is_not_there(place: PictureStore) -> None:
    await place.write(NAMES[0], WEBP)
    with pytest.raises(FileNotFoundError):
        await place.read(NAMES[1])
    await place.erase(NAMES[1])
    place.remove(NAMES[1])
    assert await place.read(NAMES[0]) == WEBP


async def test_is_gone_once_it_is_erased(place: PictureStore) -> None:
    await place.write(NAMES[0], WEBP)
    await place.erase(NAMES[0])
    with pytest.raises(FileNotFoundError):
        await place.read(NAMES[0])


async def test_is_gone_soon_after_it_is_removed(place: PictureStore) -> None:
    await place.write(NAMES[0], WEBP)
    place.remove(NAMES[0])
    for _ in range(1000):
        if not await place.list_stored():
            return
    pytest.fail("It is still there.")


@pytest.mark.parametrize("name", ["", "../keys", "a" * 15, "a" * 33, "a" * 15 + "/", "ä" * 20])
async def test_no_name_of_ours(place: PictureStore, name: str) -> None:
    with pytest.raises(ValueError, match="Not the name"):
        await place.write(name, WEBP)
    with pytest.raises(ValueError, match="Not the name"):
        await place.read(name)
    with pytest.raises(ValueError, match="Not the name"):
        await place.erase(name)


class TestList:
    async def test_nothing(self, place: PictureStore) -> None:
        assert await place.list_stored() == []

    async def test_all_by_name(self, place: PictureStore) -> None:
        before = time.time() - 5
        for size, name in enumerate(reversed(NAMES)):
            await place.write(name, b"x" * size)
        listed = await place.list_stored()
        assert [one.name for one in listed] == sorted(NAMES)
        assert {one.name: one.size_bytes for one in listed} == dict(
            zip(reversed(NAMES), range(3), strict=True)
        )
        assert all(before <= one.changed_at <= time.time() + 5 for one in listed)

    async def test_the_mark_is_none_of_them(self, place: PictureStore) -> None:
        assert await place.read_mark() is None
        await place.set_mark("somebody")
        assert await place.read_mark() == "somebody"
        assert await place.list_stored() == []


async def test_nothing_keeps_it_from_its_work(place: PictureStore) -> None:
    await place.check()
    await place.set_mark("somebody")
    await place.check()
    assert await place.erase_partial(time.time()) == 0
