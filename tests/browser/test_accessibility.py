"""Every page in Chromium: axe finds nothing, nothing is wider than the screen, nothing is blocked.

WCAG 2.2 AA by axe-core, in light and wide and in dark and narrow (320 px, which is also 400 % zoom
of a laptop); the keyboard reaches everything and sees where it is.
"""

import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    FilePayload,
    Page,
    ViewportSize,
    expect,
)

from tests.browser.conftest import Site
from tests.factors import App
from tests.people import PASSWORD
from tests.photographs import photo

pytestmark = pytest.mark.asyncio(loop_scope="session")

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LONG = "Maximilian Alexander Konstantin von und zu Hohenzollern-Sigmaringen-Donaudampfschiff"
LONG_UID = "maximilian.hohenzollern-sigmaringen.von.und.zu.example-01234567"
LONG_SECTION = "W" * 32
SUBMIT = "main form[method=post] button:not([type=button])"

Visit = Callable[[Page, Site], Awaitable[object]]


def at(path: str) -> Visit:
    """Return a visit to an address."""
    return lambda page, site: page.goto(site.url + path)


def posted(path: str, button: str = SUBMIT) -> Visit:
    """Return a visit that opens a page and sends its first form as it is."""

    async def visit(page: Page, site: Site) -> None:
        await page.goto(site.url + path)
        await page.click(button)
        await page.wait_for_load_state()

    return visit


def asked_again(path: str, button: str, **fields: str) -> Visit:
    """Return a visit with a login that is not fresh, to a form that then asks for the password."""

    async def visit(page: Page, site: Site) -> None:
        await page.goto(site.url + path)
        site.grow_old()
        for name, value in fields.items():
            await page.fill(f"#f-{name}", value)
        await page.click(button)
        await expect(page.get_by_text("because you logged in a while ago")).to_be_visible()

    return visit


def with_section(path: str) -> Visit:
    """Return a visit on a site with a section that the visitor is in."""

    async def visit(page: Page, site: Site) -> None:
        section = {"abbreviation": LONG_SECTION, "name": LONG}
        await page.request.post(f"{site.url}/api/v1/sections", data=section)
        mine = f"{site.url}/api/v1/users/me/sections/{LONG_SECTION}"
        answer = await page.request.put(mine, data={})
        assert answer.ok, await answer.text()
        await page.goto(site.url + path)

    return visit


def choosing(name: str, body: bytes) -> Visit:
    """Return a visit that sends a file as one's picture."""

    async def visit(page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/account")
        file = FilePayload(name=name, mimeType="image/jpeg", buffer=body)
        await page.set_input_files("#f-picture", file)
        await page.click("form[action='/account/picture'] .actions button")
        await page.wait_for_load_state()

    return visit


async def paste(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/token")
    payload = "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
    await page.fill("#paste", f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{payload}.c2ln")


async def refuse_a_front_end(page: Page, site: Site) -> None:
    for origin in ("https://ada.github.io", "null"):
        await page.request.get(f"{site.url}/api/id", headers={"Origin": origin})
    await page.goto(f"{site.url}/admin/origins?address=https://ada.github.io/portfolio/")


async def protect(page: Page, site: Site) -> str:
    """Give a new account a second factor, up to its first code; return its uid."""
    uid = f"grace.{secrets.token_hex(4)}"
    site.sign_up(uid, name=LONG)
    body = {"uid": uid, "password": PASSWORD}
    assert (await page.request.post(f"{site.url}/api/v1/auth/login", data=body)).ok
    await page.goto(f"{site.url}/account/second-factor")
    await page.fill("#f-current_password", PASSWORD)
    await page.click(SUBMIT)
    await page.wait_for_selector("#secret", state="attached")
    return uid


async def keep_codes(page: Page, site: Site) -> str:
    """Enter the first code; return the account's uid."""
    uid = await protect(page, site)
    secret = base64.b32decode(await page.text_content("#secret") or "")
    await page.fill("#f-code", App(secret).code())
    await page.click(SUBMIT)
    await page.wait_for_selector("#codes")
    return uid


def protected(path: str) -> Visit:
    """Return a visit by somebody with a second factor."""

    async def visit(page: Page, site: Site) -> None:
        await keep_codes(page, site)
        await page.goto(site.url + path)

    return visit


async def be_asked_for_a_code(page: Page, site: Site) -> None:
    uid = await keep_codes(page, site)
    await page.context.clear_cookies()
    await page.goto(f"{site.url}/login")
    await page.fill("#f-username", uid)
    await page.fill("#f-password", PASSWORD)
    await page.click(SUBMIT)
    await page.wait_for_selector("#f-code")


SECOND_FACTOR = "/account/second-factor"
FRONT_ENDS = "/admin/origins"
VISITS: dict[str, tuple[str, Visit]] = {
    "home": ("", at("/")),
    "login": ("", at("/login?next=/account")),
    "login refused": ("", posted("/login")),
    "signup": ("", at("/signup")),
    "signup refused": ("", posted("/signup")),
    "setup": ("", at("/setup")),
    "dead link": ("", at("/reset?token=x")),
    "token of nobody": ("", at("/token")),
    "problems": ("", at("/problems")),
    "not found": ("", at("/nowhere")),
    "home, logged in": (LONG_UID, at("/")),
    "account": (LONG_UID, at("/account?done=profile")),
    "account refused": (
        LONG_UID,
        posted("/account", "form[action='/account/password'] .actions *"),
    ),
    "account, password for the profile": (
        LONG_UID,
        asked_again("/account", "form[action$='/profile'] .actions *", email="x@example.org"),
    ),
    "account, password for other logins": (
        "layla",
        asked_again("/account", "form[action$='/end-others'] button"),
    ),
    "account, password for one login": (
        "layla",
        asked_again("/account", "form[action$='/sessions/end'] button"),
    ),
    "user, password for oneself": (
        "root.admin",
        asked_again("/admin/users/root.admin", "main form .actions *", email="x@example.org"),
    ),
    "account, a picture": ("layla", choosing("me.jpg", photo())),
    "account, no picture": ("layla", choosing("me.jpg", b"text")),
    "account, leaving": (LONG_UID, at("/account/delete")),
    "second factor": (LONG_UID, at(SECOND_FACTOR)),
    "second factor, refused": (LONG_UID, posted(SECOND_FACTOR)),
    "second factor, begun": ("", protect),
    "second factor, on": ("", protected(SECOND_FACTOR)),
    "second factor, new codes": ("", protected(f"{SECOND_FACTOR}/codes")),
    "second factor, leaving": ("", protected(f"{SECOND_FACTOR}/remove")),
    "account, with a second factor": ("", protected("/account")),
    "recovery codes": ("", keep_codes),
    "login, code": ("", be_asked_for_a_code),
    "token": (LONG_UID, at("/token")),
    "whole token": (LONG_UID, posted("/token")),
    "pasted token": (LONG_UID, paste),
    "forbidden": (LONG_UID, at("/admin/users")),
    "users": ("root.admin", at("/admin/users")),
    "no users": ("root.admin", at("/admin/users?q=zzz")),
    "audit": ("root.admin", at("/admin/audit")),
    "audit, nothing": ("root.admin", at("/admin/audit?action=keys-rotated&person=layla")),
    "user": ("root.admin", at(f"/admin/users/{LONG_UID}")),
    "user, deleting": ("root.admin", at("/admin/users/layla/delete")),
    "no sections": (LONG_UID, at("/sections?done=left")),
    "sections": ("root.admin", with_section("/sections")),
    "sections refused": ("root.admin", posted("/sections", "form[action='/sections'] button")),
    "section": ("root.admin", with_section(f"/sections/{LONG_SECTION}")),
    "section, deleting": ("root.admin", with_section(f"/sections/{LONG_SECTION}/delete")),
    "invitation": ("root.admin", posted("/admin/users")),
    "front ends": ("root.admin", at(FRONT_ENDS)),
    "front end, same site": ("root.admin", at(f"{FRONT_ENDS}?address=http://localhost:4100")),
    "front end, other site": ("root.admin", at(f"{FRONT_ENDS}?address=http://127.0.0.1:4100")),
    "front end, refused": ("root.admin", refuse_a_front_end),
    "front end, unreadable": ("root.admin", at(f"{FRONT_ENDS}?address=ada")),
    "reset link": ("root.admin", posted("/admin/users/layla", "form[action$='/reset'] button")),
}
LOOKS: dict[str, dict[str, Any]] = {
    "light, wide": {"color_scheme": "light", "viewport": ViewportSize(width=1280, height=900)},
    "dark, narrow": {"color_scheme": "dark", "viewport": ViewportSize(width=320, height=640)},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def states(browser: Browser, site: Site) -> dict[str, Any]:
    """Browser states with the cookies of three people."""
    for uid, name in (("root.admin", "Grace Hopper"), ("layla", "ليلى العلي"), (LONG_UID, LONG)):
        site.sign_up(uid, name=name)
    site.promote("root.admin")
    found: dict[str, Any] = {"": None}
    site.log_in("layla")
    for uid in ("root.admin", "layla", LONG_UID):
        context = await browser.new_context()
        body = {"uid": uid, "password": PASSWORD}
        answer = await context.request.post(f"{site.url}/api/v1/auth/login", data=body)
        assert answer.ok
        found[uid] = await context.storage_state()
        await context.close()
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(
    browser: Browser, states: dict[str, Any], site: Site
) -> AsyncIterator[Callable[[str, str], Awaitable[Page]]]:
    """Open a page as somebody, in a look; what the browser blocks or cannot run fails the test."""
    complaints: list[str] = []
    contexts = []

    async def open_it(name: str, look: str) -> Page:
        uid, visit = VISITS[name]
        context = await browser.new_context(storage_state=states[uid], **LOOKS[look])
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: _complain(message, complaints))
        await visit(page, site)
        return page

    yield open_it
    for context in contexts:
        await context.close()
    assert complaints == []


def _complain(message: ConsoleMessage, complaints: list[str]) -> None:
    # Chromium writes a line for every answer with a status of refusal; those are meant.
    is_meant = message.text.startswith("Failed to load resource")
    if message.type in {"error", "warning"} and not is_meant:
        complaints.append(message.text)


async def find_violations(page: Page, rules: list[str], leave_out: str = "") -> list[str]:
    found = await Axe().run(
        page,
        context={"exclude": [[leave_out]]} if leave_out else None,
        options={"resultTypes": ["violations"], "runOnly": rules},
    )
    return [
        f"{violation['id']}: {node['html']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", VISITS)
async def test_page(open_page: Callable[[str, str], Awaitable[Page]], name: str, look: str) -> None:
    page = await open_page(name, look)
    assert await find_violations(page, [*WCAG, "best-practice"]) == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) <= 0


@pytest.mark.parametrize("look", LOOKS)
async def test_docs_around_swagger_ui(browser: Browser, site: Site, look: str) -> None:
    """What Swagger UI draws is its makers' business; what is around it is ours."""
    context = await browser.new_context(**LOOKS[look])
    page = await context.new_page()
    blocked: list[str] = []
    page.on("console", lambda message: _complain(message, blocked))
    await page.goto(f"{site.url}/docs")
    await page.wait_for_selector(".opblock")
    assert await find_violations(page, WCAG, "#swagger-ui") == []
    assert await find_violations(page, ["color-contrast"]) == []
    assert blocked == []
    await context.close()


class TestKeyboard:
    async def test_the_skip_link_comes_first_and_skips(self, page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/login")
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_label("User name")).to_be_focused()

    async def test_the_focus_is_seen(self, page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/login")
        seen = """() => getComputedStyle(document.activeElement).outlineStyle !== 'none'
            || getComputedStyle(document.activeElement.parentElement).outlineStyle !== 'none'"""
        for _ in range(14):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement === document.body"):
                break
            assert await page.evaluate(seen), await page.evaluate(
                "document.activeElement.outerHTML"
            )

    async def test_refusals_take_the_focus_without_scripts_too(
        self, browser: Browser, site: Site
    ) -> None:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await posted("/signup")(page, site)
        await expect(page.get_by_role("alert")).to_be_focused()
        assert (await page.title()).startswith("Error: ")
        await context.close()
