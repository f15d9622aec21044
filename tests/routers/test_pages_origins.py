"""The admins' page of front ends: not for others, asks nobody, every state in words."""

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.models import Role
from tests.markup import Markup, read
from tests.people import People
from tests.wire import ONE_ENGINE, SESSION, visitor

pytestmark = ONE_ENGINE

PATH = "/admin/origins"
HTML = {"Accept": "text/html"}
ADA = "https://ada.github.io"
LISTED = {"cors_origins": "https://*.school.org, https://bob.me"}
PRODUCTION = {
    **LISTED,
    "environment": "production",
    "public_url": "https://api.school.org",
    "cors": "off",
}


def with_settings(changes: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("settings_changes", [changes], ids=["settings"])


async def look(people: People, address: str | None = None) -> httpx.Response:
    root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
    params = {} if address is None else {"address": address}
    return await root.get(PATH, params=params, headers=HTML)


async def look_at(people: People, address: str) -> Markup:
    answer = await look(people, address)
    assert answer.status_code == 200, answer.text
    return read(answer)


class TestNotForOthers:
    async def test_a_stranger_is_led_to_the_login(self, people: People) -> None:
        visitor = await people.visitor()
        answer = await visitor.get(f"{PATH}?address={ADA}", headers=HTML)
        assert answer.status_code == 303
        assert urlsplit(answer.headers["location"]).path == "/login"

    @pytest.mark.parametrize("role", [Role.USER, Role.TEACHER])
    async def test_others_may_not_look(self, people: People, role: Role) -> None:
        ada = await people.create_and_log_in("ada", role=role)
        answer = await ada.get(f"{PATH}?address={ADA}", headers=HTML)
        assert answer.status_code == 403
        assert "CORS_ORIGINS" not in answer.text
        assert PATH not in answer.text


class TestUnreadableAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "ada.github.io",
            "ftp://a.b",
            "https://user:hunter2@a.b",
            "null",
            "https://a.b\\@c.d",
            "http://[",
        ],
    )
    async def test_are_shown_again_with_what_is_wrong(self, people: People, address: str) -> None:
        answer = await look(people, address)
        page = read(answer)
        assert answer.status_code == 422
        assert "This is no page's address." in page.message("address")
        assert page.fields["address"]["value"] == address
        assert "Works" not in page.text

    async def test_are_no_markup(self, people: People) -> None:
        page = read(await look(people, '"><script>alert(1)</script>'))
        assert page.fields["address"]["value"] == '"><script>alert(1)</script>'

    async def test_have_an_end(self, people: People) -> None:
        assert (await look(people, "https://a.b/" + "x" * 500)).status_code == 422


class TestAsksNobody:
    async def test_not_even_itself(self, people: People) -> None:
        """An admin's browser must not make this server call addresses of its own network."""
        with socket.socket() as trap:
            trap.bind(("127.0.0.1", 0))
            trap.listen()
            trap.settimeout(0.2)
            page = await look_at(people, f"http://127.0.0.1:{trap.getsockname()[1]}/x")
            assert "Works" in page.text
            with pytest.raises(TimeoutError):
                trap.accept()


class TestStates:
    async def test_nothing_asked(self, people: People) -> None:
        page = read(await look(people))
        assert "Works" not in page.text
        assert "Empty: no other site." in page.text
        assert "on every port: this is development" in page.text
        assert "Written by this server." in page.text
        assert "No site was refused." in page.text
        assert "127.0.0.1, over http." in page.text

    async def test_same_site(self, people: People) -> None:
        page = await look_at(people, "http://localhost:4100/portfolio/")
        assert "A login from there works in every browser." in page.text
        assert "SiteThe same as this server's." in page.text
        assert "SameSite=Lax" in page.text
        assert page.text.count("Works") == 4
        assert "setting" not in page.ids

    async def test_another_site(self, people: People) -> None:
        page = await look_at(people, "http://127.0.0.1:4100")
        assert "A login from there works, but not everywhere by cookie." in page.text
        assert "SiteAnother than this server's." in page.text
        assert "SameSite=None; Partitioned" in page.text
        assert "Safari Works with portfolio.js" in page.text

    @with_settings(LISTED)
    async def test_refused(self, people: People) -> None:
        page = await look_at(people, f"{ADA}/portfolio/")
        assert "This server refuses it." in page.text
        assert "Once it is allowed:" in page.text
        setting = f"CORS_ORIGINS=https://*.school.org,https://bob.me,{ADA}"
        assert page.text_by_id["setting"] == setting

    @with_settings({"public_url": "http://192.168.1.7:8086", "cors_origins": ADA})
    async def test_that_browsers_block(self, people: People) -> None:
        page = await look_at(people, ADA)
        assert "A login from there cannot work." in page.text
        assert page.text.count("Does not work") == 4

    async def test_its_own_pages(self, people: People) -> None:
        page = await look_at(people, "http://localhost:8086/login")
        assert "SiteThis server itself." in page.text


class TestWhatHolds:
    @with_settings(PRODUCTION)
    async def test_in_production(self, people: People) -> None:
        await people.create("root.admin", role=Role.ADMIN)
        login = {"uid": "root.admin", "password": "correct horse battery"}
        async with visitor(people.app, base_url="https://api.school.org") as root:
            assert (await root.post("/api/v1/auth/login", json=login)).status_code == 200
            page = read(await root.get(PATH))
        assert "https://*.school.org, https://bob.me" in page.text
        assert "Only what is listed: this is production." in page.text
        assert "Left to the proxy, by CORS=off." in page.text
        assert "127.0.0.1, over https. PUBLIC_URL is https, so a proxy stands" in page.text

    async def test_refused_origins_with_what_would_allow_them(self, people: People) -> None:
        async with visitor(people.app) as client:
            for origin in (ADA, "null", ADA, '"><script>'):
                await client.get(SESSION, headers={"Origin": origin})
        page = read(await look(people))
        text = page.text
        assert text.index("<script>") < text.index(f"{ADA} Refused") < text.index("null Refused")
        assert f"Refused 2 times, last just now. Allowed by CORS_ORIGINS={ADA}" in text
        assert text.count("Nothing can allow it: it is no site's origin.") == 2
        links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
        assert f"{PATH}?address=https%3A//ada.github.io" in links

    async def test_is_linked_for_admins(self, people: People) -> None:
        root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
        assert f'href="{PATH}"' in (await root.get("/admin/users", headers=HTML)).text


async def test_says_that_a_proxy_is_not_believed(people: People) -> None:
    root = await people.create_and_log_in("root.admin", role=Role.ADMIN)
    answer = await root.get(PATH, headers={**HTML, "X-Forwarded-For": "192.0.2.7"})
    assert "is not believed: set TRUSTED_PROXIES" in read(answer).text
    assert "192.0.2.7" not in answer.text
