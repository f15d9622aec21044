"""Firefox, which speaks WebDriver BiDi by itself: JSON over a WebSocket, no driver between."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.browser.engines.engine import Engine, ScriptFailed, Tab

_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
# CookieBehavior: 1 refuses third parties' cookies, 5 is the default, a jar for each top-level site.
_BLOCKS, _PARTITIONS = 1, 5


def preferences(*, proxy: int, blocks: bool) -> dict[str, Any]:
    """Return what the profile sets: the cookies, the proxy, and that Firefox calls nobody."""
    return {
        "network.cookie.cookieBehavior": _BLOCKS if blocks else _PARTITIONS,
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": proxy,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": proxy,
        "app.normandy.enabled": False,
        "app.update.disabledForTesting": True,
        "browser.newtabpage.enabled": False,
        "browser.region.network.url": "",
        "browser.safebrowsing.blockedURIs.enabled": False,
        "browser.safebrowsing.downloads.enabled": False,
        "browser.safebrowsing.malware.enabled": False,
        "browser.safebrowsing.phishing.enabled": False,
        "browser.safebrowsing.update.enabled": False,
        "browser.search.update": False,
        "browser.shell.checkDefaultBrowser": False,
        "browser.startup.homepage_override.mstone": "ignore",
        "browser.startup.page": 0,
        "datareporting.healthreport.uploadEnabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "dom.push.connection.enabled": False,
        "extensions.blocklist.enabled": False,
        "extensions.getAddons.cache.enabled": False,
        "extensions.update.enabled": False,
        "media.gmp-manager.updateEnabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "services.settings.server": "data:,",
        "toolkit.telemetry.enabled": False,
        "toolkit.telemetry.server": "data:,",
        "toolkit.telemetry.unified": False,
    }


class Connection:
    """Commands of WebDriver BiDi over one WebSocket, answered in any order."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def read_answers(self) -> None:
        """Hand every answer to who waits for it, until the connection ends."""
        # A browser that is told to close does not always take its leave.
        with contextlib.suppress(ConnectionClosed):
            async for message in self._socket:
                answer = json.loads(message)
                waiting = self._answers.pop(answer.get("id") or 0, None)
                if waiting is not None:
                    waiting.set_result(answer)

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; an error of the protocol fails the test."""
        number = next(self._ids)
        waiting = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send(json.dumps(message))
        answer = await asyncio.wait_for(waiting, timeout=30)
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result


class FirefoxTab(Tab):
    def __init__(self, connection: Connection, context: str) -> None:
        self._connection = connection
        self._context = context

    async def goto(self, url: str) -> None:
        await self._connection.command(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    async def run(self, function: str, text: str) -> str:
        answer = await self._connection.command(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": text}],
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise ScriptFailed(answer["exceptionDetails"]["text"])
        value: str = answer["result"]["value"]
        return value


class Firefox(Engine):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def profile(self) -> AsyncIterator[Tab]:
        """Yield a tab of a fresh container, Firefox's name for a cookie jar of its own."""
        command = self._connection.command
        jar = (await command("browser.createUserContext"))["userContext"]
        try:
            tab = await command("browsingContext.create", type="tab", userContext=jar)
            yield FirefoxTab(self._connection, tab["context"])
        finally:
            await command("browser.removeUserContext", userContext=jar)


@asynccontextmanager
async def start_firefox(
    executable: str, folder: Path, *, proxy: int, blocks: bool
) -> AsyncIterator[Firefox]:
    """Yield a Firefox whose profile has third-party cookies blocked or partitioned."""
    chosen = preferences(proxy=proxy, blocks=blocks).items()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in chosen]
    (folder / "user.js").write_text("".join(lines), "utf-8")
    process = await asyncio.create_subprocess_exec(
        executable,
        *("--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(folder)),
        # Without the last, a release asks Mozilla's servers whatever `services.settings` says.
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        address = await asyncio.wait_for(_read_address(process.stderr), timeout=60)
        draining = asyncio.create_task(process.stderr.read())
        async with connect(f"{address}/session", proxy=None, max_size=None) as socket:
            connection = Connection(socket)
            reading = asyncio.create_task(connection.read_answers())
            capabilities = {"alwaysMatch": {"acceptInsecureCerts": True}}
            await connection.command("session.new", capabilities=capabilities)
            yield Firefox(connection)
            await connection.command("browser.close")
            await reading
        await draining
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _read_address(output: asyncio.StreamReader) -> str:
    async for line in output:
        found = _LISTENING.search(line.decode(errors="replace"))
        if found is not None:
            return found[1]
    raise AssertionError("Firefox ended before it listened.")
