"""A bucket of pictures: what is special about a store that is asked across a network."""

import http.client
import signal
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from app.config.stores import read_store_address
from app.errors import PicturesAway
from app.pictures import asking, bucket
from app.pictures.bucket import PictureBucket
from app.pictures.store import MARK
from tests import swift
from tests.swift import SwiftServer

NAME, OTHER = "a" * 16, "b" * 16
WEBP = b"RIFF....WEBP" * 1000


@pytest.fixture
def fragile(store_server: SwiftServer) -> Iterator[SwiftServer]:
    """A store that a test may stop. That the shared one runs says that it can be started."""
    with swift.running() as server:
        assert server.url("b") != store_server.url("b")
        yield server


async def refusal(url: str) -> str:
    """Return why each thing that can be asked for is refused."""
    found = set()
    for ask in (_read, _write, PictureBucket.list_stored):
        asked = PictureBucket(read_store_address(url))
        with pytest.raises(PicturesAway) as error:
            await ask(asked)
        found.add(str(error.value.__cause__))
        await asked.close()
    (reason,) = found
    return reason


async def _read(asked: PictureBucket) -> object:
    return await asked.read(NAME)


async def _write(asked: PictureBucket) -> None:
    await asked.write(NAME, WEBP)


class TestRefused:
    async def test_a_wrong_secret(self, store_server: SwiftServer, bucket_url: str) -> None:
        name = bucket_url.rpartition("/")[2]
        url = store_server.url(name, secret="another")
        assert await refusal(url) == "HTTP 403 SignatureDoesNotMatch"

    async def test_a_key_without_rights(self, store_server: SwiftServer, bucket_url: str) -> None:
        name = bucket_url.rpartition("/")[2]
        url = store_server.url(name, user="test:stranger")
        assert await refusal(url) == "HTTP 403 AccessDenied"

    async def test_no_such_bucket(self, store_server: SwiftServer) -> None:
        assert await refusal(store_server.url("no-bucket")) == "HTTP 404 NoSuchBucket"

    @pytest.mark.parametrize("key", [f"{NAME}.webp", MARK, ""])
    async def test_whoever_has_no_key(
        self, bucket: PictureBucket, bucket_url: str, key: str
    ) -> None:
        await bucket.write(NAME, WEBP)
        await bucket.set_mark("us")
        parts = urlsplit(bucket_url)
        assert parts.hostname
        stranger = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        stranger.request("GET", f"{parts.path}/{key}")
        answer = stranger.getresponse()
        assert answer.status in {400, 401, 403, 412}
        assert WEBP not in answer.read()
        stranger.close()


class TestAway:
    async def test_ended_and_started_again(
        self, fragile: SwiftServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bucket, "PAUSE_SECONDS", 0.0)
        asked = PictureBucket(read_store_address(fragile.make_bucket("pictures")))
        await asked.write(NAME, WEBP)
        fragile.kill()
        for _ in range(2):
            with pytest.raises(PicturesAway):
                await asked.write(OTHER, WEBP)
            with pytest.raises(PicturesAway):
                await asked.read(NAME)
        # What is removed meanwhile is nobody's any more.
        asked.remove(NAME)
        fragile.start()
        assert [one.name for one in await asked.list_stored()] in ([NAME], [])
        await asked.write(OTHER, WEBP)
        assert await asked.read(OTHER) == WEBP
        await asked.close()

    async def test_hangs(self, fragile: SwiftServer, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = PictureBucket(read_store_address(fragile.make_bucket("pictures")))
        await asked.write(NAME, WEBP)
        monkeypatch.setattr(bucket, "PATIENCE_SECONDS", 0.2)
        fragile.send(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(PicturesAway):
            await asked.read(NAME)
        # Nobody waits for it again for a moment.
        for _ in range(100):
            with pytest.raises(PicturesAway):
                await asked.read(NAME)
        assert time.monotonic() - began < 2
        fragile.send(signal.SIGCONT)
        monkeypatch.setattr(bucket, "PATIENCE_SECONDS", 10.0)
        monkeypatch.setattr(asked, "_asked_again_at", 0.0)
        assert await asked.read(NAME) == WEBP
        await asked.close()

    async def test_emptied(self, bucket: PictureBucket, store_server: SwiftServer) -> None:
        await bucket.set_mark("us")
        await bucket.check()
        url = str(bucket._asker._address.bucket)  # noqa: SLF001
        asker = asking.Asker(read_store_address(store_server.url(url)))
        asker.ask("DELETE", MARK).expect({204})
        asker.close()
        with pytest.raises(PicturesAway):
            await bucket.check()


async def test_listed_page_by_page(bucket: PictureBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:016}" for number in range(7)]
    for name in names:
        await bucket.write(name, name.encode())
    await bucket.set_mark("us")
    for page in (1, 2, 7, 8, 1000):
        monkeypatch.setattr("app.pictures.bucket.PAGE", page)
        assert [one.name for one in await bucket.list_stored()] == names
