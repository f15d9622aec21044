"""Servers of their own processes that count limits in one cache, and go on when it hangs."""

import secrets
import signal
import time
from pathlib import Path

import httpx
import pytest

from app.rate_limit import Limits
from tests.caches import CacheServer
from tests.conftest import make_settings
from tests.server.process import RunningServer

GUESS = {"uid": "ada", "password": "not the password"}


@pytest.fixture
def changes(own_server: CacheServer) -> dict[str, str]:
    """What servers of one site have in common."""
    key = secrets.token_urlsafe(48)
    return {"SECRET_KEY": key, "CACHE_URL": own_server.url, "BACKUP_EVERY": "0"}


def wait_until(client: httpx.Client, server: RunningServer, limits: str) -> None:
    """Ask where limits are counted until it is there."""
    until = time.monotonic() + 20
    while client.get(f"{server.url}/readyz").json()["limits"] != limits:
        assert time.monotonic() < until


def guess(client: httpx.Client, server: RunningServer) -> int:
    return client.post(f"{server.url}/api/v1/auth/login", json=GUESS).status_code


def test_two_of_them_count_as_one(tmp_path: Path, changes: dict[str, str]) -> None:
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
    most = Limits.read(make_settings(tmp_path)).login.attempts
    with (
        RunningServer(folders[0], changes=changes) as here,
        RunningServer(folders[1], changes=changes) as there,
        httpx.Client() as client,
    ):
        for server in (here, there):
            wait_until(client, server, "shared")
        tries = [guess(client, (here, there)[number % 2]) for number in range(most + 2)]
    assert tries == [401] * most + [429] * 2


def test_one_that_hangs_holds_up_nobody(
    tmp_path: Path, changes: dict[str, str], own_server: CacheServer
) -> None:
    with RunningServer(tmp_path, changes=changes) as server, httpx.Client() as client:
        wait_until(client, server, "shared")
        own_server.send(signal.SIGSTOP)
        begun = time.monotonic()
        tries = [guess(client, server) for _ in range(5)]
        assert time.monotonic() - begun < 2
        assert tries == [401] * 5
        wait_until(client, server, "fallback")
        own_server.send(signal.SIGCONT)
        wait_until(client, server, "shared")
        own_server.send(signal.SIGSTOP)
        code, _ = server.stop()
        own_server.send(signal.SIGCONT)
    assert code == 0
