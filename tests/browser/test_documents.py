"""What the documents print for front ends, served from another origin and run in a browser."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Site
from tests.documents import README, ROOT, find_block

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRONT_END = ROOT / "docs" / "front-end.md"
HOSTS = ["localhost", "127.0.0.1"]
ADA = {"uid": "ada", "name": "Ada Lovelace", "password": "correct horse battery"}


@pytest.fixture(scope="module")
def ada(site: Site) -> None:
    """The account that the documents log in with."""
    assert httpx.post(f"{site.url}/api/v1/users", json=ADA).status_code == 201


@pytest.fixture
def port(tmp_path: Path, site: Site) -> Iterator[int]:
    """The port of a static site whose one page is the README's."""
    page = find_block(README, "html", heading="4. A page on another origin")
    assert page.count("http://localhost:8086") == 1
    text = page.replace("http://localhost:8086", site.url)
    (tmp_path / "index.html").write_text(text, "utf-8")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


async def run_script(page: Page, site: Site, heading: str, result: str) -> object:
    """Run a script of docs/front-end.md in the page, and return what an expression is after it."""
    script = find_block(FRONT_END, "js", heading=heading)
    assert "https://api.school.org" in script
    script = script.replace("https://api.school.org", site.url)
    return await page.evaluate(f"async () => {{ {script}\n return {result}; }}")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("host", HOSTS)
class TestPageOfTheTour:
    async def test_logs_in_and_out(self, page: Page, port: int, host: str) -> None:
        shown = page.locator("pre")
        await page.goto(f"http://{host}:{port}/")
        await page.get_by_role("button", name="Who am I").click()
        await expect(shown).to_contain_text("401 ")
        await page.get_by_role("button", name="Log in").click()
        await expect(shown).to_contain_text("200 ")
        await page.get_by_role("button", name="Who am I").click()
        await expect(shown).to_contain_text('"is_current":true')
        await expect(shown).to_contain_text('"name":"Ada Lovelace"')
        await page.get_by_role("button", name="Log out").click()
        await expect(shown).to_have_text("204 ")
        await page.get_by_role("button", name="Who am I").click()
        await expect(shown).to_contain_text("401 ")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("host", HOSTS)
class TestScriptsForFrontEnds:
    async def test_with_a_cookie(self, page: Page, site: Site, port: int, host: str) -> None:
        await page.goto(f"http://{host}:{port}/")
        assert await run_script(page, site, "With a cookie", "user.name") == "Ada Lovelace"
        left = [item["name"] for item in await page.context.cookies()]
        assert left == ["portfolio_device"]

    async def test_with_a_bearer_token(self, page: Page, site: Site, port: int, host: str) -> None:
        await page.goto(f"http://{host}:{port}/")
        kinds = "[tokens.token_type, typeof tokens.refresh_token, tokens.expires_in]"
        found = await run_script(page, site, "With a bearer token", kinds)
        assert found == ["Bearer", "string", 900]
        assert await page.context.cookies() == []
