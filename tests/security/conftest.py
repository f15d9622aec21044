"""A school for each test, founded once: on SQLite a copy of its files, else of its rows."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2.low_level
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.keys import KeyRing, new_key
from app.main import create_app
from app.models import utc_now
from app.resources import Resources
from tests.conftest import make_settings
from tests.databases import copy_instance
from tests.security.school import School, found, restore


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
async def _run(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
def founded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, School]:
    """An instance with a school in it, and the school's facts."""
    folder = tmp_path_factory.mktemp("school")
    KeyRing((new_key(utc_now()),)).write(folder / "keys.json")
    copy_instance(sqlite_template, folder)

    async def begin() -> School:
        # Its access tokens are to outlive a slow run of all tests.
        async with _run(make_settings(folder, access_token_minutes=60)) as app:
            return await found(app)

    return folder, asyncio.run(begin())


@pytest.fixture
def stage_settings(
    engine: str,
    settings_changes: dict[str, Any],
    founded: tuple[Path, School],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Settings:
    """Settings of an instance of this test's own, with the school's keys and pictures."""
    ignore = None
    if engine == "postgresql":
        settings: Settings = request.getfixturevalue("settings")
        # That database has been sealed with a key of its own.
        ignore = shutil.ignore_patterns(settings.audit_keys_path.name)
    else:
        settings = make_settings(tmp_path, **settings_changes)
    shutil.copytree(founded[0], tmp_path, dirs_exist_ok=True, ignore=ignore)
    return settings


@pytest.fixture
async def stage(stage_settings: Settings, founded: tuple[Path, School]) -> AsyncIterator[Stage]:
    async with _run(stage_settings) as app:
        stage = Stage(app, founded[1].logged_in_now())
        await restore(stage.resources, stage.school)
        yield stage


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What argon2 was asked to do."""
    work: list[str] = []

    def watch(kind: str) -> None:
        original = getattr(argon2.low_level, kind)

        def counted(*arguments: Any, **options: Any) -> Any:
            work.append(kind)
            return original(*arguments, **options)

        monkeypatch.setattr(argon2.low_level, kind, counted)

    watch("hash_secret")
    watch("verify_secret")
    return work
