"""A static front end on another origin logs in with credentials, as the old front ends do."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.conftest import Site
from tests.people import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTS = ["localhost", "127.0.0.1"]


async def open_front_end(page: Page, host: str, port: int) -> None:
    await page.goto(f"http://{host}:{port}/index.html")


async def call(page: Page, site: Site, method: str, path: str, body: Any = None) -> Any:
    arguments = [site.url, method, path] + ([] if body is None else [body])
    return await page.evaluate("(args) => window.call(...args)", arguments)


@pytest.mark.parametrize("host", HOSTS)
class TestLoginFromAnotherOrigin:
    async def test_wrong_password_can_be_read(
        self, page: Page, site: Site, front_end_port: int, host: str
    ) -> None:
        await open_front_end(page, host, front_end_port)
        body = {"uid": "nobody.here", "password": PASSWORD}
        answer = await call(page, site, "POST", "/api/v1/auth/login", body)
        assert answer["status"] == 401
        assert answer["body"]["title"] == "User name or password is wrong"

    async def test_cookie_comes_back_until_logout(
        self, page: Page, site: Site, front_end_port: int, host: str
    ) -> None:
        uid = f"remote.{host}"
        site.sign_up(uid)
        await open_front_end(page, host, front_end_port)
        login = {"uid": uid, "password": PASSWORD}
        assert (await call(page, site, "POST", "/api/v1/auth/login", login))["status"] == 200

        me = await call(page, site, "GET", "/api/v1/auth/session")
        assert me["status"] == 200
        assert me["body"]["user"]["uid"] == uid
        assert me["body"]["authenticated_by"] == "cookie"

        cookies = await page.context.cookies()
        stolen = next(item for item in cookies if item["name"] == "portfolio_session")
        assert stolen["httpOnly"]
        assert await page.evaluate("document.cookie") == ""

        assert (await call(page, site, "POST", "/api/v1/auth/logout"))["status"] == 204
        assert (await call(page, site, "GET", "/api/v1/auth/session"))["status"] == 401
        left = [item["name"] for item in await page.context.cookies()]
        assert left == ["portfolio_device"]

        await page.context.add_cookies([stolen])  # type: ignore[list-item]  # Playwright's own shape
        assert (await call(page, site, "GET", "/api/v1/auth/session"))["status"] == 401

    async def test_error_answers_can_be_read(
        self, page: Page, site: Site, front_end_port: int, host: str
    ) -> None:
        await open_front_end(page, host, front_end_port)
        assert (await call(page, site, "GET", "/api/v1/nowhere"))["status"] == 404
        refused = await call(page, site, "POST", "/api/v1/users", {"uid": "x"})
        assert refused["status"] == 422


async def test_server_pages_take_no_writes_from_another_origin(
    page: Page, site: Site, front_end_port: int
) -> None:
    await open_front_end(page, "localhost", front_end_port)
    outcome = await page.evaluate(
        "(args) => window.simplePost(...args)", [site.url, "/login", "username=a"]
    )
    assert outcome == "unreadable"
