"""WebKit as GTK ships it: its WebDriver over HTTP, on a screen that nobody sees."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.browser.engines.engine import Engine, Tab
from tests.postgres import free_port

# The first at once, the next after half a second, each later one after twice the time.
_RETRIES = 6


class WebKitTab(Tab):
    def __init__(self, driver: httpx.AsyncClient) -> None:
        self._driver = driver

    async def goto(self, url: str) -> None:
        await _ask(self._driver, "url", url=url)

    async def run(self, function: str, text: str) -> str:
        script = f"const [text, done] = arguments; ({function})(text).then(done);"
        answer: str = await _ask(self._driver, "execute/async", script=script, args=[text])
        return answer


class WebKit(Engine):
    def __init__(
        self, driver: httpx.AsyncClient, browser: Path, *, proxy: int, blocks: bool
    ) -> None:
        self._driver = driver
        policy = "no-third-party" if blocks else "always"
        self._capabilities = {
            "browserName": "MiniBrowser",
            "acceptInsecureCerts": True,
            "webkitgtk:browserOptions": {
                "binary": str(browser),
                "args": [
                    "--automation",
                    f"--cookies-policy={policy}",
                    # Not the capability `proxy`: WebKit would speak TLS to the proxy itself.
                    f"--proxy=http://127.0.0.1:{proxy}",
                    "--ignore-host=localhost",
                    "--ignore-host=127.0.0.1",
                ],
            },
        }

    @asynccontextmanager
    async def profile(self) -> AsyncIterator[Tab]:
        """Yield the tab of a browser of its own: WebKit's sessions are processes."""
        capabilities = {"alwaysMatch": self._capabilities}
        session = await _ask(self._driver, "session", capabilities=capabilities)
        address = f"{self._driver.base_url}session/{session['sessionId']}/"
        async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as driver:
            try:
                yield WebKitTab(driver)
            finally:
                (await driver.delete(address.removesuffix("/"))).raise_for_status()


async def _ask(driver: httpx.AsyncClient, command: str, **parameters: Any) -> Any:
    answer = await driver.post(command, json=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


@asynccontextmanager
async def start_screen(executable: str) -> AsyncIterator[str]:
    """Yield the name of an X display without a monitor; X itself picks a free number."""
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        executable,
        *("-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp"),
        pass_fds=[writing],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        number = (await asyncio.to_thread(os.read, reading, 16)).decode().strip()
        assert number, "Xvfb ended before it listened."
        yield f":{number}"
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def start_driver(
    executable: str, home: Path, display: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a running WebKitWebDriver whose browsers live in a home of their own."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        executable,
        f"--port={port}",
        env=_environment(home, display),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        # The driver says nothing when it listens; httpx tries again until it does.
        transport = httpx.AsyncHTTPTransport(retries=_RETRIES, trust_env=False)
        address = f"http://127.0.0.1:{port}/"
        async with httpx.AsyncClient(base_url=address, timeout=60, transport=transport) as client:
            await client.get("status")
            yield client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _environment(home: Path, display: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "DISPLAY": display,
        "GDK_BACKEND": "x11",
        "GSETTINGS_BACKEND": "memory",
        "NO_AT_BRIDGE": "1",
        # No bus and no sound; without this GTK looks for both and waits.
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        # As root there can be no sandbox.
        **({"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"} if os.geteuid() == 0 else {}),
    }


@asynccontextmanager
async def start_webkit(
    programs: tuple[str, str, Path], folder: Path, *, proxy: int, blocks: bool
) -> AsyncIterator[WebKit]:
    """Yield a WebKit that keeps third parties' cookies or refuses them (its default).

    `programs` are Xvfb, WebKitWebDriver and MiniBrowser.
    """
    screen, driver, browser = programs
    async with start_screen(screen) as display, start_driver(driver, folder, display) as client:
        yield WebKit(client, browser, proxy=proxy, blocks=blocks)
