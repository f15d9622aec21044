"""What routes are handed: a transaction kept before the answer leaves, and who is asking."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlmodel import select
from starlette.responses import Response

from app.dependencies import (
    AdminPageUser,
    AdminUser,
    CurrentUser,
    OptionalUser,
    PageUser,
    SessionDep,
)
from app.errors import UserNotFound
from app.models import Role, User
from app.resources import Resources
from app.schemas import fold
from tests.people import PASSWORD, People
from tests.wire import LOGIN, ONE_ENGINE, read_users

NEW = {"uid": "ada", "name": "Ada", "password": PASSWORD}

# A foreign key that is checked at the end, and a row without its parent with every audit event:
# each statement succeeds, the commit does not.
_UNKEPT = 'CREATE TABLE unkept (id INTEGER REFERENCES "user" (id) DEFERRABLE INITIALLY DEFERRED)'
_BREAK = {
    "sqlite": "CREATE TRIGGER break_commit AFTER INSERT ON audit_event "
    "BEGIN INSERT INTO unkept VALUES (-1); END",
    "postgresql": "CREATE RULE break_commit AS ON INSERT TO audit_event "
    "DO ALSO INSERT INTO unkept VALUES (-1)",
}
_MEND = {
    "sqlite": "DROP TRIGGER break_commit",
    "postgresql": "DROP RULE break_commit ON audit_event",
}


@asynccontextmanager
async def broken_commits(resources: Resources, engine: str) -> AsyncIterator[None]:
    """Make the commit of every transaction fail that writes to the audit trail."""
    await _execute(resources, _UNKEPT, _BREAK[engine])
    try:
        yield
    finally:
        await _execute(resources, _MEND[engine], "DROP TABLE unkept")


async def _execute(resources: Resources, *statements: str) -> None:
    async with resources.database.transaction() as session:
        for statement in statements:
            await (await session.connection()).execute(text(statement))


class TestCommitBeforeSend:
    async def test_what_was_not_kept_is_not_answered(
        self, client: httpx.AsyncClient, resources: Resources, engine: str
    ) -> None:
        async with broken_commits(resources, engine):
            answer = await client.post("/api/v1/users", json=NEW)
        assert answer.status_code == 500
        assert "Location" not in answer.headers
        assert not await read_users(resources)

    async def test_the_next_one_is_kept(
        self, client: httpx.AsyncClient, resources: Resources, engine: str
    ) -> None:
        async with broken_commits(resources, engine):
            await client.post("/api/v1/users", json=NEW)
        assert (await client.post("/api/v1/users", json=NEW)).status_code == 201

    async def test_a_login_that_was_not_kept_sets_no_cookie(
        self, client: httpx.AsyncClient, people: People, resources: Resources, engine: str
    ) -> None:
        await people.create("ada")
        async with broken_commits(resources, engine):
            answer = await client.post("/api/v1/auth/login", json=LOGIN)
        assert answer.status_code == 500
        assert "Set-Cookie" not in answer.headers

    async def test_an_empty_answer_waits_for_the_commit_too(
        self, people: People, resources: Resources, engine: str
    ) -> None:
        ada = await people.create_and_log_in("ada")
        await people.log_in("ada")
        async with broken_commits(resources, engine):
            assert (await ada.delete("/api/v1/auth/sessions")).status_code == 500
        assert len((await ada.get("/api/v1/auth/sessions")).json()) == 2

    async def test_it_is_there_when_the_answer_begins(
        self, app: FastAPI, resources: Resources
    ) -> None:
        async def store(session: SessionDep) -> None:
            session.add(_user("ada"))

        app.add_api_route("/api/store", store, methods=["POST"])
        seen: list[bool] = []

        async def watch(scope: object, receive: object, send: object) -> None:
            async def look_then_send(message: dict[str, object]) -> None:
                if message["type"] == "http.response.start":
                    seen.append("ada" in await read_users(resources))
                await send(message)  # type: ignore[operator]  # ASGI's send

            await app(scope, receive, look_then_send)  # type: ignore[arg-type]  # as above

        transport = httpx.ASGITransport(app=watch)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.post("/api/store")
        assert seen == [True]


def _user(uid: str) -> User:
    return User(uid=uid, uid_folded=fold(uid), name=uid, name_folded=fold(uid))


class TestTransaction:
    async def test_a_refusal_undoes(
        self, app: FastAPI, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        async def refuse(session: SessionDep) -> None:
            session.add(_user("ada"))
            await session.flush()
            raise UserNotFound

        app.add_api_route("/api/refuse", refuse, methods=["POST"])
        assert (await client.post("/api/refuse")).status_code == 404
        assert not await read_users(resources)

    async def test_a_returned_refusal_keeps(
        self, app: FastAPI, client: httpx.AsyncClient, resources: Resources
    ) -> None:
        async def refuse(session: SessionDep) -> Response:
            session.add(_user("ada"))
            return Response(status_code=401)

        app.add_api_route("/api/refuse", refuse, methods=["POST"])
        assert (await client.post("/api/refuse")).status_code == 401
        assert "ada" in await read_users(resources)

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_reading_cannot_write(
        self, app: FastAPI, client: httpx.AsyncClient, resources: Resources, method: str
    ) -> None:
        async def sneak(session: SessionDep) -> None:
            session.add(_user("ada"))

        app.add_api_route("/api/sneak", sneak)
        assert (await client.request(method, "/api/sneak")).status_code == 500
        assert not await read_users(resources)

    async def test_one_request_has_one(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        async def helper(session: SessionDep) -> None:
            session.add(_user("ada"))

        async def use(session: SessionDep, _done: Annotated[None, Depends(helper)]) -> list[str]:
            return list((await session.exec(select(User.uid))).all())

        app.add_api_route("/api/use", use, methods=["POST"])
        assert (await client.post("/api/use")).json() == ["ada"]


@ONE_ENGINE
class TestWhoIsAsking:
    @pytest.fixture(autouse=True)
    def _routes(self, app: FastAPI) -> None:
        async def optional(user: OptionalUser) -> str:
            return user.uid if user else "nobody"

        async def current(user: CurrentUser) -> str:
            return user.uid

        async def admin(user: AdminUser) -> str:
            return user.uid

        async def page(user: PageUser) -> str:
            return user.uid

        async def admin_page(user: AdminPageUser) -> str:
            return user.uid

        for route in (optional, current, admin, page, admin_page):
            app.add_api_route(f"/who/{route.__name__}", route, methods=["GET", "POST"])

    @pytest.mark.parametrize(
        ("who", "expected"),
        [
            ("nobody", {"optional": 200, "current": 401, "admin": 401, "page": 401}),
            ("user", {"optional": 200, "current": 200, "admin": 403, "admin_page": 403}),
            ("teacher", {"optional": 200, "current": 200, "admin": 403, "admin_page": 403}),
            ("admin", {"optional": 200, "admin": 200, "page": 200, "admin_page": 200}),
        ],
    )
    async def test_gets_in_or_not(self, people: People, who: str, expected: dict[str, int]) -> None:
        client = await people.visitor()
        if who != "nobody":
            client = await people.create_and_log_in("ada", role=Role(who))
        found = {name: (await client.get(f"/who/{name}")).status_code for name in expected}
        assert found == expected

    async def test_credentials_that_do_not_hold_count_as_none_where_none_are_needed(
        self, client: httpx.AsyncClient
    ) -> None:
        headers = {"Authorization": "Bearer garbage"}
        assert (await client.get("/who/optional", headers=headers)).json() == "nobody"

    async def test_a_page_leads_to_the_login_and_back(self, client: httpx.AsyncClient) -> None:
        path = "/who/page?tab=a b&next=//evil.example"
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 303
        target = "%2Fwho%2Fpage%3Ftab%3Da%2520b%26next%3D%2F%2Fevil.example"
        assert answer.headers["Location"] == f"/login?next={target}"

    async def test_a_form_does_not(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/who/page", headers={"Accept": "text/html"})
        assert answer.status_code == 401

    async def test_a_program_gets_a_problem(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/who/page")
        assert answer.status_code == 401
        assert answer.json()["type"] == "/problems#not-authenticated"

    async def test_an_admins_page_leads_to_the_login_too(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/who/admin_page", headers={"Accept": "text/html"})
        assert answer.headers["Location"] == "/login?next=%2Fwho%2Fadmin_page"
