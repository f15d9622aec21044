"""What has ended stays ended: on the very next request, everywhere, in every form.

Each way of ending a login is tried while three logins of ada live (a cookie, a pair of tokens, one
of the old wire) and two servers know them, where two may share a database. That single routes end
what they should is tested beside them (tests/routers/test_auth_*.py, tests/legacy/test_login.py),
and replays in tests/routers/test_auth_refresh.py; kill -9 is in test_killed_server.py.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from tests.people import PASSWORD
from tests.security.conftest import Stage
from tests.security.operations import NEW_PASSWORD
from tests.security.school import Person, School
from tests.wire import COOKIE, ONE_ENGINE, SESSION, visitor

USERS, AUTH = "/api/v1/users", "/api/v1/auth"
ALL = frozenset({"cookie", "bearer", "legacy"})
LOGIN = {"uid": "ada", "password": PASSWORD}
PASSWORDS = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}


@dataclass(frozen=True)
class End:
    """A way of ending logins: who sends what, and which of ada's logins are over then."""

    name: str
    ends: frozenset[str]
    method: str
    path: str
    sender: str = "cookie"
    sent: Callable[[School], dict[str, Any]] = lambda _school: {}

    def __str__(self) -> str:
        return self.name


def _one(name: str) -> frozenset[str]:
    return frozenset({name})


def _json(**fields: Any) -> Callable[[School], dict[str, Any]]:
    return lambda _school: {"json": fields}


def _form(**fields: str) -> Callable[[School], dict[str, Any]]:
    return lambda _school: {"data": fields}


def _id(school: School) -> int:
    return school.owner.user_id


ENDS = [
    End("log out", _one("cookie"), "POST", f"{AUTH}/logout"),
    End("log out with a token", _one("bearer"), "POST", f"{AUTH}/logout", "bearer"),
    End("log out on the page", _one("cookie"), "POST", "/logout"),
    End("old log-out", _one("cookie"), "DELETE", "/api/authenticate"),
    End("old log-out of 2023", _one("cookie"), "DELETE", "/api/users/authenticate/"),
    End("old log-out with a token", _one("legacy"), "DELETE", "/api/authenticate", "legacy"),
    End(
        "revoke by refresh token",
        _one("bearer"),
        "POST",
        f"{AUTH}/revoke",
        "nobody",
        lambda school: {"data": {"token": school.owner.refresh}},
    ),
    End(
        "revoke by access token",
        _one("bearer"),
        "POST",
        f"{AUTH}/revoke",
        "nobody",
        lambda school: {"data": {"token": school.owner.access}},
    ),
    End("end one in the list", _one("cookie"), "DELETE", f"{AUTH}/sessions/<sid>", "bearer"),
    End(
        "end one on the page",
        _one("cookie"),
        "POST",
        "/account/sessions/end",
        "bearer",
        lambda school: {"data": {"session": school.owner.sid}},
    ),
    End("end the others", ALL - {"bearer"}, "DELETE", f"{AUTH}/sessions", "bearer"),
    End(
        "end the others on the page",
        ALL - {"cookie"},
        "POST",
        "/account/sessions/end-others",
        "cookie",
        _form(which="others"),
    ),
    End("log in again", _one("cookie"), "POST", f"{AUTH}/login", "cookie", _json(**LOGIN)),
    End(
        "log in again the old way",
        _one("cookie"),
        "POST",
        "/api/authenticate",
        "cookie",
        _json(**LOGIN),
    ),
    End(
        "log in again on the page",
        _one("cookie"),
        "POST",
        "/login",
        "cookie",
        _form(username="ada", password=PASSWORD),
    ),
    End(
        "change the password",
        ALL - {"cookie"},
        "POST",
        f"{USERS}/me/password",
        "cookie",
        _json(**PASSWORDS),
    ),
    End(
        "change it on the page",
        ALL - {"cookie"},
        "POST",
        "/account/password",
        "cookie",
        _form(**PASSWORDS),
    ),
    End(
        "change it the old way",
        ALL - {"cookie"},
        "PUT",
        "/api/user",
        "cookie",
        _json(password=NEW_PASSWORD),
    ),
    End("change the uid the old way", ALL, "PUT", "/api/user", "cookie", _json(uid="countess")),
    End(
        "an admin changes the password",
        ALL,
        "PUT",
        "/api/user",
        "admin",
        _json(uid="ada", password=NEW_PASSWORD),
    ),
    End(
        "an admin changes it by number",
        ALL,
        "PUT",
        "/api/users",
        "admin",
        lambda school: {"json": {"id": _id(school), "password": NEW_PASSWORD}},
    ),
    End(
        "reset by a link",
        ALL,
        "POST",
        f"{AUTH}/reset",
        "nobody",
        lambda school: {"json": {"token": school.reset, "new_password": NEW_PASSWORD}},
    ),
    End(
        "reset by a link on the page",
        ALL,
        "POST",
        "/reset",
        "nobody",
        lambda school: {"data": {"token": school.reset, "new_password": NEW_PASSWORD}},
    ),
    End("disable", ALL, "PATCH", f"{USERS}/ada", "admin", _json(is_active=False)),
    End("disable on the page", ALL, "POST", "/admin/users/ada", "admin", _form(role="user")),
    End("delete", ALL, "DELETE", f"{USERS}/ada", "admin"),
    End("delete on the page", ALL, "POST", "/admin/users/ada/delete", "admin"),
    End("delete the old way", ALL, "DELETE", "/api/user", "admin", _json(uid="ada")),
    End("delete by number", ALL, "DELETE", "/users/delete/<id>", "admin"),
    End("delete oneself", ALL, "DELETE", f"{USERS}/me", "cookie", _json(current_password=PASSWORD)),
    End(
        "delete oneself on the page",
        ALL,
        "POST",
        "/account/delete",
        "bearer",
        _form(current_password=PASSWORD),
    ),
]


def carry(person: Person, form: str) -> dict[str, str]:
    """Return the headers that carry one of somebody's logins."""
    if form == "cookie":
        return person.headers
    token = person.access if form == "bearer" else person.legacy_token
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def servers(stage: Stage, engine: str) -> AsyncIterator[list[FastAPI]]:
    """Both servers that answer: on PostgreSQL two, on SQLite the one that may run."""
    if engine == "sqlite":
        yield [stage.app]
        return
    second = create_app(stage.resources.settings)
    async with second.router.lifespan_context(second):
        yield [stage.app, second]


async def show(app: FastAPI, headers: dict[str, str]) -> httpx.Response:
    async with visitor(app, headers=headers) as client:
        return await client.get(SESSION)


async def end(app: FastAPI, school: School, way: End) -> None:
    """Do it, on the first server."""
    path = way.path.replace("<sid>", school.owner.sid).replace("<id>", str(_id(school)))
    carried = {
        "nobody": {},
        "admin": school.people["admin"].headers,
        **{form: carry(school.owner, form) for form in ALL},
    }[way.sender]
    async with visitor(app, headers={"Accept": "text/html", **carried}) as client:
        answer = await client.request(way.method, path, **way.sent(school))
    assert answer.status_code < 400, answer.text


class TestTheVeryNextRequest:
    @pytest.mark.parametrize("way", ENDS, ids=str)
    async def test_after(self, stage: Stage, servers: list[FastAPI], way: End) -> None:
        ada = stage.school.owner
        for app in servers:
            for form in ALL:
                # Every server has seen, checked and remembered every token.
                assert (await show(app, carry(ada, form))).status_code == 200
        await end(stage.app, stage.school, way)
        for app in reversed(servers):
            for form in ALL:
                answer = await show(app, carry(ada, form))
                assert answer.status_code == (401 if form in way.ends else 200), form
                if form in way.ends:
                    assert answer.json().keys().isdisjoint({"user", "session"})
            await self._is_refused_everywhere(app, ada, way)

    @staticmethod
    async def _is_refused_everywhere(app: FastAPI, ada: Person, way: End) -> None:
        """Neither a refresh, nor the old wire, nor a page takes what has ended."""
        html = {"Accept": "text/html"}
        if "bearer" in way.ends:
            async with visitor(app) as client:
                body = {"refresh_token": ada.refresh}
                assert (await client.post(f"{AUTH}/refresh", json=body)).status_code == 401
        for form in way.ends:
            async with visitor(app, headers=carry(ada, form)) as client:
                assert (await client.get("/api/id")).status_code == 401
                assert (await client.get("/account", headers=html)).status_code == 303
                answer = await client.patch(f"{USERS}/me", json={"name": "Ghost"})
                assert answer.status_code == 401


class TestTheVeryNextRole:
    @pytest.mark.parametrize("form", sorted(ALL))
    @pytest.mark.parametrize(
        ("method", "path", "kind", "body"),
        [
            ("PATCH", f"{USERS}/ada", "json", {"role": "<role>"}),
            ("POST", "/admin/users/ada", "data", {"role": "<role>", "is_active": "on"}),
            ("PUT", "/api/user", "json", {"uid": "ada", "role": "<role>"}),
        ],
    )
    async def test_is_the_new_one(
        self,
        stage: Stage,
        servers: list[FastAPI],
        form: str,
        method: str,
        path: str,
        kind: str,
        body: dict[str, str],
    ) -> None:
        ada, admin = stage.school.owner, stage.school.people["admin"]
        for role, may in (("teacher", True), ("user", False), ("admin", True), ("user", False)):
            given: dict[str, Any] = {
                kind: {name: text.replace("<role>", role) for name, text in body.items()}
            }
            async with visitor(stage.app, headers=admin.headers) as client:
                changed = await client.request(method, path, **given)
                assert changed.status_code in {200, 303}, changed.text
            for app in servers:
                async with visitor(app, headers=carry(ada, form)) as client:
                    answer = await client.get("/api/v1/sections/CSA/members")
                assert answer.status_code == (200 if may else 403), role


@ONE_ENGINE
class TestFixation:
    """Whatever session a browser brings to a login, the login opens another."""

    @pytest.mark.parametrize("planted", ["another's", "one's own", "dead", "made up"])
    @pytest.mark.parametrize(
        ("path", "sent"),
        [
            (f"{AUTH}/login", {"json": LOGIN}),
            ("/login", {"data": {"username": "ada", "password": PASSWORD}}),
            ("/login/", {"data": {"username": "ada", "password": PASSWORD}}),
            ("/api/authenticate", {"json": LOGIN}),
            ("/api/users/authenticate", {"json": LOGIN}),
            ("/signup", {"data": {"uid": "newcomer", "name": "New", "password": PASSWORD}}),
        ],
    )
    async def test_of_a_session(
        self, stage: Stage, path: str, sent: dict[str, Any], planted: str
    ) -> None:
        people = stage.school.people
        token = {
            "another's": people["another"].cookie,
            "one's own": people["user"].cookie,
            "dead": people["disabled"].cookie,
            "made up": "x" * 400,
        }[planted]
        known = {row["sid"] for row in stage.school.rows["user_session"]}
        async with visitor(stage.app, headers={"Cookie": f"{COOKIE}={token}"}) as client:
            answer = await client.post(path, **sent)
        assert answer.status_code in {200, 303}, answer.text
        (fresh,) = [cookie for name, cookie in answer.cookies.items() if name == COOKIE]
        shown = (await show(stage.app, {"Cookie": f"{COOKIE}={fresh}"})).json()
        assert shown["user"]["uid"] == ("newcomer" if path == "/signup" else "ada")
        assert shown["session"]["id"] not in known
        assert (await show(stage.app, {"Cookie": f"{COOKIE}={token}"})).status_code == 401
