"""A real server for each test, on either database, with whatever limits callers left out of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from tests.server.process import RunningServer

# Thousands of requests come from one address, and many are wrong passwords.
NO_LIMITS = {
    "login_attempts": 1000,
    **dict.fromkeys(("login_attempts_per_account", "login_attempts_per_address"), 0),
    **dict.fromkeys(("signups_per_hour", "link_attempts", "refresh_attempts"), 0),
    **dict.fromkeys(("posts_per_hour", "creations_per_hour", "pictures_per_hour"), 0),
    **dict.fromkeys(("changes_per_hour", "logins_per_hour"), 0),
}


@pytest.fixture
def settings_changes() -> dict[str, Any]:
    return NO_LIMITS


@pytest.fixture
def server_changes(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """The environment of a server on this test's database."""
    database = {"DATABASE_URL": settings.database_url} if settings.database_url else {}
    limits = {name.upper(): str(value) for name, value in NO_LIMITS.items()}
    return {"INSTANCE_DIR": str(tmp_path), "LOG_LEVEL": "warning", **database, **limits}


@pytest.fixture
def server(server_changes: dict[str, str], tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path, changes=server_changes) as running:
        yield running
    found = (tmp_path / "server.log").read_text("utf-8", errors="replace")
    assert "Unhandled exception" not in found, found[-4000:]
