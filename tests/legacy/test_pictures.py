"""`/api/id/pfp` as old pages call it, and the old servers' holes around pictures, each closed."""

import base64
import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role
from app.pictures import MAX_BYTES, ROOM
from app.resources import Resources
from app.uploads import MAX_BASE64_BYTES
from tests.people import People
from tests.photographs import colour, encode, photo, png_of, read
from tests.wire import ONE_ENGINE, visitor

PFP = "/api/id/pfp"
ORIGIN = "http://localhost:4100"
STANDARD = {"Content-Type": "application/json", "X-Origin": "client", "Origin": ORIGIN}
DONE = {"message": "Profile picture updated successfully"}
NOT_SET = {"message": "Profile picture is not set.", "data": None, "error": "Not Found"}
UNREADABLE = "This is not a picture that can be used here."
both_spellings = pytest.mark.parametrize("path", [PFP, f"{PFP}/"])


def as_text(source: bytes) -> str:
    return base64.b64encode(source).decode()


async def put(client: httpx.AsyncClient, value: object, path: str = PFP) -> httpx.Response:
    return await client.put(path, json={"pfp": value}, headers=STANDARD)


def files(resources: Resources) -> list[Path]:
    folder = resources.settings.pictures_dir
    return sorted(folder.rglob("*")) if folder.exists() else []


def everything(resources: Resources) -> set[Path]:
    """Return every file of the instance but those of the database."""
    folder = resources.settings.instance_dir
    return {path for path in folder.rglob("*") if not path.name.startswith("portfolio.db")}


class TestRefused:
    @both_spellings
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    async def test_nobody(self, client: httpx.AsyncClient, method: str, path: str) -> None:
        answer = await client.request(method, path, headers=STANDARD)
        assert answer.status_code == 401
        assert answer.json()["message"] == "Authentication Token is missing!"

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (None, "Base64 image data required."),
            ("", "Base64 image data required."),
            ("   ", "Base64 image data required."),
            (7, "Base64 image data required."),
            (["x"], "Base64 image data required."),
            ("not base64!", "Base64 image data required."),
            ("é", "Base64 image data required."),
            ("\x00", "Base64 image data required."),
            ("data:image/png;base64", UNREADABLE),
            (as_text(b"text"), UNREADABLE),
            (as_text(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), UNREADABLE),
            (as_text(png_of(30_000, 30_000)), UNREADABLE),
        ],
    )
    async def test_no_picture(
        self, people: People, resources: Resources, value: object, message: str
    ) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await put(ada, value)
        assert answer.status_code == 400
        assert answer.json() == {"message": message, "data": None, "error": "Bad request"}
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert files(resources) == []

    @ONE_ENGINE
    @pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{}", b'{"Pfp":"x"}', b"null"])
    async def test_no_field(self, people: People, body: bytes) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.put(PFP, content=body, headers=STANDARD)
        assert answer.status_code == 400
        assert answer.json()["message"] == "Base64 image data required."

    @ONE_ENGINE
    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"{", "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"[" * 100_000, "application/json", 400),
            (b'{"pfp":"x"}', "text/plain", 415),
            (b"pfp=x", "application/x-www-form-urlencoded", 415),
        ],
    )
    async def test_no_json(self, people: People, body: bytes, kind: str, status: int) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.put(PFP, content=body, headers={**STANDARD, "Content-Type": kind})
        assert answer.status_code == status
        assert answer.json().keys() == {"message", "data", "error"}

    async def test_deleting_anothers_needs_an_admin(
        self, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        await put(ada, as_text(photo()))
        for role in (Role.USER, Role.TEACHER):
            other = await people.create_and_log_in(f"x-{role.value}", role=role)
            answer = await other.delete(PFP, params={"uid": "ada"}, headers=STANDARD)
            assert answer.status_code == 403
        assert len(files(resources)) == 1
        assert (await ada.get(PFP)).status_code == 200

    async def test_deleting_of_somebody_who_is_not_there(self, people: People) -> None:
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        for uid in ("nobody", "\x00", "x" * 5000):
            answer = await boss.delete(PFP, params={"uid": uid}, headers=STANDARD)
            assert answer.status_code == 404
            assert answer.json().keys() == {"message", "data", "error"}

    @both_spellings
    async def test_there_is_none(self, people: People, path: str) -> None:
        ada = await people.create_and_log_in("ada")
        for method in ("GET", "DELETE"):
            answer = await ada.request(method, path, headers=STANDARD)
            assert (answer.status_code, answer.json()) == (404, NOT_SET)


class TestDone:
    @both_spellings
    async def test_set_shown_and_taken_away(self, people: People, path: str) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await put(ada, as_text(photo("PNG")), path)
        assert (answer.status_code, answer.json()) == (200, DONE)
        answer = await ada.get(path, headers=STANDARD)
        assert answer.status_code == 200
        assert answer.json().keys() == {"pfp"}
        image = read(base64.b64decode(answer.json()["pfp"], validate=True))
        assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("red", "blue")
        answer = await ada.delete(path, headers=STANDARD)
        expected = {"message": "Profile picture deleted successfully"}
        assert (answer.status_code, answer.json()) == (200, expected)
        assert (await ada.get(path)).json() == NOT_SET

    @ONE_ENGINE
    async def test_base64_as_pages_write_it(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        text = as_text(photo())
        lines = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
        for value in (f"data:image/png;base64,{text}", lines, f" {text}\n", text.rstrip("=")):
            assert (await put(ada, value)).json() == DONE

    async def test_an_admin_deletes_anothers(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await put(ada, as_text(photo()))
        assert (await boss.delete(PFP, params={"uid": "ADA"})).status_code == 200
        assert (await ada.get(PFP)).json() == NOT_SET

    @ONE_ENGINE
    async def test_ones_own_uid_is_ones_own(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        await put(ada, as_text(photo()))
        assert (await ada.delete(PFP, params={"uid": "Ada"})).status_code == 200

    @ONE_ENGINE
    async def test_a_photo_as_large_as_phones_send(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await put(ada, as_text(photo().ljust(MAX_BYTES, b"\0")))).json() == DONE


class TestOldHoles:
    """Lines of the list of the old servers' defects, one by one."""

    @pytest.mark.parametrize(
        "name",
        [
            *("../keys.json", "../../etc/passwd", "/etc/passwd", "keys.json", ".", ".."),
            *("%2e%2e%2fkeys.json", "..\\keys.json", "keys.json\x00.png", "file:///etc/passwd"),
        ],
    )
    async def test_arbitrary_file_read_and_delete_through_pfp(
        self, people: People, resources: Resources, name: str
    ) -> None:
        ada = await people.create_and_log_in("ada")
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        await put(ada, as_text(photo()))
        before = everything(resources)
        keys = resources.settings.keys_path.read_text()
        for value in (name, as_text(name.encode())):
            assert (await put(ada, value)).status_code == 400
            body = {"pfp": value}
            answer = await ada.patch("/api/v1/users/me", json=body)
            assert answer.status_code == 422
        assert (await boss.delete(PFP, params={"uid": name})).status_code == 404
        shown = (await ada.get(PFP)).text
        assert not any(key["k"] in shown for key in json.loads(keys)["keys"] if "k" in key)
        assert read(base64.b64decode(json.loads(shown)["pfp"])).size == (80, 60)
        assert everything(resources) == before
        assert resources.settings.keys_path.read_text() == keys

    async def test_public_guessable_uploads(
        self, people: People, resources: Resources, client: httpx.AsyncClient
    ) -> None:
        ada = await people.create_and_log_in("countess")
        await put(ada, as_text(photo()))
        (file,) = files(resources)
        assert len(file.stem) == 16
        assert "countess" not in file.stem
        guesses = [f"/uploads/{file.name}", f"/uploads/countess/{file.name}"]
        guesses += ["/uploads/countess/countess.png", "/uploads/", "/pictures/"]
        guesses += ["/pictures/countess.webp", f"/pictures/{file.name}"]
        for guess in guesses:
            answer = await client.get(guess)
            assert answer.status_code == 404, guess
            assert b"WEBP" not in answer.content

    async def test_a_new_picture_has_a_new_name(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        names: set[str] = set()
        for _ in range(3):
            await put(ada, as_text(photo()))
            names.update(file.name for file in files(resources))
        assert len(names) == 3
        assert len(files(resources)) == 1

    @ONE_ENGINE
    async def test_no_limit_on_picture_sizes(self, people: People, resources: Resources) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await put(ada, as_text(photo().ljust(MAX_BYTES + 1, b"\0")))
        assert answer.status_code == 400
        answer = await put(ada, "A" * MAX_BASE64_BYTES)
        assert answer.status_code == 413
        assert answer.json().keys() == {"message", "data", "error"}
        assert (await put(ada, as_text(png_of(8000, 5001)))).status_code == 400
        assert files(resources) == []

    @ONE_ENGINE
    @pytest.mark.parametrize("settings_changes", [{"pictures_per_hour": 3}])
    async def test_no_limit_on_how_many(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for _ in range(3):
            assert (await put(ada, "x")).status_code == 400
        answer = await put(ada, as_text(photo()))
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json().keys() == {"message", "data", "error"}

    @ONE_ENGINE
    @pytest.mark.parametrize("settings_changes", [{"pictures_per_hour": 3}])
    async def test_no_limit_on_how_many_at_a_time(
        self, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada")
        with resources.pictures.hold(ROOM):
            answer = await put(ada, as_text(photo()))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert (await put(ada, as_text(photo()))).json() == DONE

    async def test_a_uid_used_as_a_directory_name(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        ada = await people.create_and_log_in("ada.lovelace")
        await put(ada, as_text(photo()))
        (file,) = files(resources)
        assert file.parent == resources.settings.pictures_dir
        assert not [path for path in everything(resources) if "lovelace" in path.name]
        # A new uid moves nothing and loses nothing.
        await ada.patch("/api/v1/users/me", json={"uid": "countess"})
        assert (await ada.get(PFP)).status_code == 200
        assert files(resources) == [file]
        async with visitor(app) as stranger:
            assert (await stranger.get("/uploads/ada.lovelace/")).status_code == 404

    @ONE_ENGINE
    async def test_what_was_sent_is_never_answered(self, people: People) -> None:
        """Neither a script after the picture nor the place where it was taken."""
        ada = await people.create_and_log_in("ada")
        source = encode(read(photo("WEBP")), "JPEG", comment=b"<script>alert(1)</script>")
        await put(ada, as_text(source))
        shown = base64.b64decode((await ada.get(PFP)).json()["pfp"])
        assert b"script" not in shown
