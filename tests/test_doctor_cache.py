"""`portfolio doctor` on the cache: quick, slow, gone, refusing, or without its client."""

from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.doctor import Finding, Verdict
from app.doctor.cache import examine_cache
from app.startup import CannotStart, check_features
from tests.caches import CacheServer
from tests.conftest import make_settings
from tests.postgres import free_port

pytestmark = pytest.mark.process


def look(settings: Settings) -> Finding:
    (found,) = examine_cache(settings)
    return found


def with_cache(folder: Path, url: str, **changes: Any) -> Settings:
    return make_settings(folder, cache_url=url, **changes)


def test_nothing_where_there_is_none(tmp_path: Path) -> None:
    assert list(examine_cache(make_settings(tmp_path))) == []


def test_says_how_long_it_takes(
    cache_server: CacheServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_cache(tmp_path, cache_server.url)
    monkeypatch.setattr("app.doctor.cache.QUICK_SECONDS", 20.0)
    found = look(settings)
    assert (found.name, found.verdict, found.advice) == (cache_server.url, Verdict.FINE, "")
    assert found.value.startswith("answers in ")
    monkeypatch.setattr("app.doctor.cache.QUICK_SECONDS", 0.0)
    found = look(settings)
    assert found.verdict is Verdict.NOTE
    assert "Too slow" in found.advice


def test_that_is_not_there(tmp_path: Path) -> None:
    port = free_port()
    found = look(with_cache(tmp_path, f"redis://:hunter2@127.0.0.1:{port}"))
    assert (found.name, found.value) == (
        f"redis://127.0.0.1:{port}/0",
        "cannot be used (ConnectionError)",
    )
    assert found.verdict is Verdict.NOTE
    assert "each process counts limits for itself" in found.advice


def test_that_refuses(own_server: CacheServer, tmp_path: Path) -> None:
    own_server.run("CONFIG", "SET", "requirepass", "another")
    found = look(with_cache(tmp_path, own_server.url.replace("//", "//:hunter2@")))
    assert found.value == "cannot be used (AuthenticationError)"
    assert "hunter2" not in f"{found}"


class TestWithoutTheClient:
    @pytest.fixture(autouse=True)
    def _gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.extras.find_spec", lambda _name: None)

    def test_is_said(self, tmp_path: Path) -> None:
        found = look(with_cache(tmp_path, "redis://127.0.0.1:1"))
        assert found.verdict is Verdict.BAD
        assert "fastapi-portfolio[cache]" in found.advice

    def test_nothing_starts(self, tmp_path: Path) -> None:
        with pytest.raises(CannotStart, match="The client of Valkey and Redis"):
            check_features(with_cache(tmp_path, "redis://127.0.0.1:1"))
        check_features(make_settings(tmp_path))
