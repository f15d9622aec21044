"""Chromium, driven by Playwright.

A real profile on disk and not one of Playwright's contexts: those are private windows, in which
Chromium refuses third-party cookies whatever the setting says.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import BrowserContext, Page, async_playwright

from tests.browser.conftest import FLAGS
from tests.browser.engines.engine import Engine, Tab


class ChromiumTab(Tab):
    def __init__(self, page: Page) -> None:
        self._page = page

    async def goto(self, url: str) -> None:
        await self._page.goto(url)

    async def run(self, function: str, text: str) -> str:
        answer: str = await self._page.evaluate(function, text)
        return answer


class Chromium(Engine):
    def __init__(self, context: BrowserContext) -> None:
        self._context = context

    @asynccontextmanager
    async def profile(self) -> AsyncIterator[Tab]:
        page = await self._context.new_page()
        page.set_default_timeout(20_000)
        try:
            yield ChromiumTab(page)
        finally:
            await page.close()
            await self._context.clear_cookies()


@asynccontextmanager
async def start_chromium(
    executable: str, folder: Path, *, proxy: int, blocks: bool
) -> AsyncIterator[Chromium]:
    """Yield a Chromium whose profile has third-party cookies blocked or allowed."""
    preferences = folder / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    # CookieControlsMode: 0 allows them, 1 blocks them.
    choice = {"block_third_party_cookies": blocks, "cookie_controls_mode": int(blocks)}
    preferences.write_text(json.dumps({"profile": choice}), "utf-8")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=executable,
            args=[*FLAGS, f"--proxy-server=http://127.0.0.1:{proxy}"],
            ignore_https_errors=True,
        )
        try:
            yield Chromium(context)
        finally:
            await context.close()
