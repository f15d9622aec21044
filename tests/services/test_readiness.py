"""What keeps an instance from its work: each is found, named once, and gone when it is mended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from app.config import Settings
from app.keys import KeyRing, new_key
from app.models import utc_now
from app.resources import Resources, open_resources
from app.services import readiness
from app.services.readiness import (
    DISK_FULL,
    HINDRANCES,
    MIGRATIONS_PENDING,
    NO_DATABASE,
    NOT_WRITABLE,
    PICTURES_AWAY,
    STOPPING,
    find_hindrances,
)
from tests.conftest import make_settings
from tests.revisions import REVISIONS
from tests.wire import ONE_ENGINE


async def _note(resources: Resources, revision: str | None) -> None:
    async with resources.database.transaction() as session:
        connection = await session.connection()
        await connection.execute(text("DELETE FROM alembic_version"))
        if revision is not None:
            statement = text("INSERT INTO alembic_version VALUES (:revision)")
            await connection.execute(statement, {"revision": revision})


@asynccontextmanager
async def at_revision(resources: Resources, revision: str | None) -> AsyncIterator[None]:
    """Let the database say that it is of another revision; other tests use the same one."""
    await _note(resources, revision)
    yield
    await _note(resources, REVISIONS[-1])


async def test_nothing(resources: Resources) -> None:
    assert await find_hindrances(resources) == []


class TestDatabase:
    @pytest.mark.parametrize("revision", [*REVISIONS[:-1], None])
    async def test_older_than_the_program(self, resources: Resources, revision: str | None) -> None:
        async with at_revision(resources, revision):
            assert await find_hindrances(resources) == [MIGRATIONS_PENDING]
        assert await find_hindrances(resources) == []

    @ONE_ENGINE
    async def test_empty(self, resources: Resources) -> None:
        async with resources.database.transaction() as session:
            await (await session.connection()).execute(text("DROP TABLE alembic_version"))
        assert await find_hindrances(resources) == [MIGRATIONS_PENDING]

    async def test_newer_than_the_program_goes_on(self, resources: Resources) -> None:
        async with at_revision(resources, "2999010101"):
            assert await find_hindrances(resources) == []

    @ONE_ENGINE
    async def test_is_none(self, settings: Settings) -> None:
        assert settings.sqlite_path is not None
        settings.sqlite_path.write_bytes(b"no database, " * 1000)
        async with open_resources(settings) as resources:
            assert await find_hindrances(resources) == [NO_DATABASE]
        settings.sqlite_path.unlink()

    @pytest.mark.process
    @pytest.mark.parametrize("host", ["127.0.0.1:1", "[fe80::1%nowhere]"])
    async def test_out_of_reach(self, tmp_path: Path, host: str) -> None:
        KeyRing((new_key(utc_now()),)).write(tmp_path / "keys.json")
        url = f"postgresql://nobody:hunter2@{host}/none"
        async with open_resources(make_settings(tmp_path, database_url=url)) as resources:
            assert await find_hindrances(resources) == [NO_DATABASE]

    @pytest.mark.process
    async def test_that_was_taken_away(self, postgres_server: str, settings: Settings) -> None:
        """What does not pass by itself is no failure of ours either."""
        changes = {"database_url": f"{postgres_server}/nowhere"}
        async with open_resources(settings.model_copy(update=changes)) as resources:
            assert await find_hindrances(resources) == [NO_DATABASE]


class TestInstance:
    async def test_cannot_be_written_to(self, resources: Resources, settings: Settings) -> None:
        """It is not even there: who runs the tests may be somebody who can write everywhere."""
        folder = settings.instance_dir
        await find_hindrances(resources)
        folder.rename(folder.with_name("elsewhere"))
        assert NOT_WRITABLE in await find_hindrances(resources)
        folder.with_name("elsewhere").rename(folder)
        assert await find_hindrances(resources) == []

    async def test_has_no_room(self, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readiness, "LEAST_FREE_BYTES", 2**63)
        assert await find_hindrances(resources) == [DISK_FULL]

    async def test_is_told_beside_what_is_wrong_with_the_database(
        self, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(readiness, "LEAST_FREE_BYTES", 2**63)
        async with at_revision(resources, None):
            assert await find_hindrances(resources) == [MIGRATIONS_PENDING, DISK_FULL]


@ONE_ENGINE
async def test_about_to_stop(resources: Resources) -> None:
    resources.stopping.begin()
    assert await find_hindrances(resources) == [STOPPING]


@ONE_ENGINE
class TestPictures:
    @pytest.fixture
    def settings_changes(self, tmp_path: Path) -> dict[str, Path]:
        (tmp_path / "pictures").mkdir(mode=0o700)
        return {"uploads_dir": tmp_path / "pictures"}

    async def test_are_out_of_reach(self, resources: Resources, settings: Settings) -> None:
        assert await find_hindrances(resources) == []
        settings.pictures_dir.rename(settings.instance_dir / "aside")
        assert await find_hindrances(resources) == [PICTURES_AWAY]


def test_each_has_a_code_and_says_what_to_do() -> None:
    assert len({hindrance.code for hindrance in HINDRANCES}) == len(HINDRANCES)
    for hindrance in HINDRANCES:
        wrong, *advice = hindrance.detail.removesuffix(".").split(". ")
        assert wrong
        assert advice
