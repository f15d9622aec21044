"""A server whose pictures lie in a bucket: what people see, with the store and without it."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.backups import Reason
from app.backups.archive import Writer
from app.backups.making import Order, make_backup
from app.backups.pictures import add_pictures, measure_pictures
from app.backups.refusals import CannotBackUp
from app.config.stores import read_store_address
from app.doctor import Verdict
from app.doctor.pictures import examine_store
from app.models import User, utc_now
from app.pictures import Rewritten, bucket
from app.pictures.asking import AskedInVain
from app.pictures.bucket import PictureBucket
from app.principals import OPERATOR
from app.progress import Terminal
from app.resources import Resources
from app.services import audit, leftovers, pictures
from app.services.leftovers import remove_leftovers
from tests.conftest import make_settings
from tests.people import People
from tests.photographs import photo
from tests.services.rows import make_user, store
from tests.swift import SwiftServer

MINE = "/api/v1/users/me/picture"
DATABASE = "postgresql://u@localhost/d"
NAME, ORPHAN = "a" * 16, "o" * 16

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"])


@pytest.fixture
def settings_changes(bucket_url: str) -> dict[str, Any]:
    return {"uploads_url": bucket_url}


async def put(client: httpx.AsyncClient) -> httpx.Response:
    return await client.put(MINE, content=photo(), headers={"Content-Type": "image/jpeg"})


def names(stored: list[Any]) -> set[str]:
    return {one.name for one in stored}


@on_postgresql
class TestServed:
    async def test_through_us_alone(self, people: People, bucket: PictureBucket) -> None:
        ada = await people.create_and_log_in("ada")
        url = (await put(ada)).json()["url"]
        shown = await ada.get(url)
        assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")
        assert shown.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert shown.headers["Content-Security-Policy"].startswith("sandbox")
        (kept,) = await bucket.list_stored()
        assert url == f"/pictures/{kept.name}.webp"
        assert await bucket.read(kept.name) == shown.content

    async def test_without_the_store(self, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
        ada = await people.create_and_log_in("ada")
        url = (await put(ada)).json()["url"]
        resources: Resources = people.app.state.resources
        asker = resources.picture_store._asker  # type: ignore[attr-defined]  # noqa: SLF001
        with monkeypatch.context() as patched:
            patched.setattr(bucket, "PAUSE_SECONDS", 0.0)
            patched.setattr(asker, "ask", _refuse)
            refused = await put(ada)
            assert refused.status_code == 503
            assert refused.json()["type"] == "/problems#pictures-away"
            assert refused.headers["Retry-After"] == "2"
            shown = await ada.get(url)
            assert shown.status_code == 503
            assert "immutable" not in shown.headers.get("Cache-Control", "")
            ready = await ada.get("/readyz")
            reasons = [reason["code"] for reason in ready.json()["reasons"]]
            assert reasons == ["pictures-out-of-reach"]
        assert (await ada.get("/readyz")).status_code == 200
        assert (await ada.get(MINE)).json()["url"] == url
        assert (await ada.get(url)).status_code == 200


def _refuse(*_: Any, **__: Any) -> Any:
    raise AskedInVain("ConnectionRefusedError")


@on_postgresql
async def test_a_crash_before_the_commit_leaves_what_a_start_removes(
    resources: Resources, bucket: PictureBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada: User = await store(resources, make_user("ada"))
    async with resources.database.transaction() as session:
        audit.record(session, OPERATOR, "setup-link-created")
    assert await remove_leftovers(resources) == 0
    async with resources.database.transaction() as session:
        kept = await pictures.store_picture(
            session,
            OPERATOR,
            user_id=ada.id or 0,
            rewritten=Rewritten(b"RIFF....WEBP", 1, 1),
            resources=resources,
        )
    await bucket.write(ORPHAN, b"RIFF....WEBP")
    # Another server may be about to commit its row.
    assert await remove_leftovers(resources) == 0
    monkeypatch.setattr(leftovers, "_SHARED_SECONDS", -60.0)
    assert await remove_leftovers(resources) == 1
    assert names(await bucket.list_stored()) == {kept.name}


async def _fill(url: str) -> None:
    bucket = PictureBucket(read_store_address(url))
    for number in range(3):
        await bucket.write(f"{number:016}", b"x" * number)
    await bucket.close()


class TestBackups:
    def test_have_them(self, bucket_url: str, tmp_path: Path) -> None:
        asyncio.run(_fill(bucket_url))
        settings = make_settings(tmp_path, database_url=DATABASE, uploads_url=bucket_url)
        assert measure_pictures(settings) == 3
        with (tmp_path / "backup.tar").open("wb") as file:
            writer = Writer(file)
            for _ in range(2):
                add_pictures(writer, settings, tmp_path, Terminal())
        assert {name: member.sha256 for name, member in writer.members.items()} == {
            f"uploads/{number:016}.webp": hashlib.sha256(b"x" * number).hexdigest()
            for number in range(3)
        }

    def test_are_none_without_the_store(self, store_server: SwiftServer, tmp_path: Path) -> None:
        url = store_server.url("no-bucket")
        order = Order(
            settings=make_settings(tmp_path, database_url=DATABASE, uploads_url=url),
            reason=Reason.ASKED,
            now=utc_now(),
            stages=Terminal(),
        )
        with pytest.raises(CannotBackUp, match=r"out of reach \(HTTP 404 NoSuchBucket\)"):
            make_backup(order)
        assert list((tmp_path / "backups").glob("*.tar")) == []


class TestDoctor:
    def test_without_a_store(self, tmp_path: Path) -> None:
        assert list(examine_store(make_settings(tmp_path))) == []

    def test_a_store(self, bucket_url: str, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, database_url=DATABASE, uploads_url=bucket_url)
        (found,) = examine_store(settings)
        assert found.verdict is Verdict.NOTE
        assert "not marked" in found.advice
        asyncio.run(_mark(bucket_url))
        (found,) = examine_store(settings)
        assert found.verdict is Verdict.FINE
        assert found.value.startswith("took one, gave it back and dropped it in")
        assert measure_pictures(settings) == 0

    def test_a_wrong_key(self, store_server: SwiftServer, tmp_path: Path) -> None:
        url = store_server.url("pictures", secret="hunter2")
        settings = make_settings(tmp_path, database_url=DATABASE, uploads_url=url)
        (found,) = examine_store(settings)
        assert found.verdict is Verdict.BAD
        assert found.value == "cannot be used (HTTP 403 SignatureDoesNotMatch)"
        assert "hunter2" not in f"{found.name} {found.advice}"


async def _mark(url: str) -> None:
    bucket = PictureBucket(read_store_address(url))
    await bucket.set_mark("us")
    await bucket.close()
