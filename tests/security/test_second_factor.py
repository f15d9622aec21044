"""Getting in past a second factor: with the password alone, with old codes, with many of them."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import update

from app.models import Role, SecondFactor
from app.resources import Resources
from tests.factors import ADDRESS, App, forget_used, protect, ticket_for
from tests.people import PASSWORD, People
from tests.services.rows import trail
from tests.wire import LOGIN, SESSION, visitor

NEEDED, FAILED = "/problems#second-factor-needed", "/problems#login-failed"
LOGIN_PATH, TOKEN_PATH = "/api/v1/auth/login", "/api/v1/auth/token"
HTML = {"Accept": "text/html"}


@pytest.fixture
async def phone(people: People, resources: Resources) -> App:
    """Ada's, who has a second factor."""
    await people.create("ada")
    return await protect(people, resources, "ada")


@pytest.fixture
def addresses() -> Iterator[str]:
    """Places to ask from, each a new one."""
    return (f"203.0.113.{number}" for number in itertools.count(1))


async def log_in(app: FastAPI, address: str = "127.0.0.1", **changes: Any) -> httpx.Response:
    async with visitor(app, address=address) as client:
        return await client.post(LOGIN_PATH, json={**LOGIN, **changes})


async def ask_for_token(app: FastAPI, **changes: str) -> httpx.Response:
    form = {"username": "ada", "password": PASSWORD, **changes}
    async with visitor(app) as client:
        return await client.post(TOKEN_PATH, data=form)


async def log_in_old(app: FastAPI, password: str) -> httpx.Response:
    async with visitor(app) as client:
        body = {"uid": "ada", "password": password}
        return await client.post("/api/authenticate", json=body)


def says(answer: httpx.Response, kind: str) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json()["type"] == kind
    assert "set-cookie" not in answer.headers
    assert answer.headers["www-authenticate"] == 'Bearer realm="portfolio"'


class TestPasswordAlone:
    async def test_login(self, app: FastAPI, phone: App) -> None:
        says(await log_in(app), NEEDED)
        says(await log_in(app, code=None), NEEDED)
        says(await log_in(app, code=""), NEEDED)
        assert (await log_in(app, code=phone.code())).status_code == 200

    async def test_token_route(self, app: FastAPI, phone: App) -> None:
        answer = await ask_for_token(app)
        says(answer, NEEDED)
        assert answer.json()["error"] == "invalid_grant"
        says(await ask_for_token(app, code=""), NEEDED)
        assert (await ask_for_token(app, code=phone.code())).status_code == 200

    @pytest.mark.parametrize("path", ["/api/authenticate", "/api/users/authenticate/"])
    async def test_old_wire(self, app: FastAPI, phone: App, path: str) -> None:
        async with visitor(app) as client:
            answer = await client.post(path, json=LOGIN)
            assert answer.status_code == 401
            assert "right behind it" in answer.json()["message"]
            assert "set-cookie" not in answer.headers
            # No field of the old wire is one for a code.
            answer = await client.post(path, json={**LOGIN, "code": phone.code()})
            assert answer.status_code == 401
            body = {**LOGIN, "password": PASSWORD + phone.code()}
            assert (await client.post(path, json=body)).status_code == 200

    async def test_page(self, app: FastAPI, phone: App) -> None:
        async with visitor(app) as client:
            form = {"username": "ada", "password": PASSWORD, "code": phone.code()}
            answer = await client.post("/login", data=form, headers=HTML)
            assert answer.status_code == 401
            assert "Enter your code" in answer.text
            assert "set-cookie" not in answer.headers
            assert (await client.get(SESSION)).status_code == 401

    async def test_of_a_session_from_before(
        self, app: FastAPI, people: People, resources: Resources
    ) -> None:
        """Whoever logged in with a stolen password is out when the second factor counts."""
        await people.create("ada")
        thief, scripted = await people.log_in("ada"), await people.bearer("ada")
        async with visitor(app) as client:
            form = {"username": "ada", "password": PASSWORD}
            refresh = (await client.post(TOKEN_PATH, data=form)).json()["refresh_token"]
        await protect(people, resources, "ada")
        assert (await thief.get(SESSION)).status_code == 401
        assert (await scripted.get(SESSION)).status_code == 401
        async with visitor(app) as client:
            answer = await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh})
            assert answer.status_code == 401

    async def test_after_a_reset_link(self, app: FastAPI, people: People, phone: App) -> None:
        """A new password is one factor, and not both."""
        root = await people.create_and_log_in("bob", role=Role.ADMIN)
        link = (await root.post("/api/v1/users/ada/reset")).json()["url"]
        new = "staple of the rarest kind"
        body = {"token": link.rpartition("=")[2], "new_password": new}
        async with visitor(app) as client:
            assert (await client.post("/api/v1/auth/reset", json=body)).status_code == 204
        says(await log_in(app, password=new), NEEDED)
        assert (await log_in(app, password=new, code=phone.code())).status_code == 200

    async def test_with_a_key_that_is_gone(
        self, app: FastAPI, phone: App, resources: Resources
    ) -> None:
        """It fails closed: what cannot be verified is not taken for verified."""
        async with resources.database.transaction() as session:
            await session.exec(update(SecondFactor).values(kid="ffffffff"))
        says(await log_in(app), NEEDED)
        says(await log_in(app, code=phone.code()), FAILED)
        says(await log_in(app, code=phone.recovery_codes[0]), FAILED)


class TestWrongCode:
    async def test_of_another_moment(self, app: FastAPI, phone: App) -> None:
        for steps in (-10, -3, 3, 10):
            says(await log_in(app, code=phone.code(steps)), FAILED)

    async def test_of_another_account(
        self, app: FastAPI, people: People, phone: App, resources: Resources
    ) -> None:
        await people.create("bob")
        other = await protect(people, resources, "bob")
        says(await log_in(app, code=other.code()), FAILED)
        says(await log_in(app, code=other.recovery_codes[0]), FAILED)
        assert (await log_in(app, code=phone.code())).status_code == 200

    @pytest.mark.parametrize("code", ["1", "0", "x" * 64, "١٢٣٤٥٦", "'; --", "%", "1e5", "0x1234"])
    async def test_that_is_none(self, app: FastAPI, phone: App, code: str) -> None:
        assert phone.secret
        says(await log_in(app, code=code), FAILED)

    @pytest.mark.parametrize("code", [123456, True, ["123456"], {"x": 1}, "x" * 65])
    async def test_that_is_no_text(self, app: FastAPI, phone: App, code: Any) -> None:
        assert phone.secret
        assert (await log_in(app, code=code)).status_code == 422

    async def test_the_password_in_its_place(self, app: FastAPI, phone: App) -> None:
        says(await log_in(app, code="correct horse"), FAILED)
        says(await log_in(app, password=phone.code(), code=phone.code()), FAILED)

    async def test_right_code_with_a_wrong_password(self, app: FastAPI, phone: App) -> None:
        code = phone.code()
        says(await log_in(app, password="wrong", code=code), FAILED)
        # And it was not used up: else a stranger could hold up its owner.
        assert (await log_in(app, code=code)).status_code == 200

    async def test_is_the_answer_of_a_wrong_password(
        self, app: FastAPI, people: People, phone: App
    ) -> None:
        """In every byte that is not the request's own; and of an account that has none, too."""
        await people.create("bob")
        answers = [
            await log_in(app, code=phone.wrong_code()),
            await log_in(app, password="wrong", code=phone.wrong_code()),
            await log_in(app, uid="bob", password="wrong", code="000000"),
            await log_in(app, uid="nobody", password="wrong", code="000000"),
        ]
        shapes = []
        for answer in answers:
            body = answer.json()
            shapes.append(({**body, "request_id": ""}, answer.status_code))
        assert shapes.count(shapes[0]) == 4

    async def test_is_written_down(self, app: FastAPI, phone: App, resources: Resources) -> None:
        before = len(await trail(resources))
        await log_in(app, code=phone.wrong_code())
        assert (await trail(resources))[before:] == ["code-refused"]


class TestNobodyLearns:
    async def test_that_there_is_one_without_the_password(
        self, app: FastAPI, people: People, phone: App
    ) -> None:
        assert phone.secret
        await people.create("bob")
        for send in (log_in, ask_for_token):
            answers = []
            for name in ("ada", "bob", "nobody"):
                changes = {"uid" if send is log_in else "username": name, "password": "wrong"}
                body = (await send(app, **changes)).json()
                answers.append({**body, "request_id": ""})
            assert answers.count(answers[0]) == 3

    async def test_by_how_much_is_hashed(
        self, app: FastAPI, people: People, phone: App, hashed: list[str]
    ) -> None:
        await people.create("bob")
        for changes in (
            {"uid": "bob", "password": "wrong"},
            {"password": "wrong"},
            {"password": "wrong", "code": phone.code()},
            {"code": phone.wrong_code()},
            {},
            {"code": phone.code()},
        ):
            hashed.clear()
            await log_in(app, **changes)
            assert hashed == ["verify_secret"], changes
        hashed.clear()
        await log_in_old(app, PASSWORD + phone.wrong_code())
        assert hashed == ["verify_secret"]


class TestReplay:
    async def test_of_a_code(self, app: FastAPI, phone: App) -> None:
        code = phone.code()
        assert (await log_in(app, code=code)).status_code == 200
        says(await log_in(app, code=code), FAILED)
        says(await ask_for_token(app, code=code), FAILED)
        assert (await log_in_old(app, PASSWORD + code)).status_code == 401

    async def test_of_one_older_than_the_last(self, app: FastAPI, phone: App) -> None:
        older, code = phone.code(-1), phone.code()
        assert (await log_in(app, code=code)).status_code == 200
        says(await log_in(app, code=older), FAILED)

    async def test_fifty_at_once(self, app: FastAPI, phone: App) -> None:
        code = phone.code()
        # Of addresses of their own: this is about the code, and not about how often one may try.
        places = (f"198.51.100.{number}" for number in range(50))
        answers = await asyncio.gather(*(log_in(app, place, code=code) for place in places))
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(200) == 1
        assert set(statuses) <= {200, 401, 429}

    async def test_of_a_recovery_code(self, app: FastAPI, phone: App) -> None:
        code = phone.recovery_codes[3]
        assert (await log_in(app, code=code.upper())).status_code == 200
        says(await log_in(app, code=code), FAILED)
        assert (await log_in(app, code=phone.recovery_codes[4])).status_code == 200

    async def test_of_a_recovery_code_fifty_at_once(self, app: FastAPI, phone: App) -> None:
        code = phone.recovery_codes[0]
        places = (f"198.51.100.{number}" for number in range(50))
        answers = await asyncio.gather(*(log_in(app, place, code=code) for place in places))
        assert [answer.status_code for answer in answers].count(200) == 1

    async def test_old_recovery_codes(
        self, app: FastAPI, people: People, phone: App, resources: Resources
    ) -> None:
        client = await people.visitor()
        assert (
            await client.post(LOGIN_PATH, json={**LOGIN, "code": phone.code()})
        ).status_code == 200
        await forget_used(resources)
        body = {"current_password": PASSWORD, "code": phone.code()}
        made = (await client.post(f"{ADDRESS}/recovery-codes", json=body)).json()["recovery_codes"]
        says(await log_in(app, code=phone.recovery_codes[0]), FAILED)
        assert (await log_in(app, code=made[0])).status_code == 200


@pytest.mark.parametrize("settings_changes", [{"code_attempts_per_hour": 3}], ids=["three"])
class TestBruteForce:
    async def test_from_one_place_after_the_other(
        self, app: FastAPI, phone: App, addresses: Iterator[str], resources: Resources
    ) -> None:
        for _ in range(3):
            says(await log_in(app, next(addresses), code=phone.wrong_code()), FAILED)
        answer = await log_in(app, next(addresses), code=phone.wrong_code())
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 60
        # The right one waits like a wrong one: else it would tell when it was found.
        assert (await log_in(app, next(addresses), code=phone.code())).status_code == 429
        assert "login-throttled" in await trail(resources)

    async def test_is_not_forgiven_by_the_password_in_between(
        self, app: FastAPI, phone: App, addresses: Iterator[str]
    ) -> None:
        for _ in range(3):
            says(await log_in(app, next(addresses), code=phone.wrong_code()), FAILED)
            says(await log_in(app, next(addresses)), NEEDED)
        assert (await log_in(app, next(addresses), code=phone.code())).status_code == 429

    async def test_on_the_page_and_on_the_old_wire_too(self, app: FastAPI, phone: App) -> None:
        assert (await log_in_old(app, PASSWORD + phone.wrong_code())).status_code == 401
        says(await ask_for_token(app, code=phone.wrong_code()), FAILED)
        async with visitor(app) as client:
            form = {"ticket": await ticket_for(app), "code": phone.wrong_code()}
            assert (await client.post("/login/code", data=form, headers=HTML)).status_code == 403
            assert (await client.post("/login/code", data=form, headers=HTML)).status_code == 429

    async def test_does_not_hold_up_a_recovery_code(
        self, app: FastAPI, phone: App, addresses: Iterator[str]
    ) -> None:
        """Nobody can guess one, so its owner has a way in that nobody can shut."""
        for _ in range(4):
            await log_in(app, next(addresses), code=phone.wrong_code())
        answer = await log_in(app, next(addresses), code=phone.recovery_codes[0])
        assert answer.status_code == 200

    async def test_a_success_starts_afresh(
        self, app: FastAPI, phone: App, addresses: Iterator[str], resources: Resources
    ) -> None:
        for _ in range(3):
            for _ in range(2):
                says(await log_in(app, next(addresses), code=phone.wrong_code()), FAILED)
            await forget_used(resources)
            assert (await log_in(app, next(addresses), code=phone.code())).status_code == 200
