"""`portfolio doctor` on backups: whether there is one that is new enough."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.doctor.backups import examine_backups
from app.doctor.findings import Finding, Verdict
from tests.conftest import make_settings


def finding(folder: Path, *ages: timedelta, kind: str = "auto") -> Finding:
    settings = make_settings(folder, backup_every=24)
    settings.backups_dir.mkdir()
    for age in ages:
        moment = datetime.now(UTC) - age
        name = f"{kind}-{moment:%Y%m%d-%H%M%S}-0a1b.tar"
        (settings.backups_dir / name).write_bytes(b"x" * 2**20)
    (found,) = examine_backups(settings)
    return found


def test_off(tmp_path: Path) -> None:
    assert list(examine_backups(make_settings(tmp_path, backup_every=0))) == []


def test_postgresql_without_its_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = examine_backups(make_settings(tmp_path, database_url="postgresql://u@h/d"))
    assert found.verdict is Verdict.NOTE
    assert "pg_dump" in found.advice


def test_none_yet(tmp_path: Path) -> None:
    found = finding(tmp_path)
    assert (found.value, found.verdict) == ("none yet", Verdict.NOTE)


def test_one_before_a_migration_is_none(tmp_path: Path) -> None:
    assert finding(tmp_path, timedelta(0), kind="before-migration").value == "none yet"


@pytest.mark.parametrize("kind", ["auto", "backup"])
def test_new(tmp_path: Path, kind: str) -> None:
    found = finding(tmp_path, timedelta(hours=40), timedelta(days=9), kind=kind)
    assert (found.verdict, found.advice) == (Verdict.FINE, "")
    assert "1.0 MB" in found.value


def test_old(tmp_path: Path) -> None:
    found = finding(tmp_path, timedelta(hours=49))
    assert found.verdict is Verdict.BAD
    assert "look at its log" in found.advice
