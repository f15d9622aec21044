"""What pages gain where scripts run: themes, times, copying, showing a password, the paste box."""

import base64
import json
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEADER = {"alg": "HS256", "typ": "JWT"}


def encode(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header: Any = None, payload: Any = None, signature: str = "c2ln") -> str:
    return f"{encode(header or HEADER)}.{encode({} if payload is None else payload)}.{signature}"


class TestTheme:
    async def test_by_keyboard_and_remembered(self, browser: Browser, site: Site) -> None:
        context = await browser.new_context(color_scheme="light")
        page = await context.new_page()
        background = "getComputedStyle(document.body).backgroundColor"
        await page.goto(site.url)
        light = await page.evaluate(background)
        await page.get_by_role("radio", name="System").focus()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        dark = await page.evaluate(background)
        assert dark != light

        # Known before the body is read, so that nothing flashes.
        await page.goto(f"{site.url}/login", wait_until="commit")
        await page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        await page.wait_for_load_state()
        assert await page.evaluate(background) == dark
        await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
        await page.get_by_role("radio", name="System").check()
        assert await page.evaluate(background) == light
        await context.close()


class TestTimes:
    async def test_in_the_visitors_zone(self, browser: Browser, site: Site) -> None:
        context = await browser.new_context(timezone_id="America/Los_Angeles")
        page = await context.new_page()
        await page.goto(f"{site.url}/token")
        await page.fill("#paste", token(payload={"exp": 1516239022}))
        pasted = page.locator("#pasted")
        await expect(pasted).to_contain_text("17 January 2018 at 17:30:22 (America/Los_Angeles)")
        await expect(pasted).to_contain_text("ago")
        await context.close()

    async def test_a_countdown_counts(self, page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/token")
        now = int(await page.evaluate("Date.now() / 1000"))
        await page.fill("#paste", token(payload={"exp": now + 60}))
        countdown = page.locator("#pasted time[data-countdown]")
        first = await countdown.inner_text()
        assert "second" in first
        await expect(countdown).not_to_have_text(first)


class TestCopy:
    async def test_a_snippet(self, browser: Browser, site: Site) -> None:
        context = await browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        await page.goto(site.url)
        button = page.get_by_role("button", name="Copy").last
        await button.click()
        await expect(page.get_by_role("status")).to_have_text("Copied")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(f"curl {site.url}/api/v1/auth/token")
        await context.close()


class TestReveal:
    async def test_shows_and_hides(self, page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/login")
        field = page.locator("[name=password]")
        await field.fill("secret")
        await page.get_by_role("button", name="Show password").click()
        await expect(field).to_have_attribute("type", "text")
        await page.get_by_role("button", name="Hide password").click()
        await expect(field).to_have_attribute("type", "password")

    async def test_a_form_leaves_with_the_password_hidden(self, page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/login")
        await page.get_by_role("button", name="Show password").click()
        await page.evaluate(
            """() => addEventListener("submit", (event) => {
                event.preventDefault();
                window.sentAs = document.querySelector("[name=password]").type;
            })"""
        )
        await page.get_by_role("main").get_by_role("button", name="Log in").click()
        assert await page.evaluate("window.sentAs") == "password"


class TestPaste:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("hello", "This has one part. A JWT has three"),
            ("a.b", "This has 2 parts."),
            ("a.b.c.d", "This has 4 parts."),
            ("a.b.c.d.e", "an encrypted token (JWE)"),
            ("x" * 20_001, "This has 20001 characters."),
            ("..", "The header is empty."),
            ("a+b=.e30.c2ln", "The header has “+” at place 2."),
            ("e30.ey!J.c2ln", "The payload has “!” at place 3."),
            ("e30.e30.c2ln/", "The signature has “/” at place 5."),
            ("e30.abcde.c2ln", "The payload has a character too many or too few"),
            (
                f"e30.{encode(bytes([255, 254]))}.c2ln",
                "The payload decodes to bytes that are no text.",
            ),
            (f"{encode(b'nope')}.e30.c2ln", "The header decodes, but not to JSON."),
            (f"{encode([1])}.e30.c2ln", "The header is JSON, but not an object"),
            (f"e30.{encode(b'null')}.c2ln", "The payload is JSON, but not an object"),
        ],
    )
    async def test_what_is_wrong_is_said_in_words(
        self, page: Page, site: Site, text: str, words: str
    ) -> None:
        await page.goto(f"{site.url}/token")
        await page.fill("#paste", text)
        await expect(page.locator("#paste-error")).to_contain_text(words)
        await expect(page.locator("#paste")).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#pasted")).to_be_empty()
        await page.fill("#paste", "")
        await expect(page.locator("#paste-error")).to_be_empty()

    @pytest.mark.parametrize("around", ["Bearer {}", "Authorization: Bearer {}", '"{}"', " {}\n"])
    async def test_what_people_copy_along(self, page: Page, site: Site, around: str) -> None:
        await page.goto(f"{site.url}/token")
        await page.fill("#paste", around.format(token(payload={"sub": "ada"})))
        await expect(page.locator("#pasted")).to_contain_text("Subject")

    async def test_hostile_contents_stay_text(self, page: Page, site: Site) -> None:
        opened: list[str] = []
        page.on("dialog", lambda dialog: opened.append(dialog.message))
        evil = "<img src=x onerror=alert(1)>"
        payload = {"sub": evil, evil: evil, '"]': 1, "exp": 1e300, "iat": "soon", "a\\b": None}
        await page.goto(f"{site.url}/token")
        await page.fill("#paste", token(payload=payload))
        await expect(page.locator("#pasted dd").filter(has_text=evil).first).to_be_visible()
        assert await page.locator("#pasted img").count() == 0
        assert opened == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (token({"alg": "none"}), "This token is not signed"),
            (token({"alg": "HS256"}, {}, ""), "This token is not signed"),
            (token(), "The signature was not checked"),
        ],
    )
    async def test_says_what_it_did_not_do(
        self, page: Page, site: Site, text: str, words: str
    ) -> None:
        await page.goto(f"{site.url}/token")
        await page.fill("#paste", text)
        await expect(page.locator("#pasted")).to_contain_text(words)
