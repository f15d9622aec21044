"""Which backups are there, when the next is due, and which are removed: the server's own alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.backups import Reason
from app.backups.keeping import is_due, list_backups, remove_old
from app.config import Settings
from tests.conftest import make_settings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = make_settings(tmp_path, backup_every=24, backups_kept=3, backup_days=10)
    made.backups_dir.mkdir()
    return made


def put(settings: Settings, *days: float, kind: str = "auto") -> None:
    for age in days:
        moment = NOW - timedelta(days=age)
        (settings.backups_dir / f"{kind}-{moment:%Y%m%d-%H%M%S}-0a1b.tar").touch()


def names(settings: Settings) -> set[str]:
    return {path.name for path in settings.backups_dir.iterdir()}


class TestDue:
    def test_without_any(self, tmp_path: Path) -> None:
        assert is_due(make_settings(tmp_path), NOW)

    @pytest.mark.parametrize(("age", "due"), [(0, False), (0.99, False), (1, True), (9, True)])
    def test_by_the_newest(self, settings: Settings, age: float, due: bool) -> None:
        put(settings, age, 20)
        assert is_due(settings, NOW) is due

    def test_others_do_not_count(self, settings: Settings) -> None:
        put(settings, 0, kind="backup")
        put(settings, 0, kind="before-migration")
        assert is_due(settings, NOW)

    def test_one_from_the_future_says_nothing(self, settings: Settings) -> None:
        put(settings, -400)
        assert is_due(settings, NOW)
        put(settings, 0)
        assert not is_due(settings, NOW)


class TestRemoved:
    def test_too_many(self, settings: Settings) -> None:
        put(settings, 0, 1, 2, 3, 4)
        assert [path.name[:13] for path in remove_old(settings, NOW)] == [
            "auto-20261121",
            "auto-20261120",
        ]
        assert len(names(settings)) == 3

    def test_too_old(self, settings: Settings) -> None:
        put(settings, 1, 11)
        remove_old(settings, NOW)
        assert names(settings) == {"auto-20261123-120000-0a1b.tar"}

    def test_never_the_newest(self, settings: Settings) -> None:
        put(settings, 100)
        assert remove_old(settings, NOW) == []
        assert len(names(settings)) == 1

    def test_never_others(self, settings: Settings) -> None:
        put(settings, 0)
        put(settings, 100, 200, 300, 400, kind="backup")
        put(settings, 100, 200, 300, 400, kind="before-migration")
        others = {
            *("auto-mine.tar", "auto-20200101-120000-0a1b.tar.gpg", "notes.txt"),
            *("my-auto-20200101-120000-0a1b.tar", "auto-20200101-120000-0A1B.tar"),
        }
        for name in others:
            (settings.backups_dir / name).touch()
        assert remove_old(settings, NOW) == []
        assert others < names(settings)

    def test_list(self, settings: Settings) -> None:
        put(settings, 3, 1)
        put(settings, 2, kind="backup")
        found = list_backups(settings.backups_dir, Reason.AUTOMATIC, Reason.ASKED)
        assert [NOW - moment for moment, _ in found] == [timedelta(days=age) for age in (1, 2, 3)]
