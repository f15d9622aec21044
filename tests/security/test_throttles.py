"""Everything else that is limited: sign-ups, links, refreshes, confirmations, what people make.

Each answers 429 with `Retry-After` in whole seconds, in the words of whoever speaks at the address.
"""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.models import Role
from tests.people import PASSWORD, People
from tests.wire import ONE_ENGINE, read_users, visitor

pytestmark = ONE_ENGINE
HTML = {"Accept": "text/html"}


def limited(**changes: int | str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("settings_changes", [changes], ids=["limited"])


def refuses(answer: httpx.Response, *, within: int = 3600) -> bool:
    """Whether an answer says to wait, and how long, and no more."""
    assert answer.status_code == 429, answer.text
    assert "Set-Cookie" not in answer.headers
    return 1 <= int(answer.headers["Retry-After"]) <= within


def pupil(number: int) -> dict[str, str]:
    return {"uid": f"pupil{number}", "name": "A Pupil", "password": PASSWORD}


@limited(signups_per_hour=3)
class TestSignUp:
    PATHS = ("/api/v1/users", "/api/user", "/api/users", "/api/user/guest")

    @pytest.mark.parametrize("path", PATHS)
    async def test_floods(self, app: FastAPI, client: httpx.AsyncClient, path: str) -> None:
        for number in range(3):
            assert (await client.post(path, json=pupil(number))).is_success
        assert refuses(await client.post(path, json=pupil(4)), within=1200)
        assert len(await read_users(app.state.resources)) == 3
        async with visitor(app, address="192.0.2.9") as elsewhere:
            assert (await elsewhere.post(path, json=pupil(5))).is_success

    async def test_names_that_are_taken_count(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        """Or it would be a way to learn all of them."""
        await people.create("pupil1")
        for _ in range(3):
            assert (await client.post("/api/v1/users", json=pupil(1))).status_code == 409
        assert refuses(await client.post("/api/v1/users", json=pupil(1)))

    async def test_what_was_never_hashed_does_not(self, client: httpx.AsyncClient) -> None:
        for _ in range(5):
            weak = {**pupil(1), "password": "password1234"}
            assert (await client.post("/api/v1/users", json=weak)).status_code == 422
        assert (await client.post("/api/v1/users", json=pupil(1))).status_code == 201

    async def test_on_the_page(self, client: httpx.AsyncClient) -> None:
        for number in range(3):
            assert (await client.post("/signup", data=pupil(number))).status_code == 303
        answer = await client.post("/signup", data=pupil(4), headers=HTML)
        assert refuses(answer)
        assert "Too many attempts. Try again in 20 minutes." in answer.text
        assert PASSWORD not in answer.text

    async def test_not_for_admins(self, people: People) -> None:
        admin = await people.create_and_log_in("grace", role=Role.ADMIN)
        for number in range(5):
            assert (await admin.post("/api/v1/users", json=pupil(number))).status_code == 201


@limited(link_attempts=3, signup="invite")
class TestLinks:
    async def test_guessed(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        reset = {"token": "x" * 43, "new_password": PASSWORD}
        setup = {"token": "x" * 43, **pupil(1)}
        assert (await client.post("/api/v1/auth/reset", json=reset)).status_code == 404
        assert (await client.get("/setup", params={"token": "x"})).status_code == 404
        assert (await client.post("/setup", data=setup)).status_code == 404
        for answer in (
            await client.post("/api/v1/auth/reset", json=reset),
            await client.get("/reset", params={"token": "x"}),
            await client.post("/reset", data=reset),
            await client.get("/setup", params={"token": "x"}),
            await client.post("/setup", data=setup),
            await client.post("/api/v1/users", json={**pupil(1), "invite": "x"}),
            await client.post("/signup", data={**pupil(1), "invite": "x"}),
        ):
            assert refuses(answer, within=300)
        async with visitor(app, address="192.0.2.9") as elsewhere:
            assert (await elsewhere.post("/api/v1/auth/reset", json=reset)).status_code == 404
        assert await read_users(app.state.resources) == {}

    async def test_one_that_holds_is_never_held_up(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        admin = await people.create_and_log_in("grace", role=Role.ADMIN)
        for _ in range(5):
            await client.get("/reset", params={"token": "x"})
        link = (await admin.post("/api/v1/users/invites")).json()["url"]
        invite = link.partition("invite=")[2]
        body = {**pupil(1), "invite": invite}
        assert (await client.post("/api/v1/users", json=body)).status_code == 201

    async def test_says_on_the_page_how_long(self, client: httpx.AsyncClient) -> None:
        for _ in range(3):
            await client.get("/reset", params={"token": "x"}, headers=HTML)
        answer = await client.get("/reset", params={"token": "x"}, headers=HTML)
        assert refuses(answer)
        assert "Try again in 5 minutes." in answer.text

    async def test_no_password_is_hashed_for_one_that_does_not_hold(
        self, client: httpx.AsyncClient, app: FastAPI
    ) -> None:
        app.state.resources.hasher.close()  # whoever hashed now would get a 500
        body = {**pupil(1), "invite": "x"}
        assert (await client.post("/api/v1/users", json=body)).status_code == 404
        assert (await client.post("/setup", data={**pupil(1), "token": "x"})).status_code == 404


@limited(refresh_attempts=3)
class TestRefresh:
    PATH = "/api/v1/auth/refresh"

    async def test_guessed(self, client: httpx.AsyncClient) -> None:
        for token in ("x", "prt_" + "A" * 16 + ".0." + "A" * 43, "prt_"):
            answer = await client.post(self.PATH, json={"refresh_token": token})
            assert answer.status_code == 401
        assert refuses(await client.post(self.PATH, json={"refresh_token": "x"}), within=300)

    async def test_of_a_login_that_has_ended(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        token = await self.token(client)
        await client.post("/api/v1/auth/revoke", data={"token": token})
        body = {"refresh_token": token}
        tries = [(await client.post(self.PATH, json=body)).status_code for _ in range(4)]
        assert tries == [401, 401, 401, 429]

    async def test_one_that_holds_is_never_held_up(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        token = await self.token(client)
        for _ in range(5):
            await client.post(self.PATH, json={"refresh_token": "x"})
        assert (await client.post(self.PATH, json={"refresh_token": token})).status_code == 200

    async def token(self, client: httpx.AsyncClient) -> str:
        form = {"username": "ada", "password": PASSWORD}
        token: str = (await client.post("/api/v1/auth/token", data=form)).json()["refresh_token"]
        return token


@limited(login_attempts=3)
class TestConfirmation:
    async def test_guessed_with_a_stolen_login(self, people: People) -> None:
        ada = await people.create_and_log_in("ada")
        wrong = {"current_password": "not the password"}
        change = {**wrong, "new_password": "an even longer one"}
        for _ in range(3):
            assert (await ada.post("/api/v1/users/me/password", json=change)).status_code == 403
        for answer in (
            await ada.post("/api/v1/users/me/password", json=change),
            await ada.request("DELETE", "/api/v1/users/me", json={"current_password": PASSWORD}),
            await ada.post("/account/password", data=change),
            await ada.post("/account/delete", data=wrong),
        ):
            assert refuses(answer, within=300)
        assert (await ada.get("/api/v1/auth/session")).status_code == 200


@limited(posts_per_hour=3, creations_per_hour=3)
class TestMaking:
    async def make_channel(self, people: People) -> httpx.AsyncClient:
        """Let a teacher make a group and a channel; return the teacher."""
        teacher = await people.create_and_log_in("grace", role=Role.TEACHER)
        assert (await teacher.post("/api/group", json={"name": "G"})).status_code == 200
        channel = {"name": "C", "group_id": 1}
        assert (await teacher.post("/api/channel", json=channel)).status_code == 200
        return teacher

    async def test_posts(self, people: People) -> None:
        teacher = await self.make_channel(people)
        post: dict[str, Any] = {"title": "T", "comment": "C", "channel_id": 1}
        ada = await people.create_and_log_in("ada")
        for _ in range(4):
            assert (await ada.post("/api/post", json={**post, "channel_id": 9})).status_code == 404
        for _ in range(3):
            assert (await ada.post("/api/post", json=post)).status_code == 200
        answer = await ada.post("/api/post", json=post)
        assert refuses(answer, within=1200)
        assert answer.json() == {
            "message": "Too many attempts. Try again in 20 minutes.",
            "data": None,
            "error": "Too Many Requests",
        }
        assert len((await ada.get("/api/posts")).json()) == 3
        assert (await teacher.post("/api/post", json=post)).status_code == 200

    async def test_channels_groups_and_sections_together(self, people: People) -> None:
        teacher = await self.make_channel(people)
        section = {"name": "Computer Science", "abbreviation": "CSA"}
        assert (await teacher.post("/api/v1/sections", json=section)).status_code == 201
        for answer in (
            await teacher.post("/api/group", json={"name": "H"}),
            await teacher.post("/api/channel", json={"name": "D", "group_id": 1}),
            await teacher.post("/api/v1/sections", json={**section, "abbreviation": "CSB"}),
            await teacher.post("/sections", data={**section, "abbreviation": "CSB"}),
        ):
            assert refuses(answer, within=1200)
        assert len((await teacher.get("/api/groups")).json()) == 1
        assert len((await teacher.get("/api/channels")).json()) == 1
        assert len((await teacher.get("/api/section")).json()) == 1

    async def test_sections_on_the_old_wire(self, people: People) -> None:
        admin = await people.create_and_log_in("rosa", role=Role.ADMIN)
        for name in ("CSA", "CSB", "CSP"):
            body = {"name": "A section", "abbreviation": name}
            assert (await admin.post("/api/section", json=body)).status_code == 200
        body = {"name": "A section", "abbreviation": "CSD"}
        assert refuses(await admin.post("/api/section", json=body))


@limited(login_attempts=1)
class TestEveryWayIn:
    @pytest.mark.parametrize("path", ["/api/authenticate", "/api/users/authenticate"])
    async def test_old_wire(self, client: httpx.AsyncClient, path: str) -> None:
        body = {"uid": "ada", "password": "wrong"}
        assert (await client.post(path, json=body)).status_code == 401
        answer = await client.post(path, json=body)
        assert refuses(answer, within=900)
        assert answer.json() == {
            "message": "Too many attempts. Try again in 15 minutes.",
            "data": None,
            "error": "Too Many Requests",
        }

    @pytest.mark.parametrize("path", ["/login", "/login/"])
    async def test_pages(self, client: httpx.AsyncClient, path: str) -> None:
        form = {"username": "ada", "password": "the wrong one"}
        assert (await client.post(path, data=form)).status_code == 401
        answer = await client.post(path, data=form)
        assert refuses(answer, within=900)
        assert "Too many attempts. Try again in 15 minutes." in answer.text
        assert "the wrong one" not in answer.text


@limited(logins_per_hour=3)
class TestRightLogins:
    WAYS = (
        ("/api/v1/auth/login", "json", "uid"),
        ("/api/v1/auth/token", "data", "username"),
        ("/api/authenticate", "json", "uid"),
        ("/login", "data", "username"),
    )

    @pytest.mark.parametrize(("path", "kind", "name"), WAYS)
    async def test_of_one_account(
        self, app: FastAPI, people: People, path: str, kind: str, name: str
    ) -> None:
        """Each would leave a session and an event, wherever it comes from."""
        await people.create("ada")
        await people.create("bob")

        async def log_in(client: httpx.AsyncClient, uid: str) -> httpx.Response:
            sent: dict[str, Any] = {kind: {name: uid, "password": PASSWORD}}
            return await client.post(path, **sent)

        for number in range(3):
            async with visitor(app, address=f"192.0.2.{number}") as device:
                assert (await log_in(device, "ada")).status_code < 400
        async with visitor(app, address="192.0.2.9") as device:
            assert refuses(await log_in(device, "ada"), within=1200)
            assert (await log_in(device, "bob")).status_code < 400

    async def test_wrong_ones_are_counted_elsewhere(
        self, client: httpx.AsyncClient, people: People
    ) -> None:
        await people.create("ada")
        body = {"uid": "ada", "password": "not her password"}
        for _ in range(4):
            assert (await client.post("/api/v1/auth/login", json=body)).status_code == 401
        body["password"] = PASSWORD
        assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200
