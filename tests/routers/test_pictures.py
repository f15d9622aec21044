"""Pictures by the API: one's own, and the files themselves to whoever may see them."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.models import Role
from app.pictures import MAX_BYTES
from app.resources import Resources
from app.services import profiles
from tests.people import People
from tests.photographs import colour, photo, png_of, read
from tests.wire import ONE_ENGINE, PROBLEM, visitor

MINE = "/api/v1/users/me/picture"
JPEG = {"Content-Type": "image/jpeg"}
SPELLINGS = (
    *("{name}", "{name}.png", "{name}.webp/", "{name}.webp.webp", "{name}.WEBP", "{name}.part"),
    *(".webp", "..webp", "../keys.json", "../keys.webp", "..%2fkeys.webp", "%2e%2e/keys.webp"),
    *("%2e%2e%2f%2e%2e%2fetc%2fpasswd.webp", "..%5ckeys.webp", "..\\keys.webp", "%00.webp"),
    *("{name}%00.webp", "{name}.webp%00", "/etc/passwd.webp", "%2fetc%2fpasswd.webp"),
    *("..%252fkeys.webp", "%c0%ae%c0%ae/keys.webp", "{name}%20.webp", "x/../{name}.webp"),
    *("\u2025/keys.webp", "\uff41" * 16 + ".webp", "a" * 5000 + ".webp", "*.webp", "%25.webp"),
)


async def put(client: httpx.AsyncClient, source: bytes | None = None) -> str:
    """Set a picture; return where it is shown."""
    answer = await client.put(MINE, content=source or photo(), headers=JPEG)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    return url


async def publish(people: People, uid: str, *, is_public: bool = True) -> None:
    resources: Resources = people.app.state.resources
    row = await resources.database.read_row('SELECT id FROM "user" WHERE uid = :uid', uid=uid)
    assert row is not None
    async with resources.database.transaction() as session:
        await profiles.update_profile(session, user_id=row[0], is_public=is_public)


class TestSet:
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    async def test_nobody(self, client: httpx.AsyncClient, settings: Settings, method: str) -> None:
        answer = await client.request(method, MINE, content=photo(), headers=JPEG)
        assert answer.status_code == 401
        assert not settings.pictures_dir.exists()

    async def test_a_body_is_not_read_for_nobody(self, app: FastAPI) -> None:
        """Not one byte of it: strangers hold no memory."""
        read_so_far = []

        async def body() -> AsyncIterator[bytes]:
            read_so_far.append(1)
            yield photo()

        async with visitor(app) as stranger:
            answer = await stranger.put(MINE, content=body(), headers=JPEG)
        assert (answer.status_code, read_so_far) == (401, [])

    @pytest.mark.parametrize("kind", ["", "text/html", "application/json", "multipart/form-data"])
    async def test_another_kind_of_body(self, people: People, kind: str) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.put(MINE, content=photo(), headers={"Content-Type": kind})
        assert answer.status_code == 415

    @ONE_ENGINE
    @pytest.mark.parametrize("source", [b"", b"text", b"<svg/>", png_of(30_000, 30_000)])
    async def test_no_picture(self, people: People, settings: Settings, source: bytes) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.put(MINE, content=source, headers=JPEG)
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == PROBLEM
        assert answer.json()["type"] == "/problems#picture-refused"
        assert not settings.pictures_dir.exists()

    @ONE_ENGINE
    async def test_too_many_bytes(self, people: People, settings: Settings) -> None:
        ada = await people.create_and_log_in("ada")

        def endless() -> Iterator[bytes]:
            while True:
                yield bytes(1024 * 1024)

        async def undeclared() -> AsyncIterator[bytes]:
            for piece in endless():
                yield piece

        for source in (bytes(MAX_BYTES + 1), undeclared()):
            answer = await ada.put(MINE, content=source, headers=JPEG)
            assert answer.status_code == 413
            assert answer.headers["Content-Type"] == PROBLEM
        assert not settings.pictures_dir.exists()

    @ONE_ENGINE
    @pytest.mark.parametrize("path", [MINE, "/api/id/pfp", "/account/picture"])
    async def test_one_that_never_arrives(
        self, people: People, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        monkeypatch.setattr("app.uploads.PATIENCE", 0.01)
        ada = await people.create_and_log_in("ada")

        async def stuck() -> AsyncIterator[bytes]:
            yield b"--x\r\n"
            await asyncio.Event().wait()

        kinds = {MINE: "image/png", "/api/id/pfp": "application/json"}
        kind = {"Content-Type": kinds.get(path, "multipart/form-data; boundary=x")}
        method = "POST" if path == "/account/picture" else "PUT"
        answer = await ada.request(method, path, content=stuck(), headers=kind)
        assert answer.status_code == 400
        assert "took too long" in answer.text

    @ONE_ENGINE
    async def test_every_other_address_takes_as_little_as_before(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        much = bytes(1_048_577)
        for method, path in (
            ("POST", MINE),
            ("GET", MINE),
            ("PUT", f"{MINE}/"),
            ("PATCH", "/api/v1/users/me"),
            ("POST", "/account/profile"),
            ("GET", "/api/id/pfp"),
            ("PUT", "/nowhere"),
        ):
            answer = await ada.request(method, path, content=much, headers=JPEG)
            assert answer.status_code == 413, path

    @ONE_ENGINE
    @pytest.mark.parametrize("settings_changes", [{"pictures_per_hour": 3}])
    async def test_so_many_an_hour(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        for _ in range(3):
            assert (await ada.put(MINE, content=b"x", headers=JPEG)).status_code == 422
        answer = await ada.put(MINE, content=photo(), headers=JPEG)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"]

    async def test_done(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        assert (await ada.get(MINE)).status_code == 404
        answer = await ada.put(MINE, content=photo(), headers=JPEG)
        assert answer.status_code == 200
        assert answer.json().keys() == {"url", "width", "height", "created_at"}
        assert (answer.json()["width"], answer.json()["height"]) == (80, 60)
        assert (await ada.get(MINE)).json() == answer.json()

    @ONE_ENGINE
    async def test_by_a_token_and_of_no_declared_kind(self, people: People) -> None:
        await people.create("ada")
        ada = await people.bearer("ada")
        kind = {"Content-Type": "application/octet-stream"}
        answer = await ada.put(MINE, content=photo().ljust(MAX_BYTES, b"\0"), headers=kind)
        assert answer.status_code == 200

    async def test_taken_away_twice(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        url = await put(ada)
        for _ in range(2):
            answer = await ada.delete(MINE)
            assert (answer.status_code, answer.content) == (204, b"")
        assert (await ada.get(url)).status_code == 404
        assert (await ada.get(MINE)).status_code == 404

    async def test_goes_with_the_account(self, people: People, settings: Settings) -> None:
        ada = await people.create_and_log_in("ada")
        boss = await people.create_and_log_in("boss", role=Role.ADMIN)
        url = await put(ada)
        assert (await boss.delete("/api/v1/users/ada")).status_code == 204
        assert (await boss.get(url)).status_code == 404
        assert list(settings.pictures_dir.iterdir()) == []


class TestShow:
    async def test_to_those_who_may(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        url = await put(ada)
        expected = {"nobody": 404, "other": 404, "teacher": 200, "admin": 200, "owner": 200}
        clients = {
            "nobody": await people.visitor(),
            "other": await people.create_and_log_in("bob"),
            "teacher": await people.create_and_log_in("tess", role=Role.TEACHER),
            "admin": await people.create_and_log_in("boss", role=Role.ADMIN),
            "owner": ada,
        }
        answers = {name: await client.get(url) for name, client in clients.items()}
        assert {name: answer.status_code for name, answer in answers.items()} == expected
        assert b"WEBP" not in answers["nobody"].content
        assert answers["nobody"].headers["Cache-Control"] == "no-store"
        await publish(people, "ada")
        assert (await clients["nobody"].get(url)).status_code == 200
        await publish(people, "ada", is_public=False)
        assert (await clients["nobody"].get(url)).status_code == 404

    async def test_every_other_spelling(self, people: People) -> None:
        ada = await people.create_and_log_in("ada", role=Role.ADMIN)
        url = await put(ada)
        name = url.removeprefix("/pictures/").removesuffix(".webp")
        for spelling in SPELLINGS:
            answer = await ada.get(f"/pictures/{spelling.format(name=name)}")
            # The client itself resolves `x/../`, as browsers do.
            if answer.request.url.path != url:
                assert answer.status_code == 404, spelling
                assert b"kid" not in answer.content

    @ONE_ENGINE
    async def test_raw_paths_that_no_client_sends(self, app: FastAPI, people: People) -> None:
        ada = await people.create_and_log_in("ada", role=Role.ADMIN)
        await put(ada)
        cookies = dict(ada.cookies)
        for path in ("/pictures/../keys.json", "/pictures/../../keys.webp", "/pictures/\x00.webp"):
            async with visitor(app, scope={"path": path}, cookies=cookies) as raw:
                answer = await raw.get("/pictures/x")
            assert answer.status_code == 404

    async def test_what_it_is(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        answer = await ada.get(await put(ada))
        image = read(answer.content)
        assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("red", "blue")
        expected = {
            "Content-Type": "image/webp",
            "Cache-Control": "private, max-age=31536000, immutable",
            "Content-Disposition": f'inline; filename="{answer.url.path.rpartition("/")[2]}"',
            "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'; "
            "base-uri 'none'; form-action 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            # An answer to an <img> is not the answer to a fetch from another origin.
            "Vary": "Origin",
        }
        assert {name: answer.headers[name] for name in expected} == expected

    @ONE_ENGINE
    async def test_other_sites_may_show_what_is_public(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        url = await put(ada)
        await publish(people, "ada")
        answer = await (await people.visitor()).get(url)
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        # Caches between people would go on showing it when it is private again.
        assert answer.headers["Cache-Control"].startswith("private")

    @ONE_ENGINE
    async def test_allowed_front_ends_may_fetch_what_their_visitor_may_see(
        self, people: People
    ) -> None:
        ada = await people.create_and_log_in("ada")
        url = await put(ada)
        answer = await ada.get(url, headers={"Origin": "http://localhost:4100"})
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:4100"
        answer = await ada.get(url, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers

    async def test_known_already(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        url = await put(ada)
        tag = (await ada.get(url)).headers["ETag"]
        answer = await ada.get(url, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["Cache-Control"].endswith("immutable")
        stranger = await people.visitor()
        assert (await stranger.get(url, headers={"If-None-Match": tag})).status_code == 404
        assert (await ada.head(url)).status_code == 200
