"""The page of docs/portfolio-js.md, as printed but for the server's address, in every engine."""

from pathlib import Path

import pytest

from tests.browser.engines.engine import Tab
from tests.browser.engines.rows import Ports, Row, api_origin, each_browser, page_origin
from tests.browser.engines.servers import Servers
from tests.documents import ROOT, find_block
from tests.people import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCUMENT = ROOT / "docs" / "portfolio-js.md"
ADDRESS = "https://api.school.org"
# Fills a form and presses a button.
PRESS = """async (form, values, button) => {
  const { elements } = document.forms[form];
  for (const [name, value] of Object.entries(values)) elements[name].value = value;
  document.querySelector(button).click();
}"""
# Answers with what the page shows, once that is what is hoped for, or in ten seconds.
SHOWN = """async (hoped) => {
  const [entrance, account] = document.forms;
  const said = document.getElementById("said");
  const shown = () => [!entrance.hidden, !account.hidden, said.textContent];
  for (let left = 1000; left > 0 && String(shown()) !== String(hoped); left -= 1) {
    await new Promise((done) => setTimeout(done, 10));
  }
  return shown();
}"""
ENTRANCE = [True, False]
ACCOUNT = [False, True]


@pytest.mark.parametrize("row", [Row.SAME_HOST, Row.TLS], ids=str)
@each_browser
async def test_page_to_copy(
    tab: Tab, pages: Ports, servers: Servers, site_folder: Path, row: Row
) -> None:
    uid = servers.sign_up(row)
    text = find_block(DOCUMENT, "html", heading="A page to copy")
    assert text.count(ADDRESS) == 1
    file = site_folder / f"{uid}.html"
    file.write_text(text.replace(ADDRESS, api_origin(row, servers.ports)), "utf-8")

    async def press(form: str, button: str, **values: str) -> None:
        await tab.evaluate(PRESS, form, values, button)

    async def see(*hoped: bool | str) -> None:
        assert await tab.evaluate(SHOWN, hoped) == [*hoped]

    await tab.goto(f"{page_origin(row, pages)}/{file.name}")
    await see(*ENTRANCE, "")
    await press("login", "#login button", uid=uid, password="wrong")
    await see(*ENTRANCE, "User name or password is wrong.")
    await press("login", "#login button", uid=uid, password=PASSWORD)
    await see(*ACCOUNT, "")
    await press("account", "#account button", name="Countess")
    await see(*ACCOUNT, "Saved: Countess")
    await press("account", "#account button", name="C" * 200)
    await see(*ACCOUNT, "Some fields are not valid.")
    await press("account", "#logout")
    phone = servers.protect(row, uid)
    await press("login", "#login button", uid=uid, password=PASSWORD)
    await see(*ENTRANCE, "A code is needed as well.")
    await press("login", "#login button", code=phone.code(1))
    await see(*ACCOUNT, "")
