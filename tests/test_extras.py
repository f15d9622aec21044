"""What is missing of the packages that only some servers need: said before anything starts."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from app import extras
from app.startup import CannotStart, check_features
from tests.conftest import make_settings
from tests.documents import ROOT

WANTED = [
    ({"database_url": "postgresql://u@localhost/d"}, "postgresql"),
    ({"cache_url": "redis://localhost"}, "cache"),
    ({"tracing_endpoint": "http://localhost:4318/v1/traces"}, "tracing"),
]


@pytest.mark.parametrize(("changes", "name"), WANTED, ids=[name for _, name in WANTED])
class TestMissing:
    def test_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], name: str
    ) -> None:
        monkeypatch.setattr(extras, "find_spec", lambda _name: None)
        with pytest.raises(CannotStart) as refusal:
            check_features(make_settings(tmp_path, **changes))
        assert f"pip install 'fastapi-portfolio[{name}]'" in str(refusal.value)

    def test_is_only_that(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], name: str
    ) -> None:
        """The others may be missing where nothing asks for them."""
        asked = next(extra for extra in vars(extras).values() if getattr(extra, "name", "") == name)
        monkeypatch.setattr(extras, "find_spec", lambda module: module == asked.module or None)
        assert extras.find_lack(make_settings(tmp_path, **changes)) is None


def test_nothing_is_missing_where_nothing_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    assert extras.find_lack(make_settings(tmp_path)) is None


def test_each_is_one_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {extra.name for extra in (extras.POSTGRESQL, extras.CACHE, extras.TRACING)}
    assert named == project["optional-dependencies"].keys()
