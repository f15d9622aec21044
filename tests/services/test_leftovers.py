"""Files that a crash left: taken away at a start, and never one that somebody needs."""

import os
from pathlib import Path

import pytest

from app.locks import beside_a_server
from app.main import create_app
from app.models import User
from app.pictures import Rewritten
from app.principals import OPERATOR
from app.resources import Resources
from app.services import pictures
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
    async with resources.database.transaction() as session:
        picture = await pictures.store_picture(
            session,
            OPERATOR,
            user_id=ada.id or 0,
            rewritten=Rewritten(b"RIFF....WEBP", 1, 1),
            resources=resources,
        )
    folder = resources.settings.uploads_dir
    for name in (ORPHAN, PARTIAL, FOREIGN):
        (folder / name).write_bytes(b"x")
    return f"{picture.name}.webp"


def files(resources: Resources) -> set[str]:
    return {path.name for path in resources.settings.uploads_dir.iterdir()}


def grow_old(folder: Path) -> None:
    for path in folder.iterdir():
        old = path.stat().st_mtime - AN_HOUR - 1
        os.utime(path, (old, old))


async def test_what_no_row_names_goes(resources: Resources, kept: str) -> None:
    grow_old(resources.settings.uploads_dir)
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


class TestStart:
    @ONE_ENGINE
    async def test_removes_them(self, resources: Resources, kept: str, tmp_path: Path) -> None:
        again = create_app(resources.settings.model_copy(update={"instance_dir": tmp_path / "b"}))
        settings = again.state.settings
        settings.instance_dir.mkdir()
        for name in ("portfolio.db", "keys.json", "audit-keys.json"):
            (settings.instance_dir / name).write_bytes((tmp_path / name).read_bytes())
        resources.settings.uploads_dir.rename(settings.uploads_dir)
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
