"""A headless Chromium, a running server, and a static site on another origin."""

import asyncio
import functools
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from app.models import utc_now
from app.services.proof import FRESH
from tests.conftest import missing
from tests.people import PASSWORD
from tests.server.process import RunningServer, run_command

SITE = Path(__file__).parent / "site"
# Chromium must look nothing up and, as root, cannot have its sandbox.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Site(RunningServer):
    """A running server and the folder of its instance."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def sign_up(self, uid: str, *, name: str = "") -> None:
        """Create an account with PASSWORD."""
        body = {"uid": uid, "name": name or uid.title(), "password": PASSWORD}
        answer = httpx.post(f"{self.url}/api/v1/users", json=body)
        assert answer.status_code == 201, answer.text

    def get(
        self, path: str, cookies: dict[str, str] | None = None, *, token: str | None = None
    ) -> httpx.Response:
        """Ask for a page from outside the browser."""
        headers = {"Accept": "text/html,*/*;q=0.5"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.get(f"{self.url}{path}", cookies=cookies, headers=headers)

    def log_in(self, uid: str, password: str = PASSWORD) -> httpx.Response:
        """Log in from outside the browser."""
        login = {"uid": uid, "password": password}
        return httpx.post(f"{self.url}/api/v1/auth/login", json=login)

    def grow_old(self) -> None:
        """Let all logins there are have begun so long ago that they are not fresh any more."""
        began = f"{utc_now() - FRESH:%Y-%m-%d %H:%M:%S.%f}"
        with closing(sqlite3.connect(self.folder / "instance" / "portfolio.db")) as database:
            database.execute("UPDATE user_session SET created_at = ?", (began,))
            database.commit()

    def promote(self, uid: str) -> None:
        """Make an account an admin's."""
        done = run_command(self.folder, "users", "promote", uid)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that the tests of one module share; each test makes its own accounts."""
    with Site(tmp_path_factory.mktemp("site")) as server:
        yield server


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def front_end_port() -> Iterator[int]:
    """The port of a static site, which answers as localhost and as 127.0.0.1."""
    handler = functools.partial(_Quiet, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests of this process."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        missing("Chromium is not installed")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        await chromium.close()
    await asyncio.sleep(0)


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A tab with a cookie jar of its own; an uncaught script error in it fails the test."""
    context = await browser.new_context()
    tab = await context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.set_default_timeout(10_000)
    yield tab
    await context.close()
    assert errors == []
