"""Files that a crash left: taken away at a start, and never one that somebody needs."""

import os
from pathlib import Path

import pytest

from app.config import Settings
from app.locks import beside_a_server
from app.main import create_app
from app.models import User
from app.pictures import Rewritten
from app.pictures.store import MARK
from app.principals import OPERATOR
from app.resources import Resources
from app.services import audit, pictures
from app.services.leftovers import remove_leftovers
from tests.services.rows import make_user, store
from tests.wire import ONE_ENGINE

ORPHAN, PARTIAL, FOREIGN = "o" * 22 + ".webp", "p" * 22 + ".part", "readme.txt"
AN_HOUR = 3600


@pytest.fixture
async def ada(resources: Resources) -> User:
    return await store(resources, make_user("ada"))


@pytest.fixture
async def kept(resources: Resources, ada: User) -> str:
    """A picture that somebody has, and beside it what a crash left."""
    picture = await give(resources, ada)
    leave(resources.settings.pictures_dir)
    return picture


@pytest.fixture
def path(settings: Settings) -> Path:
    return settings.pictures_dir


async def give(resources: Resources, user: User) -> str:
    """Give somebody a picture; return the name of its file."""
    async with resources.database.transaction() as session:
        picture = await pictures.store_picture(
            session,
            OPERATOR,
            user_id=user.id or 0,
            rewritten=Rewritten(b"RIFF....WEBP", 1, 1),
            resources=resources,
        )
    return f"{picture.name}.webp"


def leave(folder: Path) -> None:
    """Leave there what a crash leaves, and what is none of ours."""
    for name in (ORPHAN, PARTIAL, FOREIGN):
        (folder / name).write_bytes(b"x")


def files(resources: Resources) -> set[str]:
    return {path.name for path in resources.settings.pictures_dir.iterdir()}


def grow_old(folder: Path) -> None:
    for path in folder.iterdir():
        old = path.stat().st_mtime - AN_HOUR - 1
        os.utime(path, (old, old))


async def test_what_no_row_names_goes(resources: Resources, kept: str) -> None:
    grow_old(resources.settings.pictures_dir)
    assert await remove_leftovers(resources) == 2
    assert files(resources) == {kept, FOREIGN}
    assert await remove_leftovers(resources) == 0


async def test_what_is_new_may_be_somebody_elses(
    resources: Resources, kept: str, engine: str
) -> None:
    """A SQLite file is served by one process, PostgreSQL by several."""
    await remove_leftovers(resources)
    left = set() if engine == "sqlite" else {ORPHAN, PARTIAL}
    assert files(resources) == {kept, FOREIGN} | left


@ONE_ENGINE
async def test_a_command_at_work_may_be_writing_pictures(resources: Resources, kept: str) -> None:
    with beside_a_server(resources.settings):
        assert await remove_leftovers(resources) == 0
    assert files(resources) == {kept, ORPHAN, PARTIAL, FOREIGN}


async def test_without_a_folder(resources: Resources) -> None:
    assert await remove_leftovers(resources) == 0


class TestElsewhere:
    """In a folder that the settings name may be what is somebody else's."""

    @pytest.fixture
    def settings_changes(self, tmp_path: Path) -> dict[str, Path]:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        return {"uploads_dir": tmp_path / "elsewhere"}

    @pytest.fixture(autouse=True)
    async def _first_event(self, resources: Resources) -> None:
        """Every place is marked with it."""
        async with resources.database.transaction() as session:
            audit.record(session, OPERATOR, "setup-link-created")

    async def test_with_our_mark(self, resources: Resources, path: Path, ada: User) -> None:
        assert await remove_leftovers(resources) == 0
        assert len((path / MARK).read_text()) == 64
        picture = await give(resources, ada)
        leave(path)
        grow_old(path)
        assert await remove_leftovers(resources) == 2
        assert files(resources) == {picture, FOREIGN, MARK}

    async def test_what_is_new_may_be_another_servers(
        self, resources: Resources, path: Path
    ) -> None:
        """On SQLite as well: a command on another machine may write there."""
        await remove_leftovers(resources)
        leave(path)
        assert await remove_leftovers(resources) == 0
        assert files(resources) == {ORPHAN, PARTIAL, FOREIGN, MARK}

    async def test_pictures_of_ours_that_were_moved_there(
        self, resources: Resources, path: Path, ada: User
    ) -> None:
        await give(resources, ada)
        await remove_leftovers(resources)
        assert (path / MARK).exists()

    async def test_pictures_of_somebody_else(
        self, resources: Resources, path: Path, kept: str
    ) -> None:
        grow_old(path)
        assert await remove_leftovers(resources) == 0
        assert files(resources) == {kept, ORPHAN, PARTIAL, FOREIGN}

    async def test_somebody_elses_mark(self, resources: Resources, path: Path, kept: str) -> None:
        (path / MARK).write_text("0" * 64)
        grow_old(path)
        assert await remove_leftovers(resources) == 0
        assert files(resources) == {kept, ORPHAN, PARTIAL, FOREIGN, MARK}

    async def test_an_empty_folder_where_pictures_should_be(
        self, resources: Resources, path: Path, ada: User
    ) -> None:
        """It is not mounted."""
        (path / await give(resources, ada)).unlink()
        assert await remove_leftovers(resources) == 0
        assert files(resources) == set()


@ONE_ENGINE
class TestElsewhereWithoutATrail:
    async def test_is_not_marked(self, resources: Resources, settings: Settings) -> None:
        assert settings.uploads_dir is not None
        assert await remove_leftovers(resources) == 0
        assert list(settings.uploads_dir.iterdir()) == []

    @pytest.fixture
    def settings_changes(self, tmp_path: Path) -> dict[str, Path]:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        return {"uploads_dir": tmp_path / "elsewhere"}


class TestStart:
    @ONE_ENGINE
    async def test_removes_them(self, resources: Resources, kept: str, tmp_path: Path) -> None:
        again = create_app(resources.settings.model_copy(update={"instance_dir": tmp_path / "b"}))
        settings = again.state.settings
        settings.instance_dir.mkdir()
        for name in ("portfolio.db", "keys.json", "audit-keys.json"):
            (settings.instance_dir / name).write_bytes((tmp_path / name).read_bytes())
        resources.settings.pictures_dir.rename(settings.pictures_dir)
        async with again.router.lifespan_context(again):
            assert files(again.state.resources) == {FOREIGN}
        assert kept.endswith(".webp")

    @ONE_ENGINE
    async def test_goes_on_where_they_cannot_be_looked_for(
        self, resources: Resources, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = tmp_path / "b"
        folder.mkdir()
        for name in ("keys.json", "audit-keys.json"):
            (folder / name).write_bytes((tmp_path / name).read_bytes())
        (folder / "portfolio.db").write_bytes(b"no database, " * 1000)
        (folder / "uploads").mkdir()
        (folder / "uploads" / ORPHAN).write_bytes(b"x")
        again = create_app(resources.settings.model_copy(update={"instance_dir": folder}))
        async with again.router.lifespan_context(again):
            assert "was not looked for" in caplog.text
        assert (folder / "uploads" / ORPHAN).exists()
        (folder / "portfolio.db").unlink()
