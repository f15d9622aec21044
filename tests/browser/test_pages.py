"""What people do on the pages, done in Chromium: from the printed link to a dead token."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Site
from tests.people import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def log_in(page: Page, site: Site, uid: str) -> None:
    await page.goto(f"{site.url}/login")
    await page.get_by_label("User name").fill(uid)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Log out")).to_be_visible()


async def session_cookie(page: Page) -> dict[str, str]:
    cookies = await page.context.cookies()
    return {item["name"]: item["value"] for item in cookies if item["name"] == "portfolio_session"}


class TestFirstAdmin:
    async def test_the_printed_link_makes_one_admin(self, page: Page, site: Site) -> None:
        assert site.setup_link is not None
        await page.goto(site.setup_link)
        await page.get_by_label("Name", exact=True).fill("Grace Hopper")
        await page.get_by_label("User name").fill("grace")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("main").get_by_role("button").last.click()
        await expect(page.get_by_text("You are its first admin")).to_be_visible()

        again = site.get(site.setup_link.removeprefix(site.url))
        assert again.status_code == 404
        assert "does not work any more" in again.text

    async def test_a_wrong_link_makes_none(self, page: Page, site: Site) -> None:
        answer = await page.goto(f"{site.url}/setup?token=guess")
        assert answer is not None
        assert answer.status == 404


class TestSignUp:
    async def test_messages_stand_beside_fields_and_nothing_is_lost(
        self, page: Page, site: Site
    ) -> None:
        await page.goto(f"{site.url}/signup")
        await page.get_by_label("Name", exact=True).fill("Ada Lovelace")
        await page.get_by_label("User name").fill("ada")
        await page.get_by_label("Password", exact=True).fill("short")
        await page.get_by_role("button", name="Create the account").click()

        await expect(page.get_by_role("alert")).to_be_focused()
        password = page.get_by_label("Password", exact=True)
        await expect(password).to_have_attribute("aria-invalid", "true")
        described = (await password.get_attribute("aria-describedby") or "").split()
        error = page.locator(f"#{described[-1]}")
        await expect(error).to_contain_text("at least 12 characters")
        await expect(password).to_have_value("")
        await expect(page.get_by_label("User name")).to_have_value("ada")

    async def test_sign_up_logs_in(self, page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/signup")
        await page.get_by_label("Name", exact=True).fill("Mary Somerville")
        await page.get_by_label("User name").fill("mary")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Create the account").click()
        await expect(page.get_by_text("Your account is ready")).to_be_visible()
        await expect(page.get_by_role("banner")).to_contain_text("Mary Somerville")


class TestLogin:
    async def test_wrong_password(self, page: Page, site: Site) -> None:
        await page.goto(f"{site.url}/login")
        await page.get_by_label("User name").fill("nobody.here")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("main").get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_contain_text("User name or password is wrong")
        await expect(page.get_by_label("User name")).to_have_value("nobody.here")

    async def test_a_page_that_needs_a_login_leads_there_and_back(
        self, page: Page, site: Site
    ) -> None:
        site.sign_up("linus")
        await page.goto(f"{site.url}/account")
        assert page.url == f"{site.url}/login?next=%2Faccount"
        await page.get_by_label("User name").fill("linus")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("main").get_by_role("button", name="Log in").click()
        await expect(page).to_have_url(f"{site.url}/account")

    async def test_after_logout_the_old_token_is_dead(self, page: Page, site: Site) -> None:
        site.sign_up("olga")
        await log_in(page, site, "olga")
        stolen = await session_cookie(page)
        me = "/api/v1/users/me"
        assert site.get(me, stolen).json()["uid"] == "olga"
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_role("link", name="Log in").first).to_be_visible()
        assert await session_cookie(page) == {}
        assert site.get(me, stolen).status_code == 401


class TestAccount:
    async def test_ending_all_other_sessions(self, page: Page, site: Site) -> None:
        site.sign_up("rosa")
        await log_in(page, site, "rosa")
        elsewhere = dict(site.log_in("rosa").cookies)
        assert site.get("/api/v1/users/me", elsewhere).status_code == 200
        await page.goto(f"{site.url}/account")
        await page.get_by_role("button", name="End all other sessions").click()
        await expect(page.get_by_text("All other sessions have ended")).to_be_visible()
        assert site.get("/api/v1/users/me", elsewhere).status_code == 401
        await expect(page.get_by_text("You are logged in here only")).to_be_visible()

    async def test_changing_the_password(self, page: Page, site: Site) -> None:
        site.sign_up("vera")
        await log_in(page, site, "vera")
        await page.goto(f"{site.url}/account")
        await page.get_by_label("Current password").fill(PASSWORD)
        await page.get_by_label("New password").fill("a quite different phrase")
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.get_by_text("Your password is changed")).to_be_visible()
        assert site.log_in("vera").status_code == 401
        assert site.log_in("vera", "a quite different phrase").status_code == 200


class TestToken:
    async def test_shows_the_visitors_own_token_masked(self, page: Page, site: Site) -> None:
        site.sign_up("tim")
        await log_in(page, site, "tim")
        (token,) = (await session_cookie(page)).values()
        header, payload, signature = token.split(".")
        await page.goto(f"{site.url}/token")
        shown = page.locator("#token-text")
        await expect(shown).to_contain_text(header)
        await expect(shown).to_contain_text("······")

        await page.get_by_role("button", name="Show the whole token").click()
        await expect(shown).not_to_contain_text("·")
        token = await shown.inner_text()
        assert site.get("/api/v1/auth/session", token=token).status_code == 200
        content = await page.content()
        assert payload not in content
        assert signature not in content

    async def test_a_pasted_token_is_decoded_here_and_sent_nowhere(
        self, page: Page, site: Site
    ) -> None:
        sample = (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
            "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
            "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        )
        await page.goto(f"{site.url}/token")
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        await page.get_by_label("A token").fill(sample)
        pasted = page.locator("#pasted")
        await expect(pasted).to_contain_text("John Doe")
        await expect(pasted).to_contain_text("1234567890")
        await expect(pasted).to_contain_text("2018")
        await page.get_by_label("A token").fill("not a token")
        await expect(page.locator("#paste-error")).not_to_be_empty()
        # The browser may ask for the icon when it likes.
        assert [request for request in requests if "favicon" not in request] == []


class TestDocs:
    async def test_authorize_by_password(self, page: Page, site: Site) -> None:
        site.sign_up("dora")
        await page.goto(f"{site.url}/docs")
        await page.get_by_role("button", name="Authorize").click()
        dialog = page.locator(".dialog-ux .modal-ux")
        await dialog.locator("#oauth_username").fill("dora")
        await dialog.locator("#oauth_password").fill(PASSWORD)
        await dialog.locator("button.authorize").first.click()
        await expect(dialog.get_by_role("heading", name="Authorized")).to_be_visible()
        await dialog.locator("button.btn-done").first.click()

        operation = page.locator("#operations-auth-auth-get_session")
        await operation.locator(".opblock-summary-control").click()
        await operation.get_by_role("button", name="Execute").click()
        live = operation.locator(".live-responses-table")
        await expect(live).to_contain_text('"uid": "dora"')
        await expect(live).to_contain_text('"authenticated_by": "bearer"')

    async def test_the_pages_cookie_counts_too(self, page: Page, site: Site) -> None:
        site.sign_up("emil")
        await log_in(page, site, "emil")
        await page.goto(f"{site.url}/docs")
        operation = page.locator("#operations-auth-auth-get_session")
        await operation.locator(".opblock-summary-control").click()
        await operation.get_by_role("button", name="Execute").click()
        live = operation.locator(".live-responses-table")
        await expect(live).to_contain_text('"authenticated_by": "cookie"')


class TestWithoutScripts:
    async def test_the_whole_way(self, page: Page, site: Site) -> None:
        browser = page.context.browser
        assert browser is not None
        context = await browser.new_context(java_script_enabled=False)
        plain = await context.new_page()
        await plain.goto(f"{site.url}/signup")
        await plain.fill("[name=name]", "Nora")
        await plain.fill("[name=uid]", "nora")
        await plain.fill("[name=password]", PASSWORD)
        await plain.click("main form button[class]:not([type=button])")
        assert plain.url == f"{site.url}/account?done=welcome"
        await plain.click("header form button")
        await expect(plain.locator("header")).to_contain_text("Log in")
        await context.close()
