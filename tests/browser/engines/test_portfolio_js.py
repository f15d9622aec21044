"""`/static/portfolio.js` in every browser and row: the login holds, by cookie or by token."""

from typing import Any

import pytest

from tests.browser.engines.engine import Name, Tab
from tests.browser.engines.rows import Ports, Row, api_origin, each_browser, each_row, page_origin
from tests.browser.engines.servers import Servers
from tests.browser.engines.table import returns_our_cookie
from tests.people import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOG_IN = """async (uid, password) => {
  const { login, me, fetch } = await window.portfolio;
  const json = { "Content-Type": "application/json" };
  const change = { method: "PATCH", headers: json, body: JSON.stringify({ name: "Countess" }) };
  return {
    before: await me(),
    answered: (await login(uid, password)).uid,
    changed: (await fetch("/api/v1/users/me", change)).status,
    seen: (await me()).name,
    old: (await (await fetch("/api/id")).json()).name,
    carrier: (await (await fetch("/api/v1/auth/session")).json()).authenticated_by,
    logins: (await (await fetch("/api/v1/auth/sessions")).json()).length,
    stored: [localStorage.length, sessionStorage.length, document.cookie],
  };
}"""
LOG_OUT = """async () => {
  const { logout, me, fetch } = await window.portfolio;
  await logout();
  return [await me(), (await fetch("/api/v1/users/me")).status];
}"""
LOG_IN_WITH_CODE = """async (uid, password, code) => {
  const { login, me, fetch } = await window.portfolio;
  const attempt = (...them) => login(...them).then((user) => user.uid, (error) => error.type);
  return {
    without: await attempt(uid, password),
    nobody: await me(),
    with: await attempt(uid, password, code),
    carrier: (await (await fetch("/api/v1/auth/session")).json()).authenticated_by,
    logins: (await (await fetch("/api/v1/auth/sessions")).json()).length,
    again: await attempt(uid, password, code),
  };
}"""
WHO = "async () => (await (await window.portfolio).me())?.uid"


async def open_page(tab: Tab, row: Row, pages: Ports, servers: Servers) -> None:
    api = api_origin(row, servers.ports)
    await tab.goto(f"{page_origin(row, pages)}/portfolio.html?api={api}")


@each_browser
@each_row
async def test_login_holds(
    tab: Tab, pages: Ports, servers: Servers, name: Name, row: Row, *, blocks: bool
) -> None:
    uid = servers.sign_up(row)
    await open_page(tab, row, pages, servers)
    by_cookie = returns_our_cookie(name, row, blocks=blocks)
    done: dict[str, Any] = await tab.evaluate(LOG_IN, uid, PASSWORD)
    assert done == {
        "before": None,
        "answered": uid,
        "changed": 200,
        "seen": "Countess",
        "old": "Countess",
        "carrier": "cookie" if by_cookie else "bearer",
        "logins": 1,
        "stored": [0, 0, ""],
    }
    # A token lives as long as the page, a cookie longer.
    if by_cookie:
        await open_page(tab, row, pages, servers)
        assert await tab.evaluate(WHO) == uid
    assert await tab.evaluate(LOG_OUT) == [None, 401]
    await open_page(tab, row, pages, servers)
    assert await tab.evaluate(WHO) is None


@each_browser
@pytest.mark.parametrize("row", [Row.SAME_HOST, Row.NAMES], ids=str)
async def test_with_a_second_factor(
    tab: Tab, pages: Ports, servers: Servers, name: Name, row: Row, *, blocks: bool
) -> None:
    """One code is enough, whether or not the cookie comes back."""
    uid = servers.sign_up(row)
    phone = servers.protect(row, uid)
    await open_page(tab, row, pages, servers)
    # That of now was used to set it up; the next one holds already.
    done = await tab.evaluate(LOG_IN_WITH_CODE, uid, PASSWORD, phone.code(1))
    assert done == {
        "without": "second-factor-needed",
        "nobody": None,
        "with": uid,
        "carrier": "cookie" if returns_our_cookie(name, row, blocks=blocks) else "bearer",
        "logins": 1,
        "again": "login-failed",
    }
