"""Setting up and taking away a second factor by whoever found an open browser, or a database."""

import asyncio
import base64
import logging
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.codes import code_at, count_steps
from app.models import AuditEvent, Role, utc_now
from app.resources import Resources
from tests.factors import ADDRESS, App, begin, forget_used, protect, read_factors, set_up
from tests.people import PASSWORD, People
from tests.security.school import dump
from tests.services.rows import trail
from tests.wire import LOGIN, SESSION, visitor

REFUSED, WRONG = "/problems#code-refused", "/problems#wrong-password"
# What changes a second factor that counts.
CHANGES = (("DELETE", ADDRESS), ("POST", f"{ADDRESS}/recovery-codes"))


@pytest.fixture
async def ada(people: People) -> httpx.AsyncClient:
    return await people.create_and_log_in("ada")


@pytest.fixture
async def phone(ada: httpx.AsyncClient, resources: Resources) -> App:
    return await set_up(ada, resources)


def says(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == kind


async def change(client: httpx.AsyncClient, method: str, path: str, **body: Any) -> httpx.Response:
    return await client.request(method, path, json={"current_password": PASSWORD, **body})


class TestBegin:
    async def test_without_the_password(self, ada: httpx.AsyncClient, resources: Resources) -> None:
        """Who finds an open browser cannot lock its owner out of the account."""
        for body in ({}, {"current_password": ""}, {"current_password": None}):
            assert (await ada.post(ADDRESS, json=body)).status_code == 422
        says(await change(ada, "POST", ADDRESS, current_password="wrong"), 403, WRONG)
        assert await read_factors(resources) == []

    async def test_again_over_one_that_counts(
        self, ada: httpx.AsyncClient, phone: App, resources: Resources
    ) -> None:
        assert phone.secret
        before = await read_factors(resources)
        says(await change(ada, "POST", ADDRESS), 409, "/problems#second-factor-on")
        assert await read_factors(resources) == before

    async def test_shows_the_secret_once(self, ada: httpx.AsyncClient) -> None:
        secret = base64.b32encode((await begin(ada)).secret).decode()
        for path in (ADDRESS, "/account/second-factor", "/account", "/api/v1/users/me"):
            answer = await ada.get(path, headers={"Accept": "text/html, application/json"})
            assert answer.status_code == 200
            assert secret not in answer.text.replace(" ", "")


class TestConfirm:
    async def test_with_a_wrong_code(self, ada: httpx.AsyncClient, resources: Resources) -> None:
        phone = await begin(ada)
        answer = await ada.post(f"{ADDRESS}/confirm", json={"code": phone.wrong_code()})
        says(answer, 403, REFUSED)
        (factor,) = await read_factors(resources)
        assert factor.confirmed_at is None
        assert (await ada.post("/api/v1/auth/login", json=LOGIN)).status_code == 200

    async def test_with_a_code_of_the_one_before(self, ada: httpx.AsyncClient) -> None:
        old = await begin(ada)
        await begin(ada)
        says(await ada.post(f"{ADDRESS}/confirm", json={"code": old.code()}), 403, REFUSED)

    @pytest.mark.parametrize("settings_changes", [{"code_attempts_per_hour": 3}], ids=["three"])
    async def test_is_not_guessed(self, ada: httpx.AsyncClient) -> None:
        phone = await begin(ada)
        for _ in range(3):
            answer = await ada.post(f"{ADDRESS}/confirm", json={"code": phone.wrong_code()})
            says(answer, 403, REFUSED)
        answer = await ada.post(f"{ADDRESS}/confirm", json={"code": phone.code()})
        assert answer.status_code == 429

    async def test_twice_at_once(self, ada: httpx.AsyncClient, resources: Resources) -> None:
        """One answer holds the codes that count; the other has none."""
        phone = await begin(ada)
        code = {"code": phone.code()}
        answers = await asyncio.gather(
            *(ada.post(f"{ADDRESS}/confirm", json=code) for _ in range(5))
        )
        assert sum(answer.status_code == 200 for answer in answers) == 1
        assert (await trail(resources)).count("second-factor-added") == 1

    async def test_its_code_does_not_log_in(self, app: FastAPI, ada: httpx.AsyncClient) -> None:
        phone = await begin(ada)
        code = phone.code()
        assert (await ada.post(f"{ADDRESS}/confirm", json={"code": code})).status_code == 200
        async with visitor(app) as client:
            answer = await client.post("/api/v1/auth/login", json={**LOGIN, "code": code})
            assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), CHANGES, ids=["removal", "new recovery codes"])
class TestChange:
    async def test_without_the_password(
        self, ada: httpx.AsyncClient, phone: App, method: str, path: str, resources: Resources
    ) -> None:
        before = await dump(resources)
        code = phone.code()
        assert (await ada.request(method, path, json={"code": code})).status_code == 422
        says(await change(ada, method, path, current_password="wrong", code=code), 403, WRONG)
        assert await dump(resources) == before

    async def test_without_a_code(
        self, ada: httpx.AsyncClient, phone: App, method: str, path: str, resources: Resources
    ) -> None:
        before = await dump(resources)
        for code in (None, "", 123456):
            assert (await change(ada, method, path, code=code)).status_code == 422
        says(await change(ada, method, path, code=phone.wrong_code()), 403, REFUSED)
        says(await change(ada, method, path, code=phone.code(-5)), 403, REFUSED)
        assert await dump(resources) == before

    async def test_where_there_is_none(
        self, people: People, phone: App, method: str, path: str
    ) -> None:
        bob = await people.create_and_log_in("bob")
        says(await change(bob, method, path, code=phone.code()), 409, "/problems#second-factor-off")
        await begin(bob)
        says(await change(bob, method, path, code=phone.code()), 409, "/problems#second-factor-off")

    async def test_with_a_code_that_was_used(
        self, ada: httpx.AsyncClient, phone: App, method: str, path: str
    ) -> None:
        code = phone.code()
        body = {**LOGIN, "code": code}
        assert (await ada.post("/api/v1/auth/login", json=body)).status_code == 200
        says(await change(ada, method, path, code=code), 403, REFUSED)


class TestRemoval:
    async def test_by_another_user(self, people: People, phone: App, resources: Resources) -> None:
        assert phone.secret
        for role in (Role.USER, Role.TEACHER):
            other = await people.create_and_log_in(f"other-{role.value}", role=role)
            answer = await other.delete("/api/v1/users/ada/second-factor")
            says(answer, 403, "/problems#admin-required")
        assert len(await read_factors(resources)) == 1

    async def test_by_an_admin_of_their_own_without_a_code(
        self, people: People, resources: Resources
    ) -> None:
        """Else an admin's open browser would be all that it takes."""
        root = await people.create_and_log_in("boss", role=Role.ADMIN)
        await set_up(root, resources)
        answer = await root.delete("/api/v1/users/boss/second-factor")
        says(answer, 403, "/problems#forbidden")
        answer = await root.post("/admin/users/boss/second-factor/remove")
        assert answer.status_code == 403
        assert len(await read_factors(resources)) == 1

    async def test_ends_every_other_login(
        self, app: FastAPI, ada: httpx.AsyncClient, phone: App, resources: Resources
    ) -> None:
        async with visitor(app) as other:
            body = {**LOGIN, "code": phone.code()}
            assert (await other.post("/api/v1/auth/login", json=body)).status_code == 200
            await forget_used(resources)
            assert (await change(ada, "DELETE", ADDRESS, code=phone.code())).status_code == 204
            assert (await other.get(SESSION)).status_code == 401
        assert (await ada.get(SESSION)).status_code == 200

    async def test_by_an_admin_ends_every_login(
        self, people: People, ada: httpx.AsyncClient, phone: App
    ) -> None:
        assert phone.secret
        root = await people.create_and_log_in("boss", role=Role.ADMIN)
        assert (await root.delete("/api/v1/users/ada/second-factor")).status_code == 204
        assert (await ada.get(SESSION)).status_code == 401


class TestStolenDatabase:
    async def test_makes_no_codes(self, phone: App, resources: Resources) -> None:
        """Of no value in it, however it is read, is the secret made."""
        now = count_steps(utc_now())
        assert code_at(phone.secret, now)
        for rows in (await dump(resources)).values():
            for value in (item for row in rows for item in row.values()):
                for raw in readings(str(value)):
                    assert phone.secret not in raw
                    assert base64.b32encode(phone.secret) not in raw

    async def test_holds_no_recovery_code(self, phone: App, resources: Resources) -> None:
        kept = repr(await dump(resources))
        assert len(phone.recovery_codes) == 10
        for code in phone.recovery_codes:
            assert code not in kept
            assert code.replace("-", "") not in kept

    async def test_of_two_with_one_seed_codes_differ_by_key(self, resources: Resources) -> None:
        codes = resources.codes
        seed = codes.new_seed()
        assert codes.secret(codes.kid, seed) != bytes.fromhex(seed)
        assert codes.digest(codes.kid, seed, "a") != codes.digest(codes.kid, seed, "b")


def readings(text: str) -> set[bytes]:
    """Return a value as text, and as the octets that it may spell."""
    found = {text.encode()}
    for decode in (bytes.fromhex, base64.urlsafe_b64decode, base64.b32decode):
        try:
            found.add(decode(text))
        except ValueError:
            continue
    return found


class TestTraces:
    async def test_hold_no_code_and_no_secret(
        self,
        app: FastAPI,
        people: People,
        resources: Resources,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Six digits are too few for the watch over all tests, so they are looked for here."""
        caplog.set_level(logging.INFO)
        await people.create("ada")
        phone = await protect(people, resources, "ada")
        shown, wrong = phone.code(), phone.wrong_code()
        async with visitor(app) as client:
            for code in (wrong, shown, phone.recovery_codes[0], phone.recovery_codes[0]):
                await client.post("/api/v1/auth/login", json={**LOGIN, "code": code})
            await client.post("/api/authenticate", json={**LOGIN, "password": PASSWORD + wrong})
        kept = caplog.text
        async with resources.database.transaction(read_only=True) as session:
            kept += repr((await session.exec(select(AuditEvent))).all())
        assert "code-refused" in kept
        for code in (wrong, shown):
            assert not re.search(rf"(?<![0-9a-f.]){code}(?![0-9a-f])", kept)
