"""Pages of the old servers' kind, in every browser and row, against the old addresses.

Where the browser sends the cookie back all of it works, as on the old server. Where it does not, a
login answers 200 and the next call 401, and the token in the login's answer opens the rest.
"""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from tests.browser.engines.engine import Name, Tab
from tests.browser.engines.rows import Ports, Row, api_origin, each_browser, each_row, page_origin
from tests.browser.engines.servers import SECTIONS, Servers
from tests.browser.engines.table import returns_our_cookie
from tests.people import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW_PASSWORD, NEWER_PASSWORD = "staple of the rarest kind", "battery of a better horse"


def draw_picture() -> str:
    """Return a JPEG as old pages send it: base64, and no `data:` before it."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode("ascii")


class OldPage:
    """A page that is open, and the API that it calls."""

    def __init__(self, tab: Tab, api: str) -> None:
        self._tab = tab
        self._api = api

    async def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Return the status and the content of an answer."""
        address = f"{self._api}{path}"
        call = "async (...them) => call(...them)"
        return await self._tab.evaluate(call, address, method, body, token)

    async def status(self, method: str, path: str, body: Any = None, token: str = "") -> int:
        status: int = (await self.call(method, path, body, token))[0]
        return status

    async def log_in(self, uid: str, password: str = PASSWORD) -> int:
        return await self.status("POST", "/api/authenticate", {"uid": uid, "password": password})

    async def change_password(self, password: str) -> Any:
        """Change the password and log out at once; return both statuses."""
        change = "async (...them) => changePassword(...them)"
        return await self._tab.evaluate(change, self._api, password)

    async def change_password_late(self, password: str) -> Any:
        """Let the log-out win; return both statuses, and that of `/api/id` in between."""
        change = "async (...them) => changePasswordLate(...them)"
        return await self._tab.evaluate(change, self._api, password)

    async def show_picture(self, pfp: str) -> Any:
        return await self._tab.evaluate("async (pfp) => showPicture(pfp)", pfp)


async def open_page(tab: Tab, row: Row, pages: Ports, servers: Servers) -> OldPage:
    await tab.goto(f"{page_origin(row, pages)}/old.html")
    return OldPage(tab, api_origin(row, servers.ports))


@each_browser
@each_row
async def test_story(
    tab: Tab, pages: Ports, servers: Servers, name: Name, row: Row, *, blocks: bool
) -> None:
    uid = servers.sign_up(row)
    page = await open_page(tab, row, pages, servers)
    status, refusal = await page.call(
        "POST", "/api/authenticate", {"uid": uid, "password": "wrong horse battery"}
    )
    assert (status, refusal["message"]) == (401, "Invalid user id or password")
    assert await page.status("GET", "/api/id") == 401
    if returns_our_cookie(name, row, blocks=blocks):
        await tell_with_a_cookie(page, uid)
    else:
        await tell_with_a_token(page, uid)


async def tell_with_a_cookie(page: OldPage, uid: str) -> None:
    """Do what people did on the old pages, from the login to the log-out."""
    assert await page.log_in(uid) == 200
    status, me = await page.call("GET", "/api/id")
    assert (status, me["uid"], me["name"]) == (200, uid, "Ada")

    assert await page.status("PUT", "/api/user", {"name": "Countess"}) == 200
    assert (await page.call("GET", "/api/id"))[1]["name"] == "Countess"

    assert await page.status("PUT", "/api/user", {"uid": f"{uid}.new"}) == 200
    assert await page.status("GET", "/api/id") == 401
    assert await page.log_in(uid) == 401
    assert await page.log_in(f"{uid}.new") == 200

    assert await page.change_password(NEW_PASSWORD) == [200, 200]
    assert await page.status("GET", "/api/id") == 401
    assert await page.log_in(f"{uid}.new") == 401
    assert await page.log_in(f"{uid}.new", NEW_PASSWORD) == 200
    assert await page.change_password_late(NEWER_PASSWORD) == [200, 200, 401]
    assert await page.status("GET", "/api/id") == 401
    assert await page.log_in(f"{uid}.new", NEW_PASSWORD) == 401
    assert await page.log_in(f"{uid}.new", NEWER_PASSWORD) == 200

    await use_sections_and_picture(page)

    assert await page.status("DELETE", "/api/authenticate") == 200
    assert await page.status("GET", "/api/id") == 401


async def use_sections_and_picture(page: OldPage) -> None:
    status, mine = await page.call("POST", "/api/user/section", {"sections": SECTIONS})
    assert (status, sorted(item["abbreviation"] for item in mine["sections"])) == (200, [*SECTIONS])
    change = {"section": {"abbreviation": "CSA", "year": "2031"}}
    assert await page.status("PUT", "/api/user/section", change) == 200
    mine = (await page.call("GET", "/api/user/section"))[1]
    years = {item["abbreviation"]: item["year"] for item in mine["sections"]}
    assert years["CSA"] == 2031

    assert await page.status("GET", "/api/id/pfp") == 404
    assert await page.status("PUT", "/api/id/pfp", {"pfp": draw_picture()}) == 200
    status, kept = await page.call("GET", "/api/id/pfp")
    assert status == 200
    assert await page.show_picture(kept["pfp"]) == [64, 48]


async def tell_with_a_token(page: OldPage, uid: str) -> None:
    """Log in where no cookie comes back, as last year's pages; then as this year's, by token."""
    login = {"uid": uid, "password": PASSWORD}
    status, answer = await page.call("POST", "/api/authenticate", login)
    assert (status, answer["user"]["uid"]) == (200, uid)
    assert await page.status("GET", "/api/id") == 401

    token = answer["token"]
    status, me = await page.call("GET", "/api/id", None, token)
    assert (status, me["uid"]) == (200, uid)
    assert await page.status("PUT", "/api/user", {"name": "Countess"}, token) == 200
    assert (await page.call("GET", "/api/id", None, token))[1]["name"] == "Countess"

    assert await page.status("DELETE", "/api/authenticate", None, token) == 200
    assert await page.status("GET", "/api/id", None, token) == 401
