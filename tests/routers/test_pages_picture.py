"""The picture on the account page: a file in a form, what is refused beside it, who may see it."""

import httpx
import pytest

from app.config import Settings
from app.pictures import MAX_BYTES, ROOM
from app.resources import Resources
from tests.markup import read
from tests.people import People
from tests.photographs import photo
from tests.wire import ONE_ENGINE

HTML = {"Accept": "text/html"}
WRITES = {
    "/account/picture": {"files": {"picture": photo()}},
    "/account/picture/remove": {},
    "/account/visibility": {"data": {"is_public": "on"}},
}


async def send(
    client: httpx.AsyncClient, source: bytes | None = None, **headers: str
) -> httpx.Response:
    """Send the form with a file; the browser says of it what the file's name suggests."""
    files = {"picture": ("../../me.svg", photo() if source is None else source, "image/svg+xml")}
    return await client.post("/account/picture", files=files, headers={**HTML, **headers})


async def shown(client: httpx.AsyncClient, path: str = "/account") -> set[str]:
    """Return the addresses of all pictures on a page."""
    page = read(await client.get(path, headers=HTML))
    return {attributes["src"] for tag, attributes in page.elements if tag == "img"}


class TestRefused:
    @pytest.mark.parametrize("path", WRITES)
    async def test_nobody(self, people: People, settings: Settings, path: str) -> None:
        visitor = await people.visitor()
        answer = await visitor.post(path, headers=HTML, **WRITES[path])  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert not settings.pictures_dir.exists()

    @pytest.mark.parametrize("path", WRITES)
    async def test_another_site(self, people: People, settings: Settings, path: str) -> None:
        ada = await people.create_and_log_in("ada")
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:4100"}
        answer = await ada.post(path, headers=headers, **WRITES[path])  # type: ignore[arg-type]
        assert answer.status_code == 403
        assert not settings.pictures_dir.exists()

    @ONE_ENGINE
    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (b"", "Choose a picture first."),
            (b"text", "This is not a picture that can be used here."),
            (b"<svg/>", "Send a JPEG, PNG, WebP or GIF of at most 8 MB"),
            (bytes(MAX_BYTES + 1), "at most 8 MB"),
        ],
    )
    async def test_no_picture(
        self, people: People, settings: Settings, source: bytes, message: str
    ) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await send(ada, source)
        assert answer.status_code == 422
        page = read(answer)
        assert message in page.message("picture")
        assert answer.text.count("<title>Error: ") == 1
        assert "me.svg" not in answer.text
        assert not settings.pictures_dir.exists()

    @ONE_ENGINE
    @pytest.mark.parametrize(
        "form",
        [
            {"data": {"picture": "text and no file"}},
            {"files": {"another": ("a.png", photo(), "image/png")}},
        ],
        ids=["text", "another field"],
    )
    async def test_no_file(self, people: People, form: dict[str, object]) -> None:
        ada = await people.create_and_log_in("ada")
        kind = {"files": {"x": (None, "y")}, **form}
        answer = await ada.post("/account/picture", headers=HTML, **kind)  # type: ignore[arg-type]
        assert answer.status_code in {400, 422}

    @ONE_ENGINE
    async def test_two_files(self, people: People, settings: Settings) -> None:
        ada = await people.create_and_log_in("ada")
        two = [("picture", ("a.jpg", photo())), ("picture", ("b.jpg", photo()))]
        answer = await ada.post("/account/picture", files=two, headers=HTML)
        assert answer.status_code == 400
        assert not settings.pictures_dir.exists()

    @ONE_ENGINE
    async def test_a_form_without_files(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.post("/account/picture", data={"picture": "x"}, headers=HTML)
        assert answer.status_code == 415

    @ONE_ENGINE
    async def test_too_much(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await send(ada, bytes(MAX_BYTES + 17 * 1024))
        assert answer.status_code == 413
        assert "too much at once" in read(answer).text

    @ONE_ENGINE
    @pytest.mark.parametrize("settings_changes", [{"pictures_per_hour": 3}])
    async def test_so_many_an_hour(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for _ in range(3):
            assert (await send(ada, b"x")).status_code == 422
        answer = await send(ada)
        assert answer.status_code == 429
        assert "Too many attempts" in read(answer).text

    @ONE_ENGINE
    async def test_so_many_at_a_time(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        with resources.pictures.hold(ROOM):
            assert (await send(ada)).status_code == 503
        assert (await send(ada)).status_code == 303

    @ONE_ENGINE
    @pytest.mark.parametrize("path", ["/account/profile", "/login", "/account/visibility"])
    async def test_no_other_form_takes_a_file(self, people: People, path: str) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.post(path, files={"picture": photo()}, headers=HTML)
        assert answer.status_code == 400


class TestSaved:
    async def test_is_shown_on_every_page(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert await shown(ada) == set()
        answer = await send(ada)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=picture")
        page = read(await ada.get("/account?done=picture"))
        assert "Your picture is saved." in page.text
        (source,) = await shown(ada)
        assert await shown(ada, "/") == {source}
        assert (await ada.get(source)).headers["Content-Type"] == "image/webp"

    async def test_another_person_sees_letters(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await send(ada)
        bob = await people.create_and_log_in("bob")
        assert await shown(bob) == await shown(bob, "/") == set()

    async def test_removed_and_once_more(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await send(ada)
        for _ in range(2):
            answer = await ada.post("/account/picture/remove")
            assert answer.headers["location"] == "/account?done=no-picture"
        assert "Your picture is removed." in read(await ada.get("/account?done=no-picture")).text
        assert await shown(ada) == set()

    async def test_anyone_may_see_it_and_may_not(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await send(ada)
        (source,) = await shown(ada)
        stranger = await people.visitor()
        assert "checked" not in read(await ada.get("/account")).fields["is_public"]
        answer = await ada.post("/account/visibility", data={"is_public": "on"})
        assert answer.headers["location"] == "/account?done=public"
        assert (await stranger.get(source)).status_code == 200
        assert "checked" in read(await ada.get("/account")).fields["is_public"]
        # A box that is not ticked is not sent at all.
        answer = await ada.post("/account/visibility", data={"x": ""})
        assert answer.headers["location"] == "/account?done=private"
        assert (await stranger.get(source)).status_code == 404

    async def test_what_was_refused_changes_nothing(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await send(ada)
        before = await shown(ada)
        assert (await send(ada, b"x")).status_code == 422
        assert await shown(ada) == before
