"""A real server for each test, on either database, with whatever limits callers left out of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from tests.server.process import RunningServer

# Thousands of requests come from one address, and many are wrong passwords.
NO_LIMITS = {"LOGIN_ATTEMPTS": "1000", "LOG_LEVEL": "warning"}


@pytest.fixture
def server_changes(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """The environment of a server on this test's database."""
    database = {"DATABASE_URL": settings.database_url} if settings.database_url else {}
    return {"INSTANCE_DIR": str(tmp_path), **database, **NO_LIMITS}


@pytest.fixture
def server(server_changes: dict[str, str], tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path, changes=server_changes) as running:
        yield running
    found = (tmp_path / "server.log").read_text("utf-8", errors="replace")
    assert "Unhandled exception" not in found, found[-4000:]
