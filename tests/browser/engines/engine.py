"""What a test asks of a browser, whichever it is: a fresh profile, a page, a function run in it."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from typing import Any

# Seconds for a function in a page, on a machine that is busy with other tests.
PATIENCE = 30


class Name(StrEnum):
    """The engines."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"
    WEBKIT = "webkit"


class ScriptFailed(Exception):
    """A function that a test ran in a page threw, or its promise was rejected."""


class Tab(ABC):
    """One page with a cookie jar of its own."""

    @abstractmethod
    async def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""

    @abstractmethod
    async def run(self, function: str, text: str) -> str:
        """Run an async JavaScript function of one string that answers one, and return that."""

    async def evaluate(self, function: str, *arguments: Any) -> Any:
        """Run an async JavaScript function and return what it resolves to, as JSON can carry it.

        Raises:
            ScriptFailed: it threw.
        """
        wrapped = (
            "async (text) => { try {"
            f" const value = await ({function})(...JSON.parse(text));"
            " return JSON.stringify({ value: value ?? null });"
            " } catch (error) { return JSON.stringify({ error: String(error) }); } }"
        )
        async with asyncio.timeout(PATIENCE):
            answer = json.loads(await self.run(wrapped, json.dumps(arguments)))
        if "error" in answer:
            raise ScriptFailed(answer["error"])
        return answer["value"]


class Engine(ABC):
    """A browser that runs, with third-party cookies allowed or blocked in all of its profiles."""

    @abstractmethod
    def profile(self) -> AbstractAsyncContextManager[Tab]:
        """Yield a tab of a fresh profile, which is gone at the end."""

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Tab]:
        """Yield a tab of a fresh profile that shows an address."""
        async with self.profile() as tab:
            await tab.goto(url)
            yield tab
