"""The page of the audit trail: words, people, filters that stay, and states that are empty."""

from urllib.parse import urlsplit

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.markup import read
from tests.people import People
from tests.security.tampering import tamper

HTML = {"Accept": "text/html"}
PAGE = "/admin/audit"


@pytest.fixture
async def root(people: People) -> httpx.AsyncClient:
    """An admin's client, on a site with one more account."""
    await people.create("ada", name="Ada Lovelace")
    return await people.create_and_log_in("grace", role=Role.ADMIN)


async def text(client: httpx.AsyncClient, **params: str) -> str:
    answer = await client.get(PAGE, params=params, headers=HTML)
    assert answer.status_code == 200, answer.text
    return " ".join(read(answer).text.split())


class TestNotForOthers:
    async def test_a_stranger_is_led_to_the_login(self, people: People) -> None:
        answer = await (await people.visitor()).get(PAGE, headers=HTML)
        assert answer.status_code == 303
        assert urlsplit(answer.headers["location"]).path == "/login"

    @pytest.mark.parametrize("role", [Role.USER, Role.TEACHER])
    async def test_others_may_not_look(self, people: People, role: Role) -> None:
        ada = await people.create_and_log_in("ada", role=role)
        answer = await ada.get(PAGE, headers=HTML)
        assert answer.status_code == 403
        assert PAGE not in answer.text


class TestFilters:
    @pytest.mark.parametrize("params", [{"action": "flown"}, {"since": "x"}, {"cursor": "!"}])
    async def test_what_no_page_of_ours_sends(
        self, root: httpx.AsyncClient, params: dict[str, str]
    ) -> None:
        assert (await root.get(PAGE, params=params, headers=HTML)).status_code == 422

    async def test_nothing_like_that(self, root: httpx.AsyncClient) -> None:
        shown = await text(root, action="keys-rotated")
        assert "Nothing like that is in the trail." in shown
        assert "Show everything" in shown

    async def test_stay_in_the_form_and_in_the_pages_after(self, root: httpx.AsyncClient) -> None:
        for number in range(51):
            await root.patch("/api/v1/users/ada", json={"name": f"Ada {number}"})
        chosen = {"action": "account-changed", "person": "ada", "since": "2026-01-01"}
        first = read(await root.get(PAGE, params=chosen, headers=HTML))
        assert (first.fields["person"]["value"], first.fields["since"]["value"]) == (
            "ada",
            "2026-01-01",
        )
        assert "First page" not in first.text
        (onward,) = [
            attributes["href"]
            for tag, attributes in first.elements
            if tag == "a" and "cursor=" in attributes.get("href", "")
        ]
        second = read(await root.get(onward, headers=HTML))
        assert second.fields["person"]["value"] == "ada"
        assert "Next page" not in second.text
        assert "First page" in second.text
        back = [a["href"] for tag, a in second.elements if tag == "a" and "?action=" in a["href"]]
        assert back == [f"{PAGE}?action=account-changed&person=ada&since=2026-01-01"]

    async def test_the_menu_leads_there(self, root: httpx.AsyncClient) -> None:
        assert f'href="{PAGE}"' in (await root.get("/account", headers=HTML)).text


class TestWords:
    async def test_who_did_what_to_whom(self, root: httpx.AsyncClient) -> None:
        await root.patch("/api/v1/users/ada", json={"role": "teacher", "is_active": False})
        shown = await text(root)
        assert "Account disabled Ada Lovelace Grace 127.0.0.1 just now" in shown
        assert "Role changed before: user, after: teacher Ada Lovelace Grace" in shown
        assert "Account created role: user Ada Lovelace The operator \N{EN DASH}" in shown
        assert "Logged in kind: cookie Grace Not logged in 127.0.0.1" in shown

    async def test_oneself_and_somebody_who_is_gone(self, root: httpx.AsyncClient) -> None:
        await root.patch("/api/v1/users/me", json={"name": "Grace Again"})
        await root.delete("/api/v1/users/ada")
        shown = await text(root)
        assert "Account changed fields: name Grace Again Themselves" in shown
        assert "Account deleted Somebody who is gone" in shown

    async def test_what_the_server_found_and_what_cannot_be_read(
        self, root: httpx.AsyncClient, resources: Resources
    ) -> None:
        change = "UPDATE audit_event SET detail = '[1]', action = '<script>' WHERE id = 1"
        await tamper(resources, change, "UPDATE audit_head SET seal = ''")
        await root.patch("/api/v1/users/me", json={"name": "Grace Again"})
        shown = await text(root)
        assert "This list had been tampered with \N{EN DASH} This server" in shown
        assert "Event 1 was changed and cannot be read" in shown

    async def test_an_action_of_no_version_and_markup_in_a_name(
        self, root: httpx.AsyncClient, resources: Resources
    ) -> None:
        await root.patch("/api/v1/users/ada", json={"name": "<b>Ada</b>"})
        await tamper(resources, "UPDATE audit_event SET action = '<i>x' WHERE id = 1")
        answer = await root.get(PAGE, headers=HTML)
        assert "<b>Ada" not in answer.text
        assert "<i>x" not in answer.text
        assert "<i>x" in read(answer).text
