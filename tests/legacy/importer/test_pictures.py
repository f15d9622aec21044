"""Pictures of an old server: each by itself, out of one folder, and none without its person."""

import base64
import os
from pathlib import Path

import httpx
import pytest

from app.config import Settings
from app.legacy.importer.source import CannotImport
from app.pictures import MAX_BYTES
from tests.legacy.importer.conftest import Dumping, Importing, notes, outcomes
from tests.legacy.importer.test_eras import log_in
from tests.legacy.importer.test_run import REFUSE, execute
from tests.legacy.old_databases import OldDatabase, make_old_database
from tests.people import People
from tests.photographs import photo
from tests.wire import ONE_ENGINE


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """The folder of an old server's pictures, with one of Ada's and one outside."""
    folder = tmp_path / "old uploads"
    (folder / "ada").mkdir(parents=True)
    (folder / "ada" / "ada.png").write_bytes(photo())
    (tmp_path / "secret.png").write_bytes(photo())
    return folder


def kept(settings: Settings) -> list[str]:
    """Return the names of the files that we keep."""
    folder = settings.pictures_dir
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@ONE_ENGINE
class TestRefused:
    async def refuse(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        *,
        uploads: Path | None,
        picture: str,
        uid: str = "ada",
    ) -> str:
        """Import somebody whose picture will not do, and return what is said about it."""
        old.add_user(uid, _pfp=picture)
        report = await carry_over(old, uploads=uploads)
        assert outcomes(report, "users") == {"1": "changed"}
        ours = await dump()
        assert [user["uid"] for user in ours["user"]] == [uid]
        assert ours["picture"] == ours["profile"] == []
        assert kept(settings) == []
        return notes(report, "users", "1")

    @pytest.mark.parametrize("picture", ["other.png", "ada", "ADA.png"])
    async def test_not_there(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        uploads: Path,
        picture: str,
    ) -> None:
        said = await self.refuse(old, carry_over, dump, settings, uploads=uploads, picture=picture)
        assert said == "its picture was not found"

    async def test_no_folder(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping, settings: Settings
    ) -> None:
        said = await self.refuse(old, carry_over, dump, settings, uploads=None, picture="ada.png")
        assert said == "its picture was not found"

    @pytest.mark.parametrize(
        "picture",
        [
            "../../secret.png",
            "../ada/ada.png",
            "..",
            ".",
            "a/../ada.png",
            "..\\secret.png",
            "/etc/passwd",
        ],
    )
    async def test_paths_that_lead_elsewhere(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        uploads: Path,
        picture: str,
    ) -> None:
        said = await self.refuse(old, carry_over, dump, settings, uploads=uploads, picture=picture)
        assert "was refused" in said

    @pytest.mark.parametrize("uid", ["..", ".", "../..", "x/../../..", "/"])
    async def test_uids_that_lead_elsewhere(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        uploads: Path,
        uid: str,
    ) -> None:
        for place in (uploads, uploads.parent):
            (place / "secret.png").write_bytes(photo())
        said = await self.refuse(
            old, carry_over, dump, settings, uploads=uploads, picture="secret.png", uid=uid
        )
        assert "was refused" in said

    @pytest.mark.parametrize("kind", ["link", "linked folder", "pipe", "folder", "text", "huge"])
    async def test_what_is_no_picture_file(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        uploads: Path,
        kind: str,
    ) -> None:
        path = uploads / "ada" / "odd.png"
        if kind == "link":
            path.symlink_to(uploads.parent / "secret.png")
        elif kind == "linked folder":
            (uploads.parent / "odd.png").write_bytes(photo())
            (uploads / "ada").rename(uploads / "moved")
            (uploads / "ada").symlink_to(uploads.parent)
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "text":
            path.write_text("<svg onload=alert(1)>")
        else:
            path.write_bytes(photo())
            os.truncate(path, MAX_BYTES + 1)
        said = await self.refuse(
            old, carry_over, dump, settings, uploads=uploads, picture="odd.png"
        )
        assert "was refused" in said

    @pytest.mark.parametrize(
        "picture",
        ["data:image/png;base64,!!!", "data:,", "A" * 300, "A" * (MAX_BYTES * 3 // 2 + 1)],
    )
    async def test_what_is_no_picture_as_text(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        picture: str,
    ) -> None:
        said = await self.refuse(old, carry_over, dump, settings, uploads=None, picture=picture)
        assert "was refused" in said


@ONE_ENGINE
@pytest.mark.parametrize("picture", [None, "", "?", "default.png"])
async def test_nobody_who_never_chose_one_is_told(
    old: OldDatabase, carry_over: Importing, picture: str | None
) -> None:
    old.add_user("ada", _pfp=picture)
    assert outcomes(await carry_over(old), "users") == {"1": "taken"}


class TestTaken:
    @pytest.mark.parametrize("way", ["file", "base64", "address"])
    async def test_is_decoded_anew_and_shown(
        self,
        old: OldDatabase,
        carry_over: Importing,
        dump: Dumping,
        settings: Settings,
        uploads: Path,
        client: httpx.AsyncClient,
        way: str,
    ) -> None:
        encoded = base64.b64encode(photo()).decode()
        address = f"data:image/jpeg;base64,{encoded}"
        written = {"file": "ada.png", "base64": encoded, "address": address}[way]
        old.add_user("ada", _pfp=written)
        old.add_user("grace")
        report = await carry_over(old, uploads=uploads)
        assert outcomes(report, "users") == {"1": "taken", "2": "taken"}
        ours = await dump()
        (picture,) = ours["picture"]
        (profile,) = ours["profile"]
        assert (picture["user_id"], profile["user_id"]) == (1, 1)
        assert profile["picture_id"] == picture["id"]
        assert kept(settings) == [f"{picture['name']}.webp"]
        assert await log_in(client, "ada") == 200
        answer = await client.get("/api/id/pfp")
        assert base64.b64decode(answer.json()["pfp"])[:4] == b"RIFF"

    @ONE_ENGINE
    async def test_in_a_folder_named_for_an_odd_uid(
        self, old: OldDatabase, carry_over: Importing, dump: Dumping, uploads: Path
    ) -> None:
        (uploads / "ada" / "l").mkdir()
        (uploads / "ada" / "ada.png").rename(uploads / "ada" / "l" / "me.png")
        old.add_user("ada/l", _pfp="me.png")
        await carry_over(old, uploads=uploads)
        assert len((await dump())["picture"]) == 1

    async def test_next_one_gets_an_id_of_its_own(
        self, old: OldDatabase, carry_over: Importing, uploads: Path, client: httpx.AsyncClient
    ) -> None:
        old.add_user("ada", _pfp="ada.png")
        await carry_over(old, uploads=uploads)
        await log_in(client, "ada")
        new = {"pfp": base64.b64encode(photo()).decode()}
        assert (await client.put("/api/id/pfp", json=new)).status_code == 200


@ONE_ENGINE
class TestFilesOf:
    @pytest.fixture
    def full(self, tmp_path: Path, uploads: Path) -> OldDatabase:
        """Somebody with a picture, and something they wrote."""
        assert uploads.is_dir()
        made = make_old_database(tmp_path / "full.db", "SFL")
        made.add_user("ada", _pfp="ada.png")
        made.add("posts", {"_title": "A", "_comment": "B", "_user_id": 1})
        return made

    async def test_a_dry_run_are_none(
        self, full: OldDatabase, carry_over: Importing, settings: Settings, uploads: Path
    ) -> None:
        planned = await carry_over(full, uploads=uploads, is_dry_run=True)
        assert kept(settings) == []
        assert planned.entries == (await carry_over(full, uploads=uploads)).entries

    async def test_a_failed_import_are_none(
        self, full: OldDatabase, carry_over: Importing, settings: Settings, uploads: Path
    ) -> None:
        await execute(settings, *REFUSE["sqlite"])
        with pytest.raises(CannotImport):
            await carry_over(full, uploads=uploads)
        assert kept(settings) == []

    async def test_an_import_without_room_are_none(
        self,
        full: OldDatabase,
        carry_over: Importing,
        settings: Settings,
        uploads: Path,
        dump: Dumping,
    ) -> None:
        before = await dump()
        settings.pictures_dir.write_text("a file is in the way")
        with pytest.raises(CannotImport, match="picture could not be kept"):
            await carry_over(full, uploads=uploads)
        assert await dump() == before

    async def test_whoever_was_refused_are_none(
        self,
        full: OldDatabase,
        carry_over: Importing,
        settings: Settings,
        uploads: Path,
        people: People,
    ) -> None:
        await people.create("ada")
        await carry_over(full, uploads=uploads)
        assert kept(settings) == []

    async def test_a_second_run_are_the_same(
        self, full: OldDatabase, carry_over: Importing, settings: Settings, uploads: Path
    ) -> None:
        await carry_over(full, uploads=uploads)
        before = kept(settings)
        await carry_over(full, uploads=uploads)
        assert kept(settings) == before
