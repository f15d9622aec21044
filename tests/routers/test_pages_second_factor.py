"""The pages on which people set a second factor up, look after it and take it away."""

import base64
import re

import httpx
import pytest

from app.models import Role
from app.resources import Resources
from tests.factors import App, forget_used, protect, read_factors, set_up
from tests.people import PASSWORD, People
from tests.services.rows import trail

PAGE = "/account/second-factor"
HTML = {"Accept": "text/html"}
PROOF = {"current_password": PASSWORD}


@pytest.fixture
async def ada(people: People) -> httpx.AsyncClient:
    client = await people.create_and_log_in("ada")
    client.headers.update(HTML)
    return client


async def begin(client: httpx.AsyncClient) -> App:
    answer = await client.post(PAGE, data=PROOF)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    (shown,) = re.findall(r"<pre[^>]*>([A-Z2-7]{4}(?: [A-Z2-7]{4}){7})</pre>", answer.text)
    (copied,) = re.findall(r'<span id="secret" hidden>([A-Z2-7]{32})</span>', answer.text)
    assert shown.replace(" ", "") == copied
    assert (
        f'href="otpauth://totp/Portfolio:ada?secret={copied}&amp;issuer=Portfolio"' in answer.text
    )
    assert '<path fill="#000" d="M0 0h7v1h-7z' in answer.text
    return App(base64.b32decode(copied))


def read_codes(answer: httpx.Response) -> list[str]:
    return re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){5}", answer.text)


class TestSetUp:
    async def test_wrong_password(self, ada: httpx.AsyncClient, resources: Resources) -> None:
        answer = await ada.post(PAGE, data={"current_password": "wrong"})
        assert answer.status_code == 403
        assert "That is not your current password" in answer.text
        answer = await ada.post(PAGE, data={"current_password": ""})
        assert answer.status_code == 422
        assert "Enter your current password" in answer.text
        assert await read_factors(resources) == []

    async def test_wrong_code(self, ada: httpx.AsyncClient) -> None:
        phone = await begin(ada)
        for code, status, sentence in [
            (phone.wrong_code(), 403, "That code does not hold"),
            ("", 422, "Enter the code that your app shows"),
        ]:
            answer = await ada.post(f"{PAGE}/confirm", data={"code": code})
            assert answer.status_code == status
            assert sentence in answer.text
            assert "Enter the first code" in answer.text
            if code:
                assert code not in answer.text

    async def test_from_the_account_to_the_recovery_codes(
        self, ada: httpx.AsyncClient, resources: Resources
    ) -> None:
        assert f'href="{PAGE}"' in (await ada.get("/account")).text
        assert "Show the QR code" in (await ada.get(PAGE)).text
        phone = await begin(ada)
        assert "Start again" in (await ada.get(PAGE)).text
        answer = await ada.post(f"{PAGE}/confirm", data={"code": phone.code()})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert len(read_codes(answer)) == 10
        found = await ada.get(PAGE)
        assert "10 of 10" in found.text
        assert read_codes(found) == []
        assert "Look after it" in (await ada.get("/account")).text
        assert (await trail(resources))[-1] == "second-factor-added"


class TestChange:
    @pytest.fixture
    async def phone(self, ada: httpx.AsyncClient, resources: Resources) -> App:
        return await set_up(ada, resources)

    @pytest.mark.parametrize("what", ["codes", "remove"])
    async def test_refused(self, ada: httpx.AsyncClient, phone: App, what: str) -> None:
        for proof, status, sentence in [
            ({**PROOF, "code": phone.wrong_code()}, 403, "That code does not hold"),
            ({"current_password": "wrong", "code": phone.code()}, 403, "not your current"),
            (PROOF, 422, "This field is required|Enter the code"),
        ]:
            answer = await ada.post(f"{PAGE}/{what}", data=proof)
            assert answer.status_code == status
            assert re.search(sentence, answer.text)
        assert "10 of 10" in (await ada.get(PAGE)).text

    async def test_new_recovery_codes(self, ada: httpx.AsyncClient, phone: App) -> None:
        assert "Make new codes" in (await ada.get(f"{PAGE}/codes")).text
        answer = await ada.post(f"{PAGE}/codes", data={**PROOF, "code": phone.code()})
        assert answer.status_code == 200
        made = read_codes(answer)
        assert len({*made, *phone.recovery_codes}) == 20

    async def test_few_are_left(self, ada: httpx.AsyncClient, phone: App) -> None:
        for code in phone.recovery_codes[:8]:
            form = {"username": "ada", "password": PASSWORD + code}
            assert (await ada.post("/api/v1/auth/token", data=form)).status_code == 200
        answer = await ada.get(PAGE)
        assert "2 of 10" in answer.text
        assert "Few recovery codes are left" in answer.text

    async def test_removal(self, ada: httpx.AsyncClient, phone: App, resources: Resources) -> None:
        assert "Remove it" in (await ada.get(f"{PAGE}/remove")).text
        await forget_used(resources)
        answer = await ada.post(f"{PAGE}/remove", data={**PROOF, "code": phone.code()})
        assert answer.status_code == 303
        assert "is removed" in (await ada.get(answer.headers["location"])).text
        for what in ("codes", "remove"):
            assert (await ada.get(f"{PAGE}/{what}")).headers["location"] == PAGE
        assert (await trail(resources))[-1] == "second-factor-removed"


class TestAdmin:
    async def test_sees_and_removes_one(self, people: People, resources: Resources) -> None:
        await people.create("ada")
        root = await people.create_and_log_in("boss", role=Role.ADMIN)
        root.headers.update(HTML)
        path = "/admin/users/ada"
        assert "Lost second factor" not in (await root.get(path)).text
        await protect(people, resources, "ada")
        assert "Lost second factor" in (await root.get(path)).text
        # Beside a form that was refused as well.
        assert "Lost second factor" in (await root.post(path, data={"uid": "!"})).text
        answer = await root.post(f"{path}/second-factor/remove")
        assert answer.status_code == 303
        assert "is removed" in (await root.get(answer.headers["location"])).text
        assert await read_factors(resources) == []
