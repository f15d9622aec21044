"""Backups that the server makes by itself: when they are due, whatever happens to one of them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.backups import Reason, making, schedule
from app.backups.making import Order, make_backup
from app.backups.schedule import Quiet, Stopped, back_up, back_up_forever
from app.config import Settings
from app.models import utc_now
from app.resources import Resources, open_resources
from tests.backups.conftest import Instance, ask
from tests.backups.test_making import open_first
from tests.conftest import make_settings


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as opened:
        yield opened


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time."""
    monkeypatch.setattr(schedule, "LOOK_EVERY", 0)
    monkeypatch.setattr(schedule, "AGAIN_AFTER", timedelta(0))


def made(resources: Resources) -> list[Path]:
    folder = resources.settings.backups_dir
    return sorted(folder.glob("*.tar")) if folder.exists() else []


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


class TestOne:
    async def test_is_noted(self, resources: Resources) -> None:
        found = await back_up(resources)
        assert made(resources) == [found]
        assert found.name.startswith("auto-")
        database = resources.settings.sqlite_path
        assert database is not None
        assert ask(
            database, "SELECT action, client_address, detail ->> 'keys' FROM audit_event"
        ) == [("backup-made", "server", "no")]

    async def test_is_gone_if_it_cannot_be_noted(self, resources: Resources) -> None:
        resources.settings.audit_keys_path.unlink()
        with pytest.raises(FileNotFoundError):
            await back_up(resources)
        assert made(resources) == []

    async def test_is_given_up_when_the_server_stops(
        self, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def make(order: Any) -> Path:
            with order.stages.stage("copying", 1) as advance:
                loop.call_soon_threadsafe(begun.set)
                while True:
                    advance(0)

        monkeypatch.setattr(making, "make_backup", make)
        task = asyncio.create_task(back_up(resources))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert made(resources) == []

    def test_leaves_nothing_then(self, instance: Instance) -> None:
        quiet = Quiet()
        quiet.stop()
        order = Order(
            settings=instance.settings, reason=Reason.AUTOMATIC, now=utc_now(), stages=quiet
        )
        with pytest.raises(Stopped):
            make_backup(order)
        assert [path.name for path in instance.settings.backups_dir.iterdir()] == [".lock"]


@pytest.mark.usefixtures("at_once")
class TestForever:
    @pytest.mark.parametrize("settings_changes", [{"backup_every": 0}])
    async def test_off(self, resources: Resources) -> None:
        await back_up_forever(resources)
        assert made(resources) == []

    async def test_when_due(self, resources: Resources, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "portfolio.backups")
        task = asyncio.create_task(back_up_forever(resources))
        await until(lambda: "Made a backup" in caplog.text)
        for _ in range(200):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(made(resources)) == 1

    async def test_goes_on_after_a_failure(
        self, resources: Resources, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = resources.settings.backups_dir
        folder.write_text("in the way")
        task = asyncio.create_task(back_up_forever(resources))
        await until(lambda: "is tried again" in caplog.text)
        folder.unlink()
        await until(lambda: made(resources))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_leaves_it_to_another_process(
        self,
        resources: Resources,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.INFO, "portfolio.backups")
        with open_first(Instance(resources.settings)):
            task = asyncio.create_task(back_up_forever(resources))
            await until(lambda: "Another process" in caplog.text)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not [path for path in made(resources) if path.name.startswith("auto-")]


async def test_without_the_programs_of_postgresql(
    resources: Resources,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = make_settings(tmp_path, database_url="postgresql://u@nowhere.invalid/d")
    await back_up_forever(replace(resources, settings=settings))
    assert "No backups are made" in caplog.text
