"""A school for each test: on SQLite a copy of one that was founded once, else a new one."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app.config import Settings
from app.keys import KeyRing, new_key
from app.main import create_app
from app.models import utc_now
from app.resources import Resources
from tests.conftest import make_settings
from tests.security.school import School, found


@dataclass(frozen=True)
class Stage:
    """A running application and the school in it."""

    app: FastAPI
    school: School

    @property
    def resources(self) -> Resources:
        resources: Resources = self.app.state.resources
        return resources


@asynccontextmanager
async def _run(settings: Settings, school: School | None) -> AsyncIterator[Stage]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield Stage(app, school or await found(app))


@pytest.fixture(scope="session")
def founded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, School]:
    """An instance with a school in it, and the school's facts."""
    folder = tmp_path_factory.mktemp("school")
    KeyRing((new_key(utc_now()),)).write(folder / "keys.json")
    shutil.copy(sqlite_template, folder / "portfolio.db")

    async def begin() -> School:
        async with _run(make_settings(folder), None) as stage:
            return stage.school

    return folder, asyncio.run(begin())


@pytest.fixture
def stage_settings(
    engine: str,
    settings_changes: dict[str, Any],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> tuple[Settings, School | None]:
    """Settings of an instance of this test's own, and the school if one is in it already."""
    if engine == "postgresql":
        return request.getfixturevalue("settings"), None
    folder, school = request.getfixturevalue("founded")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return make_settings(tmp_path, **settings_changes), school


@pytest.fixture
async def stage(stage_settings: tuple[Settings, School | None]) -> AsyncIterator[Stage]:
    async with _run(*stage_settings) as made:
        yield made
