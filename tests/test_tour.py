"""The README's tour, block by block as printed, against a server as a newcomer starts it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import missing
from tests.documents import README, find_block
from tests.server.process import RunningServer

pytestmark = pytest.mark.process

ADDRESS = "http://localhost:8086"
ADA = {"uid": "ada", "name": "Ada Lovelace", "password": "correct horse battery"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server on a free port, with the account that the tour makes first."""
    with RunningServer(tmp_path) as running:
        answer = httpx.post(f"{running.url}/api/v1/users", json=ADA)
        assert answer.status_code == 201
        yield running


def block(server: RunningServer, language: str, heading: str) -> str:
    """Return a block of the tour with the address of this server in place of the usual one."""
    text = find_block(README, language, heading=heading)
    assert ADDRESS in text
    return text.replace(ADDRESS, server.url)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(  # noqa: S603  (the README's own commands)
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_account_is_the_one_of_the_tour() -> None:
    text = README.read_text("utf-8")
    assert "name `Ada Lovelace`, user name `ada`, password `correct horse battery`" in " ".join(
        text.split()
    )


def test_shell(server: RunningServer, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl is not installed")
    printed = run(tmp_path, "sh", "-c", block(server, "sh", "3. A shell"))
    statuses = [line.split()[1] for line in printed.splitlines() if line.startswith("HTTP/")]
    assert statuses == ["200", "204", "401"]
    assert '"name":"Ada Lovelace"' in printed


def test_python(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "tour.py").write_text(block(server, "python", "5. Python"), "utf-8")
    printed = run(tmp_path, sys.executable, "tour.py")
    assert printed.splitlines() == ["Logged in as Ada Lovelace", "After the logout: 401"]
    for line in printed.splitlines():
        assert f"`{line}`" in " ".join(README.read_text("utf-8").split())


@pytest.mark.parametrize("path", ["/", "/signup", "/account", "/token", "/docs"])
def test_pages_of_the_tour(server: RunningServer, path: str) -> None:
    assert path == "/" or f"<{ADDRESS}{path}>" in README.read_text("utf-8")
    with httpx.Client(base_url=server.url, headers={"Accept": "text/html"}) as browser:
        browser.post("/api/v1/auth/login", json={"uid": "ada", "password": ADA["password"]})
        assert browser.get(path).status_code == 200
