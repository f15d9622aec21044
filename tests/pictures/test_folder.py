"""A folder of pictures elsewhere: one that is not mounted, not ours, or cannot be written to."""

import shutil
from pathlib import Path

import httpx
import pytest

from app.errors import PicturesAway
from app.pictures.folder import PictureFolder
from app.pictures.store import MARK, find_fault
from app.startup import CannotStart, check_features
from tests.backups.test_making import no_file_over
from tests.conftest import make_settings
from tests.people import People
from tests.photographs import photo
from tests.wire import ONE_ENGINE

NAME, OTHER = "a" * 16, "b" * 16
MINE = "/api/v1/users/me/picture"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is there, as one that is mounted."""
    folder = tmp_path / "mounted"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
async def folder(path: Path) -> PictureFolder:
    """It, with our mark and a picture."""
    made = PictureFolder(path, is_elsewhere=True)
    await made.set_mark("us")
    await made.write(NAME, b"webp")
    return made


def files(path: Path) -> set[str]:
    return {file.name for file in path.iterdir()}


def unmount(path: Path, leaves: str | None = "") -> Path:
    """Leave an empty folder in its place, as `umount` does; or a file, or nothing."""
    aside = path.with_name("aside")
    path.rename(aside)
    if leaves:
        path.write_text(leaves)
    elif leaves is not None:
        path.mkdir(mode=0o700)
    return aside


def mount(aside: Path, path: Path) -> None:
    shutil.rmtree(path)
    aside.rename(path)


class TestAway:
    async def test_not_mounted_any_more(self, folder: PictureFolder, path: Path) -> None:
        aside = unmount(path)
        with pytest.raises(PicturesAway):
            await folder.write(OTHER, b"webp")
        with pytest.raises(PicturesAway):
            await folder.read(NAME)
        with pytest.raises(PicturesAway):
            await folder.check()
        assert files(path) == set()
        mount(aside, path)
        await folder.check()
        await folder.write(OTHER, b"webp")
        assert await folder.read(NAME) == b"webp"

    @pytest.mark.usefixtures("folder")
    async def test_a_mark_that_was_found(self, path: Path) -> None:
        """Another process has set it."""
        again = PictureFolder(path, is_elsewhere=True)
        assert await again.read_mark() == "us"
        unmount(path)
        with pytest.raises(PicturesAway):
            await again.check()

    async def test_not_there_at_all(self, path: Path) -> None:
        unmount(path, leaves=None)
        folder = PictureFolder(path, is_elsewhere=True)
        with pytest.raises(PicturesAway):
            await folder.write(NAME, b"webp")
        with pytest.raises(PicturesAway):
            await folder.check()
        assert files(path.parent) == {"aside"}

    async def test_something_else_is_in_its_place(self, path: Path) -> None:
        unmount(path, leaves="a file")
        with pytest.raises(PicturesAway):
            await PictureFolder(path, is_elsewhere=True).write(NAME, b"webp")

    async def test_a_full_disk_is_something_else(self, folder: PictureFolder, path: Path) -> None:
        with no_file_over(1000), pytest.raises(OSError, match="File too large"):
            await folder.write(OTHER, bytes(2000))
        assert files(path) == {MARK, f"{NAME}.webp"}


async def test_two_servers_share_one(folder: PictureFolder, path: Path) -> None:
    other = PictureFolder(path, is_elsewhere=True)
    assert await other.read(NAME) == b"webp"
    await other.write(OTHER, b"more")
    assert await folder.read(OTHER) == b"more"
    other.remove(NAME)
    with pytest.raises(FileNotFoundError):
        await folder.read(NAME)


class TestFault:
    def test_none(self, path: Path) -> None:
        assert find_fault(None) is None
        assert find_fault(path) is None
        path.chmod(0o770)
        assert find_fault(path) is None

    def test_not_there(self, path: Path, tmp_path: Path) -> None:
        assert "No such file" in (find_fault(path / "missing") or "")
        with pytest.raises(CannotStart, match="Make or mount it"):
            check_features(make_settings(tmp_path, uploads_dir=path / "missing"))

    def test_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "is not a folder" in (find_fault(tmp_path / "file") or "")

    def test_not_ours_to_write(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.access", lambda *_: False)
        assert "cannot be written to" in (find_fault(path) or "")

    def test_everybodys(self, path: Path) -> None:
        path.chmod(0o777)
        assert f"chmod o-rwx {path}" in (find_fault(path) or "")


@ONE_ENGINE
class TestServed:
    @pytest.fixture
    def settings_changes(self, path: Path) -> dict[str, Path]:
        return {"uploads_dir": path}

    async def test_without_it_is_said(self, people: People, path: Path) -> None:
        ada = await people.create_and_log_in("ada")
        await people.app.state.resources.picture_store.set_mark("us")
        before = await self.put(ada)
        assert before.status_code == 200
        url = before.json()["url"]
        aside = unmount(path)
        refused = await self.put(ada)
        assert refused.status_code == 503
        assert refused.json()["type"] == "/problems#pictures-away"
        assert refused.headers["Retry-After"] == "2"
        shown = await ada.get(url)
        assert (shown.status_code, shown.headers.get("Retry-After")) == (503, "2")
        assert "immutable" not in shown.headers.get("Cache-Control", "")
        ready = await ada.get("/readyz")
        assert [reason["code"] for reason in ready.json()["reasons"]] == ["pictures-out-of-reach"]
        mount(aside, path)
        assert (await ada.get("/readyz")).status_code == 200
        assert (await ada.get(MINE)).json()["url"] == url
        assert (await ada.get(url)).status_code == 200

    async def put(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.put(MINE, content=photo(), headers={"Content-Type": "image/jpeg"})
